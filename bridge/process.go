package bridge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/parley-ws/parley/ws"
)

// Ladder is how long the processes of a command have to end at each step. When the last step is over they are killed.
type Ladder struct {
	Close     time.Duration // after the end of standard input
	Interrupt time.Duration // after SIGINT
	Terminate time.Duration // after SIGTERM
}

// defaultLadder has the times of websocketd.
var defaultLadder = Ladder{100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond}

const (
	groupPoll  = 5 * time.Millisecond   // when a group without its leader is looked at first, then after twice as long each time
	groupPause = 80 * time.Millisecond  // up to that: it is a look at all processes of the machine
	killWait   = 5 * time.Second        // how long a killed process may take
	lastOutput = 250 * time.Millisecond // how long output of a process that left its group is waited for
	stallCheck = 5 * time.Second        // after that long in a write to a command, the peer is looked at
)

// command is how a process is started.
type command struct {
	path  string
	args  []string // without the name
	env   []string
	dir   string // where it runs; "" is the directory of this process
	merge bool   // standard error goes where standard output goes
	size  *size  // for a terminal; nil without one
}

// size is that of a terminal.
type size struct{ rows, cols uint16 }

// process is a running command with its group, from start until ended is closed.
type process struct {
	pid      int
	log      *slog.Logger
	ladder   Ladder
	cmd      *exec.Cmd
	in       *os.File // written by one goroutine at a time; end closes it
	out      *os.File // owned by who reads it; the same as in for a terminal
	err      *os.File // nil if merged
	terminal bool

	exited chan struct{} // closed when the process itself is gone
	left   time.Time     // when that was
	ended  chan struct{} // closed when all of its group is
	stop   chan struct{} // closed to begin with the ladder
	once   sync.Once
	force  chan struct{} // closed to go down the ladder without waiting
	forced sync.Once
}

// startProcess starts a command; set gets to know it.
func startProcess(c command, ladder Ladder, log *slog.Logger, set *processes) (*process, error) {
	p := &process{
		ladder: ladder, cmd: exec.Command(c.path, c.args...),
		exited: make(chan struct{}), ended: make(chan struct{}), stop: make(chan struct{}), force: make(chan struct{}),
	}
	p.cmd.Env, p.cmd.Dir = c.env, c.dir
	if p.cmd.Env == nil {
		p.cmd.Env = []string{} // nil would be the whole environment of this process
	}
	start := p.startPipes
	if c.size != nil {
		start = p.startTerminal
	}
	if err := start(c); err != nil {
		return nil, fmt.Errorf("bridge: start %s: %w", c.path, err)
	}
	p.pid = p.cmd.Process.Pid
	p.log = log.With("pid", p.pid)
	p.log.Debug("command started", "command", c.path)
	set.trace.started(p)
	set.add(p)
	go func() {
		p.cmd.Wait() // its state says more
		p.left = time.Now()
		close(p.exited)
	}()
	go p.supervise(set)
	return p, nil
}

// startPipes starts the process on pipes.
func (p *process) startPipes(c command) (err error) {
	var opened []*os.File
	defer func() {
		if err != nil {
			for _, f := range opened {
				f.Close()
			}
		}
	}()
	pipe := func() (r, w *os.File) {
		if err != nil {
			return nil, nil
		}
		if r, w, err = os.Pipe(); err == nil {
			opened = append(opened, r, w)
		}
		return r, w
	}
	inR, inW := pipe()
	outR, outW := pipe()
	errR, errW := (*os.File)(nil), outW
	if !c.merge {
		errR, errW = pipe()
	}
	if err != nil {
		return err
	}
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = inR, outW, errW
	ownGroup(p.cmd)
	if err := p.cmd.Start(); err != nil {
		return err
	}
	inR.Close()
	outW.Close()
	if errW != outW {
		errW.Close()
	}
	p.in, p.out, p.err = inW, outR, errR
	return nil
}

// end begins with the ladder. It does not wait: ended tells.
func (p *process) end() { p.once.Do(func() { close(p.stop) }) }

// kill goes down the ladder at once.
func (p *process) kill() {
	p.end()
	p.forced.Do(func() { close(p.force) })
}

