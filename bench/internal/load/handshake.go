package load

import "time"

// Handshake opens connections, a few at a time, and resets them as soon as they are open.
type Handshake struct{}

// Run measures a round. Its messages are handshakes. Against a raw target there is nothing but the connections.
func (Handshake) Run(t Target) (m Measure, err error) {
	err = onThread(t, func() error {
		for _, d := range []time.Duration{t.Warm, t.Measure} {
			m = Measure{}
			before, err := t.clocks()
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
			if err != nil {
				return err
			}
			m.since(before, after)
		}
		return nil
	})
	return m, err
}
