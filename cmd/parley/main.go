// Command parley is Parley's command line: it takes flags and calls packages.
//
//	parley serve                            # a server on 127.0.0.1:8080, with a page
//	parley connect ws://127.0.0.1:8080/echo # talk to it: a line is a message
//
// Standard output carries what was received and nothing else; errors are one
// line on standard error that says what to do. Exit codes are listed in
// exit.go and by "parley help exit-codes".
package main

import (
	"context"
	"os"
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], stdio{os.Stdin, os.Stdout, os.Stderr}))
}

// stdio is the three standard streams.
type stdio struct{ in, out, err *os.File }

// run runs one command line and returns its exit code.
func run(ctx context.Context, args []string, std stdio) int {
	root := newRoot(std)
	root.SetArgs(withCommand(root, args))
	return report(std.err, root.ExecuteContext(ctx))
}