// supervise ends the group when the process has exited, or when it shall.
func (p *process) supervise(set *processes) {
	defer close(p.ended)
	defer set.remove(p)
	select {
	case <-p.exited:
	case <-p.stop:
	}
	if !p.terminal {
		p.in.Close()
	} else {
		p.hangUp()
	}
	steps := []struct {
		signal func(*process) error
		name   string
		wait   time.Duration
	}{
		{func(*process) error { return nil }, "end of standard input", p.ladder.Close},
		{interruptGroup, "SIGINT", p.ladder.Interrupt},
		{terminateGroup, "SIGTERM", p.ladder.Terminate},
		{killGroup, "SIGKILL", killWait},
	}
	for i, step := range steps {
		if err := step.signal(p); err != nil {
			p.log.Debug("no signal for the command", "signal", step.name, "err", err)
		}
		wait, force := step.wait, p.force
		if i == len(steps)-1 {
			force = nil
		}
		if p.gone(wait, force) {
			p.log.Debug("command ended", "status", p.cmd.ProcessState.String(), "after", step.name)
			set.trace.ended(p, p.failure())
			p.lastWords()
			return
		}
	}
	set.trace.ended(p, errors.New("it does not end"))
	p.log.Error("a process does not end even by SIGKILL", "waited", killWait)
	p.lastWords()
}

// gone waits until the whole group is gone. It gives up after a time, or when early is closed.
func (p *process) gone(d time.Duration, early <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	exited, pause := p.exited, groupPoll
	var again <-chan time.Time
	for {
		if exited == nil {
			if groupGone(p) {
				return true
			}
			again = time.After(pause)
			pause = min(2*pause, groupPause)
		}
		select {
		case <-exited:
			exited = nil
		case <-again:
		case <-early:
			return false
		case <-timer.C:
			return false
		}
	}
}

// lastWords bounds reads that wait now for output; readers bounds later ones.
func (p *process) lastWords() {
	for _, f := range []*os.File{p.out, p.err} {
		if f != nil {
			f.SetReadDeadline(time.Now().Add(lastOutput)) // where it cannot, nothing survives that would hold the pipe
		}
	}
}

// output is one stream of a process. It ends when nobody is left in the group, even if somebody else holds the pipe.
type output struct {
	p *process
	f *os.File
}

// Read reads what the process wrote.
func (o output) Read(b []byte) (int, error) {
	select {
	case <-o.p.ended:
		o.f.SetReadDeadline(time.Now().Add(lastOutput))
	default:
	}
	n, err := o.f.Read(b)
	if err != nil && (errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, os.ErrClosed) || o.p.terminal) {
		err = io.EOF // a terminal without its processes gives an I/O error
	}
	return n, err
}

// write writes to standard input. c may be nil.
func (p *process) write(b []byte, c *ws.Conn) error { return patientWrite(p.in, b, c) }

// deadlineWriter is a pipe or a network connection.
type deadlineWriter interface {
	io.Writer
	SetWriteDeadline(time.Time) error
}

// patientWrite writes all of b, however long it takes. While it waits, nobody reads from c: only a write can find out that the
// peer is gone, so that a ping is sent now and then. c may be nil.
func patientWrite(w deadlineWriter, b []byte, c *ws.Conn) error {
	for len(b) > 0 {
		w.SetWriteDeadline(time.Now().Add(stallCheck)) // where it cannot, the write waits
		if c != nil && c.Context().Err() != nil {      // after that: who ends the connection interrupts the write by its deadline
			return context.Cause(c.Context())
		}
		n, err := w.Write(b)
		b = b[n:]
		if errors.Is(err, os.ErrDeadlineExceeded) {
			if c != nil && !alive(c) {
				return context.Cause(c.Context())
			}
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// status says how the process ended, as a close code and a reason. It is called after exited was closed.
func (p *process) status() (ws.Code, string) {
	if p.cmd.ProcessState == nil {
		return ws.CodeInternalError, "its status is unknown"
	}
	if p.cmd.ProcessState.Success() {
		return ws.CodeNormal, ""
	}
	return ws.CodeInternalError, p.cmd.ProcessState.String()
}

// failure is status as an error, nil for status 0.
func (p *process) failure() error {
	if _, reason := p.status(); reason != "" {
		return &CommandError{reason}
	}
	return nil
}

// processes are those that run.
type processes struct {
	trace  *Trace // may be nil
	mu     sync.Mutex
	all    map[*process]bool
	killed bool
}

func (s *processes) add(p *process) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = map[*process]bool{}
	}
	s.all[p] = true
	if s.killed {
		p.kill()
	}
}

func (s *processes) remove(p *process) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, p)
}

// kill kills all groups without waiting, and those that are started from now on.
func (s *processes) kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.killed = true
	for p := range s.all {
		killGroup(p) // at once: this process may end before its goroutines run again
		p.kill()
	}
}
