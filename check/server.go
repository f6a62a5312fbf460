package check

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A Server judges clients that connect to it. A client's driver asks for the number of cases, runs each by its number,
// echoing what it receives, and says at last that it is done:
//
//	/getCaseCount                     sends the number of cases as a text message
//	/runCase?case=N&agent=NAME        runs case N, counted from 1
//	/getCaseInfo?case=N               sends {"id": …, "description": …}
//	/getCaseStatus?case=N&agent=NAME  sends {"behavior": …}: OK, INFORMATIONAL, UNIMPLEMENTED, NON-STRICT, WRONG CODE, FAILED
//	/updateReports?agent=NAME         says that the agent is done
//
// All of them are WebSocket endpoints. Clients may run several cases at a time. The fields are set before Serve.
type Server struct {
	Cases   []string      // which cases there are: see [Target]
	Skip    []string      // which cases are left out: see [Target]
	Tags    []string      // which cases there are: see [Target]
	Timeout time.Duration // how long a client may be silent where it has to do something; 0 means 5 seconds

	// Done is called with each result, and Updated when an agent says that it is done with its report so far; each by
	// one goroutine at a time. They may be nil.
	Done    func(agent string, r *Result)
	Updated func(r *Report)

	mu       sync.Mutex
	cases    []*Case
	agents   map[string]*agent
	order    []string
	waiting  map[slot]chan *Result
	conns    map[net.Conn]struct{}
	listener net.Listener
	closed   bool
	tell     sync.Mutex // held while Done or Updated runs
	running  sync.WaitGroup
	ended    *sync.Cond // with mu: told when a case has ended, or the server
}

// An agent is a client by its name.
type agent struct {
	begin   time.Time
	last    time.Time
	results map[int]*Result
	running int // cases
	keys    map[string]bool
}

// A slot is a case of an agent.
type slot struct {
	agent  string
	number int
}

// List returns the cases in the order of their numbers, or why none is chosen.
func (s *Server) List() ([]*Case, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cases == nil {
		var err error
		if s.cases, err = Choose(RoleClient, s.Cases, s.Skip, s.Tags); err != nil {
			return nil, err
		}
	}
	return s.cases, nil
}

// Serve judges the clients that connect through l, until Close. It closes l. After Close it returns nil once every
// connection has ended.
func (s *Server) Serve(l net.Listener) error {
	defer l.Close()
	if _, err := s.List(); err != nil {
		return err
	}
	s.mu.Lock()
	s.listener = l
	closed := s.closed
	s.mu.Unlock()
	if closed {
		return nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer s.running.Wait()
	defer cancel()
	for {
		conn, err := l.Accept()
		if err != nil {
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.closed {
				return nil
			}
			return fmt.Errorf("check: accepting clients: %w", err)
		}
		if !s.track(conn) {
			conn.Close()
			return nil
		}
		s.running.Go(func() {
			defer s.untrack(conn)
			s.serve(ctx, conn)
		})
	}
}

// Close ends Serve and every connection.
func (s *Server) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.cond().Broadcast()
	for conn := range s.conns {
		conn.Close()
	}
	if s.listener != nil {
		return s.listener.Close()
	}
	return nil
}

func (s *Server) track(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conns == nil {
		s.conns = map[net.Conn]struct{}{}
	}
	s.conns[conn] = struct{}{}
	return !s.closed
}

func (s *Server) untrack(conn net.Conn) {
	conn.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, conn)
}

// Reports returns what was found so far, a report for each agent that has run a case.
func (s *Server) Reports() []*Report {
	s.mu.Lock()
	defer s.mu.Unlock()
	reports := make([]*Report, 0, len(s.order))
	for _, name := range s.order {
		if r := s.reportOf(name); len(r.Results) > 0 {
			reports = append(reports, r)
		}
	}
	return reports
}

// reportOf is the report of an agent. s.mu is held.
func (s *Server) reportOf(name string) *Report {
	a := s.agents[name]
	r := &Report{Subject: name, Role: RoleClient, Start: a.begin, Duration: a.last.Sub(a.begin)}
	for i := range s.cases {
		if result := a.results[i+1]; result != nil {
			r.Results = append(r.Results, result)
		}
	}
	return r
}

// cond is told when a case has ended, or the server. s.mu is held.
func (s *Server) cond() *sync.Cond {
	if s.ended == nil {
		s.ended = sync.NewCond(&s.mu)
	}
	return s.ended
}

// named returns the agent of that name. s.mu is held.
func (s *Server) named(name string) *agent {
	a := s.agents[name]
	if a == nil {
		if s.agents == nil {
			s.agents = map[string]*agent{}
		}
		a = &agent{begin: time.Now(), results: map[int]*Result{}, keys: map[string]bool{}}
		a.last = a.begin
		s.agents[name] = a
		s.order = append(s.order, name)
	}
	return a
}

