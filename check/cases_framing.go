package check

import "fmt"

var framingGroup = Group{
	Name:  "framing",
	Title: "Frames",
	Why: "A frame is a header that says what it is and how long, then the payload. Every length is written in the shortest of " +
		"three forms, reserved bits are zero without an extension, reserved opcodes are not used, and frames of a client are masked while those of a " +
		"server are not. Who takes what is not so may see other frames than the proxy in between.",
	cases: framingCases,
}

func framingCases() []Case {
	var list []Case
	for _, n := range []int{0, 1, 125, 126, 127, 128, 65535, 65536} {
		d := fill(FillASCII, n)
		if n == 0 {
			d = lit("")
		}
		list = append(list, Case{ID: fmt.Sprintf("framing.length.text-%d", n), RFC: "RFC 6455 §5.2",
			Expect: fmt.Sprintf("A text message of %d bytes comes back.", n),
			Steps:  []Step{text(d), await(1), closing(1000, "")}, Outcomes: echoes(echoed(OpText, d))})
	}
	list = append(list, Case{ID: "framing.length.non-minimal-16", RFC: "RFC 6455 §5.2",
		Expect:   "A length of 125 in the 16-bit form fails the connection with 1002.",
		Steps:    []Step{send(Frame{Op: OpText, Length: Length16, Payload: fill(FillASCII, 125)}, ping("alive"))},
		Outcomes: fails(1002)})
	return list
}
