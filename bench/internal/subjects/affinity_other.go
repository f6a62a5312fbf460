//go:build !linux

package subjects

import "errors"

// confined calls start, which starts a process.
func confined(cores []int, start func() error) error {
	if len(cores) > 0 {
		return errors.New("a process can be confined to cores on Linux only: start it without")
	}
	return start()
}
