package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// helpWidth is how wide help may be.
const helpWidth = 100

// compactHelp gives a client command a help that fits a screen: its own flags line by line, and only the names of the
// others, which are those of the connection and those named in more.
func compactHelp(cmd *cobra.Command, more ...string) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Annotations[connectionFlag] != nil {
			f.Hidden = false // so that the shell completes it
		}
	})
	cmd.SetHelpFunc(func(cmd *cobra.Command, _ []string) {
		own := pflag.NewFlagSet("own", pflag.ContinueOnError)
		own.SortFlags = false
		var names []string
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			switch {
			case f.Name == "help" || f.Hidden:
			case f.Annotations[connectionFlag] == nil && !slices.Contains(more, f.Name):
				own.AddFlag(f)
			case f.Shorthand != "":
				names = append(names, "-"+f.Shorthand+" --"+f.Name)
			default:
				names = append(names, "--"+f.Name)
			}
		})
		text := cmd.Long
		if text == "" {
			text = cmd.Short
		}
		w := cmd.OutOrStdout()
		fmt.Fprintf(w, "%s\n\n%s\n\nUsage: %s\n", cmd.Example, text, cmd.UseLine())
		fmt.Fprintf(w, "\nFlags; those at the end, like curl's where curl has them, are in parley help client-flags:\n")
		fmt.Fprintf(w, "%s", own.FlagUsages())
		wrapped(w, "  ", names)
	})
}

// wrapped writes words in lines no longer than helpWidth.
func wrapped(w io.Writer, indent string, words []string) {
	line := indent
	for i, word := range words {
		if i < len(words)-1 {
			word += ","
		}
		if line != indent && len(line)+1+len(word) > helpWidth {
			fmt.Fprintln(w, line)
			line = indent
		}
		if line != indent {
			line += " "
		}
		line += word
	}
	fmt.Fprintln(w, line)
}

// newClientFlags returns the help topic about the flags that the client commands share.
func newClientFlags() *cobra.Command {
	var dial dialFlags
	var keepalive keepaliveFlags
	f := pflag.NewFlagSet("client", pflag.ContinueOnError)
	f.SortFlags = false
	dial.register(f)
	keepalive.register(f)
	f.VisitAll(func(f *pflag.Flag) { f.Hidden = false })
	cmd := &cobra.Command{
		Use:   "client-flags",
		Short: "The flags that connect, send, ping, probe and bench share",
		Long: strings.TrimRight(f.FlagUsages(), "\n") + `
@FILE keeps a secret out of the list of processes, @- is standard input. --max-size is also the
variable PARLEY_MAX_SIZE, and max_size below [client] or [profile.NAME] in files: see docs/cli.md.`,
	}
	cmd.Flags().BoolP("help", "h", false, "")
	cmd.Flags().Lookup("help").Hidden = true // the help has to fit a screen
	return cmd
}
