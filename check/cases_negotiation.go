package check

import "strings"

var negotiationGroup = Group{
	Name:  "negotiation",
	Title: "Agreeing on permessage-deflate",
	Why: "The client offers permessage-deflate with parameters, once or several times in order of preference; the server accepts one offer, with " +
		"parameters of its own, or declines by leaving it out. A parameter that is unknown, twice there, or has a value that it must not have makes an offer " +
		"invalid, and a server must decline it; in an answer it makes the client fail the connection. Where both sides do not mean the same parameters, what one " +
		"compresses is garbage to the other, at once or after thousands of messages.",
	cases: negotiationCases,
}

func negotiationCases() []Case {
	list := offerCases()
	list = append(list, badOfferCases()...)
	return append(list, answerCases()...)
}

// exchange are steps that use what was agreed: two messages, the second of which profits from the first.
func exchange() []Step {
	m := Message{Op: OpText, Payload: fill(FillJSON, 700), Compress: true}
	return []Step{message(m), await(1), message(m), await(1), closing(1000, "")}
}

func exchanged(first Pattern) []Pattern {
	m := echoed(OpText, fill(FillJSON, 700))
	return []Pattern{first, m, m, closed(1000, 1005)}
}

// offerCases are offers that a server may accept, but in the right way.
func offerCases() []Case {
	var list []Case
	for _, o := range []struct{ name, rfc, offer, answer string }{
		{"plain", "§5.1", "permessage-deflate", ""},
		{"client-window", "§7.1.2.2", "permessage-deflate; client_max_window_bits", ""},
		{"client-window-8", "§7.1.2.2", "permessage-deflate; client_max_window_bits=8", ""},
		{"client-window-9", "§7.1.2.2", "permessage-deflate; client_max_window_bits=9", ""},
		{"client-window-10", "§7.1.2.2", "permessage-deflate; client_max_window_bits=10", ""},
		{"client-window-11", "§7.1.2.2", "permessage-deflate; client_max_window_bits=11", ""},
		{"client-window-12", "§7.1.2.2", "permessage-deflate; client_max_window_bits=12", ""},
		{"client-window-13", "§7.1.2.2", "permessage-deflate; client_max_window_bits=13", ""},
		{"client-window-14", "§7.1.2.2", "permessage-deflate; client_max_window_bits=14", ""},
		{"client-window-15", "§7.1.2.2", "permessage-deflate; client_max_window_bits=15", ""},
		{"server-window-8", "§7.1.2.1", "permessage-deflate; server_max_window_bits=8", ""},
		{"server-window-9", "§7.1.2.1", "permessage-deflate; server_max_window_bits=9", ""},
		{"server-window-10", "§7.1.2.1", "permessage-deflate; server_max_window_bits=10", ""},
		{"server-window-11", "§7.1.2.1", "permessage-deflate; server_max_window_bits=11", ""},
		{"server-window-12", "§7.1.2.1", "permessage-deflate; server_max_window_bits=12", ""},
		{"server-window-13", "§7.1.2.1", "permessage-deflate; server_max_window_bits=13", ""},
		{"server-window-14", "§7.1.2.1", "permessage-deflate; server_max_window_bits=14", ""},
		{"server-window-15", "§7.1.2.1", "permessage-deflate; server_max_window_bits=15", ""},
		{"server-no-takeover", "§7.1.1.1", "permessage-deflate; server_no_context_takeover", ""},
		{"client-no-takeover", "§7.1.1.2", "permessage-deflate; client_no_context_takeover", ""},
		{"no-takeover", "§7.1.1", "permessage-deflate; server_no_context_takeover; client_no_context_takeover", ""},
		{"all-parameters", "§7.1", "permessage-deflate; client_max_window_bits=11; server_no_context_takeover; server_max_window_bits=12; client_no_context_takeover", ""},
		{"quoted-value", "§5.2", `permessage-deflate; server_max_window_bits="10"`, ""},
		{"quoted-escape", "§5.2", `permessage-deflate; server_max_window_bits="1\0"`, ""},
		{"spaces", "§5.1", "permessage-deflate ;\tserver_no_context_takeover  ; client_max_window_bits", ""},
		{"no-spaces", "§5.1", "permessage-deflate;server_no_context_takeover;client_max_window_bits", ""},
		{"spaces-around-value", "§5.1", "permessage-deflate; server_max_window_bits = 10", ""},
		{"after-unknown-extension", "§5.1", `x-unknown; a=1; b="2", permessage-deflate`, ""},
		{"before-unknown-extension", "§5.1", "permessage-deflate, x-unknown; a=1", ""},
		{"fallback", "§5.1", "permessage-deflate; server_max_window_bits=8, permessage-deflate; server_max_window_bits=10, permessage-deflate", ""},
		{"invalid-then-valid", "§7.1", "permessage-deflate; server_max_window_bits=16, permessage-deflate", "permessage-deflate(; (server|client)_no_context_takeover|; server_max_window_bits=[0-9]+)*"},
		{"unknown-parameter-then-valid", "§7.1", "permessage-deflate; x=1, permessage-deflate", ""},
		{"twice", "§5.1", "permessage-deflate, permessage-deflate", ""},
		{"sixteen-times", "§5.1", strings.TrimSuffix(strings.Repeat("permessage-deflate; server_no_context_takeover, ", 16), ", "), ""},
		{"empty-elements", "§5.1", ", ,permessage-deflate,,", ""},
	} {
		rfc := "RFC 7692 " + o.rfc
		first := opened(ruleExtensions)
		if o.answer != "" {
			first = agreed(o.answer)
		}
		list = append(list, Case{ID: "negotiation.offer." + o.name, RFC: rfc, Tags: []string{TagServer, TagExtension},
			Expect: "The offer “" + short(o.offer) + "” is accepted in the right form, or declined.",
			Open:   Open{Extensions: []string{o.offer}, Extension: true},
			Steps:  exchange(),
			Outcomes: []Outcome{
				{Unimplemented, "it declines these parameters", exchanged(declined())},
				{OK, "", exchanged(first)},
				{NonStrict, "it refuses the handshake as a whole, where it could decline the offer", []Pattern{refused(4)}},
			}})
	}
	for i := range list {
		if c := &list[i]; c.ID == "negotiation.offer.server-window-15" {
			c.Outcomes = append(c.Outcomes, Outcome{NonStrict, "its answer leaves out server_max_window_bits=15, which means the same", exchanged(opened(ruleAccept))})
		}
	}
	two := list[0]
	two.ID, two.Expect = "negotiation.offer.two-fields", "Two offers in two header fields are one list."
	two.Open.Extensions = []string{"x-unknown", "permessage-deflate; client_max_window_bits"}
	list = append(list, two)
	list = append(list, Case{ID: "negotiation.offer.none", RFC: "RFC 6455 §9.1", Tags: []string{TagServer, TagExtension},
		Expect: "A server does not answer with an extension that was not offered.",
		Steps:  exchange(), Outcomes: []Outcome{{OK, "", exchanged(declined())}}})
	list = append(list, Case{ID: "negotiation.offer.old-names", RFC: "RFC 6455 §9.1", Tags: []string{TagServer, TagExtension},
		Expect:   "The drafts' names for compression are unknown extensions, and are declined.",
		Open:     Open{Extensions: []string{"x-webkit-deflate-frame, deflate-frame, permessage-compress; method=deflate, perframe-deflate"}},
		Steps:    exchange(),
		Outcomes: []Outcome{{OK, "", exchanged(declined())}}})
	return list
}

