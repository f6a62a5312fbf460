package main

// manualPage is what the manual says of a command beyond what the command itself tells. In its texts, what stands in
// backquotes is written as it is.
type manualPage struct {
	forms     []string  // the ways to call it; empty is the command's own line
	about     []string  // paragraphs in place of the description in its help, which has to fit a screen
	variables bool      // each flag has a variable
	files     []pairing // and what they are for
	signals   []pairing // and what they do
	codes     []int     // what it returns, of exitCodesText; empty is all of it
	see       []string  // pages of docs/
}

// pairing is a term and what there is to say of it.
type pairing struct{ term, text string }

// flagNotes is what the manual says of a flag beyond its help, by "COMMAND --FLAG".
var flagNotes = map[string]string{
	"send --message":               "So `send` can be used in a loop that reads standard input.",
	"send --idle":                  "Pings do not count. With `-n` and without this, it waits as long as it takes.",
	"send --text":                  "Text has to be UTF-8.",
	"send --binary":                "Standard input is one message as a whole unless `--frame` says otherwise.",
	"send --frame":                 "`lines`, the default but for `--binary`: each line is a message, and the last one needs no line feed. `nul`: a zero byte ends each, as with `find -print0` and `xargs -0`. `len32`: before each stands its length in 4 bytes, big-endian. `json`: each JSON value is a message, on however many lines it stands; each reply is one line, what is not JSON a string. `all`: standard input is one message as a whole, and nothing stands between replies.",
	"send --expect":                "JSON, an object or an array, is matched by JSON that holds it: more fields do not matter. Repeated, each wants a later message than the one before; then sending ends, and waiting too.",
	"send --ok-close":              "May be repeated; 1006 is an end without one.",
	"send --output":                "It is emptied once the connection is open.",
	"send --color":                 "`auto`: on a terminal, unless `NO_COLOR` is set; `FORCE_COLOR` has them everywhere.",
	"send --ping-timeout":          "The exit code is 124 then.",
	"ping --interval":              "Whether or not the last one was answered.",
	"ping --json":                  "`pong` with `seq` and `rtt_ms`, and `stat` at the end.",
	"probe --idle":                 "A long time finds proxies that end idle connections.",
	"probe --json":                 "It is one object: `ok`, `steps` (`name`, `ok`, `ms`, `text`, `notes`, `details`), `why`, `remedy`, `exit`.",
	"connection --header":          "In a file, it does not appear in the list of processes.",
	"connection --user":            "`@-` is standard input. USER alone asks for the password on the terminal.",
	"connection --subprotocol":     "Most preferred first.",
	"connection --http":            "HTTP/2 is that of RFC 8441, which few servers offer: `parley probe` says whether one does. There is no falling back.",
	"connection --compress":        "That is permessage-deflate (RFC 7692); `takeover` lets messages refer to earlier ones.",
	"connection --proxy":           "Without it, `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` decide.",
	"connection --connect-timeout": "That is DNS, TCP, TLS and the handshake together.",
	"connection --location":        "At most 20 are followed.",
	"connection --unix-socket":     "The URL `ws+unix:///path/to/socket:/path` does the same.",
	"connection --resolve":         "As curl has it: more addresses behind commas, and `*` for any host.",
	"connection --curl":            "Or `@FILE`. Developer tools, Network, the request, Copy as cURL.",
	"bench --connections":          "In the URL, `{conn}` is the number of the connection.",
	"bench --stage":                "It starts from the rate of the stage before, at first from `--rate` or none; 0s:500 jumps.",
	"bench --duration":             "Stages have times of their own.",
	"bench --message":              "Several are sent in turn. docs/bench.md lists what may stand in braces.",
	"bench --local-addr":           "More than 60,000 connections need several.",
	"bench --find-max":             "It doubles `--rate` until it does not hold, then halves the distance; `--duration` is that of a trial.",
	"bridge --mode":                "`per-connection`: a process for each; `shared`: one for all; `pool N`: N processes in stock, each connection given a free one.",
	"bridge --frame":               "docs/bridge.md says what they look like.",
	"bridge --stderr":              "`log`: it is logged; `merge`: it is part of the output; `json`: both streams are sent as `{\"stream\":\"stderr\",\"data\":\"…\"}`.",
	"bridge --passenv":             "By default PATH and LD_LIBRARY_PATH.",
	"bridge --sameorigin":          "With `--sameorigin=false` all pages may connect.",
	"bridge --restart":             "After 0.5 s, then twice as long each time up to 30 s; after a run of 10 s it is 0.5 s again.",
	"bridge --slow":                "`disconnect`: they are closed with 1013; `drop`: they miss what comes while their queue is full.",
}

