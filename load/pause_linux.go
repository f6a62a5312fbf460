package load

import (
	"syscall"
	"time"
)

// setTimerSlack is PR_SET_TIMERSLACK of <linux/prctl.h>.
const setTimerSlack = 29

// sharpen lets the thread of the caller, which has locked it, sleep to some microseconds instead of fifty more.
func sharpen() {
	syscall.RawSyscall(syscall.SYS_PRCTL, setTimerSlack, 1, 0)
}

// pause sleeps. Package time wakes up to a millisecond late when nothing else goes on, which would be the latency of every
// message, so the last part is the system's own sleep.
func pause(d time.Duration) {
	if d > 2*time.Millisecond {
		time.Sleep(d - 3*time.Millisecond/2)
		return
	}
	t := syscall.NsecToTimespec(int64(d))
	syscall.Nanosleep(&t, nil) // interrupted or not: the caller looks at the clock
}
