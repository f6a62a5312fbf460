//go:build !linux

package load

import "time"

func sharpen() {}

// pause sleeps, more or less.
func pause(d time.Duration) { time.Sleep(d) }
