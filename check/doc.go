// Package check is a conformance suite for WebSocket endpoints: RFC 6455, and RFC 7692 for compression. It judges
// servers by connecting to them, and clients by listening for them; what it judges has to echo every message that it
// receives, in the type that it came in.
//
// Its cases are data: a handshake, steps that send frames or bytes, and the outcomes that are known, each with a
// verdict. [Cases] lists them. [Run] runs them against a [Target] and returns a [Report]; [Test] does so as subtests of
// anyone's test:
//
//	func TestConformance(t *testing.T) {
//		srv := httptest.NewServer(echoHandler)
//		defer srv.Close()
//		check.Test(t, check.Target{URL: "ws" + strings.TrimPrefix(srv.URL, "http")})
//	}
//
// A [Server] is the other direction: it waits for clients that are driven through the cases by their numbers, with the
// paths /getCaseCount, /runCase, /getCaseInfo, /getCaseStatus and /updateReports that the drivers of the field know.
//
// The package has a codec of its own for frames, for handshakes and for DEFLATE and imports nothing of Parley, so that
// a mistake made in both places cannot hide itself.
package check
