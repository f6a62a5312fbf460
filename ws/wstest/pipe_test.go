package wstest_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-ws/parley/ws/wstest"
)

// inBubble runs a test of a pipe in a bubble and closes both ends at its end.
func inBubble(t *testing.T, o *wstest.PipeOptions, test func(t *testing.T, a, b *wstest.PipeConn)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		a, b := wstest.Pipe(o)
		defer a.Close()
		defer b.Close()
		test(t, a, b)
	})
}

func mustWrite(t *testing.T, c net.Conn, s string) {
	t.Helper()
	if n, err := c.Write([]byte(s)); n != len(s) || err != nil {
		t.Fatalf("Write(%q) = %d, %v", s, n, err)
	}
}

// wantRead makes one Read and compares what it returns.
func wantRead(t *testing.T, c net.Conn, want string) {
	t.Helper()
	p := make([]byte, 100)
	n, err := c.Read(p)
	if got := string(p[:n]); got != want || err != nil {
		t.Fatalf("Read = %q, %v; want %q", got, err, want)
	}
}

func wantReadError(t *testing.T, c net.Conn, want error) {
	t.Helper()
	n, err := c.Read(make([]byte, 100))
	if n != 0 || !errors.Is(err, want) {
		t.Fatalf("Read = %d, %v; want 0, %v", n, err, want)
	}
}

func wantWriteError(t *testing.T, c net.Conn, want error) {
	t.Helper()
	n, err := c.Write([]byte("x"))
	if n != 0 || !errors.Is(err, want) {
		t.Fatalf("Write = %d, %v; want 0, %v", n, err, want)
	}
}

func TestPipeCarriesBothWays(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, a, b *wstest.PipeConn) {
		mustWrite(t, a, "to b")
		mustWrite(t, b, "to a")
		wantRead(t, b, "to b")
		wantRead(t, a, "to a")
		mustWrite(t, a, "one,")
		mustWrite(t, a, "two")
		wantRead(t, b, "one,two") // a stream has no boundaries
	})
}

func TestPipeReadWaits(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, a, b *wstest.PipeConn) {
		start := time.Now()
		time.AfterFunc(time.Second, func() { mustWrite(t, a, "late") })
		wantRead(t, b, "late")
		if d := time.Since(start); d != time.Second {
			t.Errorf("Read returned after %v, want 1s", d)
		}
	})
}

func TestPipeEmptyReadAndWrite(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, a, b *wstest.PipeConn) {
		a.Stall()
		if n, err := a.Write(nil); n != 0 || err != nil {
			t.Errorf("empty Write = %d, %v", n, err)
		}
		if n, err := b.Read(nil); n != 0 || err != nil {
			t.Errorf("empty Read = %d, %v", n, err)
		}
	})
}

func TestPipeBufferIsBounded(t *testing.T) {
	inBubble(t, &wstest.PipeOptions{Buffer: 4}, func(t *testing.T, a, b *wstest.PipeConn) {
		written := make(chan bool)
		go func() {
			mustWrite(t, a, "abcdefghij")
			close(written)
		}()
		var got []byte
		for len(got) < 10 {
			synctest.Wait()
			if len(got) < 6 { // ten bytes less the four that the buffer holds
				select {
				case <-written:
					t.Fatalf("Write returned when %d bytes had been read", len(got))
				default:
				}
			}
			p := make([]byte, 3)
			n, err := b.Read(p)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, p[:n]...)
		}
		<-written
		if string(got) != "abcdefghij" {
			t.Errorf("read %q", got)
		}
	})
}

func TestPipeDefaultBuffer(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, a, b *wstest.PipeConn) {
		a.SetWriteDeadline(time.Now().Add(time.Second))
		n, err := a.Write(make([]byte, 100<<10))
		if n != 64<<10 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Write = %d, %v; want %d and the deadline", n, err, 64<<10)
		}
	})
}