// clientFiles are those that the clients read.
var clientFiles = []pairing{
	{"./parley.toml", "profiles: a table `[profile.NAME]` has a `url` and flags, and `@NAME` takes the place of the URL"},
	{"$XDG_CONFIG_HOME/parley/config.toml", "profiles, and in the table `[client]` what flags are when nothing else says so; `~/.config` without the variable"},
	{"~/.netrc", "users and passwords of hosts, with `--netrc`"},
}

// manualPages are the pages, by the name of the command.
var manualPages = map[string]manualPage{
	"serve": {
		about: []string{
			"Serves topics: URLs that a WebSocket joins, that `curl -N` streams and `curl -d` publishes to. It needs no configuration, listens on 127.0.0.1:8080, and prints the URLs to open.",
			"Each key of parley.toml has a variable and a flag: outbox of the table [limits] is `PARLEY_LIMITS_OUTBOX` and `--limits-outbox`. Of those that have a value the first wins: flags, variables, ./parley.toml, the file of the user. A mistake in any of them is an error, and all mistakes are told at once.",
		},
		variables: true,
		files: []pairing{
			{"./parley.toml", "the configuration, unless `--config` names another file"},
			{"$XDG_CONFIG_HOME/parley/config.toml", "what counts where that says nothing; `~/.config` without the variable"},
		},
		signals: []pairing{
			{"INT, TERM", "Sessions are told to come back, and have until `--drain` to end. The second one ends at once."},
			{"HUP", "The configuration and certificates are read again. One with a mistake is refused, and the old one stays."},
		},
		codes: []int{0, 1, 2, 130},
		see:   []string{"configuration.md", "operations.md"},
	},
	"send": {
		variables: true,
		files:     clientFiles,
		about: []string{
			"Sends messages and prints the replies, nothing else, on standard output. Messages are those of the command line, behind the URL or with `-m`; if there are none, standard input, which is read once the connection is open. With a last argument `-` standard input follows the others.",
			"When everything is sent, replies are awaited until nothing has come for `--idle`, or `-n` messages have come, or `--max-time` is over. Then the connection is closed with a close handshake.",
			"On a terminal, control characters are shown as escapes and binary messages in hexadecimal. In a pipe, text goes on as it is; a binary message is an error unless a flag says how it is to be written.",
		},
		signals: []pairing{
			{"INT, TERM", "The connection is closed with 1001. The second one ends at once."},
			{"HUP", "The connection is closed, and a new one made."},
			{"USR1", "Statistics are printed on standard error."},
		},
		see: []string{"cli.md"},
	},
	"connect": {
		about: []string{
			"Talks to a server. On a terminal there is a prompt: each line is a message, pasted lines are one, and what comes appears above the line that is being typed. A line that begins with a slash is a command, listed below. JSON has colours, and is indented if it is longer than a line; control characters are shown as escapes.",
			"When the connection ends so does the program, and says who closed it, with code and reason. Without a terminal it is `parley send`, but that it says how the connection ended.",
		},
		variables: true,
		files:     append([]pairing{{"$XDG_STATE_HOME/parley/history", "what was typed, unless `--history` says otherwise; `~/.local/state` without the variable"}}, clientFiles...),
		forms:     []string{"connect URL [flags]", "URL [flags]"},
		signals: []pairing{
			{"INT, TERM", "The connection is closed with 1001. The second one ends at once."},
			{"HUP", "The connection is closed, and a new one made."},
			{"USR1", "Statistics are printed on standard error."},
			{"WINCH", "The prompt is drawn anew."},
		},
		see: []string{"cli.md"},
	},
	"ping": {
		variables: true,
		files:     clientFiles,
		about: []string{
			"Sends WebSocket pings, which every endpoint has to answer, and prints how long each answer takes; at the end, or at Ctrl-C, the loss and the times in short: least, mean, most and mean deviation. Messages that come are ignored.",
			"If no ping was answered the exit code is 124. Of many pings in a short time a server need answer only the latest (RFC 6455, section 5.5.3); the others count as answered by that.",
		},
		signals: []pairing{{"INT, TERM", "It ends with the summary. The second one ends at once."}},
		see:     []string{"cli.md"},
	},
	"probe": {
		variables: true,
		files:     clientFiles,
		signals:   []pairing{{"INT, TERM", "It ends with what it has found so far. The second one ends at once."}},
		see:       []string{"cli.md"},
	},
	"check": {
		variables: true,
		about: []string{
			"Judges an endpoint that sends back each message, by some two thousand cases of RFC 6455 and RFC 7692: a server by connecting to it, clients by listening for them. The table by group and what went wrong are on standard output; the exit code is 8 if a case failed.",
		},
		forms:   []string{"check URL [flags]", "check --listen HOST:PORT [flags]"},
		signals: []pairing{{"INT, TERM", "It ends. The second one ends at once."}},
		see:     []string{"check.md", "conformance.md"},
	},
	"bench": {
		variables: true,
		files:     clientFiles,
		about: []string{
			"Loads a WebSocket server and measures what that does to it. Messages go out when they are due, answered or not, and latencies count from then, so that a server that stands still for a second does not look as if it had one slow reply. `--closed` waits for each reply.",
			"With `--publish` and `--receive` some connections publish and the others measure deliveries. The report says when the generator, not the server, was the limit.",
		},
		signals: []pairing{
			{"INT, TERM", "The test ends, and what came of it so far is reported. The second one ends at once."},
			{"HUP", "The test goes on, for its report."},
			{"USR1", "How far it is is said on standard error."},
		},
		see: []string{"bench.md"},
	},
	"compare": {
		variables: true,
		codes:     []int{0, 1, 2, 99},
		see:       []string{"bench.md"},
	},
	"bridge": {
		variables: true,
		forms: []string{
			"bridge [flags] -- COMMAND ARG…", "bridge [flags] --dir DIR", "bridge [flags] --tcp HOST:PORT", "bridge [flags] --unix PATH",
			"bridge --connect URL [flags] -- COMMAND ARG…", "bridge --listen-tcp HOST:PORT --connect URL [flags]",
		},
		about: []string{
			"Makes a WebSocket endpoint of a command: each line that it prints is a message, and each message is a line that it reads. There is no shell, and nothing that a client sends is part of a command line. By default each connection has a process of its own, which finds the request in its environment, as CGI has it; when it ends the connection is closed, with 1000 after exit status 0 and with 1011 otherwise.",
			"`--tcp` and `--unix` make an endpoint of a service, `--connect` runs a command for a connection to another server, and `--listen-tcp` makes a TCP service of a remote endpoint.",
		},
		signals: []pairing{{"INT, TERM", "All connections are closed with 1001 and all processes ended, within `--drain`. The second one kills them at once."}},
		see:     []string{"bridge.md"},
	},
	"completion": {codes: []int{0, 1, 2}, see: []string{"cli.md"}},
	"man":        {codes: []int{0, 1, 2}, see: []string{"cli.md"}},
	"version":    {codes: []int{0, 1, 2}},
}

