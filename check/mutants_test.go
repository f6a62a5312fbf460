package check_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/parley-ws/parley/check"
	"github.com/parley-ws/parley/check/internal/mutant"
)

// The suite is right if it finds nothing wrong with endpoints that make no mistake, and finds each mistake of those that
// make one. Both kinds are in package mutant, which knows the RFCs and not the suite.

// mutantTarget makes a target of an endpoint with that fault, until the test ends.
func mutantTarget(t *testing.T, role mutant.Role, fault mutant.Fault) (check.Target, error) {
	if role == mutant.RoleClient {
		return check.Target{Client: func(ctx context.Context, url string) error { return mutant.Client(ctx, url, fault) }}, nil
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return check.Target{}, err
	}
	done := make(chan bool)
	go func() {
		mutant.Serve(l, fault)
		close(done)
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return check.Target{URL: "ws://" + l.Addr().String() + "/"}, nil
}

var mutantRoles = []mutant.Role{mutant.RoleServer, mutant.RoleClient}

// An endpoint without a fault passes every case.
func TestFaultless(t *testing.T) {
	for _, role := range mutantRoles {
		t.Run(string(role), func(t *testing.T) {
			target, err := mutantTarget(t, role, "")
			if err != nil {
				t.Fatal(err)
			}
			target.Timeout = 10 * time.Second
			target.Skip = heavy
			check.Test(t, target)
		})
	}
}

// Each fault is found by a case that is about it, with the verdict that it deserves.
func TestFaults(t *testing.T) {
	for _, role := range mutantRoles {
		t.Run(string(role), func(t *testing.T) {
			faults := mutant.Faults(role)
			wrong := make([]error, len(faults))
			slots := make(chan bool, 16) // they wait more than they work
			var wait sync.WaitGroup
			for i, fault := range faults {
				slots <- true
				wait.Go(func() {
					wrong[i] = judgeFault(t, role, fault)
					<-slots
				})
			}
			wait.Wait()
			for i, fault := range faults {
				t.Run(string(fault), func(t *testing.T) {
					if wrong[i] != nil {
						t.Error(wrong[i])
					}
				})
			}
		})
	}
}

// refused stands for a server whose plain handshake is wrong already.
const refused check.Verdict = "refused"

// deserts says which case, or which of those that a pattern chooses, finds a fault, and by which verdict. Faults that only one role has, or that are found in
// another way in each, have its name in front.
var deserts = map[string]struct {
	id      string
	verdict check.Verdict
}{
	// Frames: RFC 6455 §5.2 and §5.3.
	"accepts-non-minimal-16":           {"framing.length.non-minimal-16", check.Fail},
	"accepts-non-minimal-64":           {"framing.length.non-minimal-64", check.Fail},
	"ignores-top-bit":                  {"framing.length.top-bit-and-65536-binary", check.Fail},
	"no-message-limit":                 {"framing.length.declared-2-31-binary", check.Informational},
	"accepts-unmasked":                 {"framing.mask.unmasked-text", check.Fail},
	"accepts-masked":                   {"framing.mask.masked-text", check.Fail},
	"ignores-rsv1":                     {"framing.rsv.1-text", check.Fail},
	"ignores-rsv2":                     {"framing.rsv.2-text", check.Fail},
	"ignores-rsv3":                     {"framing.rsv.3-text", check.Fail},
	"accepts-reserved-data-opcodes":    {"framing.opcode.3-payload", check.Fail},
	"accepts-reserved-control-opcodes": {"framing.opcode.11-payload", check.Fail},
	"sends-masked":                     {"framing.length.text-1", check.Fail},
	"sends-unmasked":                   {"framing.length.text-1", check.Fail},
	"sends-non-minimal-lengths":        {"framing.length.text-1", check.Fail},
	"sends-same-masking-key":           {"size.many.text-16", check.Fail},
	"sends-zero-masking-key":           {"size.many.text-16", check.Fail},

	// Fragments, control frames and messages: §5.4 to §5.6.
	"accepts-lone-continuation":      {"fragments.broken.continuation-alone", check.Fail},
	"accepts-interleaved-messages":   {"fragments.broken.text-inside-text", check.Fail},
	"ends-message-at-empty-fragment": {"fragments.empty.every-second-binary", check.Fail},
	"accepts-fragmented-control":     {"control.broken.ping-fragment", check.Fail},
	"accepts-long-control":           {"control.broken.ping-of-126", check.Fail},
	"never-pongs":                    {"control.ping.0", check.Fail},
	"sends-empty-pongs":              {"control.ping.1", check.Fail},
	"sends-wrong-pongs":              {"control.ping.125", check.Fail},
	"sends-pongs-twice":              {"control.ping.0", check.Fail},
	"fragments-pongs":                {"control.ping.125", check.Fail},
	"answers-pongs":                  {"control.pong.between", check.Fail},
	"defers-pongs":                   {"control.between.two-fragments", check.NonStrict},
	"ping-ends-message":              {"control.between.two-fragments", check.Fail},
	"always-binary":                  {"framing.length.text-1", check.Fail},
	"truncates-messages":             {"framing.length.binary-65536", check.Fail},
	"drops-empty-messages":           {"framing.length.text-0", check.Fail},
	"reorders-messages":              {"framing.length.together", check.Fail},

	// Text: §8.1.
	"skips-utf8":                {"utf8.invalid.continuation-80", check.Fail},
	"checks-utf8-of-each-frame": {"utf8.split.fragments-greek", check.Fail},
	"checks-utf8-late":          {"utf8.early.fragment-continuation", check.NonStrict},
	"checks-utf8-at-frame-ends": {"utf8.early.frame-16-bit", check.NonStrict},
	"accepts-surrogates":        {"utf8.invalid.surrogate-high-first", check.Fail},
	"accepts-overlong":          {"utf8.invalid.overlong-two-slash", check.Fail},
	"accepts-beyond-10ffff":     {"utf8.invalid.beyond-first", check.Fail},
	"accepts-truncated-utf8":    {"utf8.invalid.truncated-three-2", check.Fail},
	"refuses-noncharacters":     {"utf8.valid.last-3", check.Fail},
	"checks-utf8-of-binary":     {"utf8.binary.whole", check.Fail},
	"wrong-code-for-utf8":       {"utf8.invalid.continuation-80", check.WrongCode},

	// Closing: §5.5.1 and §7.
	"never-echoes-close":        {"close.code.1000", check.Fail},
	"echoes-wrong-code":         {"close.code.1000", check.WrongCode},
	"sends-1005":                {"close.payload.empty", check.Fail},
	"sends-close-twice":         {"close.code.1000", check.NonStrict},
	"fails-with-1000":           {"framing.rsv.1-text", check.WrongCode},
	"fails-with-1011":           {"framing.rsv.1-text", check.WrongCode},
	"fails-without-close":       {"framing.rsv.1-text", check.NonStrict},
	"accepts-one-byte-close":    {"close.payload.one-byte", check.WrongCode},
	"accepts-bad-close-codes":   {"close.code.1005", check.Fail},
	"refuses-application-codes": {"close.code.3000", check.WrongCode},
	"accepts-bad-close-reason":  {"close.reason-invalid.ff", check.WrongCode},
	"goes-on-after-close":       {"close.after.text", check.Fail},
	"stays-after-close":         {"close.tcp.answered", check.Fail},
	"goes-on-after-failure":     {"framing.opcode.3-payload", check.Fail},

	// Compression: RFC 7692.
	"compresses-control":                    {"deflate.frames.ping-between", check.Fail},
	"sends-rsv1-on-continuations":           {"deflate.vector.one-block", check.Fail},
	"marks-uncompressed-messages":           {"deflate.vector.one-block", check.Fail},
	"inflates-unmarked-messages":            {"deflate.frames.not-compressed", check.Fail},
	"ignores-window":                        {"deflate.window.subject-10-far", check.Fail},
	"ignores-no-context-takeover":           {"deflate.takeover.subject", check.Fail},
	"forgets-window":                        {"deflate.vector.shared-window", check.Fail},
	"control-enters-window":                 {"deflate.frames.window-without-ping", check.Fail},
	"fails-on-final-block":                  {"deflate.vector.final-block", check.Fail},
	"stops-at-first-block":                  {"deflate.vector.two-blocks", check.Fail},
	"accepts-corrupt-deflate":               {"deflate.corrupt.block-type-3", check.Fail},
	"skips-inflated-utf8":                   {"deflate.corrupt.utf8", check.Fail},
	"no-inflate-limit":                      {"deflate.bomb.48-mib", check.Informational},
	"server:accepts-window-bits-16":         {"negotiation.decline.client-window-16", check.Fail},
	"client:accepts-window-bits-16":         {"negotiation.reject.server-window-16", check.Fail},
	"server:accepts-window-bits-09":         {"negotiation.decline.client-window-09", check.Fail},
	"client:accepts-window-bits-09":         {"negotiation.reject.server-window-09", check.Fail},
	"server:accepts-duplicate-parameter":    {"negotiation.decline.client-no-takeover-twice", check.Fail},
	"client:accepts-duplicate-parameter":    {"negotiation.reject.client-no-takeover-twice", check.Fail},
	"server:accepts-unknown-parameter":      {"negotiation.decline.unknown", check.Fail},
	"client:accepts-unknown-parameter":      {"negotiation.reject.unknown", check.Fail},
	"server:accepts-valued-flag":            {"negotiation.decline.client-no-takeover-valued", check.Fail},
	"client:accepts-valued-flag":            {"negotiation.reject.client-no-takeover-valued", check.Fail},
	"answers-unoffered-client-bits":         {"negotiation.offer.plain", check.Fail},
	"stops-at-first-offer":                  {"negotiation.offer.unknown-parameter-then-valid", check.Unimplemented},
	"forgets-to-answer-no-context-takeover": {"negotiation.offer.server-no-takeover", check.Fail},
	"forgets-to-answer-server-bits":         {"negotiation.offer.server-window-10", check.Fail},
	"offers-window-bits-16":                 {"client.request.extensions", check.Fail},
	"accepts-unoffered-client-bits":         {"negotiation.reject.client-window-unoffered", check.Fail},
	"accepts-extension-twice":               {"negotiation.reject.twice", check.Fail},

	// What a server makes of the request: RFC 6455 §4.2.
	"any-http-version":                    {"server.line.http-1.0", check.Fail},
	"any-method":                          {"server.method.post", check.Fail},
	"server:accepts-missing-upgrade":      {"server.upgrade.missing", check.Fail},
	"server:accepts-missing-connection":   {"server.connection.missing", check.Fail},
	"first-connection-token-only":         {"server.connection.list-last", check.Fail},
	"server:case-sensitive-tokens":        {"server.connection.lower-case", check.Fail},
	"server:matches-substrings":           {"server.upgrade.websockets", check.Fail},
	"any-key-length":                      {"server.key.15-bytes", check.NonStrict},
	"accepts-missing-key":                 {"server.key.missing", check.Fail},
	"accepts-repeated-key":                {"server.key.twice", check.Fail},
	"any-version":                         {"server.version.12", check.Fail},
	"version-400":                         {"server.version.12", check.WrongCode},
	"accepts-missing-host":                {"server.host.missing", check.Fail},
	"accepts-repeated-host":               {"server.host.twice", check.Fail},
	"accepts-malformed-host":              {"server.host.bracket", check.Fail},
	"wrong-accept":                        {"server.response.accept", check.Fail},
	"omits-upgrade":                       {"server.response.upgrade", check.Fail},
	"omits-connection":                    {"server.response.connection", check.Fail},
	"answers-with-200":                    {"", refused},
	"selects-unoffered-subprotocol":       {"server.protocol.two", check.Fail},
	"repeats-all-subprotocols":            {"server.protocol.two", check.Fail},
	"accepts-malformed-subprotocols":      {"server.protocol.malformed-at", check.Fail},
	"accepts-repeated-subprotocols":       {"server.protocol.twice", check.NonStrict},
	"server:accepts-malformed-extensions": {"server.extensions.malformed-equals", check.NonStrict},
	"answers-unknown-extensions":          {"server.extensions.unknown", check.Fail},
	"reflects-subprotocol":                {"attack.inject.protocol-cr", check.Fail},
	"reflects-path":                       {"attack.inject.path", check.Fail},
	"reflects-extension":                  {"attack.inject.extension-cr", check.Fail},
	"accepts-malformed-fields":            {"attack.bytes.space-before-colon", check.Fail},
	"no-header-limit":                     {"attack.head.fields-2000", check.Informational},
	"no-request-timeout":                  {"attack.slow.line", check.Informational},
	"server:loses-pipelined-bytes":        {"server.pipelined.text", check.Fail},

	// What a client asks, and makes of the answer: §4.1.
	"omits-host":                          {"client.request.host", check.Fail},
	"omits-version":                       {"client.request.version", check.Fail},
	"asks-for-version-8":                  {"client.request.version", check.Fail},
	"asks-with-http-1.0":                  {"client.request.method", check.Fail},
	"asks-without-upgrade":                {"client.request.upgrade", check.Fail},
	"asks-without-connection":             {"client.request.connection", check.Fail},
	"short-key":                           {"client.request.key", check.Fail},
	"sends-key-twice":                     {"client.request.key", check.Fail},
	"reuses-key":                          {"client.request.*", check.Fail},
	"sends-fragment-of-url":               {"client.request.target", check.Fail},
	"talks-before-the-answer":             {"client.refusal.404", check.Fail},
	"accepts-200":                         {"client.status.200", check.Fail},
	"accepts-answer-http-1.0":             {"client.line.http-1.0", check.NonStrict},
	"client:accepts-missing-upgrade":      {"client.upgrade.missing", check.Fail},
	"client:accepts-missing-connection":   {"client.connection.missing", check.Fail},
	"client:case-sensitive-tokens":        {"client.response.upper-case", check.Fail},
	"client:matches-substrings":           {"client.upgrade.websockets", check.Fail},
	"accepts-missing-accept":              {"client.accept.missing", check.Fail},
	"any-accept":                          {"client.accept.other", check.Fail},
	"accepts-unasked-subprotocol":         {"client.protocol.unasked", check.Fail},
	"accepts-unasked-extension":           {"client.extensions.unknown", check.Fail},
	"client:accepts-malformed-extensions": {"client.extensions.malformed-equals", check.Fail},
	"client:loses-pipelined-bytes":        {"client.writes.text", check.Fail},
}

// judgeFault says what is wrong with the verdict on a fault.
func judgeFault(t *testing.T, role mutant.Role, fault mutant.Fault) error {
	row, ok := deserts[string(role)+":"+string(fault)]
	if !ok {
		row, ok = deserts[string(fault)]
	}
	if !ok {
		return errors.New("nothing says which case finds this fault: write it into deserts")
	}
	target, err := mutantTarget(t, role, fault)
	if err != nil {
		return err
	}
	target.Timeout = 4 * time.Second // longer than an endpoint waits that says nothing
	if fault == "no-inflate-limit" {
		target.Timeout = 30 * time.Second // it has to inflate and compress what others refuse
	}
	target.Parallel = 1
	if row.id != "" {
		target.Cases = []string{row.id}
	}
	report, err := check.Run(t.Context(), target)
	if row.verdict == refused {
		if _, ok := errors.AsType[*check.HandshakeError](err); !ok {
			return fmt.Errorf("%s That is not noticed: %v", fault.Doc(), err)
		}
		return nil
	}
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(report.Results, func(r *check.Result) bool { return r.Verdict == row.verdict }) {
		return fmt.Errorf("%s %s does not come to the verdict %s: %v", fault.Doc(), row.id, row.verdict, report.Count())
	}
	return nil
}

// There are enough kinds of mistakes, and no row is left of one that is gone.
func TestFaultsKnown(t *testing.T) {
	all := map[string]bool{}
	for _, role := range mutantRoles {
		faults := mutant.Faults(role)
		if len(faults) < 25 {
			t.Errorf("%d faults of a %s, want at least 25", len(faults), role)
		}
		for _, f := range faults {
			all[string(f)], all[string(role)+":"+string(f)] = true, true
			if f.Doc() == "" {
				t.Errorf("%s is not described", f)
			}
		}
	}
	for name := range deserts {
		if !all[name] {
			t.Errorf("there is no fault %s", name)
		}
	}
}
