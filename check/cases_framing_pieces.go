package check

import (
	"fmt"
	"time"
)

// framingPieces are headers that arrive byte by byte.
func framingPieces() []Case {
	var list []Case
	for _, n := range []int{5, 200} {
		d := fill(FillASCII, n)
		list = append(list, echoing(fmt.Sprintf("framing.pieces.slow-%d", n), "RFC 6455 §5.2",
			fmt.Sprintf("A message of %d bytes that arrives slowly, byte by byte, comes back.", n), []Step{text(d).chop(1).every(time.Millisecond)}, echoed(OpText, d)))
	}
	for _, c := range []struct {
		n    int
		form string
	}{{5, "7-bit"}, {200, "16-bit"}, {65536, "64-bit"}} {
		d := fill(FillASCII, c.n)
		list = append(list, echoing(fmt.Sprintf("framing.pieces.header-%d", c.n), "RFC 6455 §5.2",
			fmt.Sprintf("A message of %d bytes comes back whose header, with a length in the %s form, arrives slowly, byte by byte.", c.n, c.form),
			// A key of zeros leaves the payload as it is, so that it can be sent apart from its header.
			[]Step{send(Frame{Op: OpText, Declare: uint64(c.n), Mask: MaskZero}).chop(1).every(3 * time.Millisecond), {Raw: d}}, echoed(OpText, d)))
	}
	long := fill(FillASCII, 70000)
	list = append(list, echoing("framing.pieces.of-7", "RFC 6455 §5.2", "A message of 70,000 bytes in pieces of 7, which cut its header in two, comes back.",
		[]Step{text(long).chop(7)}, echoed(OpText, long)))
	steps := []Step{}
	var seen []Pattern
	for n := 1; n <= 16; n++ {
		d := sized(FillASCII, 120+n, n)
		steps = append(steps, text(d).chop(n))
		seen = append(seen, echoed(OpText, d))
	}
	return append(list, echoing("framing.pieces.every-size", "RFC 6455 §5.2", "Messages in pieces of 1 to 16 bytes come back.", steps, seen...))
}
