//go:build !unix

package ws

import (
	"errors"
	"syscall"
)

// rawConnOf returns nil: elsewhere than on Unix, streams are read and written in the ordinary way.
func rawConnOf(Stream) syscall.RawConn { return nil }

var errNoRaw = errors.New("ws: raw access is not available on this system")

func sysRead(uintptr, []byte) (int, bool, error) { return 0, false, errNoRaw }

func sysWrite(uintptr, []byte) (int, bool, error) { return 0, false, errNoRaw }

func sysWritev(uintptr, []segment) (int, bool, error) { return 0, false, errNoRaw }
