//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/parley-ws/parley/ws"
)

// commanded is a server with commands.
type commanded struct {
	*served
	file string
	http string // the address, with its scheme
	ws   string
}

// startCommands starts a server with a configuration file.
func startCommands(t *testing.T, file string, args ...string) *commanded {
	t.Helper()
	name := filepath.Join(t.TempDir(), "named.toml")
	write(t, name, file)
	s := startServer(t, nil, append([]string{"--config", name}, args...)...)
	return &commanded{s, name, strings.TrimSuffix(s.page, "/"), strings.TrimSuffix(s.echo, "/echo")}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// reload changes the configuration.
func (s *commanded) reload(t *testing.T, file string) {
	t.Helper()
	write(t, s.file, file)
	_, before := s.streams()
	s.signal(t, syscall.SIGHUP)
	s.until(t, "the reload", func(_, err string) bool { return strings.Contains(err[len(before):], "msg=reloaded") })
}

// publish publishes over HTTP.
func (s *commanded) publish(t *testing.T, topic, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.http+"/t/"+topic, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	tr := &http.Transport{}
	defer tr.CloseIdleConnections()
	res, err := (&http.Client{Transport: tr}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if text, _ := io.ReadAll(res.Body); res.StatusCode/100 != 2 {
		t.Fatalf("publish: status %d, %s", res.StatusCode, text)
	}
}

// one is a command table with a shell script.
func one(keys, script string) string {
	return fmt.Sprintf("[[command]]\n%s\nrun = [\"sh\", \"-c\", %s]\n", keys, strconv.Quote(script))
}

func TestServeCommandPerConnection(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := startCommands(t, one(`path = "/run/env"`+"\nstderr = \"merge\"\npass_env = [\"PATH\", \"HOME\"]\ndir = "+strconv.Quote(dir), "env; pwd; exit 3")+
		one(`path = "/run/bytes"`+"\nbinary = true", "cat")+one(`path = "/run/who"`+"\nmax_connections = 1", "cat; exit 0"))
	c := dial(t, s.ws+"/run/env?a=b", nil)
	env := environment(t, c)
	for name, want := range map[string]string{"SCRIPT_NAME": "/run/env", "PATH_INFO": "", "QUERY_STRING": "a=b", "REMOTE_ADDR": "127.0.0.1", "REMOTE_USER": "", "PARLEY_CONFIG": "", "HOME": os.Getenv("HOME")} {
		if env[name] != want {
			t.Errorf("%s=%q, want %q", name, env[name], want)
		}
	}
	if real, err := filepath.EvalSymlinks(dir); err != nil || !hasKey(env, real) && !hasKey(env, dir) {
		t.Errorf("it runs somewhere else than in %s: %v", dir, env)
	}
	c = dial(t, s.ws+"/run/env", nil)
	endsAtLast(t, c, ws.CodeInternalError)

	c = dial(t, s.ws+"/run/bytes", nil)
	if err := c.Write(t.Context(), ws.Binary, []byte{0xff, 0}); err != nil {
		t.Fatal(err)
	}
	if typ, p, err := c.Read(soon(t)); err != nil || typ != ws.Binary || string(p) != "\xff\x00" {
		t.Errorf("%v %q, %v", typ, p, err)
	}

	a := dial(t, s.ws+"/run/who", nil)
	tell(t, a, "x")
	says(t, a, "x")
	refused(t, s.ws+"/run/who", nil, 429)
	refused(t, s.ws+"/run/who", &ws.DialOptions{Header: http.Header{"Origin": {"https://evil.example"}}}, 403)
	refused(t, s.ws+"/run/who", &ws.DialOptions{Host: "evil.example"}, 403)
	refused(t, s.ws+"/run/nothing", nil, 404)
	if status, _ := get(t, s.http+"/run/who"); status != 426 && status != 400 {
		t.Errorf("without a handshake: status %d", status)
	}
}

func hasKey(m map[string]string, key string) bool { _, ok := m[key]; return ok }

func TestServeCommandShared(t *testing.T) {
	t.Parallel()
	s := startCommands(t, one(`path = "/all"`+"\nmode = \"shared\"\nhistory = 2", `echo $$; while read line; do echo "$line"; test "$line" = die && exit 3; done`)+
		one(`path = "/once"`+"\nmode = \"shared\"\nrestart = \"never\"\nhistory = 1", `echo $$; read line`))
	a := dial(t, s.ws+"/all", nil)
	pid := number(t, a)
	tell(t, a, "one")
	says(t, a, "one")
	b := dial(t, s.ws+"/all", nil)
	if got := number(t, b); got != pid {
		t.Errorf("another process: %d and %d", got, pid)
	}
	says(t, b, "one")
	tell(t, b, "die")
	says(t, a, "die")
	if again := number(t, a); again == pid { // after a restart
		t.Errorf("process %d again", again)
	}
	s.until(t, "the log", func(_, err string) bool {
		return strings.Contains(err, `status="exit status 3"`) && strings.Contains(err, "is started again")
	})

	c := dial(t, s.ws+"/once", nil)
	number(t, c)
	tell(t, c, "end")
	ends(t, c, ws.CodeNormal, "")
	refused(t, s.ws+"/once", nil, 503)
	if _, body := get(t, s.http+"/metrics"); !regexp.MustCompile(`parley_command_starts_total [3-9]`).MatchString(body) ||
		!strings.Contains(body, `parley_command_exits_total{outcome="failed"} 1`) || !strings.Contains(body, `parley_command_exits_total{outcome="ok"} 1`) {
		t.Errorf("the metrics are %s", regexp.MustCompile(`(?m)^parley_command.*$`).FindAllString(body, -1))
	}
}

func TestServeCommandPool(t *testing.T) {
	t.Parallel()
	s := startCommands(t, one(`path = "/pool"`+"\nmode = \"pool\"\nprocesses = 2", `while read line; do echo $$; done`))
	_, err := s.streams()
	s.until(t, "two processes", func(_, err string) bool { return strings.Count(err, "has been started") >= 2 })
	seen := map[int]bool{}
	for range 2 {
		c := dial(t, s.ws+"/pool", nil)
		tell(t, c, "x")
		seen[number(t, c)] = true
	}
	if len(seen) != 2 {
		t.Errorf("processes %v, %s", seen, err)
	}
}

func TestServeCommandTerminal(t *testing.T) {
	t.Parallel()
	s := startCommands(t, "[[command]]\npath = \"/term\"\npty = true\nrun = [\"stty\", \"size\"]\n")
	shows(t, dial(t, s.ws+"/term?cols=99&rows=33", nil), "33 99")
}

// What a command prints is published: whoever comes by WebSocket, event stream or HTTP sees it, late or not.
func TestServeCommandTopic(t *testing.T) {
	t.Parallel()
	log := filepath.Join(t.TempDir(), "app.log")
	write(t, log, "first\n")
	s := startCommands(t, one(`topic = "logs/app"`, "exec tail -n 10 -F "+log))
	c := dial(t, s.ws+"/t/logs/app?history=10", nil)
	says(t, c, "first")
	f, err := os.OpenFile(log, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	io.WriteString(f, "second\n")
	says(t, c, "second")
	says(t, dial(t, s.ws+"/t/logs/app?history=1", nil), "second")
	page := history(t, s, "logs/app")
	if len(page) != 2 || page[0].Data != "first" || page[1].Data != "second" || page[1].Position == "" || page[1].From != "" {
		t.Errorf("the history is %+v", page)
	}
	r, err := http.NewRequestWithContext(soon(t), http.MethodGet, s.http+"/t/logs/app?history=10", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "text/event-stream")
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text := ""
	for buffer := make([]byte, 4096); !strings.Contains(text, "data: second"); {
		n, err := res.Body.Read(buffer)
		if text += string(buffer[:n]); err != nil {
			t.Fatalf("the stream has %q: %v", text, err)
		}
	}
	if !strings.Contains(text, "data: first") || !strings.Contains(text, "id: ") {
		t.Errorf("the stream has %q", text)
	}
	s.publish(t, "logs/app", "by somebody") // which the command does not read
	says(t, c, "by somebody")
}

// A topic that takes no more for now makes the command wait: nothing is lost.
func TestServeCommandRate(t *testing.T) {
	t.Parallel()
	s := startCommands(t, "[[topic]]\npattern = \"**\"\nrate = 100\nburst = 5\nhistory = 1000\nkind = \"json\"\n"+
		one(`topic = "numbers"`, `i=0; while test $i -lt 50; do echo $i; i=$((i+1)); done; sleep 600`))
	c := dial(t, s.ws+"/t/numbers?history=1000", nil)
	for i := range 50 {
		if got := next(t, c); got != strconv.Itoa(i) {
			t.Fatalf("got %q, want %d", got, i)
		}
	}
	if page := history(t, s, "numbers"); page[0].Kind != "json" {
		t.Errorf("%+v", page[0])
	}
}

// A command that does not read holds nobody up: what does not fit is left out, and the log says so.
func TestServeCommandInputFull(t *testing.T) {
	t.Parallel()
	s := startCommands(t, "[limits]\nmessage_bytes = \"16KiB\"\noutbox = \"64KiB\"\n"+one("topic = \"deaf\"\ninput = true", `sleep 600`))
	for range 40 { // a pipe takes 64 KiB
		s.publish(t, "deaf", strings.Repeat("x", 16<<10))
	}
	s.until(t, "the log", func(_, err string) bool { return strings.Contains(err, "a message does not get to the command") })
}

// A server that cannot listen has started nothing.
func TestServeCommandAddressInUse(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	dir := t.TempDir()
	name := filepath.Join(dir, "c.toml")
	write(t, name, one(`topic = "x"`, "echo > "+filepath.Join(dir, "started")))
	parley(t, "", "serve", "--config", name, "--addr", strings.TrimSuffix(strings.TrimPrefix(s.page, "http://"), "/")).expect(t, 1, "in use")
	if _, err := os.Stat(filepath.Join(dir, "started")); err == nil {
		t.Error("the command has run")
	}
}

// message is one of a topic's history.
type message struct {
	Data                 any
	Position, From, Kind string
}

func history(t *testing.T, s *commanded, topic string) []message {
	t.Helper()
	status, body := getJSON(t, s.http+"/t/"+topic+"?history=100")
	var page struct{ Messages []message }
	if err := json.Unmarshal([]byte(body), &page); err != nil || status != 200 {
		t.Fatalf("status %d, %s: %v", status, body, err)
	}
	return page.Messages
}

func getJSON(t *testing.T, url string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "application/json")
	tr := &http.Transport{}
	defer tr.CloseIdleConnections()
	res, err := tr.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

// A command that reads its topic gets what others publish, and not what it has written.
func TestServeCommandInput(t *testing.T) {
	t.Parallel()
	s := startCommands(t, one("topic = \"up\"\ninput = true", `while read line; do echo "<$line>"; done`)+
		one("topic = \"wait\"\ninput = true\ninput_full = \"wait\"", `while read line; do echo "<$line>"; done`)+
		one("topic = \"deaf\"", `cat; echo over; sleep 600`))
	c := dial(t, s.ws+"/t/up", nil)
	tell(t, c, "a")
	says(t, c, "a")
	says(t, c, "<a>")
	s.publish(t, "up", "b")
	says(t, c, "b")
	says(t, c, "<b>")
	tell(t, c, "last") // were there a loop, <<a>> would have come before
	says(t, c, "last")
	says(t, c, "<last>")
	if page := history(t, s, "up"); len(page) != 6 {
		t.Errorf("the topic has %d messages: %+v", len(page), page)
	}
	w := dial(t, s.ws+"/t/wait", nil)
	for i := range 50 {
		tell(t, w, fmt.Sprint(i))
	}
	for range 100 {
		if _, _, err := w.Read(soon(t)); err != nil {
			t.Fatal(err)
		}
	}
	d := dial(t, s.ws+"/t/deaf", nil)
	tell(t, d, "nobody reads this")
	says(t, d, "nobody reads this")
	if page := history(t, s, "deaf"); len(page) != 1 {
		t.Errorf("a command without input has read: %+v", page)
	}
}

// With events a command knows who has published.
func TestServeCommandEvents(t *testing.T) {
	t.Parallel()
	secret := strings.Repeat("s", 32)
	s := startCommands(t, "[auth]\nhmac_secret = \""+secret+"\"\n[[topic]]\npattern = \"**\"\nsubscribe = \"user\"\npublish = \"user\"\n"+
		one("topic = \"who\"\ninput = true\nframe = \"json\"", `while read -r line; do printf '{"b64":"%s"}\n' "$(printf %s "$line" | base64 | tr -d '\n')"; done`))
	header := http.Header{"Authorization": {"Bearer " + userToken(t, secret, map[string]any{"sub": "ann", "role": "admin"})}}
	c := dial(t, s.ws+"/t/who", &ws.DialOptions{Header: header})
	tell(t, c, "hello")
	says(t, c, "hello")
	typ, p, err := c.Read(soon(t))
	if err != nil || typ != ws.Binary {
		t.Fatalf("%v %q, %v", typ, p, err)
	}
	var e struct {
		V                                       int
		T, Ev, Type, Data, Topic, Session, User string
		Claims                                  struct{ Sub, Role string }
	}
	if err := json.Unmarshal(p, &e); err != nil || e.V != 1 || e.Ev != "msg" || e.Type != "text" || e.Data != "hello" || e.Topic != "who" ||
		e.User != "ann" || e.Session == "" || e.Claims.Sub != "ann" || e.Claims.Role != "admin" {
		t.Errorf("the command reads %s (%v)", p, err)
	}
}

// userToken signs claims.
func userToken(t *testing.T, secret string, claims map[string]any) string {
	t.Helper()
	all := jwt.MapClaims{"exp": time.Now().Add(time.Hour).Unix()}
	for name, value := range claims {
		all[name] = value
	}
	text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, all).SignedString([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// Where the server asks for tokens, a command does.
func TestServeCommandAuthentication(t *testing.T) {
	t.Parallel()
	secret := strings.Repeat("s", 32)
	s := startCommands(t, "[auth]\nhmac_secret = \""+secret+"\"\nanonymous = true\ngrace = \"0s\"\n"+
		one(`path = "/run/user"`, `env; test -z "$(read x)"`)+
		one(`path = "/run/shared"`+"\nmode = \"shared\"\nframe = \"json\"", `read -r line; printf '{"b64":"%s"}\n' "$(printf %s "$line" | base64 | tr -d '\n')"; cat >&2`)+
		one(`path = "/run/named"`+"\nconnect = \"token\"", "echo in; cat")+one(`path = "/run/any"`+"\nconnect = \"anyone\"", "echo in; cat"))
	with := func(claims map[string]any) *ws.DialOptions {
		return &ws.DialOptions{Header: http.Header{"Authorization": {"Bearer " + userToken(t, secret, claims)}}}
	}
	refused(t, s.ws+"/run/user", nil, 401)
	refused(t, s.ws+"/run/named", nil, 403)
	refused(t, s.ws+"/run/user", &ws.DialOptions{Header: http.Header{"Authorization": {"Bearer nonsense"}}}, 401)
	refused(t, s.ws+"/run/user", with(map[string]any{"role": "nobody"}), 403)
	refused(t, s.ws+"/run/named", with(map[string]any{"sub": "ann", "parley": map[string]any{"call": []string{"run/other"}}}), 403)
	says(t, dial(t, s.ws+"/run/any", nil), "in")
	says(t, dial(t, s.ws+"/run/named", with(map[string]any{"sub": "ann", "parley": map[string]any{"call": []string{"run/*"}}})), "in")

	token := userToken(t, secret, map[string]any{"sub": "ann"})
	c := dial(t, s.ws+"/run/user", &ws.DialOptions{Subprotocols: []string{"parley.command", "parley.bearer." + token}})
	if c.Subprotocol() != "parley.command" {
		t.Errorf("the subprotocol is %q", c.Subprotocol())
	}
	tell(t, c, "end")
	env := environment(t, c)
	if env["REMOTE_USER"] != "ann" || env["HTTP_SEC_WEBSOCKET_PROTOCOL"] != "parley.command" {
		t.Errorf("%q", env)
	}
	for name, value := range env {
		if strings.Contains(value, token) {
			t.Errorf("the token is in %s", name)
		}
	}
	refused(t, s.ws+"/run/user", &ws.DialOptions{Subprotocols: []string{"parley.bearer." + token}}, 400)

	c = dial(t, s.ws+"/run/user", with(map[string]any{"sub": "bob"}))
	tell(t, c, "end")
	if env := environment(t, c); env["REMOTE_USER"] != "bob" || hasKey(env, "HTTP_AUTHORIZATION") {
		t.Errorf("%q", env)
	}
	var open struct {
		Ev, User string
		Claims   struct{ Sub string }
	}
	event := next(t, dial(t, s.ws+"/run/shared", with(map[string]any{"sub": "bob"})))
	if err := json.Unmarshal([]byte(event), &open); err != nil || open.Ev != "open" || open.User != "bob" || open.Claims.Sub != "bob" {
		t.Errorf("the command reads %s (%v)", event, err)
	}

	c = dial(t, s.ws+"/run/any", with(map[string]any{"sub": "ann", "exp": time.Now().Add(2 * time.Second).Unix()}))
	says(t, c, "in")
	ends(t, c, ws.CodePolicyViolation, "the token has expired")
}

// A reload lets what is the same alone.
func TestServeCommandReload(t *testing.T) {
	t.Parallel()
	const count = `echo $$; while read line; do echo $$; done`
	stays := one(`path = "/stays"`+"\nmode = \"shared\"\nhistory = 1", count)
	s := startCommands(t, stays+one(`path = "/changes"`+"\nmode = \"shared\"\nhistory = 1", count)+one(`path = "/goes"`, count)+
		one("topic = \"goes\"\ninput = true", count))
	kept := dial(t, s.ws+"/stays", nil)
	pid := number(t, kept)
	changes := dial(t, s.ws+"/changes", nil)
	old := number(t, changes)
	goes := dial(t, s.ws+"/goes", nil)
	gone := number(t, goes)
	topic := dial(t, s.ws+"/t/goes?history=1", nil)
	feeder := number(t, topic)

	s.reload(t, stays+one(`path = "/changes"`+"\nmode = \"shared\"\nhistory = 2", count)+one(`path = "/new"`, count))
	endsAtLast(t, changes, ws.CodeGoingAway)
	endsAtLast(t, goes, ws.CodeGoingAway)
	for _, pid := range []int{old, gone, feeder} {
		dies(t, pid)
	}
	tell(t, kept, "still there?")
	if got := number(t, kept); got != pid {
		t.Errorf("process %d, want %d", got, pid)
	}
	refused(t, s.ws+"/goes", nil, 404)
	number(t, dial(t, s.ws+"/new", nil))
	s.until(t, "the changed one", func(_, err string) bool {
		return strings.Count(err, `msg="a command has been started" command="path /changes"`) == 2
	})
	if got := number(t, dial(t, s.ws+"/changes", nil)); got == old {
		t.Errorf("process %d again", got)
	}

	// A configuration that cannot be leaves everything as it is.
	write(t, s.file, stays+"[[command]]\npath = \"/x\"\nrun = [\"no-such-program\"]\n")
	s.signal(t, syscall.SIGHUP)
	s.until(t, "the refusal", func(_, err string) bool { return strings.Contains(err, "no-such-program") })
	number(t, dial(t, s.ws+"/new", nil))
}

// When the server ends, so do the processes and all that they have started.
func TestServeCommandDrain(t *testing.T) {
	t.Parallel()
	last := filepath.Join(t.TempDir(), "last")
	const family = `sleep 600 & echo $!; trap "" INT; sleep 600`
	s := startCommands(t, one(`path = "/own"`, family)+one(`path = "/all"`+"\nmode = \"shared\"\nhistory = 1", family)+
		one(`path = "/pool"`+"\nmode = \"pool\"\nprocesses = 1", family)+one(`topic = "feed"`, family)+
		one("topic = \"late\"\nladder = [\"100ms\", \"20s\", \"1s\"]", `trap "sleep 1.5; echo done >`+last+`; exit" INT; echo $$; while :; do sleep 600; done`))
	var pids []int
	var conns []*ws.Conn
	for _, path := range []string{"/own", "/all", "/pool", "/t/feed?history=1", "/t/late?history=1"} {
		c := dial(t, s.ws+path, nil)
		pids, conns = append(pids, number(t, c)), append(conns, c)
	}
	s.signal(t, syscall.SIGTERM)
	for _, c := range conns[:3] {
		endsAtLast(t, c, ws.CodeGoingAway)
	}
	for _, c := range conns[3:] {
		c.CloseRead(t.Context())
	}
	if r := s.wait(t); r.code != 0 {
		t.Errorf("code %d: %s", r.code, r.err)
	}
	for _, pid := range pids {
		dies(t, pid)
	}
	if text, err := os.ReadFile(last); err != nil || string(text) != "done\n" {
		t.Errorf("a command had no time to end: %q, %v", text, err)
	}
}

// The second signal leaves nothing behind.
func TestServeCommandKill(t *testing.T) {
	t.Parallel()
	s := startCommands(t, one(`path = "/all"`+"\nmode = \"shared\"\nhistory = 1\nladder = [\"1h\", \"1h\", \"1h\"]", `trap "" INT TERM; sleep 600 & echo $!; wait; sleep 600`), "--drain", "1h")
	c := dial(t, s.ws+"/all", nil)
	pid := number(t, c)
	s.signal(t, syscall.SIGTERM)
	endsAtLast(t, c, ws.CodeGoingAway)
	s.signal(t, syscall.SIGTERM)
	if r := s.wait(t); r.code != 143 {
		t.Errorf("code %d: %s", r.code, r.err)
	}
	dies(t, pid)
}

func next(t *testing.T, c *ws.Conn) string {
	t.Helper()
	_, p, err := c.Read(soon(t))
	if err != nil {
		t.Fatal(err)
	}
	return string(p)
}
