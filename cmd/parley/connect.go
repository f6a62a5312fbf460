package main

import (
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-ws/parley/cmd/parley/internal/screen"
	"github.com/spf13/cobra"
)

func newConnect(std stdio) *cobra.Command {
	var dial dialFlags
	var flags clientFlags
	var someone person
	var reconnect, timestamps bool
	cmd := &cobra.Command{
		Use:   "connect URL [flags]",
		Short: "Talk to a server: each line is a text message",
		Long: `Talks to a server. At a terminal there is a prompt: each line is a message, pasted lines are
one, and /help lists commands. Elsewhere it does what parley send does, and says how it ended.`,
		Example: `  parley connect ws://127.0.0.1:8080/echo
  printf 'a\nb\n' | parley connect ws://127.0.0.1:8080/echo`,
		Args: cobra.ArbitraryArgs, // target wants one, or none
		RunE: func(cmd *cobra.Command, args []string) error {
			args, err := configured(cmd, &dial, args)
			if err != nil {
				return err
			}
			target, err := dial.onlyTarget(cmd, args)
			if err != nil {
				return err
			}
			c := &client{name: "connect", std: std, flags: &flags, target: target, person: &someone, reconnect: reconnect}
			if c.options, err = dial.options(); err != nil {
				return err
			}
			if err := c.prepare(nil, cmd.Flags().Changed("idle")); err != nil {
				return err
			}
			c.readInput = true // after the messages of -m
			someone.stamps.on.Store(timestamps)
			return c.run(cmd.Context())
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.BoolVar(&reconnect, "reconnect", false, "connect again when the connection is lost")
	f.BoolVar(&timestamps, "timestamps", false, "on a terminal, show the time of messages, and since the last one")
	f.StringVar(&someone.file, "history", "", "remember what is typed in `FILE`; off: nowhere")
	flags.register(f)
	f.Lookup("message").Usage = "send `TEXT` first; may be repeated"
	dial.register(f)
	compactHelp(cmd, append([]string{"history", "expect", "ok-close"}, lesserClientFlags...)...)
	return cmd
}

// person is somebody who may be typing, and how they want to see what comes.
type person struct {
	file   string // the value of --history
	stamps stamps
	asIs   atomic.Bool // JSON is not laid out
}

// history opens the history. What it returns can be used even if there is an error.
func (p *person) history() (*screen.History, error) {
	name := p.file
	switch dir := stateDir(); {
	case name == "off", name == "" && dir == "":
		name = ""
	case name == "":
		name = filepath.Join(dir, "history")
	}
	return screen.OpenHistory(name)
}

// stamps are the times that stand before messages, if they are on. The methods may be called from any goroutine.
type stamps struct {
	on   atomic.Bool
	mu   sync.Mutex
	last time.Time // of the last message in either direction
}

// event notes that a message has passed and returns its time, and what has passed since the last one, as one column.
func (s *stamps) event(now time.Time) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	since := ""
	if !s.last.IsZero() {
		since = fmt.Sprintf("%+.3fs", now.Sub(s.last).Seconds())
	}
	s.last = now
	return now.Format("15:04:05.000") + " " + fmt.Sprintf("%-9s", since) + " "
}