func TestPipeReadDeadline(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, a, b *wstest.PipeConn) {
		start := time.Now()
		b.SetReadDeadline(start.Add(time.Second))
		_, err := b.Read(make([]byte, 1))
		if d := time.Since(start); d != time.Second {
			t.Errorf("Read returned after %v, want 1s", d)
		}
		var ne net.Error
		if !errors.As(err, &ne) || !ne.Timeout() {
			t.Errorf("Read: %v is no timeout", err)
		}

		mustWrite(t, a, "x")
		wantReadError(t, b, os.ErrDeadlineExceeded) // it stays, whatever there is to read
		b.SetReadDeadline(time.Time{})
		wantRead(t, b, "x")
		b.SetReadDeadline(time.Now().Add(-time.Second))
		wantReadError(t, b, os.ErrDeadlineExceeded)
		b.SetReadDeadline(time.Time{})
		mustWrite(t, a, "y")
		wantRead(t, b, "y")
	})
}

func TestPipeDeadlineMovesUnderAWaitingRead(t *testing.T) {
	for _, tt := range []struct {
		name  string
		first time.Duration
		then  time.Duration
		want  time.Duration
	}{
		{"later", 2 * time.Second, 5 * time.Second, 6 * time.Second},
		{"earlier", 5 * time.Second, time.Second, 2 * time.Second},
		{"to now", 5 * time.Second, 0, time.Second},
		{"to the past", 5 * time.Second, -time.Hour, time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, a, b *wstest.PipeConn) {
				start := time.Now()
				b.SetReadDeadline(start.Add(tt.first))
				time.AfterFunc(time.Second, func() { b.SetReadDeadline(time.Now().Add(tt.then)) })
				wantReadError(t, b, os.ErrDeadlineExceeded)
				if d := time.Since(start); d != tt.want {
					t.Errorf("Read returned after %v, want %v", d, tt.want)
				}
			})
		})
	}
}

func TestPipeDeadlineRemovedUnderAWaitingRead(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, a, b *wstest.PipeConn) {
		b.SetReadDeadline(time.Now().Add(2 * time.Second))
		time.AfterFunc(time.Second, func() { b.SetReadDeadline(time.Time{}) })
		time.AfterFunc(time.Hour, func() { mustWrite(t, a, "x") })
		wantRead(t, b, "x")
	})
}

func TestPipeWriteDeadline(t *testing.T) {
	inBubble(t, &wstest.PipeOptions{Buffer: 4}, func(t *testing.T, a, b *wstest.PipeConn) {
		start := time.Now()
		a.SetWriteDeadline(start.Add(time.Second))
		n, err := a.Write([]byte("abcdef"))
		if n != 4 || !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("Write = %d, %v after %v; want 4 and the deadline after 1s", n, err, time.Since(start))
		}
		wantRead(t, b, "abcd") // what was accepted arrives
		wantWriteError(t, a, os.ErrDeadlineExceeded)
		a.SetDeadline(time.Time{})
		mustWrite(t, a, "ef")
		wantRead(t, b, "ef")
	})
}

func TestPipeSetDeadlineSetsBoth(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, a, b *wstest.PipeConn) {
		a.SetDeadline(time.Now())
		wantReadError(t, a, os.ErrDeadlineExceeded)
		wantWriteError(t, a, os.ErrDeadlineExceeded)
	})
}

func TestPipeClose(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, a, b *wstest.PipeConn) {
		mustWrite(t, a, "last words")
		mustWrite(t, b, "never read")
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}

		wantReadError(t, a, net.ErrClosed)
		wantWriteError(t, a, net.ErrClosed)
		for name, err := range map[string]error{
			"Close":            a.Close(),
			"CloseWrite":       a.CloseWrite(),
			"SetDeadline":      a.SetDeadline(time.Time{}),
			"SetReadDeadline":  a.SetReadDeadline(time.Now()),
			"SetWriteDeadline": a.SetWriteDeadline(time.Now()),
		} {
			if !errors.Is(err, net.ErrClosed) {
				t.Errorf("%s after Close: %v, want net.ErrClosed", name, err)
			}
		}

		wantWriteError(t, b, syscall.EPIPE)
		wantRead(t, b, "last words")
		if _, err := b.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("Read at the end: %v, want io.EOF as such", err)
		}
	})
}

