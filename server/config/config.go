package config

import (
	"io/fs"
	"net/netip"
	"time"
)

// The tags of the fields below. What a field means is said by the comment above it, which becomes the help of its flag and its line in
// docs/configuration.md; it begins with "NAME is" or "NAME are".
//
//	toml     the name in its table
//	default  as one writes it in a flag; if missing, the zero value
//	min      the smallest value allowed; if missing, 0; the default is always allowed
//	max      the largest
//	oneof    what is allowed, separated by spaces; of a list: what its elements may be
//	check    the check in checks that a value must pass; of a list: each element
//	flag     the name of the flag, if it is not the names of table and key
//	restart  "yes" if the key cannot change without a restart
//	show     "yes" if the flag appears in --help
//	line     "yes" for the key that stands first, without its name, when a table is given in one line
//	place    "file" for a list of tables that has neither a flag nor a variable, and may not be in a file that was merely found
//
// Fields without a toml tag are for use by Go alone.

// Config is the configuration of a server. Load makes one; the zero value is not valid.
type Config struct {
	// Name is the name of this node in logs and in what the API tells; empty is a random one at each start.
	Name string `toml:"name" restart:"yes"`
	// LogFormat is how log lines are written.
	LogFormat string `toml:"log_format" default:"text" oneof:"text json" show:"yes" restart:"yes"`
	// LogLevel is the least severe kind of lines that are logged; debug has one for each connection.
	LogLevel string `toml:"log_level" default:"info" oneof:"debug info warn error" show:"yes"`
	// Drain is the window over which sessions are told to come back when the server ends, and how long it takes at most to end; 0 ends at once.
	Drain time.Duration `toml:"drain" default:"30s" show:"yes"`
	// DrainDelay is how long the server goes on before it drains, not ready any more and taking no new sessions, until whoever sends it clients has noticed.
	DrainDelay time.Duration `toml:"drain_delay" max:"10m"`
	// InsecureNoAuth is whether an address that other machines can reach may be served without authentication.
	InsecureNoAuth bool `toml:"insecure_no_auth" restart:"yes" show:"yes"`
	// Hosts are names that a Host header may have, beside localhost and the addresses of the machine, without ports.
	Hosts []string `toml:"hosts" flag:"host" check:"host" show:"yes"`
	// Origins are the origins whose pages may connect, beside those of this server: https://example.com, *.example.com, or * for all.
	Origins []string `toml:"origins" flag:"origin" check:"origin" show:"yes"`
	// TrustedProxies are the networks of the proxies in front, whose X-Forwarded-For header is believed: 10.0.0.0/8, or an address.
	TrustedProxies []netip.Prefix `toml:"trusted_proxies" flag:"trusted-proxy"`

	// Listen are the addresses that are served; without any, one on 127.0.0.1:8080.
	Listen []Listener `toml:"listen" show:"yes"`
	// Auth is how tokens are checked.
	Auth Auth `toml:"auth"`
	// APIKeys are the keys of the HTTP API, for applications.
	APIKeys []APIKey `toml:"api_key"`
	// Topics are rules for topics; the first whose pattern matches holds. A topic that none matches has the defaults below.
	Topics []Topic `toml:"topic" show:"yes"`
	// Limits are what clients may take.
	Limits Limits `toml:"limits"`
	// Hooks are URLs of an application that decides or answers.
	Hooks Hooks `toml:"hooks"`
	// Calls are URLs for single methods, before that of hooks.call; the first whose pattern matches holds.
	Calls []Call `toml:"call"`
	// Commands are commands that are endpoints, each on a path or on a topic.
	Commands []Command `toml:"command" place:"file"`
	// CORS is what pages of other origins may do over HTTP.
	CORS CORS `toml:"cors"`
	// Metrics is what the server tells about itself.
	Metrics Metrics `toml:"metrics"`
	// Compression is that of WebSocket messages (RFC 7692).
	Compression Compression `toml:"compression"`

	origins map[string]string // where the value of each key came from, by path; those of the defaults are missing
	secrets map[string]string // what was written for secrets that were read from a file: "@name", by path
}

