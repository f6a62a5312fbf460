// Bench measures Parley and the other Go WebSocket libraries side by side.
//
// It is a module of its own, so that the libraries compared never become
// dependencies of Parley. It measures the working copy beside it, not a
// released version.
//
// What belongs here: one echo server per library behind one interface, one
// load generator that all of them face, and the comparison over message size,
// number of connections, compression, and memory held by an idle connection. A
// benchmark of a single package lives beside that package instead, and
// make bench runs it.
package main

import "fmt"

func main() {
	fmt.Println("bench: no comparison is implemented yet; make bench runs the benchmarks of Parley's own packages")
}
