package check

import "fmt"

// fragmentsWithPings are messages with a ping after each fragment but the last.
func fragmentsWithPings() []Case {
	const size = 200
	var list []Case
	for _, kind := range []struct {
		name string
		op   Op
		d    Data
	}{{"text", OpText, fill(FillUTF8, size)}, {"binary", OpBinary, fill(FillRandom, size)}} {
		for _, n := range []int{2, 3, 10, 100} {
			payload := string(kind.d.Bytes())
			var frames []Frame
			var pongs []Pattern
			for i := range n {
				f := Frame{Op: OpContinuation, More: i < n-1, Payload: lit(payload[i*size/n : (i+1)*size/n])}
				if i == 0 {
					f.Op = kind.op
				}
				if frames = append(frames, f); f.More {
					p := fmt.Sprintf("ping %d", i)
					frames, pongs = append(frames, ping(p)), append(pongs, ponged(lit(p)))
				}
			}
			list = append(list, Case{ID: fmt.Sprintf("fragments.pings.%s-in-%d", kind.name, n), RFC: "RFC 6455 §5.4",
				Expect: fmt.Sprintf("A %s message in %d fragments comes back whole, after the answers to the pings between them.", kind.name, n),
				Why: "Control frames may stand between the fragments of a message and are not part of it. A ping is answered as soon as is " +
					"practical, which is before the message has ended; who has several to answer may answer only the latest: RFC 6455 §5.5.3.",
				Steps:    []Step{send(frames...), awaitMessages(1), closing(1000, "")},
				Outcomes: pingsAround(pongs, echoed(kind.op, kind.d))})
		}
	}
	return list
}

// pingsAround are the outcomes of a case with pings inside a message.
func pingsAround(pongs []Pattern, back Pattern) []Outcome {
	last := len(pongs) - 1
	some := append(optional(pongs[:last]), pongs[last], back)
	after := append(append(optional(pongs[:last]), back), append(optional(pongs[:last]), pongs[last])...)
	list := echoes(append(clone(pongs), back)...)
	if len(pongs) > 1 {
		list = append(list, Outcome{Informational, "it answered only some of the pings, as it may", append(some, closed(1000, 1005))})
	}
	list = append(list, Outcome{NonStrict, "pings are answered after the message that they stand in", append(after, closed(1000, 1005))})
	if len(pongs) > 10 {
		list = append(list,
			Outcome{Informational, "it has a limit for pings, and says so", append(optional(pongs), closed(1008))},
			Outcome{NonStrict, "it ended the connection: it may have a limit for pings", append(optional(pongs), dropped())})
	}
	return list
}
