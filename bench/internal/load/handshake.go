package load

import (
	"time"

	"golang.org/x/sys/unix"
)

// Handshake opens connections, a few at a time, and resets them as soon as they are open.
type Handshake struct{}

// Run measures a round. Its messages are handshakes. Against a raw target there is nothing but the connections.
func (Handshake) Run(t Target) (m Measure, err error) {
	err = onThread(t, func() error {
		for _, d := range []time.Duration{t.Warm, t.Measure} {
			m = Measure{}
			before, err := t.clocks()
			if err == nil {
				before.busy, err = threadCPU()
			}
			if err != nil {
				return err
			}
			for time.Since(before.wall) < d {
				conns, _, err := t.dial(batch, "")
				if err != nil {
					return err
				}
				hangUp(conns)
				m.Messages += batch
			}
			after, err := t.clocks()
			if err == nil {
				after.busy, err = threadCPU()
			}
			if err != nil {
				return err
			}
			m.since(before, after)
		}
		return nil
	})
	return m, err
}

// threadCPU is the CPU time that the calling thread has used.
func threadCPU() (time.Duration, error) {
	var ts unix.Timespec
	err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts)
	return time.Duration(ts.Nano()), err
}
