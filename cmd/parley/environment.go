package main

import (
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// fromEnvironment sets each flag of cmd that was not given from its variable: --tls-cert from PARLEY_TLS_CERT. A list is
// separated by commas.
func fromEnvironment(cmd *cobra.Command) error {
	var failed error
	cmd.Flags().VisitAll(func(flag *pflag.Flag) {
		name := variable(flag.Name)
		value, ok := os.LookupEnv(name)
		if flag.Changed || flag.Name == "help" || !ok || value == "" || failed != nil {
			return
		}
		if err := cmd.Flags().Set(flag.Name, value); err != nil {
			failed = usage("unset it, or see "+cmd.CommandPath()+" --help", "the variable %s is %q: %w", name, value, err)
		}
	})
	return failed
}

// variable returns the name of the environment variable for a flag.
func variable(flag string) string {
	return "PARLEY_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}
