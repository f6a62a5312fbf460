package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// shells are those for which there is completion.
var shells = []cobra.Completion{"bash", "zsh", "fish", "powershell"}

func newCompletion(std stdio) *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash|zsh|fish|powershell",
		Short: "Print what lets a shell complete parley's commands and flags",
		Long: `Prints a script that the shell reads when it starts. It asks parley itself what fits, so it stays
right when parley changes. For zsh: source <(parley completion zsh), after compinit, in ~/.zshrc.
For PowerShell: parley completion powershell | Out-String | Invoke-Expression, in $PROFILE.`,
		Example: `  source <(parley completion bash)    # in ~/.bashrc; with the package bash-completion
  parley completion fish | source     # in ~/.config/fish/config.fish`,
		Args:                  exactly(1, "the name of a shell"),
		DisableFlagsInUseLine: true, // there are none
		RunE: func(cmd *cobra.Command, args []string) error {
			script, err := completionScript(cmd.Root(), args[0])
			if err != nil {
				return err
			}
			_, err = std.out.Write(script)
			return err
		},
	}
}

// completionScript returns the script for a shell.
func completionScript(root *cobra.Command, shell string) ([]byte, error) {
	var b bytes.Buffer
	write, ok := map[string]func(io.Writer) error{
		"bash":       func(w io.Writer) error { return root.GenBashCompletionV2(w, true) },
		"zsh":        root.GenZshCompletion,
		"fish":       func(w io.Writer) error { return root.GenFishCompletion(w, true) },
		"powershell": root.GenPowerShellCompletionWithDesc,
	}[shell]
	if !ok {
		return nil, usage("choose bash, zsh, fish or powershell", "completion: unknown shell %q", shell)
	}
	if err := write(&b); err != nil {
		return nil, err
	}
	script := b.Bytes()
	if shell == "bash" { // where @ ends a word, and so @FILE and @PROFILE would be two
		script = bytes.ReplaceAll(script, []byte("init_completion -n =: "), []byte("init_completion -n =:@ "))
		special := []byte("    __parley_handle_special_char \"$cur\" =\n")
		script = bytes.ReplaceAll(script, special, append(special, bytes.Replace(special, []byte("="), []byte("@"), 1)...))
	}
	return script, nil
}

// describeHelp gives the command help examples, as the others have them, and an error for what it does not know.
func describeHelp(root *cobra.Command) {
	help, _, err := root.Find([]string{"help"})
	if err != nil {
		return
	}
	help.Use = "help [COMMAND | exit-codes | client-flags]"
	help.Short = "Say more about a command, or about a topic"
	help.DisableFlagsInUseLine = true
	help.Long = "Prints the help of a command, as COMMAND --help does, or that of a topic. Manual pages: parley man."
	help.Example = "  parley help send\n  parley help exit-codes"
	help.ValidArgsFunction = nil // withCompletions has one that knows the topics
	help.Run = nil
	help.RunE = func(_ *cobra.Command, args []string) error {
		cmd, _, err := root.Find(args)
		switch {
		case err != nil:
			return err
		case cmd == root && len(args) > 0:
			return root.RunE(root, args) // which says what may have been meant
		}
		cmd.InitDefaultHelpFlag() // so that it is among the flags
		return cmd.Help()
	}
}

// isCompletion reports whether the arguments are those with which a shell asks what fits.
func isCompletion(args []string) bool {
	return len(args) > 1 && (args[0] == cobra.ShellCompRequestCmd || args[0] == cobra.ShellCompNoDescRequestCmd)
}

// withCompletions makes the tree answer a shell: all flags, also those for which --help has no room, and for each flag
// and argument what fits. Files are offered only where they belong.
func withCompletions(root *cobra.Command) {
	for _, cmd := range root.Commands() {
		if cmd.ValidArgsFunction == nil {
			cmd.ValidArgsFunction = completeArgs(root, cmd.Name())
		}
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			cmd.RegisterFlagCompletionFunc(f.Name, completeFlag(f)) // an error says that it has one
			f.Hidden = false
			_, f.Usage = pflag.UnquoteUsage(f) // what is shown beside it
		})
	}
}

