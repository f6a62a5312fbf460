package ws

// segment is a run of bytes to send: of a pooled buffer, or, where buf is nil, of somebody who lends them.
type segment struct {
	buf *buffer
	p   []byte
}

// queue holds encoded frames in order. Small ones share a buffer, so that they leave in one write.
type queue struct {
	segs   []segment
	at     int // segs before it are sent
	size   int // bytes
	frames int // data frames
}

const (
	// maxShared is how large a buffer may grow that small frames share.
	maxShared = 32 << 10
	// minLent is the size from which a payload is sent from where it lies instead of being copied behind its header.
	minLent = 8 << 10
)

// tail returns room for n more bytes at the end.
func (q *queue) tail(n int) []byte {
	if i := len(q.segs) - 1; i >= q.at {
		if s := &q.segs[i]; s.buf != nil {
			if used := len(s.p); used+n <= len(s.buf.b) {
				q.size += n
				s.p = s.buf.b[:used+n]
				return s.p[used:]
			}
		}
	}
	return q.grow(n)
}

// expect provides for n bytes that will be appended one after the other. q is empty.
func (q *queue) expect(n int) {
	b := getBuffer(n)
	q.segs = append(q.segs, segment{b, b.b[:0]})
}

// grow is tail where the last buffer has no room, or there is none.
func (q *queue) grow(n int) []byte {
	q.size += n
	if i := len(q.segs) - 1; i >= q.at {
		s := &q.segs[i]
		used := len(s.p)
		switch {
		case s.buf == nil && used < minLent:
			// A small frame that was lent, alone until now.
			s.buf = getBuffer(2 * (used + n))
			copy(s.buf.b, s.p)
			s.p = s.buf.b[:used+n]
			return s.p[used:]
		case s.buf != nil && used+n > len(s.buf.b) && used+n <= maxShared:
			s.buf = growBuffer(s.buf, used, used+n)
			s.p = s.buf.b[:used+n]
			return s.p[used:]
		}
	}
	b := getBuffer(n)
	q.segs = append(q.segs, segment{b, b.b[:n]})
	return b.b[:n]
}

// lend appends bytes that stay where they are until they are sent.
func (q *queue) lend(p []byte) {
	q.size += len(p)
	q.segs = append(q.segs, segment{nil, p})
}

// own appends the first n bytes of b, which belongs to the queue from now on.
func (q *queue) own(b *buffer, n int) {
	q.size += n
	q.segs = append(q.segs, segment{b, b.b[:n:n]})
}

// join moves everything from o to the end of q.
func (q *queue) join(o *queue) {
	q.segs = append(q.segs, o.segs[o.at:]...)
	q.size += o.size
	q.frames += o.frames
	clear(o.segs)
	o.segs, o.at, o.size, o.frames = o.segs[:0], 0, 0, 0
}

// sent drops the first n bytes.
func (q *queue) sent(n int) {
	q.size -= n
	for q.at < len(q.segs) {
		s := &q.segs[q.at]
		if n < len(s.p) {
			s.p = s.p[n:]
			return
		}
		n -= len(s.p)
		putBuffer(s.buf)
		*s = segment{}
		q.at++
	}
	q.empty()
}

// drop forgets everything.
func (q *queue) drop() {
	for i := q.at; i < len(q.segs); i++ {
		putBuffer(q.segs[i].buf)
		q.segs[i] = segment{}
	}
	q.empty()
}

// empty makes q ready for what comes next.
func (q *queue) empty() {
	q.segs, q.at, q.size, q.frames = q.segs[:0], 0, 0, 0
	if cap(q.segs) > 16 {
		q.segs = nil
	}
}

// write hands what comes first to the socket, in one system call.
func (q *queue) write(fd uintptr) (n int, wouldBlock bool, err error) {
	if len(q.segs) == q.at+1 {
		return sysWrite(fd, q.segs[q.at].p)
	}
	return sysWritev(fd, q.segs[q.at:])
}
