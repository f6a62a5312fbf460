// Package console is the pages that a Parley server shows, in plain HTML, CSS and
// JavaScript: at "/" one where browser tabs talk through a topic, and at
// "/console" a console for the server's WebSockets that test clients.
//
// The files lie in page/ as the browser gets them; there is no build step, and
// nothing is loaded from another place. The first page opens /ws on the host
// that it came from and speaks parley.v1; its client for that, assets/parley.js,
// knows nothing of the page. The console opens /echo and /clock.
//
//	mux := http.NewServeMux()
//	console.Mount(mux)
//
// The package knows no server: it serves files, with headers that allow a
// browser to do no more with them than the pages need.
package console
