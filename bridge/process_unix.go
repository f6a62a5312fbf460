//go:build unix

package bridge

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
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
	if runtime.GOOS == "linux" { // elsewhere the poller does not know all terminals
		if f, err = pollable(f); err != nil {
			p.cmd.Process.Kill()
			p.cmd.Wait()
			return err
		}
	}
	p.in, p.out, p.terminal = f, f, true
	return nil
}

// pollable returns the same terminal with deadlines for reads and writes: package pty makes it block.
func pollable(f *os.File) (*os.File, error) {
	defer f.Close()
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), f.Name()), nil
}

// resize changes the size of the terminal: the processes in front get SIGWINCH.
func (p *process) resize(s size) error {
	conn, err := p.in.SyscallConn() // Fd would make it block
	if err != nil {
		return err
	}
	if e := conn.Control(func(fd uintptr) {
		err = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &unix.Winsize{Row: s.rows, Col: s.cols})
	}); e != nil {
		return e
	}
	return err
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
	for _, group := range groups(p, time.Now()) {
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
	return len(groups(p, p.left)) == 0
}

// terminals reports whether a command can have a terminal here.
const terminals = true
