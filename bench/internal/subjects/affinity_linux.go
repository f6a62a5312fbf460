package subjects

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// confined calls start, which starts a process, so that the process may run on these cores alone: it inherits them from
// the thread that starts it. That way it sees them from its first instruction on, and Go sets GOMAXPROCS by them.
func confined(cores []int, start func() error) error {
	if len(cores) == 0 {
		return start()
	}
	runtime.LockOSThread()
	var before, set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("asking for the cores: %w", err)
	}
	for _, n := range cores {
		set.Set(n)
	}
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("confining it to the cores %v: %w", cores, err)
	}
	err := start()
	if unix.SchedSetaffinity(0, &before) == nil {
		runtime.UnlockOSThread() // otherwise the thread ends with its goroutine
	}
	return err
}
