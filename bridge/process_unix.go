//go:build unix

package bridge

import (
	"errors"
	"os/exec"
	"syscall"

	"github.com/creack/pty"
)

// ownGroup makes the process the leader of a group, so that what it starts can be ended with it, and so that Ctrl-C on the
// terminal of this process does not reach it.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// startTerminal starts the process on a terminal of its own.
func (p *process) startTerminal(c command) error {
	f, err := pty.StartWithSize(p.cmd, &pty.Winsize{Rows: c.size.rows, Cols: c.size.cols})
	if err != nil {
		return err
	}
	p.in, p.out, p.terminal = f, f, true
	return nil
}

// resize changes the size of the terminal: the processes in front get SIGWINCH.
func (p *process) resize(s size) error {
	return pty.Setsize(p.in, &pty.Winsize{Rows: s.rows, Cols: s.cols})
}

// hangUp does to the processes what the end of a terminal's line does. The terminal itself stays open for what they still
// write.
func (p *process) hangUp() { signalGroup(p, syscall.SIGHUP) }

func interruptGroup(p *process) error { return signalGroup(p, syscall.SIGINT) }
func terminateGroup(p *process) error { return signalGroup(p, syscall.SIGTERM) }
func killGroup(p *process) error      { return signalGroup(p, syscall.SIGKILL) }

// signalGroup sends a signal to the whole group, and with a terminal to all groups of its jobs.
func signalGroup(p *process, sig syscall.Signal) error {
	if !p.terminal {
		return syscall.Kill(-p.pid, sig)
	}
	var errs []error
	for _, group := range groups(p) {
		errs = append(errs, syscall.Kill(-group, sig))
		if sig == syscall.SIGHUP || sig == syscall.SIGTERM {
			syscall.Kill(-group, syscall.SIGCONT) // who is stopped has to go on to end
		}
	}
	return errors.Join(errs...)
}

// groupGone reports whether no process of the group is left; the leader was waited for. The number of a group may be given to
// another one when it is free: then that one is looked at for a moment. As long as somebody of ours is left it is taken.
func groupGone(p *process) bool {
	for { // orphans come to this process if it is the first of a container
		pid, err := syscall.Wait4(-p.pid, nil, syscall.WNOHANG, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if pid <= 0 || err != nil {
			break
		}
	}
	return len(groups(p)) == 0
}

// terminals reports whether a command can have a terminal here.
const terminals = true
