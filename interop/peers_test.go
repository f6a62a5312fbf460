package interop

import (
	"path/filepath"
	"testing"

	"github.com/parley-ws/parley/internal/need"
)

// peer is one of the others that Parley is tested with.
type peer struct {
	name  string
	start func(t *testing.T) *process
	can   abilities
}

// abilities say what a peer's interface lets a test do.
type abilities struct {
	listen    bool // be a server
	compress  bool // permessage-deflate
	configure bool // choose the parameters of permessage-deflate
	ping      bool // send pings
	seePings  bool // tell of the pings that it gets
	fragment  bool // send a message in several frames
	cutRunes  bool // end a fragment of text in the middle of a character
	cut       bool // end the network connection without a close frame
	anyCode   bool // close with codes that are not a page's to use, like 1001
	noCode    bool // close without a code
	seeNoCode bool // tell that a close had no code

	// leastBits is the smallest window, in bits, that its compressor can be
	// given.
	leastBits int
	// needsSubprotocol: as a client it gives up where the server chooses none.
	needsSubprotocol bool
}

var peers = []peer{
	{
		name: "Chromium",
		start: func(t *testing.T) *process {
			browser := need.Chromium(t)
			node := need.NodeModule(t, ".", "playwright-core")
			return start(t, node, script("chromium.js"), browser)
		},
		can: abilities{compress: true, noCode: true, seeNoCode: true, leastBits: 8, needsSubprotocol: true},
	},
	{
		name: "npm-ws",
		start: func(t *testing.T) *process {
			return start(t, need.NodeModule(t, ".", "ws"), script("ws.js"))
		},
		can: abilities{
			listen: true, compress: true, configure: true, ping: true, seePings: true, fragment: true, cutRunes: true,
			cut: true, anyCode: true, noCode: true, seeNoCode: true, leastBits: 8, needsSubprotocol: true,
		},
	},
	{
		name: "npm-websocket",
		start: func(t *testing.T) *process {
			return start(t, need.NodeModule(t, ".", "websocket"), script("websocket.js"))
		},
		can: abilities{
			listen: true, ping: true, seePings: true, fragment: true, cutRunes: true,
			// It takes a close frame without a code for no close frame.
			cut: true, anyCode: true, needsSubprotocol: true,
		},
	},
	{
		name: "python-websockets",
		start: func(t *testing.T) *process {
			return start(t, need.Python(t, "websockets"), script("pywebsockets.py"))
		},
		can: abilities{
			listen: true, compress: true, configure: true, ping: true, fragment: true,
			cut: true, anyCode: true, seeNoCode: true,
			// zlib refuses to compress raw deflate with 8.
			leastBits: 9,
		},
	},
}

func script(name string) string { return filepath.Join("peers", name) }

// role is the part that Parley plays.
type role string

const (
	server role = "server"
	client role = "client"
)

// withPeers runs a test with each peer that is able to take part (nil: all) and,
// where it can be a server too, in both roles.
func withPeers(t *testing.T, able func(abilities) bool, test func(t *testing.T, s *stage, ours role)) {
	for _, p := range peers {
		if able != nil && !able(p.can) {
			continue
		}
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, p)
			for _, ours := range []role{server, client} {
				if ours == client && !p.can.listen {
					continue
				}
				t.Run("parley-as-"+string(ours), func(t *testing.T) { test(t, s, ours) })
			}
		})
	}
}
