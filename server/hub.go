package server

import (
	"cmp"
	"fmt"
	"math"
	"os"
	"runtime/debug"
	"time"

	"github.com/parley-ws/parley/auth"
	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/broker/memory"
	"github.com/parley-ws/parley/hub"
	"github.com/parley-ws/parley/server/config"
)

// judge is who decides what clients may, with what it has to give back.
type judge struct {
	hub.Authoriser
	close []func() error
}

// Close gives back what the judge holds.
func (j *judge) Close() {
	for _, f := range j.close {
		f()
	}
}

// newJudge makes the Authoriser of a configuration: tokens first, then the application's hook; without either everybody is let in.
func (s *Server) newJudge(cfg *config.Config) (*judge, error) {
	j := &judge{}
	a := &cfg.Auth
	if !a.HMACSecret.Empty() || a.PublicKeyFile != "" || a.JWKSURL != "" {
		issuer := auth.Issuer{Name: a.Issuer, JWKS: a.JWKSURL, Algorithms: a.Algorithms}
		if a.Audience != "" {
			issuer.Audience = []string{a.Audience}
		}
		if !a.HMACSecret.Empty() {
			issuer.Secrets = [][]byte{[]byte(a.HMACSecret.Reveal())}
		}
		if a.PublicKeyFile != "" {
			text, err := os.ReadFile(a.PublicKeyFile)
			if err != nil {
				return nil, &OptionError{"auth.public_key_file", err}
			}
			issuer.PublicKeys = [][]byte{text}
		}
		jwt, err := auth.New(auth.Options{Issuers: []auth.Issuer{issuer}, Anonymous: a.Anonymous, Leeway: orNone(a.Leeway), Logger: s.log})
		if err != nil {
			return nil, &OptionError{"auth", err}
		}
		j.Authoriser = jwt
		j.close = append(j.close, func() error { jwt.Close(); return nil })
	}
	asked, client, err := newHook(cfg, j.Authoriser)
	if err != nil {
		j.Close()
		return nil, err
	}
	if asked != nil {
		j.Authoriser = asked
		j.close = append(j.close, client.Close)
	}
	if j.Authoriser == nil {
		j.Authoriser = hub.AllowAll{}
	}
	return j, nil
}

// hubOptions are those of the hub; what Reload cannot change is set by whoever makes the hub.
func hubOptions(cfg *config.Config, a hub.Authoriser) (hub.Options, error) {
	l := &cfg.Limits
	o := hub.Options{
		Node:       cfg.Name,
		Authoriser: a,
		Limits: hub.Limits{
			Subscriptions: l.Subscriptions,
			MessageBytes:  int(l.MessageBytes),
			Rate:          cmp.Or(l.CommandRate, -1),
			Burst:         l.CommandBurst,
			OutboxBytes:   int(l.Outbox),
			OutboxCount:   l.OutboxMessages,
			OutboxTotal:   cmp.Or(int64(l.OutboxTotal), quarterOfMemory()),
			ReplayCount:   l.ReplayMessages,
			ReplayBytes:   int(l.ReplayBytes),
			Resumes:       l.Resumes,
			PatternTopics: l.PatternTopics,
			Calls:         l.Calls,
			ExpiryGrace:   orNone(cfg.Auth.Grace),
			PresenceGrace: orNone(l.PresenceGrace),
			CallTimeout:   l.CallTimeout,
		},
	}
	for i := range cfg.Topics {
		t, err := topicRule(&cfg.Topics[i])
		if err != nil {
			return o, &OptionError{fmt.Sprintf("topic[%d]", i), err}
		}
		o.Topics = append(o.Topics, t)
	}
	return o, nil
}

// newBroker makes what holds the topics; Reload cannot change it.
func newBroker(cfg *config.Config) *memory.Broker {
	l := &cfg.Limits
	return memory.New(memory.Options{
		MaxBytes:  cmp.Or(int64(l.HistoryTotal), quarterOfMemory()),
		MaxTopics: l.Topics,
	})
}

// orNone makes the zero of the configuration, which is none, that of others, which is a negative one.
func orNone(d time.Duration) time.Duration {
	if d == 0 {
		return -1
	}
	return d
}

// quarterOfMemory is a quarter of GOMEMLIMIT, or 256 MiB without one.
func quarterOfMemory() int64 {
	if most := debug.SetMemoryLimit(-1); most != math.MaxInt64 {
		return most / 4
	}
	return 256 << 20
}

func topicRule(t *config.Topic) (hub.Topic, error) {
	r := hub.Topic{
		Pattern:  t.Pattern,
		History:  broker.Retention{Count: t.History, Bytes: int(t.HistoryBytes), Age: t.HistoryAge},
		Presence: t.Presence,
		NoEcho:   !t.Echo,
		MaxSize:  int(t.MaxSize),
		Rate:     t.Rate,
		Burst:    cmp.Or(t.Burst, int(math.Ceil(t.Rate))),
		Dedup:    orNone(t.Dedup),
	}
	var err error
	if t.Kind != "any" {
		if r.Kind, err = broker.ParseKind(t.Kind); err != nil {
			return r, err
		}
	}
	if r.Policy, err = hub.ParsePolicy(t.Policy); err != nil {
		return r, err
	}
	for _, w := range []struct {
		to   *hub.Who
		text string
	}{{&r.MaySubscribe, t.Subscribe}, {&r.MayPublish, t.Publish}, {&r.MaySeePresence, t.SeePresence}} {
		if *w.to, err = hub.ParseWho(w.text); err != nil {
			return r, err
		}
	}
	return r, nil
}
