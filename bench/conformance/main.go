// Command conformance judges the peers by Parley's conformance suite and writes docs/conformance.md. It runs in the
// folder of the bench module:
//
//	go run ./conformance                # every peer
//	go run ./conformance -only gorilla  # those whose name contains the word, to standard output
//
// It needs what interop/install.sh installs.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"github.com/parley-ws/parley/check"
)

// page is the document that is written.
const page = "../docs/conformance.md"

// skipped are the cases that are left out of the published table, for every peer.
var skipped = []string{"framing.length.top-bit-*"}

// patience is how long a peer may be silent.
const patience = 5 * time.Second

func main() {
	log.SetFlags(0)
	log.SetPrefix("conformance: ")
	only := flag.String("only", "", "judge only the peers whose name contains this `word`, and print the page")
	html := flag.String("html", "", "write the report as a page to this `file` too")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	dir, err := os.MkdirTemp("", "conformance")
	if err != nil {
		log.Fatal(err)
	}
	err = run(ctx, dir, *only, *html)
	os.RemoveAll(dir)
	if err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, dir, only, html string) error {
	var all []*judged
	for _, p := range peers() {
		if !strings.Contains(p.name, only) {
			continue
		}
		log.Printf("%s, as a %s", p.name, p.role)
		j, err := p.judge(ctx, dir)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		all = append(all, j)
	}
	if len(all) == 0 {
		return fmt.Errorf("no peer is named like %q", only)
	}
	if html != "" {
		if err := writeReport(html, all); err != nil {
			return err
		}
	}
	text := document(all)
	if only != "" {
		_, err := os.Stdout.WriteString(text)
		return err
	}
	return os.WriteFile(filepath.FromSlash(page), []byte(text), 0o644)
}

func writeReport(name string, all []*judged) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	var reports []*check.Report
	for _, j := range all {
		reports = append(reports, j.report)
	}
	if err := check.WriteHTML(f, reports...); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