// expect prepares for the agent to run a case. The function that it returns waits for the result.
func (s *Server) expect(name string, number int) (wait func(context.Context) *Result) {
	name = agentName(name)
	result := make(chan *Result, 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting == nil {
		s.waiting = map[slot]chan *Result{}
	}
	s.waiting[slot{name, number}] = result
	return func(ctx context.Context) *Result {
		timer := time.NewTimer(2 * s.timeout())
		defer timer.Stop()
		select {
		case r := <-result:
			return r
		case <-ctx.Done():
		case <-timer.C:
		}
		return newResult(s.cases[number-1], Fail, "the client did not connect", &wireLog{start: time.Now()})
	}
}

func (s *Server) timeout() time.Duration {
	if s.Timeout > 0 {
		return s.Timeout
	}
	return defaultTimeout
}

func agentName(name string) string {
	if name == "" {
		return "client"
	}
	return name
}

// serve answers one connection.
func (s *Server) serve(ctx context.Context, conn net.Conn) {
	log := &wireLog{start: time.Now()}
	l := newLink(conn, false, log, s.timeout())
	conn.SetReadDeadline(time.Now().Add(s.timeout()))
	head, err := readHead(l.br)
	if err != nil {
		return
	}
	conn.SetReadDeadline(time.Time{})
	log.add("in", shownHead(head.raw), nil)
	target := requestTarget(head)
	withoutFragment, _, _ := strings.Cut(target, "#") // it does not belong there, and must not become a part of the agent's name
	u, err := url.ParseRequestURI(withoutFragment)
	if err != nil {
		answerPlain(conn, http.StatusBadRequest, "the request's target is no path: "+strconv.Quote(target)+"\n")
		return
	}
	query := u.Query()
	name := agentName(query.Get("agent"))
	number, numberErr := strconv.Atoi(query.Get("case"))
	if numberErr == nil && (number < 1 || number > len(s.cases)) {
		numberErr = errors.New("out of range")
	}
	needsNumber := u.Path == "/runCase" || u.Path == "/getCaseInfo" || u.Path == "/getCaseStatus"
	switch {
	case !head.has("Upgrade", "websocket") && u.Path != "/runCase":
		s.plain(conn, u.Path)
	case needsNumber && numberErr != nil:
		answerPlain(conn, http.StatusNotFound, fmt.Sprintf("case=%s is not a number from 1 to %d\n", query.Get("case"), len(s.cases)))
	case u.Path == "/runCase":
		s.runCase(ctx, l, head, u.RequestURI(), slot{name, number})
	case u.Path == "/getCaseCount":
		s.say(ctx, l, head, strconv.Itoa(len(s.cases)))
	case u.Path == "/getCaseInfo":
		c := s.cases[number-1]
		s.sayJSON(ctx, l, head, map[string]string{"id": c.ID, "description": c.Expect})
	case u.Path == "/getCaseStatus":
		s.mu.Lock()
		behavior := "UNKNOWN"
		if a := s.agents[name]; a != nil && a.results[number] != nil {
			behavior = behaviors[a.results[number].Verdict]
		}
		s.mu.Unlock()
		s.sayJSON(ctx, l, head, map[string]string{"behavior": behavior})
	case u.Path == "/updateReports":
		s.say(ctx, l, head, "")
		s.mu.Lock()
		for a := s.named(name); a.running > 0 && !s.closed; { // a client may be ahead of the end of its connections
			s.cond().Wait()
		}
		r := s.reportOf(name)
		s.mu.Unlock()
		if s.Updated != nil {
			s.tell.Lock()
			defer s.tell.Unlock()
			s.Updated(r)
		}
	default:
		answerPlain(conn, http.StatusNotFound, "there is no "+u.Path+": "+serverPaths+"\n")
	}
}

const serverPaths = "a client's driver uses /getCaseCount, /runCase?case=N&agent=NAME, /getCaseInfo?case=N, " +
	"/getCaseStatus?case=N&agent=NAME and /updateReports?agent=NAME"

// behaviors are the verdicts in the words that drivers know.
var behaviors = map[Verdict]string{OK: "OK", Informational: "INFORMATIONAL", Unimplemented: "UNIMPLEMENTED", NonStrict: "NON-STRICT",
	WrongCode: "WRONG CODE", Fail: "FAILED"}

func requestTarget(head *received) string {
	parts := strings.Split(head.line, " ")
	if len(parts) < 2 {
		return ""
	}
	return parts[1]
}

// plain answers a request that is not for a WebSocket: with the report so far, as a page.
func (s *Server) plain(conn net.Conn, path string) {
	if path != "/" {
		answerPlain(conn, http.StatusUpgradeRequired, "this is a WebSocket endpoint: "+serverPaths+"\n")
		return
	}
	var page strings.Builder
	if err := WriteHTML(&page, s.Reports()...); err != nil {
		answerPlain(conn, http.StatusInternalServerError, err.Error()+"\n")
		return
	}
	conn.SetWriteDeadline(time.Now().Add(s.timeout()))
	fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
		page.Len(), page.String())
	lingering(conn)
}

