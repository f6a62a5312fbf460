//go:build !unix

package bridge

import (
	"errors"
	"os"
	"os/exec"
)

// There are no process groups here: SIGINT and SIGTERM cannot be sent, SIGKILL ends the process itself, and what it started
// stays. Job objects would be the means of Windows.

func ownGroup(*exec.Cmd) {}

func (p *process) startTerminal(command) error { return errors.ErrUnsupported }

func (p *process) resize(size) error { return errors.ErrUnsupported }

func (p *process) hangUp() {}

func interruptGroup(*process) error { return errors.ErrUnsupported }
func terminateGroup(*process) error { return errors.ErrUnsupported }

func killGroup(p *process) error {
	if err := p.cmd.Process.Kill(); !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

// groupGone is true: nothing is known but the process itself, and it was waited for.
func groupGone(*process) bool { return true }

// terminals reports whether a command can have a terminal here.
const terminals = false
