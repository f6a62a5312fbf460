package main

import "testing"

// Who has set a variable for clients can serve; one that nobody knows is an error.
func TestVariablesOfClientsAndServer(t *testing.T) {
	t.Parallel()
	s := startServer(t, []string{"PARLEY_CONNECT_TIMEOUT=3s", "PARLEY_PROXY=http://127.0.0.1:1"})
	if s.echo == "" {
		t.Error("no server")
	}
	begin(t, []string{"PARLEY_CONECT_TIMEOUT=3s"}, "serve", "--addr", "127.0.0.1:0").wait(t).expect(t, 2, "PARLEY_CONECT_TIMEOUT", "unknown variable")
	begin(t, []string{"PARLEY_CONNECT_TIMEOUT=soon"}, "ping", "ws://127.0.0.1:1/").wait(t).expect(t, 2, "PARLEY_CONNECT_TIMEOUT", "soon")
}