// Listener is one address that is served.
type Listener struct {
	// Addr is what to listen on: HOST:PORT, where port 0 takes a free one, or unix:/path.
	Addr string `toml:"addr" default:"127.0.0.1:8080" check:"addr" restart:"yes" line:"yes"`
	// Mode is the permissions of a unix socket, in octal.
	Mode fs.FileMode `toml:"mode" default:"0600" restart:"yes"`
	// TLSCert is a PEM file with the certificate and those between it and its root; it is read again on reload.
	TLSCert string `toml:"tls_cert"`
	// TLSKey is a PEM file with the key of the certificate.
	TLSKey string `toml:"tls_key"`
	// TLSSelfSigned is whether to serve TLS with a certificate made in memory.
	TLSSelfSigned bool `toml:"tls_self_signed" restart:"yes"`
	// Private is whether this listener serves metrics, profiles and the API, and nothing else.
	Private bool `toml:"private" restart:"yes"`
}

// Auth is how tokens (JWT) are checked. Without a secret, a key or a URL there are no tokens.
type Auth struct {
	// HMACSecret is the secret of tokens signed with HS256, HS384 or HS512: at least 32 bytes, or @FILE.
	HMACSecret Secret `toml:"hmac_secret"`
	// PublicKeyFile is a PEM file with the public key of tokens signed with RS256, ES256 or EdDSA; it is read again on reload.
	PublicKeyFile string `toml:"public_key_file"`
	// JWKSURL is where the public keys are published as a JSON Web Key Set.
	JWKSURL string `toml:"jwks_url" check:"url"`
	// Issuer is what the claim iss must be; empty is anything.
	Issuer string `toml:"issuer"`
	// Audience is what the claim aud must hold; empty is anything.
	Audience string `toml:"audience"`
	// Algorithms are those that are accepted; empty are all that fit the keys.
	Algorithms []string `toml:"algorithms" flag:"auth-algorithm" oneof:"HS256 HS384 HS512 RS256 ES256 EdDSA"`
	// Anonymous is whether those without a token are let in too, to do what the rules of the topics allow anyone.
	Anonymous bool `toml:"anonymous"`
	// Grace is how long a session may go on after its token has expired, to be given a new one.
	Grace time.Duration `toml:"grace" default:"25s"`
	// Leeway is by how much the clocks of this machine and of whoever signs the tokens may differ; a token holds that much longer, and earlier.
	Leeway time.Duration `toml:"leeway" default:"5s" max:"5m"`
}

// APIKey is a key of the HTTP API.
type APIKey struct {
	// Name is what the key is called in logs; several may have one, so that an application can change over from one to the next.
	Name string `toml:"name" line:"yes"`
	// Key is the key itself, at least 16 bytes, or @FILE.
	Key Secret `toml:"key"`
	// SHA256 is the SHA-256 digest of the key in hexadecimal, in its place.
	SHA256 string `toml:"sha256" check:"sha256"`
	// Scopes are what may be done with it: publish; read topics, history and presence; see and direct sessions; admin is all.
	Scopes []string `toml:"scopes" oneof:"publish read sessions admin"`
	// Topics are patterns of the topics that it is for.
	Topics []string `toml:"topics" default:"**" check:"pattern"`
	// Rate is how many requests a second are allowed; 0 is no bound.
	Rate float64 `toml:"rate"`
	// Burst is how many are allowed at once; 0 is as many as in a second.
	Burst int `toml:"burst"`
}

