package metrics

import (
	"time"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/hub"
)

// Trace returns what a hub calls for its metrics. One Metrics serves one hub.
func (m *Metrics) Trace() *hub.Trace {
	return &hub.Trace{
		Connected:    m.connected,
		Disconnected: m.disconnected,
		Authorised:   m.authorised,
		Published:    m.publish,
		Delivered:    m.delivered,
		Dropped:      m.drop,
		Resumed:      m.resumed,
		Refused:      m.Refused,
		Called:       m.called,
	}
}

func (m *Metrics) connected(s hub.SessionInfo) {
	m.sessions.WithLabelValues(s.Dialect, s.Transport).Inc()
	m.sessionsBegun.WithLabelValues(s.Dialect, s.Transport).Inc()
}

func (m *Metrics) disconnected(s hub.SessionInfo, why hub.Reason) {
	m.sessions.WithLabelValues(s.Dialect, s.Transport).Dec()
	m.sessionsEnded.of(string(why.Code)).Inc()
}

func (m *Metrics) authorised(what string, err error) {
	results, ok := m.auth[what]
	if !ok {
		results = m.auth[other]
	}
	result := "allowed"
	if err != nil {
		result = outcome(err)
	}
	results.of(result).Inc()
}

// outcome is the code of an error.
func outcome(err error) string { return string(hub.AsError(err).Code) }

func (m *Metrics) publish(msg *broker.Message, p broker.Published, err error) {
	count := m.stored
	switch {
	case err != nil:
		name := outcome(err)
		count = pair{m.published.of(name), m.publishedBytes.of(name)}
	case p.Duplicate:
		count = m.duplicate
	}
	count.messages.Inc()
	count.bytes.Add(float64(len(msg.Body)))
}

func (m *Metrics) delivered(msg *broker.Message, n int) {
	m.deliveries.Add(float64(n))
	m.deliveredBytes.Add(float64(n) * float64(len(msg.Body)))
	if !msg.Time.IsZero() {
		// The clock of the node that published it may be ahead of ours.
		m.latency.Observe(max(0, time.Since(msg.Time)).Seconds())
	}
}

func (m *Metrics) drop(_ hub.SessionInfo, why hub.GapReason, n int) {
	m.dropped.of(string(why)).Add(float64(n))
	m.gaps.of(string(why)).Inc()
}

func (m *Metrics) resumed(recovered bool, replayed int) {
	if recovered {
		m.resumes.of("recovered").Inc()
	} else {
		m.resumes.of("not_recovered").Inc()
	}
	m.replayed.Add(float64(replayed))
}

func (m *Metrics) called(_ string, took time.Duration, err error) {
	m.callTimes.Observe(took.Seconds())
	if err != nil {
		m.calls.of(outcome(err)).Inc()
		return
	}
	m.calls.of("ok").Inc()
}
