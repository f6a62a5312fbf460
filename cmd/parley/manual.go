package main

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/parley-ws/parley/server/config"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// The man pages and the reference in docs/cli.md are made from the command tree and from manual_text.go. They have all
// flags, also those for which --help has no room.

// manualFlag is a flag as the manual shows it.
type manualFlag struct {
	name, short string
	value       string // its placeholder: FILE, or off|on|takeover; empty if it takes none
	text, note  string // what its help says, and what there is to say beyond
	standard    string // its default, if that says something
	connection  bool   // the clients share it
}

// sibling returns another command beside cmd, or nil.
func sibling(cmd *cobra.Command, name string) *cobra.Command {
	for _, other := range cmd.Parent().Commands() {
		if other.Name() == name {
			return other
		}
	}
	return nil
}

// manualFlags returns the flags of a command in the order of its help, but for --help.
func manualFlags(cmd *cobra.Command) []manualFlag {
	full := cmd.Flags()
	if cmd.Name() == "serve" { // its help has shorter texts
		full = pflag.NewFlagSet("serve", pflag.ContinueOnError)
		config.Flags(full)
	}
	shared := connectionFlags()
	var list []manualFlag
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Name == "help" {
			return
		}
		if other := full.Lookup(f.Name); other != nil {
			f = other
		}
		note := flagNotes[cmd.Name()+" --"+f.Name]
		if send := sibling(cmd, "send"); note == "" && cmd.Name() == "connect" && send != nil { // most are the same
			if same := send.Flags().Lookup(f.Name); same != nil && same.Usage == f.Usage {
				note = flagNotes["send --"+f.Name]
			}
		}
		m := newManualFlag(f, note)
		if i := ofConnection(m, shared); i >= 0 {
			m.note = shared[i].note
			m.connection = true
		}
		list = append(list, m)
	})
	return list
}

func newManualFlag(f *pflag.Flag, note string) manualFlag {
	m := manualFlag{name: f.Name, short: f.Shorthand, note: note, standard: f.DefValue}
	m.value, m.text = pflag.UnquoteUsage(f)
	if m.choice() {
		m.text = strings.TrimSuffix(m.text, ": "+m.value)
	}
	switch m.value { // what pflag guesses from types
	case "string", "stringArray", "strings":
		m.value = "TEXT"
	case "int", "ints", "float":
		m.value = "N"
	case "duration":
		m.value = "TIME"
	case "list", "number", "size", "mode", "network", "header", "secret":
		m.value = strings.ToUpper(m.value)
	}
	switch m.standard {
	case "", "0", "0s", "false", "[]":
		m.standard = ""
	}
	if strings.Contains(m.text, "("+m.standard+")") {
		m.standard = ""
	}
	return m
}

// says is all that there is to say of a flag.
func (f manualFlag) says() string {
	text := f.text
	if f.standard != "" {
		text += " (" + f.standard + ")"
	}
	if f.note != "" {
		text += ". " + f.note
	}
	return text
}

// connectionFlags returns the flags that the clients share.
func connectionFlags() []manualFlag {
	f := pflag.NewFlagSet("client", pflag.ContinueOnError)
	f.SortFlags = false
	new(dialFlags).register(f)
	var list []manualFlag
	f.VisitAll(func(f *pflag.Flag) { list = append(list, newManualFlag(f, flagNotes["connection --"+f.Name])) })
	return list
}

// ofConnection returns which of the shared flags a flag of a command is, or -1. One of the same name may be another.
func ofConnection(f manualFlag, shared []manualFlag) int {
	return slices.IndexFunc(shared, func(s manualFlag) bool {
		return s.name == f.name && s.short == f.short && strings.HasPrefix(s.text, f.text)
	})
}

// manualCode is a line of exitCodesText.
type manualCode struct {
	code int
	text string
}

func exitCodes() []manualCode {
	var list []manualCode
	for line := range strings.Lines(exitCodesText) {
		number, text, _ := strings.Cut(strings.TrimSpace(line), "  ")
		if code, err := strconv.Atoi(number); err == nil {
			list = append(list, manualCode{code, strings.TrimSpace(text)})
		}
	}
	return list
}

// manualCommands returns the commands that have pages, in the order of their names. The topics of help are part of others.
func manualCommands(root *cobra.Command) []*cobra.Command {
	var list []*cobra.Command
	for _, cmd := range root.Commands() {
		if cmd.Runnable() && !cmd.Hidden && cmd.Name() != "help" {
			list = append(list, cmd)
		}
	}
	return list
}

// bareFlag is a flag in a text.
var bareFlag = regexp.MustCompile("(^|[ (])(--?[a-zA-Z0-9][a-zA-Z0-9-]*)")

// marked puts backquotes around the flags in a text that has none yet.
func marked(text string) string {
	var b strings.Builder
	for i, part := range strings.Split(text, "`") {
		switch {
		case i%2 == 0:
			b.WriteString(bareFlag.ReplaceAllString(part, "$1`$2`"))
		default:
			b.WriteString("`" + part + "`")
		}
	}
	return b.String()
}

// choice reports whether the value of a flag is one of the words of its placeholder.
func (f manualFlag) choice() bool {
	return strings.Contains(f.value, "|") && f.value != strings.ToUpper(f.value)
}