func TestPipeCloseWakes(t *testing.T) {
	for _, tt := range []struct {
		name    string
		closing func(a, b *wstest.PipeConn)
		read    error // of a
		write   error // of a
	}{
		{"this end", func(a, b *wstest.PipeConn) { a.Close() }, net.ErrClosed, net.ErrClosed},
		{"the other end", func(a, b *wstest.PipeConn) { b.Close() }, io.EOF, syscall.EPIPE},
		{"reset here", func(a, b *wstest.PipeConn) { a.Reset() }, syscall.ECONNRESET, syscall.ECONNRESET},
		{"reset there", func(a, b *wstest.PipeConn) { b.Reset() }, syscall.ECONNRESET, syscall.ECONNRESET},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, &wstest.PipeOptions{Buffer: 1}, func(t *testing.T, a, b *wstest.PipeConn) {
				mustWrite(t, a, "x") // the buffer is full
				var wg sync.WaitGroup
				wg.Go(func() { wantReadError(t, a, tt.read) })
				wg.Go(func() { wantWriteError(t, a, tt.write) })
				wg.Go(func() { wantWriteError(t, a, tt.write) }) // one that waits for its turn
				synctest.Wait()
				tt.closing(a, b)
				wg.Wait()
			})
		})
	}
}

func TestPipeHalfClose(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, a, b *wstest.PipeConn) {
		mustWrite(t, a, "question")
		for range 2 {
			if err := a.CloseWrite(); err != nil {
				t.Fatal(err)
			}
		}
		wantWriteError(t, a, syscall.EPIPE)
		wantRead(t, b, "question")
		wantReadError(t, b, io.EOF)
		mustWrite(t, b, "answer")
		wantRead(t, a, "answer")
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		wantWriteError(t, a, net.ErrClosed)
	})
}

func TestPipeReset(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, a, b *wstest.PipeConn) {
		mustWrite(t, a, "lost")
		a.Reset()
		wantReadError(t, b, syscall.ECONNRESET)
		wantWriteError(t, b, syscall.ECONNRESET)
		if err := errors.Join(a.Close(), b.Close()); err != nil {
			t.Error(err)
		}
		wantReadError(t, b, net.ErrClosed)
	})
}

func TestPipeStall(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, a, b *wstest.PipeConn) {
		mustWrite(t, a, "before")
		a.Stall()
		wantRead(t, b, "before")
		a.SetWriteDeadline(time.Now().Add(time.Second))
		wantWriteError(t, a, os.ErrDeadlineExceeded)
		a.SetWriteDeadline(time.Time{})
		mustWrite(t, b, "the other direction goes on")

		start := time.Now()
		time.AfterFunc(time.Minute, a.Resume)
		mustWrite(t, a, "after")
		if d := time.Since(start); d != time.Minute {
			t.Errorf("Write returned after %v, want 1m", d)
		}
		wantRead(t, b, "after")
	})
}

func TestPipeChop(t *testing.T) {
	inBubble(t, &wstest.PipeOptions{Chop: 2}, func(t *testing.T, a, b *wstest.PipeConn) {
		mustWrite(t, a, "abcde")
		wantRead(t, b, "ab")
		wantRead(t, b, "cd")
		wantRead(t, b, "e")
	})
}

func TestPipeLatency(t *testing.T) {
	inBubble(t, &wstest.PipeOptions{Latency: 100 * time.Millisecond}, func(t *testing.T, a, b *wstest.PipeConn) {
		start := time.Now()
		at := func(want time.Duration) {
			t.Helper()
			if d := time.Since(start); d != want {
				t.Errorf("at %v, want %v", d, want)
			}
		}
		mustWrite(t, a, "one")
		mustWrite(t, a, "two")
		at(0)
		time.Sleep(30 * time.Millisecond)
		mustWrite(t, a, "three")
		a.Close()

		b.SetReadDeadline(start.Add(99 * time.Millisecond))
		wantReadError(t, b, os.ErrDeadlineExceeded)
		b.SetReadDeadline(time.Time{})
		wantRead(t, b, "onetwo")
		at(100 * time.Millisecond)
		wantRead(t, b, "three")
		at(130 * time.Millisecond)
		wantReadError(t, b, io.EOF)
		at(130 * time.Millisecond)
	})
}

