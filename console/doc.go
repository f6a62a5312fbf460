// Package console is the page that a Parley server shows at "/": a console for
// the server's own WebSocket endpoints, in plain HTML, CSS and JavaScript.
//
// The files lie in page/ as the browser gets them; there is no build step, and
// nothing is loaded from another place. The page opens /echo and /clock on the
// host that it came from.
//
//	mux := http.NewServeMux()
//	console.Mount(mux)
//
// The package knows no server: it serves files, with headers that allow a
// browser to do no more with them than the page needs.
package console