func short(s string) string {
	if len(s) > 90 {
		return s[:90] + "…"
	}
	return s
}

// badValues are values that no window has.
var badValues = []struct{ name, value string }{
	{"0", "0"}, {"1", "1"}, {"7", "7"}, {"16", "16"}, {"17", "17"}, {"32", "32"}, {"99", "99"}, {"266", "266"}, {"65546", "65546"},
	{"2-32-plus-10", "4294967306"}, {"2-64-plus-10", "18446744073709551626"}, {"08", "08"}, {"09", "09"}, {"010", "010"}, {"0015", "0015"},
	{"signed", "+10"}, {"negative", "-10"}, {"hexadecimal", "0xa"}, {"decimal-point", "10.0"}, {"exponent", "1e1"}, {"word", "ten"}, {"tail", "10x"},
}

// badOfferCases are offers that a server must decline.
func badOfferCases() []Case {
	var list []Case
	add := func(name, rfc, parameters, why string) {
		offer := "permessage-deflate; " + parameters
		list = append(list, Case{ID: "negotiation.decline." + name, RFC: "RFC 7692 " + rfc, Tags: []string{TagServer, TagExtension},
			Expect: "The offer “" + short(offer) + "” is declined.", Why: why,
			Open:  Open{Extensions: []string{offer}, Extension: true},
			Steps: exchange(),
			Outcomes: []Outcome{
				{OK, "", exchanged(declined())},
				{NonStrict, "it refused the handshake as a whole, where the RFC has it decline the offer", []Pattern{refused(400)}},
			}})
	}
	const values = "A window is 8 to 15 bits, written as a decimal number without leading zeros. A server that reads more into it may use a window that the client does not have."
	for _, v := range badValues {
		add("server-window-"+v.name, "§7.1.2.1", "server_max_window_bits="+v.value, values)
		add("client-window-"+v.name, "§7.1.2.2", "client_max_window_bits="+v.value, values)
	}
	add("server-window-quoted-16", "§7.1.2.1", `server_max_window_bits="16"`, values)
	add("client-window-quoted-09", "§7.1.2.2", `client_max_window_bits="09"`, values)
	add("server-window-without-value", "§7.1.2.1", "server_max_window_bits", "Only client_max_window_bits may stand in an offer without a value.")
	const once = "A parameter may be there once. Where it is there twice, two readers may each believe another of them."
	add("server-window-twice", "§7.1", "server_max_window_bits=10; server_max_window_bits=11", once)
	add("server-window-twice-equal", "§7.1", "server_max_window_bits=10; server_max_window_bits=10", once)
	add("client-window-twice", "§7.1", "client_max_window_bits; client_max_window_bits", once)
	add("client-window-twice-with-value", "§7.1", "client_max_window_bits=10; client_max_window_bits", once)
	add("server-no-takeover-twice", "§7.1", "server_no_context_takeover; server_no_context_takeover", once)
	add("client-no-takeover-twice", "§7.1", "client_no_context_takeover; server_no_context_takeover; client_no_context_takeover", once)
	const none = "The parameters about takeover have no value."
	add("server-no-takeover-valued", "§7.1.1.1", "server_no_context_takeover=true", none)
	add("server-no-takeover-1", "§7.1.1.1", "server_no_context_takeover=1", none)
	add("server-no-takeover-10", "§7.1.1.1", "server_no_context_takeover=10", none)
	add("client-no-takeover-valued", "§7.1.1.2", "client_no_context_takeover=false", none)
	add("client-no-takeover-quoted", "§7.1.1.2", `client_no_context_takeover="1"`, none)
	const unknown = "What a parameter that one does not know demands cannot be kept, so the offer is declined. An extension of the extension depends on that."
	add("unknown", "§7.1", "x-unknown", unknown)
	add("unknown-valued", "§7.1", "server_max_window_bits=10; x-unknown=1", unknown)
	add("unknown-similar", "§7.1", "server_max_windows_bits=10", unknown)
	add("unknown-takeover", "§7.1", "no_context_takeover", unknown)
	return list
}

