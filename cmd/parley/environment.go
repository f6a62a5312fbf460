package main

import (
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// fromEnvironment sets each flag of cmd that was not given from its variable: --tls-cert from PARLEY_TLS_CERT.
func fromEnvironment(cmd *cobra.Command) error {
	l := fromVariables(cmd)
	var failed error
	cmd.Flags().VisitAll(func(flag *pflag.Flag) {
		if s, ok := l[flag.Name]; ok && !flag.Changed && failed == nil {
			failed = setFlag(cmd.Flags(), flag.Name, s)
		}
	})
	return failed
}

// fromVariables returns what the variables say of the flags of cmd; an empty one says nothing. Numbers and names in a list are
// separated by commas, header lines by ends of lines; other lists have one element.
func fromVariables(cmd *cobra.Command) layer {
	l := layer{}
	cmd.Flags().VisitAll(func(flag *pflag.Flag) {
		name := variable(flag.Name)
		value := os.Getenv(name)
		if flag.Name == "help" || value == "" {
			return
		}
		l[flag.Name] = setting{[]string{value}, func(value string, err error) error {
			return usage("unset it, or see "+cmd.CommandPath()+" --help", "the variable %s is %q: %w", name, value, err)
		}}
	})
	return l
}

// variable returns the name of the environment variable for a flag.
func variable(flag string) string {
	return "PARLEY_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}
