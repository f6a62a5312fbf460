package check

import "strings"

// attackFlood sends much that is valid.
func attackFlood() []Case {
	const whyDeaf = "The suite sends and reads nothing, until nothing more is taken off its hands. An endpoint that answers has three ways: to stop reading while it cannot write, to leave pongs out (§5.5.3 lets it " +
		"answer only the latest ping), or to give up the connection. An endpoint that keeps all answers in memory can be filled by one peer. When the suite reads again, the connection must be alive or ended."
	const whyFragments = "A fragment costs its sender as little as two bytes and its receiver a piece of memory, if it keeps fragments one by one, or a copy of everything, if it joins them each time. " +
		"A limit for the number of fragments is as right as an echo."
	const whyMany = "What comes in great numbers and small pieces costs most for each byte. Each of these is valid, and the connection must do afterwards what it did before."
	alive := lit("still alive")
	end := []Step{send(ping("still alive")), closing(1000, "")}
	steps := func(s ...Step) []Step { return append(s, end...) }

	payload := strings.Repeat("ping!", 25)
	flooded := func(p Data) []Outcome {
		pongs := ponged(p).optional().repeated()
		return []Outcome{
			{OK, "", []Pattern{pongs, ponged(alive).optional(), closed(1000, 1005)}},
			{Informational, "it gave up the connection with a code for it", []Pattern{pongs, closed(1008, 1009, 1013)}},
			{Informational, "it ended the connection", []Pattern{pongs, ponged(alive).optional(), dropped()}},
			{NonStrict, "it did not get it done in the time", []Pattern{pongs, ponged(alive).optional(), silent()}},
		}
	}
	big := sized(FillRandom, 16<<10, 7)
	backpressure := func(seen Pattern) []Outcome {
		maybe := seen.optional().repeated()
		return []Outcome{
			{OK, "", []Pattern{seen.repeated(), ponged(alive).optional(), closed(1000, 1005)}},
			{Informational, "it gave up the connection with a code for it", []Pattern{maybe, closed(1008, 1009, 1013)}},
			{Informational, "it ended the connection", []Pattern{maybe, dropped()}},
			{NonStrict, "it did not get it done in the time", []Pattern{maybe, silent()}},
		}
	}
	fragmented := func(seen ...Pattern) []Outcome {
		return []Outcome{
			{OK, "", append(clone(seen), ponged(alive).optional(), closed(1000, 1005))},
			{OK, "it has a limit and said so", []Pattern{closed(1008, 1009)}},
			{Informational, "it ended the connection with another code", []Pattern{closed()}},
			{Informational, "it ended the connection", []Pattern{dropped()}},
			{NonStrict, "it did not get it done in the time", append(optional(seen), silent())},
		}
	}
	empty := frame(OpContinuation, "").more()
	between := ping("")
	list := []Case{
		{ID: "attack.flood.pings-unread", RFC: "RFC 6455 §5.5.2, §10.4", Expect: "400,000 pings of 125 bytes whose pongs nobody reads do not fill the memory, and the connection goes on.", Why: whyDeaf,
			Steps: steps(send(ping(payload)).times(400000).deaf()), Outcomes: flooded(lit(payload)), Memory: 40 << 20},
		{ID: "attack.flood.empty-pings-unread", RFC: "RFC 6455 §5.5.2, §10.4", Expect: "300,000 empty pings whose pongs nobody reads do not fill the memory, and the connection goes on.", Why: whyDeaf,
			Steps: steps(send(ping("")).times(300000).deaf()), Outcomes: flooded(lit("")), Memory: 40 << 20},
		{ID: "attack.flood.pings", RFC: "RFC 6455 §5.5.2", Expect: "50,000 pings in a row leave the connection as it was.", Why: whyMany,
			Steps: steps(send(ping("many")).times(50000)), Outcomes: flooded(lit("many"))},
		{ID: "attack.flood.pongs", RFC: "RFC 6455 §5.5.3", Expect: "100,000 pongs that nobody asked for leave the connection as it was.", Why: whyMany,
			Steps: []Step{send(pong("nobody asked")).times(100000), send(ping("still alive")), await(1), closing(1000, "")},
			Outcomes: []Outcome{
				{OK, "", []Pattern{ponged(alive), closed(1000, 1005)}},
				{Informational, "it gave up the connection with a code for it", []Pattern{closed(1008, 1009, 1013)}},
				{Informational, "it ended the connection", []Pattern{dropped()}}}},
		{ID: "attack.flood.messages-unread", RFC: "RFC 6455 §10.4", Expect: "4,000 messages of 16 KiB whose echoes nobody reads do not fill the memory, and come back when somebody does.", Why: whyDeaf,
			Steps: []Step{binaryMessage(big).times(4000).deaf(), await(4000), send(ping("still alive")), closing(1000, "")}, Outcomes: backpressure(echoed(OpBinary, big)), Memory: 40 << 20},
		{ID: "attack.flood.small-messages-unread", RFC: "RFC 6455 §10.4", Expect: "200,000 messages of one byte whose echoes nobody reads do not fill the memory, and come back when somebody does.", Why: whyDeaf,
			Steps: []Step{text(lit("m")).times(200000).deaf(), await(200000), send(ping("still alive")), closing(1000, "")}, Outcomes: backpressure(echoed(OpText, lit("m"))), Memory: 40 << 20},
		{ID: "attack.flood.empty-messages", RFC: "RFC 6455 §5.6", Expect: "50,000 empty messages come back.", Why: whyMany,
			Steps: []Step{text(lit("")).times(50000), await(50000), send(ping("still alive")), closing(1000, "")}, Outcomes: backpressure(echoed(OpText, lit("")))},
		{ID: "attack.flood.fragments-of-one-byte", RFC: "RFC 6455 §5.4, §10.4", Expect: "A message of 200,000 fragments of one byte comes back, or meets a limit.", Why: whyFragments,
			Steps:    append([]Step{message(Message{Op: OpBinary, Payload: fill(FillRandom, 200000), Fragment: 1}), awaitMessages(1)}, end...),
			Outcomes: fragmented(echoed(OpBinary, fill(FillRandom, 200000))), Memory: 40 << 20},
		{ID: "attack.flood.empty-fragments", RFC: "RFC 6455 §5.4, §10.4", Expect: "A message with 100,000 empty fragments comes back, or meets a limit.", Why: whyFragments,
			Steps:    steps(send(frame(OpText, "begin ").more()), send(empty).times(100000), send(frame(OpContinuation, "end")), awaitMessages(1)),
			Outcomes: fragmented(echoed(OpText, lit("begin end"))), Memory: 40 << 20},
		{ID: "attack.flood.empty-fragments-million", RFC: "RFC 6455 §5.4, §10.4", Expect: "A message with a million empty fragments comes back, or meets a limit.", Why: whyFragments,
			Steps:    steps(send(frame(OpText, "begin ").more()), send(empty).times(1000000), send(frame(OpContinuation, "end")), awaitMessages(1)),
			Outcomes: fragmented(echoed(OpText, lit("begin end"))), Memory: 40 << 20},
		{ID: "attack.flood.empty-fragments-open", RFC: "RFC 6455 §5.4, §10.4", Expect: "A message of 100,000 empty fragments that does not end leaves the connection as it was, or meets a limit.", Why: whyFragments,
			Steps:    steps(send(frame(OpBinary, "").more()), send(empty).times(100000)),
			Outcomes: fragmented(), Memory: 40 << 20},
		{ID: "attack.flood.fragments-and-pings", RFC: "RFC 6455 §5.4, §5.5.2", Expect: "A message of 20,000 fragments of one byte with a ping between each comes back, or meets a limit.", Why: whyFragments,
			Steps: append([]Step{message(Message{Op: OpBinary, Payload: fill(FillRandom, 20000), Fragment: 1, Between: &between}), awaitMessages(1)}, end...),
			Outcomes: append(fragmented(ponged(lit("")).optional().repeated(), echoed(OpBinary, fill(FillRandom, 20000)), ponged(lit("")).optional().repeated()),
				Outcome{OK, "it has a limit and said so", []Pattern{ponged(lit("")).repeated(), closed(1008, 1009)}},
				Outcome{Informational, "it ended the connection", []Pattern{ponged(lit("")).repeated(), dropped()}})},
	}
	for i := range list {
		list[i].Tags = []string{TagPerformance}
	}
	return list
}
