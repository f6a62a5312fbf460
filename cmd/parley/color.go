package main

import (
	"os"

	"github.com/parley-ws/parley/cmd/parley/internal/screen"
)

// The colours in use, as parameters of the escape sequence that sets them.
const (
	red     = "31"
	green   = "32"
	yellow  = "33"
	magenta = "35"
	cyan    = "36"
	faint   = "2"
)

// paint returns text in a colour, or as it is.
func paint(on bool, colour, text string) string {
	if !on || text == "" {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

// checkColor checks a value of --color.
func checkColor(mode string) error {
	switch mode {
	case "auto", "always", "never":
		return nil
	}
	return usage("choose auto, always or never", "--color: unknown mode %q", mode)
}

// coloured reports whether a stream gets colours, by --color and the environment (https://no-color.org).
func coloured(mode string, f *os.File) bool {
	force := os.Getenv("FORCE_COLOR")
	switch {
	case mode != "auto":
		return mode == "always"
	case os.Getenv("NO_COLOR") != "":
		return false
	case force != "":
		return force != "0"
	}
	return screen.IsTerminal(f) && os.Getenv("TERM") != "dumb"
}
