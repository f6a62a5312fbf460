package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/parley-ws/parley/cmd/parley/internal/screen"
	"github.com/parley-ws/parley/load"
)

// toStdout is the name of a file that stands for standard output.
const toStdout = "-"

// benchFiles are the files to write, in the order of create, nil where none is wanted. They are opened before anything runs, so that a
// wrong name costs no time.
type benchFiles [4]*os.File

func (b *bencher) create() (files benchFiles, err error) {
	taken := map[string]string{}
	for i, one := range [...]struct{ flag, name string }{{"--json", b.json}, {"--html", b.html}, {"--csv", b.csv}, {"--hdr", b.hdr}} {
		if one.name == "" {
			continue
		}
		if other := taken[filepath.Clean(one.name)]; other != "" {
			files.drop()
			return files, usage("give each a file of its own", "%s and %s: both would write %s", other, one.flag, one.name)
		}
		taken[filepath.Clean(one.name)] = one.flag
		if one.name == toStdout {
			files[i] = b.std.out
			continue
		}
		if files[i], err = os.OpenFile(one.name, os.O_WRONLY|os.O_CREATE, 0o644); err != nil { // what is there stays until the run has ended
			files.drop()
			return files, &failure{exitIO, fmt.Errorf("%s: %w", one.flag, err), "choose a file that can be written"}
		}
	}
	return files, nil
}

// drop closes the files, and removes those that are empty.
func (files benchFiles) drop() {
	for _, file := range files {
		if file != nil && file != os.Stdout {
			reportFiles{json: file}.drop()
		}
	}
}

// write writes the files and the table. The table comes last, as whoever reads it may stop after some lines, which ends this process.
// Where standard output is one of the files, it is that alone.
func (b *bencher) write(files benchFiles, report *load.Report) error {
	table := b.std.out
	last := -1 // which file is standard output
	writers := [...]func(io.Writer) error{report.WriteJSON, report.WriteHTML, report.WriteCSV, report.WriteHDR}
	var failed error
	note := func(file *os.File, err error) {
		if err != nil && failed == nil {
			failed = &failure{exitIO, fmt.Errorf("writing %s: %w", file.Name(), err), "the table is complete all the same"}
		}
	}
	for i, file := range files {
		switch file {
		case nil:
		case b.std.out:
			table, last = b.std.err, i
		default:
			file.Truncate(0) // a pipe has nothing to truncate
			err := writers[i](file)
			if cerr := file.Close(); err == nil {
				err = cerr
			}
			note(file, err)
		}
	}
	err := writeTable(table, b.color, report.WriteText, func(line string) string {
		for prefix, colour := range map[string]string{"FAILED ": red, "ok     ": green, "! ": yellow} {
			if strings.HasPrefix(line, prefix) {
				return colour
			}
		}
		return ""
	})
	if last >= 0 {
		note(b.std.out, writers[last](b.std.out))
	}
	if err != nil {
		return &failure{exitIO, fmt.Errorf("writing the table: %w", err), "the files of --json, --html, --csv and --hdr are complete all the same"}
	}
	return failed
}

// writeTable writes a table as wide as the stream, each line in the colour that it deserves, if the stream has colours.
func writeTable(out *os.File, color string, table func(io.Writer, int) error, colour func(line string) string) error {
	width := 110
	if w, _, err := screen.Size(out); err == nil && w > 0 {
		width = w
	}
	var text bytes.Buffer
	if err := table(&text, width); err != nil {
		return err
	}
	if !coloured(color, out) {
		_, err := out.Write(text.Bytes())
		return err
	}
	var painted strings.Builder
	for line := range strings.Lines(text.String()) {
		bare := strings.TrimSuffix(line, "\n")
		if c := colour(bare); c != "" {
			bare = paint(true, c, bare)
		}
		painted.WriteString(bare + "\n")
	}
	_, err := io.WriteString(out, painted.String())
	return err
}
