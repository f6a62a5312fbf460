package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// helpTemplate starts with the examples and fits a screen.
const helpTemplate = `{{if .HasExample}}{{.Example}}

{{end}}{{with or .Long .Short}}{{. | trimTrailingWhitespaces}}
{{end}}{{if or .Runnable .HasSubCommands}}
Usage: {{if .HasAvailableSubCommands}}{{.CommandPath}} COMMAND [flags]{{else}}{{.UseLine}}{{end}}
{{end}}{{if .HasAvailableSubCommands}}
Commands:{{range .Commands}}{{if .IsAvailableCommand}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}
{{end}}{{if .HasAvailableLocalFlags}}
Flags:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}
{{end}}{{if .HasAvailableSubCommands}}
"{{.CommandPath}} COMMAND --help" says more about a command, "{{.CommandPath}} help exit-codes" what it returns.
{{end}}`

// newRoot returns the command tree.
func newRoot(std stdio) *cobra.Command {
	root := &cobra.Command{
		Use:   "parley",
		Short: "WebSocket server and tools.",
		Example: `  parley serve                              # a server on 127.0.0.1:8080: open the page it names
  parley connect ws://127.0.0.1:8080/echo   # talk to it: a line is a message`,
		Args: cobra.ArbitraryArgs, // so that an unknown command comes here
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			hint := "parley --help lists the commands"
			if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
				hint = "did you mean parley " + near[0] + "?"
			}
			return usage(hint, "unknown command %q", args[0])
		},
		SilenceErrors: true, // report prints them, in one line
		SilenceUsage:  true,
	}
	root.SuggestionsMinimumDistance = 2
	root.SetIn(std.in)
	root.SetOut(std.out)
	root.SetErr(std.err)
	root.SetHelpTemplate(helpTemplate)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usage("see "+cmd.CommandPath()+" --help", "%w", err)
	})
	root.AddCommand(newServe(std), newConnect(std), newCheck(std), newBench(std), newCompare(std), newBridge(std), newVersion(std), &cobra.Command{
		Use:   "exit-codes",
		Short: "What the commands return",
		Long:  exitCodesText,
	})
	root.AddCommand(newSend(std), newPing(std), newProbe(std), newClientFlags(), newCompletion(std), newMan(std))
	root.InitDefaultHelpCmd()
	describeHelp(root)
	root.Flags().BoolP("help", "h", false, "") // the help has to fit a screen: who sees it knows the flag
	root.Flags().Lookup("help").Hidden = true
	return root
}

// withCommand puts "connect" before the arguments if they are those of connect without its name: parley ws://…, parley
// @staging.
func withCommand(root *cobra.Command, args []string) []string {
	if len(args) == 0 {
		return args
	}
	if isCompletion(args) {
		withCompletions(root)
		return append(args[:1:1], withCommand(root, args[1:])...)
	}
	if first := args[0]; isProfile(first) {
		return append([]string{"connect"}, args...)
	} else if !strings.HasPrefix(first, "-") && !isURL(first) {
		return args
	}
	for _, arg := range args {
		if isURL(arg) {
			return append([]string{"connect"}, args...)
		}
	}
	return args
}

// isURL reports whether arg is an address that connect takes, and nothing else does.
func isURL(arg string) bool {
	scheme, _, ok := strings.Cut(arg, "://")
	if !ok {
		return false
	}
	switch strings.ToLower(scheme) {
	case "ws", "wss", "ws+unix":
		return true
	}
	return false
}

// exactly is cobra.ExactArgs with a message that says what is missing.
func exactly(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		hint := "see " + cmd.CommandPath() + " --help"
		switch {
		case len(args) < n:
			return usage(hint, "%s: %s is missing", cmd.Name(), what)
		case len(args) > n:
			return usage(hint, "%s: unexpected argument %s", cmd.Name(), fmt.Sprintf("%q", args[n]))
		}
		return nil
	}
}
