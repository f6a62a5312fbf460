package config

import (
	"bufio"
	_ "embed"
	"fmt"
	"io"
	"strings"
)

// Example is a configuration file with every key there is.
//
//go:embed example.toml
var Example string

const introduction = `# Configuration of parley serve

<!-- Made by "go test ./server/config -update" from server/config: change the comments and tags there. -->

` + "`parley serve`" + ` needs no configuration. What there is can be given in four places; of those that have a value, the first wins:

1. flags, ` + "`--limits-outbox 2MiB`" + `,
2. variables, ` + "`PARLEY_LIMITS_OUTBOX=2MiB`" + `; one that is empty counts as not set,
3. the file ` + "`parley.toml`" + ` in the working directory,
4. the file ` + "`$XDG_CONFIG_HOME/parley/config.toml`" + ` (` + "`~/.config/parley/config.toml`" + `).

` + "`--config FILE`" + ` or ` + "`PARLEY_CONFIG`" + ` names a file that is read in place of these two. ` + "`parley serve --print-config`" + ` prints what is in
effect as TOML, with where each value came from. That is a configuration file again, but for secrets that stood in the open, and not in a
file of their own: they are not shown, and a server does not start until they are filled in. Standard error says which these are.

One of the files in 3 and 4 that is not there, be it that its directory is not there or is none, is left out. One that is there and must
not be read ends the start: it could say who is let in.

A key that is unknown, or has a value that is not allowed, is an error, in variables too: the server does not start, and a running one
that is told to reload keeps what it has. All mistakes are told at once, each with its file and line. Variables that Kubernetes
makes up for a service called parley, such as ` + "`PARLEY_PORT`" + `, are left alone.

## Values

| type | in TOML | in flags and variables |
|---|---|---|
| string, or one of some words | ` + "`\"json\"`" + ` | ` + "`json`" + ` |
| bool | ` + "`true`" + ` | ` + "`true`" + `; a flag alone is true |
| int | ` + "`100`" + ` | ` + "`100`" + ` |
| number | ` + "`0.5`, `50`" + ` | ` + "`0.5`" + ` |
| duration | ` + "`\"1m30s\"`, `\"500ms\"`" + ` | ` + "`1m30s`" + ` |
| size | ` + "`\"64KiB\"`, `\"1MB\"`, `65536`" + ` | ` + "`64KiB`" + ` |
| mode | ` + "`\"0660\"`" + ` | ` + "`0660`" + ` |
| network | ` + "`\"10.0.0.0/8\"`, `\"::1\"`" + ` | ` + "`10.0.0.0/8`" + ` |
| secret | ` + "`\"@/run/secrets/name\"`" + `, the file that holds it, or itself | ` + "`@/run/secrets/name`" + ` |
| header | ` + "`\"Authorization: @/run/secrets/name\"`" + ` | the same |
| list of one of these | ` + "`[\"a\", \"b\"]`" + ` | ` + "`a,b`" + `, or the flag more than once; headers are separated by line ends |

A secret is never printed or logged. In a file of its own (` + "`@FILE`" + `, a path from the working directory) it is not in the list of processes either, and is
read again when the server reloads.

## Lists of tables

` + "`[[listen]]`, `[[api_key]]`, `[[topic]]` and `[[call]]`" + ` may appear many times. As a flag, each is one line; its first word needs no name, and values with spaces are quoted:

` + "```sh" + `
parley serve --topic 'chat/** history=1000 presence=true' --topic 'prices/* policy=conflate publish=nobody' \
  --listen 127.0.0.1:8080 --listen 'unix:/run/parley.sock mode=0660 private=true' \
  --api-key 'shop key=@/run/secrets/shop scopes=publish,read'
` + "```" + `

The variables ` + "`PARLEY_LISTEN`, `PARLEY_API_KEY`, `PARLEY_TOPIC` and `PARLEY_CALL`" + ` hold such lines, one after the other. A list is taken whole from the first
place that has it: flags do not add to the list of a file.

` + "`[[command]]`" + ` has neither a flag nor a variable. It says what is run, so that it does not count in a ` + "`parley.toml`" + ` that was merely found in the
working directory: that is an error. Name the file, with ` + "`--config ./parley.toml` or `PARLEY_CONFIG`" + `, or write commands into the file of the
user. [bridge.md](bridge.md#in-parley-serve) has examples.

`

// Reference writes docs/configuration.md: everything that can be configured, with its name in each place.
func Reference(w io.Writer) error {
	out := bufio.NewWriter(w)
	out.WriteString(introduction)
	out.WriteString("## Keys\n\nThose marked † take effect only after a restart; all others when the server reloads (SIGHUP). ")
	out.WriteString("TLS cannot be turned on or off by a reload, but certificates are read again.\n")
	for _, t := range schema() {
		if t.name == "" {
			out.WriteString("\n### At the top\n\n")
		} else {
			fmt.Fprintf(out, "\n### `%s`\n\n%s.\n\n", t, upper(t.help))
		}
		if t.list {
			out.WriteString("| key | type | default | meaning |\n|---|---|---|---|\n")
		} else {
			out.WriteString("| key | flag and variable | type | default | meaning |\n|---|---|---|---|---|\n")
		}
		for _, k := range t.keys {
			name := "`" + k.Name + "`"
			if k.Restart {
				name += " †"
			}
			if !t.list {
				name += " | `--" + k.Flag + "` `" + k.Variable + "`"
			}
			value := k.Default
			if value != "" {
				value = "`" + value + "`"
			}
			fmt.Fprintf(out, "| %s | %s | %s | %s |\n", name, k.Type, value, escape.Replace(k.Help))
		}
	}
	out.WriteString("\n### Short flags\n\n| flag | variable | meaning |\n|---|---|---|\n")
	fmt.Fprintf(out, "| `--%s` | `%s` | the configuration file |\n", flagConfig, variable(flagConfig))
	for _, a := range aliases {
		name := "`--" + a.flag + "`"
		if a.short != "" {
			name += " `-" + a.short + "`"
		}
		meaning := "`log_level` is debug"
		if a.key != "" {
			meaning = "`" + a.key + "` of the first `[[listen]]`"
		}
		fmt.Fprintf(out, "| %s | `%s` | %s |\n", name, variable(a.flag), meaning)
	}
	out.WriteString("\n## A file with everything\n\n```toml\n" + Example + "```\n")
	return out.Flush()
}

// escape keeps text from being taken for Markdown.
var escape = strings.NewReplacer("|", `\|`, "*", `\*`)

func upper(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
