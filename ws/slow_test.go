package ws_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-ws/parley/ws"
	"github.com/parley-ws/parley/ws/wstest"
)

// audience is what a publisher has: connections to readers that take everything, and to some that take nothing.
type audience struct {
	group   ws.Group
	members []*member // in any order
	readers sync.WaitGroup
	got     sync.WaitGroup // by all good readers
}

// member is the server's end of a connection.
type member struct {
	c       *ws.Conn
	stalled bool
	sent    atomic.Int64 // when TryWritePrepared was called
	took    []time.Duration
	err     error
}

// slowQueue is the queue limit of the stalled ones.
const slowQueue = 32 << 10

func newAudience(good, stalled, size int) *audience {
	a := &audience{}
	for i := range good + stalled {
		m := &member{stalled: i >= good}
		var pipe wstest.PipeOptions
		if m.stalled {
			pipe.Buffer = 4 << 10
		}
		near, far := wstest.Pipe(&pipe)
		o := ws.Options{WriteTimeout: time.Hour, PingInterval: -1}
		if m.stalled {
			o.QueueLimit = slowQueue
		} else {
			reader := ws.NewConn(far, ws.ConnOptions{Client: true, Group: &a.group, Options: o})
			a.readers.Go(func() { m.err = a.read(m, reader, size) })
		}
		m.c = ws.NewConn(near, ws.ConnOptions{Group: &a.group, Options: o})
		m.c.CloseRead(context.Background())
		a.members = append(a.members, m)
	}
	rand.Shuffle(len(a.members), func(i, j int) { a.members[i], a.members[j] = a.members[j], a.members[i] })
	return a
}

// read takes every message, in order.
func (a *audience) read(m *member, c *ws.Conn, size int) error {
	return c.Run(context.Background(), ws.Events{Message: func(_ *ws.Conn, _ ws.Type, p []byte) error {
		if n := binary.BigEndian.Uint64(p); n != uint64(len(m.took)) || len(p) != size {
			return fmt.Errorf("message %d of %d bytes instead of %d", n, len(p), len(m.took))
		}
		m.took = append(m.took, time.Duration(now()-m.sent.Load()))
		a.got.Done()
		return nil
	}})
}

func now() int64 { return time.Now().UnixNano() }

// publish sends n messages to everybody, each when the good readers have the one before.
func (a *audience) publish(t *testing.T, n, size, good int) {
	for i := range n {
		p := make([]byte, size)
		binary.BigEndian.PutUint64(p, uint64(i))
		message := ws.Prepare(ws.Binary, p)
		a.got.Add(good)
		for _, m := range a.members {
			m.sent.Store(now())
			if err := m.c.TryWritePrepared(message); err != nil && (!m.stalled || !errors.Is(err, ws.ErrSlowConsumer)) {
				t.Fatalf("message %d, to a stalled reader %v: %v", i, m.stalled, err)
			}
		}
		a.got.Wait()
	}
}

// end closes all connections and returns the 99th percentile of the time that a message took to a good reader.
func (a *audience) end(t *testing.T, messages int) time.Duration {
	for _, m := range a.members {
		if m.stalled {
			m.c.CloseNow()
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := a.group.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	a.readers.Wait()
	var took []time.Duration
	for _, m := range a.members {
		if !m.stalled && (m.err != nil || len(m.took) != messages) {
			t.Fatalf("a good reader got %d messages of %d: %v", len(m.took), messages, m.err)
		}
		took = append(took, m.took...)
	}
	slices.Sort(took)
	return took[len(took)*99/100]
}

// Readers that take nothing cost a bounded queue each, and those beside them nothing.
func TestSlowReaders(t *testing.T) {
	const good, stalled = 100, 1000
	messages := 200
	if raceEnabled {
		messages = 60
	}
	for _, size := range []int{1000, 10_000} { // copied, and shared
		t.Run(fmt.Sprint(size, " bytes"), func(t *testing.T) {
			a := newAudience(good, 0, size)
			a.publish(t, messages, size, good)
			alone := a.end(t, messages)

			a = newAudience(good, stalled, size)
			before := settled().HeapAlloc
			a.publish(t, messages, size, good)
			for _, m := range a.members {
				if s := m.c.Stats(); m.stalled && (int(s.Dropped) < messages-slowQueue/size-5 || s.Buffered > slowQueue+14) {
					t.Fatalf("a stalled reader: %+v", s)
				}
			}
			// A queue, the buffers that it is in, and the pipe.
			if grown := int64(settled().HeapAlloc-before) / stalled; grown > 3*slowQueue {
				t.Errorf("each stalled reader holds %d bytes", grown)
			}
			beside := a.end(t, messages)
			t.Logf("99%% of the messages took %v; beside %d stalled readers %v", alone, stalled, beside)
			if !raceEnabled && beside > 2*alone+20*time.Millisecond { // the race detector multiplies what chance does
				t.Error("that is too much")
			}
		})
	}
}
