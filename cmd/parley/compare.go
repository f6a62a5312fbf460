package main

import (
	"fmt"
	"os"

	"github.com/parley-ws/parley/cmd/parley/internal/screen"
	"github.com/parley-ws/parley/load"
	"github.com/spf13/cobra"
)

func newCompare(std stdio) *cobra.Command {
	var failWorse bool
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
			width := 110
			if w, _, err := screen.Size(std.out); err == nil && w > 0 {
				width = w
			}
			c := load.Compare(a, b)
			if err := c.WriteText(std.out, width); err != nil {
				return err
			}
			if failWorse && c.Worse() {
				return quiet(exitThreshold)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&failWorse, "fail-worse", false, "end with 99 if something became worse")
	return cmd
}

// readLoadReport reads a report that parley bench --json wrote.
func readLoadReport(name string) (*load.Report, error) {
	const hint = "give it a file that parley bench --json wrote"
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
