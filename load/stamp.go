package load

import (
	"bytes"
	"strconv"
	"time"
)

// stamp is what a message of a fan-out says about itself. It is written without quotes and braces, so that it can stand in
// any text, also where that is put into JSON:
//
//	bench-5f3a9c21 PUBLISHER NUMBER DUE SENT .
//
// Its numbers are decimal.
type stamp struct {
	run       []byte // the first word, different for each run
	publisher int
	number    int64         // of the message, from 0, for each publisher
	due, sent time.Duration // since the start of the run
}

func (s stamp) append(b []byte) []byte {
	b = append(b, s.run...)
	for _, n := range []int64{int64(s.publisher), s.number, int64(s.due), int64(s.sent)} {
		b = append(b, ' ')
		b = strconv.AppendInt(b, n, 10)
	}
	return append(b, " ."...)
}

// findStamp finds the stamp of a run in a message.
func findStamp(message, run []byte) (stamp, bool) {
	at := bytes.Index(message, run)
	if at < 0 {
		return stamp{}, false
	}
	rest := message[at+len(run):]
	var numbers [4]int64
	for i := range numbers {
		if len(rest) < 2 || rest[0] != ' ' {
			return stamp{}, false
		}
		rest = rest[1:]
		digits := 0
		for digits < len(rest) && digits < 18 && rest[digits] >= '0' && rest[digits] <= '9' {
			numbers[i] = numbers[i]*10 + int64(rest[digits]-'0')
			digits++
		}
		if digits == 0 {
			return stamp{}, false
		}
		rest = rest[digits:]
	}
	if !bytes.HasPrefix(rest, []byte(" .")) {
		return stamp{}, false
	}
	return stamp{run: run, publisher: int(numbers[0]), number: numbers[1], due: time.Duration(numbers[2]), sent: time.Duration(numbers[3])}, true
}
