package transport

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"time"
)

// ReadBody fails with one of these.
var (
	// ErrLarge is for a body that is larger than allowed, also if it only says so: then nothing of it is waited for.
	ErrLarge = errors.New("transport: the body is too large")

	// ErrSlow is for a body that does not come in time.
	ErrSlow = errors.New("transport: the body did not come in time")

	// ErrBroken is for a body that ends before it should, or is not what HTTP says a body is.
	ErrBroken = errors.New("transport: the body is broken")
)

// stretch is how much of a body has to come within the time for progress, in bytes.
const stretch = 32 << 10

// ReadBody reads the body of a request, which has at most limit bytes. Every 32 KiB of it may take the time of progress. After an error the
// connection carries no other request.
func ReadBody(w http.ResponseWriter, r *http.Request, limit int64, progress time.Duration) ([]byte, error) {
	body, err := readBody(w, r, limit, progress)
	if err != nil && r.ProtoMajor == 1 {
		// Without this, net/http would wait for the rest of the body before it answers.
		w.Header().Set("Connection", "close")
	}
	return body, err
}

func readBody(w http.ResponseWriter, r *http.Request, limit int64, progress time.Duration) ([]byte, error) {
	if r.ContentLength > limit {
		return nil, ErrLarge
	}
	rc := http.NewResponseController(w)
	in := http.MaxBytesReader(w, r.Body, limit)
	var b bytes.Buffer
	for {
		// A server without deadlines, as tests have it, has nothing to say against that either.
		_ = rc.SetReadDeadline(time.Now().Add(progress))
		_, err := io.CopyN(&b, in, stretch)
		if err == io.EOF {
			_ = rc.SetReadDeadline(time.Time{}) // the answer may take for ever
			return b.Bytes(), nil
		}
		var large *http.MaxBytesError
		var late net.Error
		switch {
		case err == nil:
		case errors.As(err, &large):
			return nil, ErrLarge
		case errors.As(err, &late) && late.Timeout():
			return nil, ErrSlow
		default:
			return nil, ErrBroken
		}
	}
}
