// Package config is the whole configuration of "parley serve" as Go structs: read from flags, variables and TOML files, in that order of
// precedence, with the place that each value came from.
//
//	flags := config.Flags(command.Flags())
//	...
//	cfg, err := config.Load(config.Input{Flags: flags, Environ: os.Environ()})
//	if err != nil {
//		return err // every mistake in one error, each with its file and line and what to do about it
//	}
//	config.Print(os.Stdout, cfg) // TOML, with "# parley.toml:7" behind each line
//
// The structs say everything about a key: its name, default and bounds are in the tags of its field, what it means in the comment above,
// of which docs/configuration.md and the help of the flags are made (go test ./server/config -update).
//
// Load depends on nothing but its input, so that a server which is told to reload calls it again with the same flags, and NeedRestart says
// what of the difference cannot be had without starting anew.
//
// The package must not know the hub, HTTP or sockets: package server makes those of a Config.
package config