// completeArgs returns what completes the arguments of a command.
func completeArgs(root *cobra.Command, name string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
		var list []cobra.Completion
		switch name {
		case "completion":
			list = shells
		case "man":
			for _, c := range manualCommands(root) {
				list = append(list, cobra.CompletionWithDesc(c.Name(), c.Short))
			}
		case "help":
			for _, c := range root.Commands() {
				if !c.Hidden && c.Name() != "help" {
					list = append(list, cobra.CompletionWithDesc(c.Name(), c.Short))
				}
			}
		case "compare":
			if len(args) < 2 {
				return []cobra.Completion{"json"}, cobra.ShellCompDirectiveFilterFileExt
			}
		case "bridge":
			if slices.Contains(os.Args, "--") { // a command and its arguments; cobra puts hyphens of its own behind what it parses
				return nil, cobra.ShellCompDirectiveDefault
			}
		case "connect", "send", "ping", "probe", "bench":
			list = profileNames(cmd)
		}
		if len(args) > 0 {
			list = nil
		}
		return fitting(list, word), cobra.ShellCompDirectiveNoFileComp
	}
}

// profileNames returns the profiles of the configuration, each behind its @. Of files that cannot be read it has none.
func profileNames(cmd *cobra.Command) []cobra.Completion {
	only := ""
	if f := cmd.Flag("config"); f != nil {
		only = f.Value.String()
	}
	files, _ := configurationFiles(only, false)
	var names []cobra.Completion
	for _, f := range files {
		for name := range f.profiles {
			names = append(names, "@"+name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// completeFlag returns what completes the value of a flag, by its placeholder: FILE or PATH, DIR, or words that exclude
// each other.
func completeFlag(f *pflag.Flag) cobra.CompletionFunc {
	value, text := pflag.UnquoteUsage(f)
	list := choices(value, text)
	switch {
	case len(list) > 0:
		return func(_ *cobra.Command, _ []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
			fits := fitting(list, word)
			directive := cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
			if !slices.ContainsFunc(fits, func(s string) bool { return !strings.HasSuffix(s, ":") }) {
				directive |= cobra.ShellCompDirectiveNoSpace
			}
			return fits, directive
		}
	case value == "DIR":
		return func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		}
	case value == "FILE", value == "PATH", strings.HasSuffix(f.Name, "-file"):
		return func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveDefault
		}
	case strings.Contains(text, "@FILE"):
		return completeAt
	}
	return cobra.NoFileCompletions
}

// fitting returns those that begin with what has been typed.
func fitting(list []cobra.Completion, word string) []cobra.Completion {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return !strings.HasPrefix(s, word) })
}

// listed is a text that ends with the words for a placeholder in it.
var listed = regexp.MustCompile(`: ([a-z0-9.-]+[^;]*)$`)

// choices returns the words of which a flag takes one: those of a placeholder off|on|takeover, or those at the end of a
// text "MODE: per-connection, shared, pool N".
func choices(value, text string) []string {
	f := manualFlag{value: value}
	var list []string
	switch m := listed.FindStringSubmatch(text); {
	case f.choice():
		return strings.Split(value, "|")
	case m != nil && slices.Contains([]string{"KIND", "FORM", "MODE", "HOW", "VERSION"}, value):
		for word := range strings.SplitSeq(m[1], ",") {
			list = append(list, strings.TrimRight(strings.TrimSpace(word), " ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
		}
	}
	return list
}

// completeAt offers @ and the files behind it.
func completeAt(_ *cobra.Command, _ []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
	name, ok := strings.CutPrefix(word, "@")
	if !ok {
		if word == "" {
			return []cobra.Completion{cobra.CompletionWithDesc("@", "a file that holds it")}, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
		}
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	dir, base := filepath.Split(name)
	entries, _ := os.ReadDir(filepath.Clean("./" + dir)) // of what cannot be read nothing is offered
	if filepath.IsAbs(name) {
		entries, _ = os.ReadDir(dir)
	}
	var list []cobra.Completion
	directive := cobra.ShellCompDirectiveNoFileComp
	for _, e := range entries {
		switch {
		case !strings.HasPrefix(e.Name(), base), strings.HasPrefix(e.Name(), ".") && !strings.HasPrefix(base, "."):
		case e.IsDir():
			list = append(list, "@"+dir+e.Name()+"/")
			directive |= cobra.ShellCompDirectiveNoSpace
		default:
			list = append(list, "@"+dir+e.Name())
		}
	}
	return list, directive
}
