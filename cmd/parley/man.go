package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

func newMan(std stdio) *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "man [COMMAND] [flags]",
		Short: "Print the manual page of parley or of a command",
		Long: `Prints a page in roff, which man formats: that of the command, or else the main one. With --dir it
writes all of them: parley.1, parley-send.1 and so on.`,
		Example: `  parley man send | man -l -                   # read a page
  parley man --dir ~/.local/share/man/man1     # install them all: then man parley-send works`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usage("see parley man --help", "man: unexpected argument %q", args[1])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			pages := manPages(cmd.Root())
			if dir != "" {
				if len(args) > 0 {
					return usage("leave one of them out", "man: --dir writes the pages of all commands, and %q is one", args[0])
				}
				return writePages(dir, pages)
			}
			name := "parley"
			if len(args) > 0 {
				name += "-" + strings.TrimPrefix(args[0], "parley-")
			}
			page, ok := pages[name+".1"]
			if !ok {
				return usage("parley --help lists the commands", "man: there is no page for %q", args[0])
			}
			_, err := std.out.WriteString(page)
			return err
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "", "write the pages of all commands to this `DIR`, which is made if it is not there")
	return cmd
}

// writePages writes each page to a file of its name.
func writePages(dir string, pages map[string]string) error {
	err := os.MkdirAll(dir, 0o755)
	for name, page := range pages {
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), []byte(page), 0o644)
		}
	}
	if err != nil {
		return &failure{exitIO, fmt.Errorf("man: --dir: %w", err), "choose a folder that can be written"}
	}
	return nil
}

// manPages returns the pages of the program, by the names of their files.
func manPages(root *cobra.Command) map[string]string {
	commands := manualCommands(root)
	pages := map[string]string{"parley.1": mainManPage(root, commands)}
	for _, cmd := range commands {
		pages["parley-"+cmd.Name()+".1"] = commandManPage(cmd)
	}
	return pages
}

// mainManPage returns the page of the program.
func mainManPage(root *cobra.Command, commands []*cobra.Command) string {
	var r roff
	r.begin("parley", root.Short)
	r.synopsis("parley", mainPage.forms)
	r.section("DESCRIPTION")
	r.paragraphs(mainPage.about)
	r.section("COMMANDS")
	for _, cmd := range commands {
		r.item(`\fBparley\-`+escaped(cmd.Name())+`\fR(1)`, cmd.Short+".")
	}
	r.section("OPTIONS")
	r.item(`\fB\-h\fR, \fB\-\-help\fR`, "Of each command: two examples, what it does, and its flags, or the most important of them.")
	r.section("EXAMPLES")
	r.examples(root.Example)
	r.end("parley", mainPage, commands)
	return r.String()
}

// commandManPage returns the page of a command.
func commandManPage(cmd *cobra.Command) string {
	page := manualPages[cmd.Name()]
	var r roff
	r.begin("parley-"+cmd.Name(), cmd.Short)
	forms := page.forms
	if forms == nil {
		forms = []string{strings.TrimPrefix(cmd.UseLine(), "parley ")}
	}
	r.synopsis("parley", forms)
	r.section("DESCRIPTION")
	about := page.about
	if about == nil {
		about = []string{strings.Join(strings.Fields(cmd.Long), " ")}
		if cmd.Long == "" {
			about[0] = cmd.Short + "."
		}
	}
	r.paragraphs(about)
	r.section("OPTIONS")
	flags := manualFlags(cmd)
	for _, f := range flags {
		if !f.connection {
			r.flag(f)
		}
	}
	r.item(`\fB\-h\fR, \fB\-\-help\fR`, "print a short help")
	if slices.ContainsFunc(flags, func(f manualFlag) bool { return f.connection }) {
		r.line(".SS Flags of the connection")
		for _, f := range flags {
			if f.connection {
				r.flag(f)
			}
		}
	}
	if cmd.Name() == "connect" {
		r.section("COMMANDS")
		for _, c := range promptCommands() {
			r.item(`\fB`+escaped(c.text)+`\fR`, c.help)
		}
	}
	r.section("EXAMPLES")
	r.examples(cmd.Example)
	r.end(cmd.Name(), page, nil)
	return r.String()
}

// documents is where the pages of docs/ are found.
const documents = "https://github.com/parley-ws/parley/blob/main/docs/"

// end writes the sections that follow the examples.
func (r *roff) end(name string, page manualPage, commands []*cobra.Command) {
	r.section("EXIT STATUS")
	for _, c := range exitCodes() {
		if page.codes == nil || slices.Contains(page.codes, c.code) {
			r.item(fmt.Sprintf(`\fB%d\fR`, c.code), c.text)
		}
	}
	if name == "parley" || page.variables {
		r.section("ENVIRONMENT")
	}
	switch {
	case name == "parley":
		for _, v := range manualVariables {
			r.item(`\fB`+escaped(v.term)+`\fR`, v.text)
		}
	case page.variables:
		r.paragraphs([]string{"Each flag has a variable, which counts when the flag is not given: `PARLEY_` and its name in capitals, with `_` for each hyphen. Numbers and names in a list are separated by commas, header lines by line ends; an empty variable does not count. The others are in `parley`(1)."})
	}
	r.pairings("FILES", `\fI`, page.files)
	r.pairings("SIGNALS", `\fB`, page.signals)
	r.section("SEE ALSO")
	var see []string
	if name != "parley" {
		see = append(see, `\fBparley\fR(1)`)
	}
	for _, cmd := range commands {
		see = append(see, `\fBparley\-`+escaped(cmd.Name())+`\fR(1)`)
	}
	r.line(strings.Join(see, ",\n"))
	if len(page.see) > 0 {
		r.line(".PP")
	}
	for i, doc := range page.see {
		r.line(escaped(documents + doc))
		if i < len(page.see)-1 {
			r.line(".br")
		}
	}
}