// mainPage is the page of the program as a whole.
var mainPage = manualPage{
	forms: []string{"COMMAND [flags]", "URL [flags]"},
	about: []string{
		"A server of topics, in which every subscriber gets every message in order or is told that it did not, and tools for WebSockets: a client for people and one for scripts, ping, a doctor for handshakes, a conformance suite, load tests, and a bridge that makes endpoints of commands and TCP services.",
		"`parley URL` is `parley connect URL`, and `@NAME` in place of a URL takes the profile NAME. Each command has a page of its own. Flags are curl's where curl has one; times are written 1m30s or 500ms, sizes 64KiB.",
		"Standard output carries what was received or asked for, and nothing else; progress and errors go to standard error. An error is one line that ends with what to do. Every address that is listened on is 127.0.0.1 unless told otherwise.",
	},
	files: []pairing{
		{"./parley.toml, $XDG_CONFIG_HOME/parley/config.toml", "the configuration of `parley serve`, and profiles of the clients; the first one counts more. Without the variable the folder is `~/.config`."},
	},
	signals: []pairing{
		{"INT, TERM", "What is open is closed with 1001, and given a few seconds. The second one ends at once."},
		{"HUP", "`parley serve` reads its configuration and certificates again, `parley connect` and `parley send` connect again."},
		{"USR1", "`parley connect`, `send` and `bench` print statistics."},
	},
	see: []string{"cli.md", "configuration.md", "operations.md"},
}

// manualVariables are those beside the ones of flags.
var manualVariables = []pairing{
	{"PARLEY_…", "a flag that is not given: `PARLEY_MAX_SIZE` for `--max-size`, of the commands whose page says so; an empty one does not count"},
	{"HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY", "the proxy for connections that clients open, unless `-x` names one"},
	{"NO_COLOR, FORCE_COLOR", "no colours, or colours also where there is no terminal, unless `--color` says so"},
	{"TERM", "`dumb` has no colours, and nothing that moves"},
	{"XDG_CONFIG_HOME, XDG_STATE_HOME", "where the folder parley with the user's configuration is, and that with the history of `parley connect`; `~/.config` and `~/.local/state` by default"},
	{"NETRC", "the file of `--netrc`; `~/.netrc` by default"},
}
