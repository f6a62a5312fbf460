// Package early sets http2xconnect=1 in the environment variable GODEBUG before net/http is initialised, which reads it then.
//
// Go initialises packages in the order of their import paths, as soon as what they import is initialised: this package imports
// nothing but strings and os, which net/http imports, too, and its path sorts before net/http. So it must not import more.
package early

import (
	"os"
	"strings"
)

const (
	variable = "GODEBUG"
	setting  = "http2xconnect"
)

// Restore puts the variable back as it was.
var Restore = func() {}

func init() {
	before, had := os.LookupEnv(variable)
	if strings.Contains(before, setting+"=") {
		return // whoever has started the program has decided
	}
	value := setting + "=1"
	if before != "" {
		value = before + "," + value
	}
	if os.Setenv(variable, value) != nil {
		return
	}
	Restore = func() {
		if had {
			_ = os.Setenv(variable, before) // it was possible a moment ago
		} else {
			_ = os.Unsetenv(variable)
		}
	}
}