func answerPlain(conn net.Conn, status int, text string) {
	upgrade := ""
	if status == http.StatusUpgradeRequired {
		upgrade = "Upgrade: websocket\r\n"
	}
	conn.SetWriteDeadline(time.Now().Add(time.Second))
	fmt.Fprintf(conn, "HTTP/1.1 %s\r\nContent-Type: text/plain; charset=utf-8\r\n%sContent-Length: %d\r\nConnection: close\r\n\r\n%s",
		statusText(status), upgrade, len(text), text)
	lingering(conn)
}

// lingering waits a moment for the client to end the connection, so that what was written is not lost.
func lingering(conn net.Conn) {
	if c, ok := conn.(interface{ CloseWrite() error }); ok {
		c.CloseWrite()
	}
	conn.SetReadDeadline(time.Now().Add(time.Second))
	io.Copy(io.Discard, conn)
}

// say opens a WebSocket, sends a text message if there is one, and closes.
func (s *Server) say(ctx context.Context, l *link, head *received, message string) {
	steps := []Step{closing(1000, "")}
	if message != "" {
		steps = slices.Insert(steps, 0, text(lit(message)))
	}
	c := &Case{Steps: steps, Outcomes: []Outcome{{OK, "", []Pattern{closed()}}}}
	h := judgeRequest(head, requestTarget(head), "", func(string) bool { return true })
	s.perform(ctx, newSession(c, l, l.timeout, 0), h)
}

func (s *Server) sayJSON(ctx context.Context, l *link, head *received, v map[string]string) {
	b, _ := json.Marshal(v) // strings have a form
	s.say(ctx, l, head, string(b))
}

// perform answers the client's handshake as the case says and does its steps.
func (s *Server) perform(ctx context.Context, session *session, h *handshake) (declined string) {
	l, o := session.l, &session.c.Open
	stop := context.AfterFunc(ctx, func() { l.conn.Close() })
	defer stop()
	defer l.conn.Close()
	response, declined := o.response(h)
	if declined != "" {
		c := &Case{Steps: []Step{closing(1000, "")}, Outcomes: []Outcome{{OK, "", []Pattern{closed()}}}}
		s.perform(ctx, newSession(c, l, l.timeout, 0), h)
		return declined
	}
	if session.c.judges(SawHandshake) {
		session.observe(Event{Kind: SawHandshake, Status: http.StatusSwitchingProtocols, shake: h})
	}
	out := []byte(response)
	for i := range o.Pipelined {
		out = o.Pipelined[i].Append(out, false)
		session.sentClose = session.sentClose || o.Pipelined[i].Op == OpClose
	}
	l.log.add("out", shownHead(response), nil)
	l.logPipelined(o.Pipelined)
	l.agree(h.deflate)
	go l.listen()
	if err := l.write(out, o.Head.Chop, o.Head.Delay, func() bool { return ctx.Err() != nil }); err != nil {
		l.log.remark("sending the response failed: %v", err)
	}
	session.perform(ctx)
	l.conn.Close()
	<-l.done
	return ""
}

// runCase judges a client by one case.
func (s *Server) runCase(ctx context.Context, l *link, head *received, target string, at slot) {
	c := s.cases[at.number-1]
	s.mu.Lock()
	a := s.named(at.agent)
	a.running++
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		a.running--
		s.cond().Broadcast()
	}()
	fresh := func(key string) bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		used := a.keys[key]
		a.keys[key] = true
		return !used
	}
	h := judgeRequest(head, target, l.conn.LocalAddr().String(), fresh)
	session := newSession(c, l, l.timeout, 400*time.Millisecond)
	declined := s.perform(ctx, session, h)
	result := session.result(l.log)
	if declined != "" {
		result = newResult(c, Unimplemented, declined, l.log)
	}
	s.mu.Lock()
	a.results[at.number], a.last = result, time.Now()
	waiting := s.waiting[at]
	delete(s.waiting, at)
	s.mu.Unlock()
	if waiting != nil {
		waiting <- result
	}
	if s.Done != nil {
		s.tell.Lock()
		defer s.tell.Unlock()
		s.Done(at.agent, result)
	}
}
