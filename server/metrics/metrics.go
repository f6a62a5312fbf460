package metrics

import (
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/parley-ws/parley/hub"
)

// Options say whose metrics these are.
type Options struct {
	// Version is that of the program, and Node the name of the node in the hub. Both are labels of parley_build_info.
	Version string
	Node    string
}

// Metrics counts what one server does. New makes one. Its methods may be called from any goroutine.
type Metrics struct {
	registry *prometheus.Registry

	sessions      *prometheus.GaugeVec
	sessionsBegun *prometheus.CounterVec
	sessionsEnded counters

	published      counters
	publishedBytes counters
	stored         pair // of published, found beforehand
	duplicate      pair

	deliveries     prometheus.Counter
	deliveredBytes prometheus.Counter
	latency        prometheus.Histogram

	dropped counters
	gaps    counters

	resumes  counters
	replayed prometheus.Counter

	auth     map[string]counters // by what was asked
	refusals counters

	calls     counters
	callTimes prometheus.Histogram

	handshakes     counters
	handshakeTimes prometheus.Histogram

	commandsStarted prometheus.Counter
	commandsEnded   counters
}

// pair counts messages and their bytes.
type pair struct{ messages, bytes prometheus.Counter }

// The limits of the buckets, in seconds.
var (
	latencyBuckets   = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}
	callBuckets      = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}
	handshakeBuckets = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5}
)

// New returns metrics in a registry of their own.
func New(o Options) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}

	m.sessions = add(m, prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "parley_sessions",
		Help: "Sessions that are connected to this node.",
	}, []string{"dialect", "transport"}))
	m.sessionsBegun = add(m, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "parley_sessions_begun_total",
		Help: "Sessions that have connected.",
	}, []string{"dialect", "transport"}))
	m.sessionsEnded = m.counters("parley_sessions_ended_total",
		"Sessions that have ended, by the code of the reason: going_away if the client left, its connection was lost or the server stops, "+
			"slow_consumer if it did not read fast enough, or took nothing for the whole of limits.write_timeout.", "reason", codes...)

	outcomes := append([]string{"stored", "duplicate"}, codes...)
	m.published = m.counters("parley_published_messages_total",
		"Messages that somebody tried to publish, by what became of it: stored, a duplicate of one stored before, or the code of the error.",
		"outcome", outcomes...)
	m.publishedBytes = m.counters("parley_published_bytes_total",
		"Bytes of the bodies of the messages that somebody tried to publish, by what became of it.", "outcome", outcomes...)
	m.stored = pair{m.published.of("stored"), m.publishedBytes.of("stored")}
	m.duplicate = pair{m.published.of("duplicate"), m.publishedBytes.of("duplicate")}

	m.deliveries = m.counter("parley_deliveries_total",
		"Messages handed to sessions, or to their outboxes, as they were published: one for each session. Replayed ones are not among them.")
	m.deliveredBytes = m.counter("parley_delivered_bytes_total",
		"Bytes of the bodies of the messages in parley_deliveries_total, one body for each session, before they were encoded.")
	m.latency = add(m, prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "parley_publish_to_deliver_seconds",
		Help: "Time from the publishing of a message to when it was handed to the last of its sessions on this node: " +
			"one observation for each message, however many sessions got it. Of messages from other nodes it includes what their clocks differ.",
		Buckets: latencyBuckets,
	}))

	m.dropped = m.counters("parley_dropped_messages_total",
		"Messages that were dropped while they waited for a session, by why.", "reason", gapReasons...)
	m.gaps = m.counters("parley_gaps_total",
		"How often a session lost messages in a row of one topic, by why: it was told of each.", "reason", gapReasons...)

	m.resumes = m.counters("parley_resumes_total",
		"Subscriptions that named a position to resume from: recovered if nothing was missing.", "outcome", "recovered", "not_recovered")
	m.replayed = m.counter("parley_replayed_messages_total", "Messages of the past that resuming sessions were sent.")

	m.auth = map[string]counters{}
	auth := add(m, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "parley_auth_decisions_total",
		Help: "Decisions of who may connect or do something, by what was asked: allowed, or the code of the error.",
	}, []string{"what", "result"}))
	for _, what := range slices.Concat(asked, []string{other}) {
		m.auth[what] = newCounters(auth.MustCurryWith(prometheus.Labels{"what": what}), append([]string{"allowed"}, denials...)...)
	}
	m.refusals = m.counters("parley_refusals_total", "What a limit refused, by the name of the limit.", "limit", limits...)

	m.calls = m.counters("parley_calls_total", "Calls that have ended: ok, or the code of the error.", "outcome", append([]string{"ok"}, codes...)...)
	m.callTimes = add(m, prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "parley_call_duration_seconds", Help: "How long calls took.", Buckets: callBuckets,
	}))

	m.handshakes = m.counters("parley_websocket_handshakes_total",
		"Opening handshakes of WebSocket connections, by the HTTP status of the answer: 101 is an accepted one, none is no answer.", "status", statuses...)
	m.handshakeTimes = add(m, prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "parley_websocket_handshake_seconds", Help: "How long accepted opening handshakes took.", Buckets: handshakeBuckets,
	}))

	m.commandsStarted = m.counter("parley_command_starts_total", "Processes that were started for commands of the configuration.")
	m.commandsEnded = m.counters("parley_command_exits_total",
		"Processes of commands that have ended: with status 0, or with another one or by a signal.", "outcome", "ok", "failed")

	add(m, prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "parley_build_info", Help: "1, with what runs here as labels.",
		ConstLabels: prometheus.Labels{"version": o.Version, "go": runtime.Version(), "node": o.Node},
	})).Set(1)
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// add registers a collector. It panics if the name is taken, which is a mistake in this package.
func add[C prometheus.Collector](m *Metrics, c C) C {
	m.registry.MustRegister(c)
	return c
}

