package load

import (
	"time"

	"github.com/parley-ws/parley/ws"
)

// sendPaced sends the messages of this link when they are due; of a closed load, when in addition the last one was answered.
func (l *link) sendPaced() {
	r := l.run
	var buf []byte
	var timer *time.Timer
	if r.plan.Closed {
		timer = time.NewTimer(r.plan.Timeout)
		defer timer.Stop()
	}
	if _, ok := r.schedule.at(int64(l.index)); !ok {
		return // there are fewer messages than connections
	}
	select { // before that nobody knows when the load begins
	case <-l.kick:
	case <-r.load.Done():
		return
	case <-l.ctx.Done():
		return
	}
	woke := r.now() // when the generator was here again after it had nothing to do
	for j := int64(0); ; j++ {
		k := j*int64(len(r.senders)) + int64(l.index)
		due, ok := r.schedule.at(k)
		if !ok {
			return
		}
		due += r.base
		waited := false
		for r.now() < due {
			waited = true // for the generator, and not for the connection
			select {
			case <-l.kick:
			case <-r.load.Done():
				return
			case <-l.ctx.Done():
				return
			}
		}
		if l.gone() || r.load.Err() != nil {
			return
		}
		now := r.now()
		if waited {
			woke = now
		}
		if due <= woke && due >= r.warm { // else the connection was busy with the message before
			l.shard.record(mDelay, now-due)
		}
		if !l.send(&buf, k, j, due, now) {
			return
		}
		l.giveUp(now - r.plan.Timeout)
		if r.plan.Closed && !l.await(timer) {
			return
		}
	}
}

// await waits for the reply to the message that was sent last, or until its time is over. It is false if there is nothing more to
// send.
func (l *link) await(timer *time.Timer) bool {
	timer.Reset(l.run.plan.Timeout)
	select {
	case <-l.replied:
	case <-timer.C:
		l.giveUp(l.run.now() + 1)
	case <-l.run.load.Done():
		return false
	case <-l.ctx.Done():
		return false
	}
	return true
}

// sendClosed sends each message when the one before was answered.
func (l *link) sendClosed() {
	r := l.run
	var buf []byte
	timer := time.NewTimer(r.plan.Timeout)
	defer timer.Stop()
	for j := int64(0); r.load.Err() == nil && !l.gone(); j++ {
		k := r.next.Add(1) - 1
		if r.plan.Count > 0 && k >= r.plan.Count {
			return
		}
		now := r.now()
		if !l.send(&buf, k, j, now, now) {
			return
		}
		if !l.await(timer) {
			return
		}
	}
}

// send sends message k of the run, which is message j of this link. It is false if the link can send no more.
func (l *link) send(buf *[]byte, k, j int64, due, now time.Duration) bool {
	r := l.run
	if j == 0 && !l.slow {
		l.firstDue.Store(int64(due))
	}
	measured := due >= r.warm
	key, awaited := uint64(0), false
	v := values{n: k, conn: l.number, stamp: stamp{run: r.id, publisher: l.publisher, number: j, due: due, sent: now}}
	message := r.plan.Messages[k%int64(len(r.plan.Messages))].append((*buf)[:0], v)
	*buf = message
	kind := r.plan.Type
	if f := r.plan.Fanout; f != nil {
		if f.Topic != "" {
			message, kind = publishNative(j+2, f.Topic, message), ws.Text
			key, awaited = uint64(j+2), true
		}
		if measured {
			l.published.Add(1) // before it is sent: a delivery may be faster than we are
		}
	} else {
		key, awaited = r.plan.Match.sentKey(message)
	}
	if awaited {
		l.pending.add(key, due, now)
	}
	if err := l.conn.Write(r.load, kind, message); err != nil {
		// The reader of the connection says why. What was not sent is not missed.
		if r.plan.Fanout != nil && measured {
			l.published.Add(-1)
		}
		if l.conn.Context().Err() != nil && !l.slow {
			<-l.ctx.Done() // until the reader has said why
		}
		if !awaited || l.pending.takeBack(key) {
			return false
		}
		// The reader has counted it among those without an answer: so it was sent.
	}
	l.sent.Add(1)
	l.shard.count(func(c *counts) {
		c.sent++
		c.bytesOut += int64(len(message))
		if !measured {
			c.warmSent++
		}
	})
	return true
}