// Topic is a rule for the topics that a pattern matches.
type Topic struct {
	// Pattern is which topics: a name, a/* for one level, a/** for all below, * or **.
	Pattern string `toml:"pattern" check:"pattern" line:"yes"`
	// History is how many messages are kept for those who come back.
	History int `toml:"history" default:"100"`
	// HistoryBytes is how many bytes of them are kept.
	HistoryBytes Size `toml:"history_bytes" default:"256KiB"`
	// HistoryAge is how long they are kept.
	HistoryAge time.Duration `toml:"history_age" default:"5m"`
	// Presence is whether sessions can be seen by others.
	Presence bool `toml:"presence" default:"true"`
	// Policy is what happens when a subscriber does not keep up: the oldest messages are dropped with a notice, or those with a newer one of the same key, or it is disconnected to resume.
	Policy string `toml:"policy" default:"drop-oldest" oneof:"drop-oldest conflate disconnect"`
	// Kind is the one kind of messages allowed.
	Kind string `toml:"kind" default:"any" oneof:"any json text bytes"`
	// Echo is whether who publishes a message gets it too.
	Echo bool `toml:"echo" default:"true"`
	// MaxSize is the size of the largest message; 0 is that of limits.message_bytes.
	MaxSize Size `toml:"max_size"`
	// Rate is how many messages a second all sessions together may publish to one topic; 0 is no bound.
	Rate float64 `toml:"rate"`
	// Burst is how many they may publish at once; 0 is as many as in a second.
	Burst int `toml:"burst"`
	// Dedup is how long the id of a message is remembered, to refuse it a second time; 0 is not at all.
	Dedup time.Duration `toml:"dedup" default:"2m"`
	// Subscribe is who may subscribe: ask leaves it to the token or the hook, user is anyone who has a name, token only those whose token names the topic.
	Subscribe string `toml:"subscribe" default:"ask" oneof:"ask anyone user token nobody"`
	// Publish is who may publish.
	Publish string `toml:"publish" default:"ask" oneof:"ask anyone user token nobody"`
	// SeePresence is who may see who is there.
	SeePresence string `toml:"see_presence" default:"ask" oneof:"ask anyone user token nobody"`
}

// Limits are what clients may take. Loopback addresses are exempt from those of an address.
type Limits struct {
	// Connections is how many connections there may be; 0 is no bound.
	Connections int `toml:"connections" default:"100000"`
	// PerAddress is how many there may be from one address; 0 is no bound.
	PerAddress int `toml:"per_address" default:"100"`
	// HandshakeRate is how many handshakes a second one address may make; 0 is no bound.
	HandshakeRate float64 `toml:"handshake_rate" default:"20"`
	// HandshakeBurst is how many it may make at once.
	HandshakeBurst int `toml:"handshake_burst" default:"50" min:"1"`
	// Accepts is how many new connections a second are let in for each processor, others are told when to come back; 0 is no bound.
	Accepts float64 `toml:"accepts" default:"500"`
	// HeaderBytes is the size of the largest header of a request.
	HeaderBytes Size `toml:"header_bytes" default:"8KiB" min:"1KiB" max:"1MiB" restart:"yes"`
	// HeaderLines is how many lines it may have.
	HeaderLines int `toml:"header_lines" default:"64" min:"16"`
	// HeaderTimeout is how long it may take to arrive.
	HeaderTimeout time.Duration `toml:"header_timeout" default:"5s" min:"100ms" restart:"yes"`
	// Unauthenticated is how long a connection may stay without having said who it is.
	Unauthenticated time.Duration `toml:"unauthenticated" default:"5s" min:"100ms"`
	// MessageBytes is the size of the largest message, after inflation.
	MessageBytes Size `toml:"message_bytes" default:"1MiB" min:"125" max:"1GiB"`
	// Subscriptions is how many a session may have.
	Subscriptions int `toml:"subscriptions" default:"128" min:"1"`
	// CommandRate is how many commands a second a session may send; 0 is no bound.
	CommandRate float64 `toml:"command_rate" default:"50"`
	// CommandBurst is how many it may send at once.
	CommandBurst int `toml:"command_burst" default:"100" min:"1"`
	// Outbox is how many bytes may wait for one session.
	Outbox Size `toml:"outbox" default:"1MiB" min:"4KiB" max:"4GiB"`
	// OutboxMessages is how many messages may wait for one session.
	OutboxMessages int `toml:"outbox_messages" default:"4096" min:"16"`
	// OutboxTotal is how many bytes may wait for all sessions together; 0 is a quarter of the memory.
	OutboxTotal Size `toml:"outbox_total"`
	// HistoryTotal is how many bytes the histories of all topics may have together, beyond which the oldest messages go; 0 is a quarter of the memory.
	HistoryTotal Size `toml:"history_total" restart:"yes"`
	// Topics is how many topics there may be; what would make one more is refused.
	Topics int `toml:"topics" default:"1000000" min:"1" restart:"yes"`
	// ReplayMessages is how many messages a subscription that resumes is given; one that missed more is told so.
	ReplayMessages int `toml:"replay_messages" default:"1000"`
	// ReplayBytes is how many bytes it is given.
	ReplayBytes Size `toml:"replay_bytes" default:"1MiB"`
	// Resumes is how many subscriptions may resume at the same time; others wait for their turn.
	Resumes int `toml:"resumes" default:"512" min:"1"`
	// PatternTopics is how many topics are listed for a subscription to a pattern, and how many positions it may resume from.
	PatternTopics int `toml:"pattern_topics" default:"1000" min:"1"`
	// Calls is how many calls of one session may be under way.
	Calls int `toml:"calls" default:"32" min:"1"`
	// CallTimeout is how long a call may take.
	CallTimeout time.Duration `toml:"call_timeout" default:"30s" min:"1ms"`
	// PresenceGrace is how long a session that is gone still counts as present, so that one that comes back at once has never left.
	PresenceGrace time.Duration `toml:"presence_grace" default:"3s"`
	// PollWait is how long a poll may wait for a message.
	PollWait time.Duration `toml:"poll_wait" default:"30s" min:"1s"`
	// PingInterval is the silence after which a connection is asked for a sign of life.
	PingInterval time.Duration `toml:"ping_interval" default:"25s" min:"1s"`
	// PingTimeout is how long it has to give one.
	PingTimeout time.Duration `toml:"ping_timeout" default:"20s" min:"1s"`
	// WriteTimeout is how long a write may wait without a single byte being taken.
	WriteTimeout time.Duration `toml:"write_timeout" default:"5s" min:"100ms"`
	// ShedMemory is the percentage of the memory (GOMEMLIMIT) beyond which new sessions are refused; 0 is no bound.
	ShedMemory int `toml:"shed_memory" default:"85" max:"100"`
}

