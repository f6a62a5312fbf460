package hub

import (
	"fmt"
	"time"
)

// Limits bound what sessions may take. A zero field means its default.
type Limits struct {
	// Subscriptions is how many a session may have. The default is 128.
	Subscriptions int

	// MessageBytes is the size of the largest body. The default is 1 MiB.
	MessageBytes int

	// Rate and Burst bound the commands of a session: so many a second, and so many at once. The defaults are 50 and
	// 100. A negative Rate is no bound.
	Rate  float64
	Burst int

	// OutboxBytes and OutboxCount bound what waits for one session, in bytes and in messages; the notice of a gap is no message, and takes
	// 200 bytes. The defaults are 1 MiB and 4,096.
	OutboxBytes int
	OutboxCount int

	// OutboxTotal bounds what waits for all sessions together, in bytes: beyond it a session that is slow is treated as if
	// its outbox were full. The default is 256 MiB.
	OutboxTotal int64

	// ReplayCount and ReplayBytes bound what one subscription replays: one that missed more is told that it is not recovered.
	// The defaults are 1,000 and 1 MiB.
	ReplayCount int
	ReplayBytes int

	// Resumes is how many subscriptions may replay at the same time; others wait for their turn. The default is 512.
	Resumes int

	// PatternTopics is how many topics are listed for a subscription to a pattern, and how many positions may be given to resume from.
	// The default is 1,000.
	PatternTopics int

	// Sessions is how many there may be on this node; 0 is no bound.
	Sessions int

	// Calls is how many calls of one session may be under way. The default is 32.
	Calls int

	// ExpiryGrace is for how long a session lives after its token has expired, to be refreshed. The default is 25 s; negative is not at all.
	ExpiryGrace time.Duration

	// PresenceGrace is for how long a session that is gone still counts as present, so that somebody who comes back at once has never
	// left. The default is 3 s; negative is not at all.
	PresenceGrace time.Duration

	// CallTimeout is how long a call may take. The default is 30 s.
	CallTimeout time.Duration
}

// check returns an error if a bound is below zero that has no meaning there.
func (l *Limits) check() error {
	for _, f := range []struct {
		name  string
		below bool
	}{
		{"Subscriptions", l.Subscriptions < 0}, {"MessageBytes", l.MessageBytes < 0}, {"Burst", l.Burst < 0},
		{"OutboxBytes", l.OutboxBytes < 0}, {"OutboxCount", l.OutboxCount < 0}, {"OutboxTotal", l.OutboxTotal < 0},
		{"ReplayCount", l.ReplayCount < 0}, {"ReplayBytes", l.ReplayBytes < 0}, {"Resumes", l.Resumes < 0},
		{"PatternTopics", l.PatternTopics < 0}, {"Sessions", l.Sessions < 0}, {"Calls", l.Calls < 0}, {"CallTimeout", l.CallTimeout < 0},
	} {
		if f.below {
			return fmt.Errorf("hub: Options.Limits.%s is negative: leave it 0 for its default", f.name)
		}
	}
	return nil
}

func (l Limits) withDefaults() Limits {
	set(&l.Subscriptions, 128)
	set(&l.MessageBytes, 1<<20)
	set(&l.Rate, 50)
	set(&l.Burst, 100)
	set(&l.OutboxBytes, 1<<20)
	set(&l.OutboxCount, 4096)
	set(&l.OutboxTotal, 256<<20)
	set(&l.ReplayCount, 1000)
	set(&l.ReplayBytes, 1<<20)
	set(&l.Resumes, 512)
	set(&l.PatternTopics, 1000)
	set(&l.Calls, 32)
	set(&l.ExpiryGrace, 25*time.Second)
	set(&l.PresenceGrace, 3*time.Second)
	set(&l.CallTimeout, 30*time.Second)
	l.ExpiryGrace, l.PresenceGrace = max(0, l.ExpiryGrace), max(0, l.PresenceGrace)
	return l
}

func set[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
