package load

import (
	"slices"
	"sync"
	"time"
)

// pending are the messages of a connection that wait for their replies, oldest first.
type pending struct {
	mu      sync.Mutex
	list    []waiting
	head    int // those before it are done with
	open    int // those that wait
	expired int // those that waited too long, whose replies may still come

	last  [16]uint64 // the keys of those that were answered last
	lastN int
}

// waiting is one message. Times are since the start of the run.
type waiting struct {
	key       uint64
	due, sent time.Duration
	done      bool
}

// add adds a message.
func (p *pending) add(key uint64, due, sent time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.head > 64 && p.head > len(p.list)/2 {
		p.list = p.list[:copy(p.list, p.list[p.head:])]
		p.head = 0
	}
	p.list = append(p.list, waiting{key: key, due: due, sent: sent})
	p.open++
}

// outcome says what a reply was.
type outcome byte

const (
	answered   outcome = iota // the reply to a message that waited
	mismatched                // a reply to nothing that was sent
	late                      // one that may be the reply to a message given up before
	duplicate                 // one more reply to a message that was answered
)

// take removes the oldest message with this key. If replies are in order, those that were given up come first.
func (p *pending) take(key uint64, inOrder bool) (waiting, outcome) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if inOrder && p.expired > 0 {
		p.expired--
		return waiting{}, late
	}
	for i := p.head; i < len(p.list); i++ {
		w := &p.list[i]
		if w.done || w.key != key {
			continue
		}
		w.done = true
		p.open--
		found := *w
		p.advance()
		p.last[p.lastN%len(p.last)] = key
		p.lastN++
		return found, answered
	}
	if p.expired > 0 {
		p.expired--
		return waiting{}, late
	}
	if !inOrder && slices.Contains(p.last[:min(p.lastN, len(p.last))], key) {
		return waiting{}, duplicate
	}
	return waiting{}, mismatched
}

// takeBack removes the message that was added last, if it has this key and still waits.
func (p *pending) takeBack(key uint64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := len(p.list) - 1
	if i < p.head || p.list[i].done || p.list[i].key != key {
		return false
	}
	p.list[i].done = true
	p.open--
	p.advance()
	return true
}

// expire removes the messages sent before a time, and calls each for them. It returns how many there were.
func (p *pending) expire(before time.Duration, each func(waiting)) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for p.head < len(p.list) && (p.list[p.head].done || p.list[p.head].sent < before) {
		if w := p.list[p.head]; !w.done {
			n++
			each(w)
		}
		p.head++
	}
	p.open -= n
	p.expired += n
	return n
}

// drop removes all messages, and returns how many waited.
func (p *pending) drop() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.open
	p.list, p.head, p.open = nil, 0, 0
	return n
}

// waits is how many messages wait.
func (p *pending) waits() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.open
}

// advance moves the head over what is done with. p.mu is held.
func (p *pending) advance() {
	for p.head < len(p.list) && p.list[p.head].done {
		p.head++
	}
	if p.head == len(p.list) {
		p.list, p.head = p.list[:0], 0
	}
}