func TestPipeLatencyDelaysTheEnd(t *testing.T) {
	inBubble(t, &wstest.PipeOptions{Latency: time.Second}, func(t *testing.T, a, b *wstest.PipeConn) {
		start := time.Now()
		a.CloseWrite()
		wantReadError(t, b, io.EOF)
		if d := time.Since(start); d != time.Second {
			t.Errorf("the end came after %v, want 1s", d)
		}
	})
}

// What is in flight fills the buffer, so that latency and buffer make a bandwidth.
func TestPipeLatencyCountsInTheBuffer(t *testing.T) {
	inBubble(t, &wstest.PipeOptions{Buffer: 10, Latency: time.Second}, func(t *testing.T, a, b *wstest.PipeConn) {
		start := time.Now()
		go func() {
			a.Write(make([]byte, 100))
			a.Close()
		}()
		n, err := io.Copy(io.Discard, b)
		if n != 100 || err != nil || time.Since(start) != 10*time.Second {
			t.Errorf("copied %d bytes, %v in %v; want 100 in 10s", n, err, time.Since(start))
		}
	})
}

func TestPipeWritesDoNotMix(t *testing.T) {
	inBubble(t, &wstest.PipeOptions{Buffer: 3}, func(t *testing.T, a, b *wstest.PipeConn) {
		var wg sync.WaitGroup
		for _, c := range []byte("abcdefgh") {
			wg.Go(func() { mustWrite(t, a, string(bytes.Repeat([]byte{c}, 100))) })
		}
		go func() {
			wg.Wait()
			a.Close()
		}()
		got, err := io.ReadAll(b)
		if err != nil || len(got) != 800 {
			t.Fatalf("read %d bytes, %v", len(got), err)
		}
		for i := 0; i < len(got); i += 100 {
			if bytes.Count(got[i:i+100], got[i:i+1]) != 100 {
				t.Fatalf("writes mixed: %q", got[i:i+100])
			}
		}
	})
}

// Outside a bubble, with the real clock and under the race detector.
func TestPipeUnderLoad(t *testing.T) {
	for _, o := range []*wstest.PipeOptions{nil, {Buffer: 7}, {Chop: 5}, {Latency: time.Microsecond, Buffer: 100}} {
		a, b := wstest.Pipe(o)
		want := make([]byte, 20_000)
		for i := range want {
			want[i] = byte(i * 7)
		}
		var wg sync.WaitGroup
		for _, ends := range [][2]*wstest.PipeConn{{a, b}, {b, a}} {
			wg.Go(func() {
				for p := range slices.Chunk(want, 333) {
					if _, err := ends[0].Write(p); err != nil {
						t.Error(err)
					}
					ends[0].SetWriteDeadline(time.Now().Add(time.Minute))
				}
				ends[0].CloseWrite()
			})
			wg.Go(func() {
				got, err := io.ReadAll(ends[1])
				if !bytes.Equal(got, want) || err != nil {
					t.Errorf("%+v: got %d bytes, %v", o, len(got), err)
				}
			})
		}
		wg.Wait()
		a.Close()
		b.Close()
	}
}

func TestPipeAddr(t *testing.T) {
	a, b := wstest.Pipe(nil)
	defer a.Close()
	defer b.Close()
	if a.LocalAddr() != b.RemoteAddr() || b.LocalAddr() != a.RemoteAddr() || a.LocalAddr() == b.LocalAddr() {
		t.Errorf("addresses: %v %v and %v %v", a.LocalAddr(), a.RemoteAddr(), b.LocalAddr(), b.RemoteAddr())
	}
	if got := a.LocalAddr().Network(); got != "pipe" {
		t.Errorf("network %q", got)
	}
}

// A test that counts the allocations of what it tests must not see ours.
func TestPipeDoesNotAllocate(t *testing.T) {
	a, b := wstest.Pipe(nil)
	defer a.Close()
	defer b.Close()
	p := make([]byte, 100)
	n := testing.AllocsPerRun(1000, func() {
		deadline := time.Now().Add(time.Hour)
		a.SetWriteDeadline(deadline)
		b.SetReadDeadline(deadline)
		a.Write(p)
		b.Read(p)
	})
	if n != 0 {
		t.Errorf("%v allocations for each Write and Read, want none", n)
	}
}
