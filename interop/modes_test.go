package interop

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/parley-ws/parley/ws"
)

// mode is a way to set compression on both sides, and what they must agree on.
type mode struct {
	name   string
	ours   *ws.Compression   // nil: off
	theirs *deflate          // nil: off; a browser does as it likes
	agreed *ws.DeflateParams // nil: no compression
}

// modes lists those that a peer can have, with Parley in a role.
func modes(can abilities, ours role) []mode {
	// Small messages are compressed too: here they are not meant to be fast.
	wish := func(serverTakeover, clientTakeover bool, serverBits, clientBits int) *ws.Compression {
		return &ws.Compression{
			Threshold: -1, ServerTakeover: serverTakeover, ClientTakeover: clientTakeover,
			ServerWindowBits: serverBits, ClientWindowBits: clientBits,
		}
	}
	agree := func(serverTakeover, clientTakeover bool, serverBits, clientBits int) *ws.DeflateParams {
		return &ws.DeflateParams{
			ServerNoContextTakeover: !serverTakeover, ClientNoContextTakeover: !clientTakeover,
			ServerMaxWindowBits: serverBits, ClientMaxWindowBits: clientBits,
		}
	}
	list := []mode{{name: "off"}}
	if !can.compress {
		return append(list, mode{name: "only-parley", ours: wish(true, true, 0, 0)})
	}
	for _, s := range []bool{false, true} {
		for _, c := range []bool{false, true} {
			list = append(list, mode{
				name:   fmt.Sprintf("takeover-server-%t-client-%t", s, c),
				ours:   wish(s, c, 0, 0),
				theirs: &deflate{NoServerTakeover: !s, NoClientTakeover: !c},
				agreed: agree(s, c, 15, 15),
			})
		}
	}
	for bits := 8; bits <= 15; bits++ {
		if bits >= can.leastBits || ours == server {
			list = append(list, mode{
				name:   fmt.Sprintf("server-window-%d", bits),
				ours:   wish(true, true, bits, 0),
				theirs: &deflate{ServerBits: bits},
				agreed: agree(true, true, bits, 15),
			})
		}
		if bits >= can.leastBits || ours == client {
			list = append(list, mode{
				name:   fmt.Sprintf("client-window-%d", bits),
				ours:   wish(true, true, 0, bits),
				theirs: &deflate{ClientBits: bits},
				agreed: agree(true, true, 15, bits),
			})
		}
	}
	if !can.configure {
		return list
	}
	// What one side asks for, the other has to follow.
	return append(list,
		mode{name: "only-parley", ours: wish(true, true, 0, 0)},
		mode{name: "only-peer", theirs: &deflate{}},
		mode{name: "parley-wants-no-takeover", ours: wish(false, false, 0, 0), theirs: &deflate{}, agreed: agree(false, false, 15, 15)},
		mode{name: "peer-wants-no-takeover", ours: wish(true, true, 0, 0), theirs: &deflate{NoServerTakeover: true, NoClientTakeover: true}, agreed: agree(false, false, 15, 15)},
		mode{name: "parley-wants-windows", ours: wish(true, true, 10, 11), theirs: &deflate{}, agreed: agree(true, true, 10, 11)},
		mode{name: "peer-wants-windows", ours: wish(true, true, 0, 0), theirs: &deflate{ServerBits: 10, ClientBits: 11}, agreed: agree(true, true, 10, 11)},
		mode{name: "smallest-windows-no-takeover", ours: wish(false, false, 9, 9), theirs: &deflate{NoServerTakeover: true, NoClientTakeover: true, ServerBits: 9, ClientBits: 9}, agreed: agree(false, false, 9, 9)},
	)
}

// meeting is one in that mode.
func (m mode) meeting() meeting { return meeting{compression: m.ours, deflate: m.theirs} }

// few are the modes that differ in what a test other than that of the modes
// themselves can run into.
func few(can abilities, ours role) []mode {
	var list []mode
	for _, m := range modes(can, ours) {
		switch m.name {
		case "off", "takeover-server-false-client-false", "takeover-server-true-client-true":
			list = append(list, m)
		}
	}
	return list
}

// parseAgreed decodes a server's Sec-WebSocket-Extensions. What is absent gets
// the value that it stands for.
func parseAgreed(t *testing.T, extensions string) *ws.DeflateParams {
	t.Helper()
	if extensions == "" {
		return nil
	}
	name, params, _ := strings.Cut(extensions, ";")
	if strings.TrimSpace(name) != "permessage-deflate" {
		t.Fatalf("agreed on the extension %q", extensions)
	}
	p := &ws.DeflateParams{ServerMaxWindowBits: 15, ClientMaxWindowBits: 15}
	for param := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(param), "=")
		bits, err := strconv.Atoi(value)
		switch {
		case name == "":
		case name == "server_no_context_takeover" && value == "":
			p.ServerNoContextTakeover = true
		case name == "client_no_context_takeover" && value == "":
			p.ClientNoContextTakeover = true
		case name == "server_max_window_bits" && err == nil:
			p.ServerMaxWindowBits = bits
		case name == "client_max_window_bits" && err == nil:
			p.ClientMaxWindowBits = bits
		default:
			t.Fatalf("agreed on the parameter %q of %q", param, extensions)
		}
	}
	return p
}