// Hooks are URLs of an application that is asked by POST. An empty one is not asked.
type Hooks struct {
	// Connect is who decides whether a client may connect, and says who it is.
	Connect string `toml:"connect" check:"url"`
	// Subscribe is who decides about subscriptions.
	Subscribe string `toml:"subscribe" check:"url"`
	// Publish is who decides about messages, and may change them.
	Publish string `toml:"publish" check:"url"`
	// Call is who answers calls of methods.
	Call string `toml:"call" check:"url"`
	// Timeout is how long an answer may take, all tries together.
	Timeout time.Duration `toml:"timeout" default:"5s" min:"1ms"`
	// Retries is how often a question is asked again when the answer does not come or has a status of 500 or more.
	Retries int `toml:"retries" default:"1" max:"10"`
	// Cache is how long an answer about subscribing holds for the same question if it does not say itself; 0 is not at all.
	Cache time.Duration `toml:"cache"`
	// Headers are sent with every question: "NAME: VALUE", where the value may be @FILE.
	Headers []Header `toml:"headers" flag:"hooks-header"`
	// ForwardHeaders are the names of headers of the client's request that the connect hook is sent: Cookie, for example.
	ForwardHeaders []string `toml:"forward_headers" flag:"hooks-forward-header"`
	// Secret is the key of the HMAC-SHA-256 signature of every question, or @FILE; empty is none.
	Secret Secret `toml:"secret"`
}

// Call is the URL for the methods that a pattern matches.
type Call struct {
	// Method is which methods: a name, a/* for one level, a/** for all below, * or **.
	Method string `toml:"method" check:"pattern" line:"yes"`
	// URL is who answers.
	URL string `toml:"url" check:"url"`
}

