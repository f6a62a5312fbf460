package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/parley-ws/parley/load"
	"github.com/spf13/cobra"
)

func newCompare(std stdio) *cobra.Command {
	var (
		failWorse bool
		color     string
	)
	cmd := &cobra.Command{
		Use:   "compare A.json B.json [flags]",
		Short: "Compare two reports of parley bench",
		Long: `Shows the figures of two reports side by side. A difference counts only if what was measured in the
parts of one run lies beyond that of the other: otherwise it is a tie.`,
		Example: `  parley compare before.json after.json                # each written by parley bench --json
  parley compare before.json after.json --fail-worse   # ends with 99 if something became worse`,
		Args: exactly(2, "the files of two reports"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := fromEnvironment(cmd); err != nil {
				return err
			}
			a, err := readLoadReport(args[0])
			if err != nil {
				return err
			}
			b, err := readLoadReport(args[1])
			if err != nil {
				return err
			}
			if err := checkColor(color); err != nil {
				return err
			}
			c := load.Compare(a, b)
			err = writeTable(std.out, color, c.WriteText, func(line string) string {
				for _, r := range c.Rows {
					if fields := strings.Fields(line); len(fields) == 0 || fields[0] != r.Name {
						continue
					}
					return map[string]string{load.Worse: red, load.Better: green}[r.Verdict]
				}
				return ""
			})
			if err != nil {
				return err
			}
			if failWorse && c.Worse() {
				return quiet(exitThreshold)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&failWorse, "fail-worse", false, "end with 99 if something became worse")
	cmd.Flags().StringVar(&color, "color", "auto", "colours: `auto|always|never`")
	return cmd
}

// readLoadReport reads a report that parley bench --json wrote.
func readLoadReport(name string) (*load.Report, error) {
	const hint = "give it a file that parley bench --json wrote"
	if name == toStdout { // or standard input, here
		r, err := load.ReadJSON(os.Stdin)
		if err != nil {
			return nil, &failure{exitIO, fmt.Errorf("standard input: %w", err), hint}
		}
		return r, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, &failure{exitIO, fmt.Errorf("compare: %w", err), hint}
	}
	defer f.Close()
	r, err := load.ReadJSON(f)
	if err != nil {
		return nil, &failure{exitIO, fmt.Errorf("%s: %w", name, err), hint}
	}
	return r, nil
}
