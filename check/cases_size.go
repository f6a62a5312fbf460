package check

import "fmt"

var sizeGroup = Group{
	Name:  "size",
	Title: "Large and many messages",
	Why: "The protocol has no limit on messages but that of the 64-bit length. An endpoint may have one of its own: then it says so with 1009 instead of " +
		"breaking off. Up to its limit, neither the size of a message nor that of its frames nor the pieces in which they arrive may change anything.",
	cases: sizeCases,
}

func sizeCases() []Case {
	var list []Case
	kinds := []struct {
		name string
		op   Op
		fill Fill
	}{{"text", OpText, FillUTF8}, {"binary", OpBinary, FillRandom}}
	name := func(n int) string {
		if n >= 1<<20 {
			return fmt.Sprintf("%dm", n>>20)
		}
		if n >= 1<<10 {
			return fmt.Sprintf("%dk", n>>10)
		}
		return fmt.Sprint(n)
	}
	add := func(id, expect string, step Step, back Pattern) {
		c := echoing("size."+id, "RFC 6455 §5.2", expect, []Step{step}, back)
		c.Tags = []string{TagPerformance}
		c.Outcomes = append(c.Outcomes,
			Outcome{Informational, "its limit for messages is smaller", []Pattern{closed(1009)}},
			Outcome{Informational, "it has a limit for fragments", []Pattern{closed(1008)}},
			Outcome{NonStrict, "its limit for messages is smaller, and it says so by the end of the connection", []Pattern{dropped()}},
			Outcome{NonStrict, "it did not get it done in the time", []Pattern{silent()}})
		list = append(list, c)
	}
	for _, k := range kinds {
		for _, n := range []int{64 << 10, 256 << 10, 1 << 20, 4 << 20, 8 << 20, 16 << 20} {
			d := fill(k.fill, n)
			add("whole."+k.name+"-"+name(n), fmt.Sprintf("A %s message of %s bytes in one frame comes back.", k.name, name(n)), message(Message{Op: k.op, Payload: d}), echoed(k.op, d))
		}
		for _, n := range []int{4 << 20, 16 << 20} {
			d := fill(k.fill, n)
			for _, f := range []int{64, 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20} {
				add(fmt.Sprintf("fragments.%s-%s-of-%s", k.name, name(n), name(f)), fmt.Sprintf("A %s message of %s bytes in fragments of %s comes back.", k.name, name(n), name(f)),
					message(Message{Op: k.op, Payload: d, Fragment: f}), echoed(k.op, d))
			}
		}
		d := fill(k.fill, 1<<20)
		for _, chop := range []int{64, 128, 256, 512, 1024, 2048} {
			add(fmt.Sprintf("pieces.%s-1m-of-%d", k.name, chop), fmt.Sprintf("A %s message of 1 MiB that arrives in pieces of %d bytes comes back.", k.name, chop),
				message(Message{Op: k.op, Payload: d}).chop(chop), echoed(k.op, d))
		}
		for _, n := range []int{0, 16, 64, 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10} {
			d, count := fill(k.fill, n), 1000
			if n == 0 {
				d = lit("")
			}
			if n > 4<<10 {
				count = 100
			}
			one := echoing(fmt.Sprintf("size.many.%s-%s", k.name, name(n)), "RFC 6455 §5.2", fmt.Sprintf("%d %s messages of %s bytes, sent without waiting, come back.", count, k.name, name(n)),
				[]Step{message(Message{Op: k.op, Payload: d}).times(count)}, repeat(count, echoed(k.op, d))...)
			one.Tags = []string{TagPerformance}
			one.Outcomes = append(one.Outcomes, Outcome{NonStrict, "it did not get it done in the time", []Pattern{echoed(k.op, d).optional().repeated(), silent()}})
			list = append(list, one)
		}
	}
	d := fill(FillUTF8, 65536)
	add("fragments.text-64k-of-1300", "A text message of 65,536 bytes in fragments of 1,300 comes back.", message(Message{Op: OpText, Payload: d, Fragment: 1300}), echoed(OpText, d))
	return list
}