// answerCases are answers to a client.
func answerCases() []Case {
	var list []Case
	good := func(name, rfc string, d Deflate, say string) {
		list = append(list, Case{ID: "negotiation.answer." + name, RFC: "RFC 7692 " + rfc, Tags: []string{TagClient, TagExtension},
			Expect: "A client takes an answer " + say + ".", Open: Open{Deflate: &d}, Steps: exchange(),
			Outcomes: echoes(echoed(OpText, fill(FillJSON, 700)), echoed(OpText, fill(FillJSON, 700)))})
	}
	good("plain", "§7.1", Deflate{}, "without parameters")
	good("server-no-takeover", "§7.1.1.1", Deflate{OwnNoTakeover: true}, "with server_no_context_takeover, asked for or not")
	good("client-no-takeover", "§7.1.1.2", Deflate{SubjectNoTakeover: true}, "with client_no_context_takeover, asked for or not")
	good("no-takeover", "§7.1.1", Deflate{SubjectNoTakeover: true, OwnNoTakeover: true}, "with both takeovers excluded")
	for _, n := range []int{8, 9, 12, 15} {
		name := map[int]string{8: "8", 9: "9", 12: "12", 15: "15"}[n]
		good("server-window-"+name, "§7.1.2.1", Deflate{OwnBits: n}, "with server_max_window_bits="+name+", asked for or not")
		good("client-window-"+name, "§7.1.2.2", Deflate{SubjectBits: n}, "with client_max_window_bits="+name+" if it offered that")
	}
	bad := func(name, rfc, parameters, why string) {
		answer := "permessage-deflate" + parameters
		list = append(list, Case{ID: "negotiation.reject." + name, RFC: "RFC 7692 " + rfc, Tags: []string{TagClient, TagExtension},
			Expect: "A client fails the connection on the answer “" + short(answer) + "”.", Why: why,
			Open:  Open{Extensions: []string{answer}, Extension: true},
			Steps: []Step{text(lit("taken")), await(1)},
			Outcomes: []Outcome{
				{OK, "", []Pattern{dropped()}},
				{Informational, "it took the connection for open, then closed it", []Pattern{closed(1002, 1006, 1010)}},
				{WrongCode, "it took the connection for open, then closed it as if nothing were wrong", []Pattern{closed()}},
				{NonStrict, "it neither used the connection nor ended it", []Pattern{silent()}},
			}})
	}
	const values = "A client must fail the connection on an answer whose parameters it cannot honour: it would compress with a window that the server does not have, or read with one too small."
	for _, v := range badValues {
		bad("server-window-"+v.name, "§7.1.2.1", "; server_max_window_bits="+v.value, values)
		bad("client-window-"+v.name, "§7.1.2.2", "; client_max_window_bits="+v.value, values)
	}
	bad("server-window-without-value", "§7.1.2.1", "; server_max_window_bits", values)
	bad("client-window-without-value", "§7.1.2.2", "; client_max_window_bits", "Without a value, client_max_window_bits may stand in an offer only.")
	bad("client-window-unoffered", "§7.1.2.2", "; client_max_window_bits=10", "A server may limit the client's window only if the client has offered that with client_max_window_bits.")
	list[len(list)-1].Open.Unoffered = true
	const once = "A parameter may be there once."
	bad("server-window-twice", "§7.1", "; server_max_window_bits=10; server_max_window_bits=11", once)
	bad("server-no-takeover-twice", "§7.1", "; server_no_context_takeover; server_no_context_takeover", once)
	bad("client-no-takeover-twice", "§7.1", "; client_no_context_takeover; client_no_context_takeover", once)
	bad("server-no-takeover-valued", "§7.1.1.1", "; server_no_context_takeover=1", "The parameters about takeover have no value.")
	bad("client-no-takeover-valued", "§7.1.1.2", "; client_no_context_takeover=true", "The parameters about takeover have no value.")
	bad("unknown", "§7.1", "; x-unknown", "A client does not know what it would agree to.")
	bad("unknown-valued", "§7.1", "; x-unknown=1", "A client does not know what it would agree to.")
	bad("twice", "§5.1", ", permessage-deflate", "Two extensions that both use RSV1 cannot be in use together.")
	return list
}
