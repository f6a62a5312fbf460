// Package interop holds no code, only tests: they drive real WebSocket clients
// and servers, written by others, against package ws and the parley program.
//
// The others are
//
//   - Chromium, as client, through playwright-core
//   - the npm packages ws and websocket, as client and as server
//   - Python's websockets, as client and as server
//
// What is tested with each of them, wherever it has the means:
//
//   - messages_test.go: text and binary of every kind of length, up to 1 MiB,
//     and many in a row, byte for byte, with compression in every mode
//     that both sides have (modes_test.go: off, each takeover, each window)
//   - fragments_test.go: messages in several frames, with pings between them
//   - control_test.go: pings from each side
//   - close_test.go: close codes and reasons from each side, connections that
//     break, a message too big
//   - handshake_test.go: the choice of a subprotocol, refusals
//   - chromium_test.go: what only a browser has: origins, Blob and
//     ArrayBuffer, bufferedAmount, wasClean, a page that goes away
//   - serve_test.go: parley serve, with its console in Chromium
//   - talk_test.go: tabs that talk through parley serve, on networks that fail
//   - topics_test.go, resume_test.go, drain_test.go, limits_test.go: the topics of
//     parley serve on every transport, from browsers, npm ws, curl and Go: the
//     same messages in the same order, cuts, restarts under load, refusals
//   - nginx_test.go: parley serve behind nginx, with the files of deploy
//   - asyncapi_test.go: the document of the protocols, judged by @asyncapi/parser
//   - openapi_test.go: the document of the HTTP API, judged by
//     @readme/openapi-parser and Ajv
//
// Run them with
//
//	interop/install.sh        once: installs what is missing
//	go test ./interop
//
// A test whose program or package is missing skips with one line that says how
// to get it; with PARLEY_REQUIRE_ALL=1 it fails instead.
//
// Each of the others is a script in peers, which a test starts and tells what
// to do; peers/lines.js describes their conversation. To add one, write its
// script and a row in peers_test.go.
package interop