// Command is a command as an endpoint, by the rules of package bridge.
type Command struct {
	// Path is where WebSockets reach it: /run/date. It is that or topic.
	Path string `toml:"path" check:"path"`
	// Topic is the topic that one process publishes to: each line that it prints is a message.
	Topic string `toml:"topic" check:"topic"`
	// Run is the program and its arguments, as they are: there is no shell.
	Run []string `toml:"run" check:"argument"`
	// Mode is which process a connection has: its own, the same as all, or one of some that were started before; empty is shared with a topic, else per-connection.
	Mode string `toml:"mode" oneof:"per-connection shared pool"`
	// Processes is how many there are, for the mode pool.
	Processes int `toml:"processes" max:"10000"`
	// Frame is what tells its messages apart; empty is lines, or with binary on a path nothing: what it writes at once is a message.
	Frame string `toml:"frame" oneof:"lines nul len32 json"`
	// Binary is whether the messages of lines and nul are binary.
	Binary bool `toml:"binary"`
	// PTY is whether each process has a terminal, whose size the URL may ask for: ?cols=80&rows=24.
	PTY bool `toml:"pty"`
	// Stderr is what becomes of standard error: it is logged, part of the output, or both are sent as {"stream":"stdout","data":"…"}.
	Stderr string `toml:"stderr" default:"log" oneof:"log merge json"`
	// Dir is the working directory of its processes; empty is that of the server.
	Dir string `toml:"dir"`
	// PassEnv are the variables of the server that it gets, beside those of CGI; empty are PATH and LD_LIBRARY_PATH, or what the system needs in their place.
	PassEnv []string `toml:"pass_env" check:"variable"`
	// Connect is who may connect to a path, where clients are asked who they are: anyone who has a name, only those whose token names the path without its first slash as a call, or whoever is let in at all.
	Connect string `toml:"connect" default:"user" oneof:"anyone user token"`
	// MaxConnections is how many connections a path has at most, and with them processes.
	MaxConnections int `toml:"max_connections" default:"100" min:"1"`
	// History is how many messages of a shared process on a path are sent to those who come later.
	History int `toml:"history" max:"100000"`
	// Slow is what happens to connections that do not keep up with a shared process on a path.
	Slow string `toml:"slow" default:"disconnect" oneof:"disconnect drop"`
	// Restart is when a shared process is started again after it has ended.
	Restart string `toml:"restart" default:"always" oneof:"always on-failure never"`
	// Input is whether the process of a topic reads what others publish there.
	Input bool `toml:"input"`
	// InputFull is what happens when more than limits.outbox waits for it to read: messages are left out, or those who publish wait.
	InputFull string `toml:"input_full" default:"drop" oneof:"drop wait"`
	// Ladder are the times that processes have to end after the end of their input, SIGINT, and SIGTERM.
	Ladder []time.Duration `toml:"ladder" default:"100ms,250ms,500ms" min:"1ms" max:"1h"`
}

// CORS is what pages of other origins may do over HTTP.
type CORS struct {
	// Origins are the origins that may read answers, as in origins; empty are those of origins.
	Origins []string `toml:"origins" flag:"cors-origin" check:"origin"`
	// Credentials is whether they may send credentials.
	Credentials bool `toml:"credentials"`
	// MaxAge is how long a browser may remember what it was told.
	MaxAge time.Duration `toml:"max_age" default:"10m"`
}

// Metrics is what the server tells about itself.
type Metrics struct {
	// Enabled is whether /metrics is served: on private listeners if there are any, else on all.
	Enabled bool `toml:"enabled" default:"true" restart:"yes"`
	// Profiles is whether private listeners serve /debug/pprof.
	Profiles bool `toml:"profiles" default:"true" restart:"yes"`
}

// Compression is that of WebSocket messages.
type Compression struct {
	// Mode is whether messages are compressed: each for itself, or (takeover) with what came before, which needs more memory.
	Mode string `toml:"mode" default:"off" oneof:"off on takeover"`
	// MinSize is the size of the smallest message that is compressed.
	MinSize Size `toml:"min_size" default:"512"`
}

// Authenticates reports whether clients are asked who they are: by a token or by the connect hook.
func (c *Config) Authenticates() bool {
	return c.Auth.configured() || c.Hooks.Connect != ""
}

// configured reports whether there is something to check tokens with.
func (a *Auth) configured() bool {
	return !a.HMACSecret.Empty() || a.PublicKeyFile != "" || a.JWKSURL != ""
}

// Source returns where the value of a key came from: "default", "parley.toml:7", "PARLEY_DRAIN" or "--drain". The key is written as in
// an error: limits.outbox, topic[0].history.
func (c *Config) Source(key string) string {
	if s, ok := c.origins[key]; ok {
		return s
	}
	return "default"
}