func (m *Metrics) counter(name, help string) prometheus.Counter {
	return add(m, prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help}))
}

func (m *Metrics) counters(name, help, label string, values ...string) counters {
	return newCounters(add(m, prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label})), values...)
}

// Watched are parts of a server that are asked at each scrape. What is nil has no metric.
type Watched struct {
	// Hub is asked how many bytes wait in its outboxes.
	Hub *hub.Hub

	// Connections returns how many network connections are open, of any protocol.
	Connections func() int

	// WebSockets returns how many of them are WebSocket connections.
	WebSockets func() int
}

// Watch adds the metrics of what is asked at each scrape. It is called once.
func (m *Metrics) Watch(w Watched) {
	gauge := func(name, help string, value func() float64) {
		add(m, prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
	}
	if w.Hub != nil {
		gauge("parley_outbox_bytes", "Bytes that wait in the outboxes of all sessions because their transports were full.",
			func() float64 { return float64(w.Hub.Waiting()) })
	}
	if w.Connections != nil {
		gauge("parley_connections", "Network connections that are open, of any protocol.", func() float64 { return float64(w.Connections()) })
	}
	if w.WebSockets != nil {
		gauge("parley_websockets", "WebSocket connections that are open.", func() float64 { return float64(w.WebSockets()) })
	}
}

// Refused counts what a limit refused, by the limit's name. It is what the hub's trace calls, for limits outside of the hub.
func (m *Metrics) Refused(limit string) { m.refusals.of(limit).Inc() }

// Handshake counts an opening handshake of a WebSocket connection: the HTTP status of the answer, 0 if there was none, and how long it
// took.
func (m *Metrics) Handshake(status int, took time.Duration) {
	switch status {
	case 0:
		m.handshakes.of("none").Inc()
	case http.StatusSwitchingProtocols:
		m.handshakeTimes.Observe(took.Seconds())
		fallthrough
	default:
		m.handshakes.of(strconv.Itoa(status)).Inc()
	}
}

// CommandStarted counts a process that was started for a command.
func (m *Metrics) CommandStarted() { m.commandsStarted.Inc() }

// CommandEnded counts the end of one; ok is that it had status 0.
func (m *Metrics) CommandEnded(ok bool) {
	if ok {
		m.commandsEnded.of("ok").Inc()
	} else {
		m.commandsEnded.of("failed").Inc()
	}
}

// Registerer takes further metrics of the server's own. Their names must not begin with parley_ followed by a name in docs/metrics.md.
func (m *Metrics) Registerer() prometheus.Registerer { return m.registry }

// Handler serves the metrics in the format that the client asks for. It asks nobody who they are: it belongs on a listener, or behind
// a guard, that the operator chose.
func (m *Metrics) Handler() http.Handler {
	h := promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		MaxRequestsInFlight: 4, // a scrape walks through everything; more at once come from no Prometheus
		EnableOpenMetrics:   true,
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "405 method not allowed: ask with GET", http.StatusMethodNotAllowed)
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		h.ServeHTTP(w, r)
	})
}
