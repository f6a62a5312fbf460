// Package browsertest opens the page of every example in a real Chromium: it sees the connection open and messages come, then
// stops the server and sees how a browser reports that. It needs Chromium, Node and the modules of the interop folder.
package browsertest
