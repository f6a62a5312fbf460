package hook

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/parley-ws/parley/hub"
)

// Options say how an application is asked.
type Options struct {
	// Secret signs the questions. Without it they are not signed: the application has to know by other means who asks. It has at least 16
	// bytes.
	Secret []byte

	// Headers are sent with every question.
	Headers http.Header

	// ForwardHeaders are the names of the headers of a client's request that are sent along with connect and refresh. The default is
	// none. Cookie and Authorization are forwarded only if they are named here.
	ForwardHeaders []string

	// Timeout is how long a question may take, all tries together. The default is 3 s. For calls, the hub's own limit counts.
	Timeout time.Duration

	// Retries is how often a question is sent again. The default is 2; negative is not at all.
	Retries int

	// Concurrency is how many questions are under way at the same time, and how many calls; others wait within their time. The default
	// is 64.
	Concurrency int

	// AnswerBytes is the size of the longest answer to a question. The default is 64 KiB.
	AnswerBytes int

	// CallBytes is the size of the longest answer to a call, or of one line of a stream. The default is 1 MiB.
	CallBytes int

	// CacheEntries is how many answers are kept, each for as long as it says. The default is 10,000; negative is none.
	CacheEntries int

	// Cache is for how long answers to subscribe and presence hold that do not say it themselves. The default is not at all.
	Cache time.Duration

	// Transport sends the questions. The default is made like http.DefaultTransport.
	Transport http.RoundTripper
}

// Bounds that are not options.
const (
	minSecret  = 16                     // bytes
	firstDelay = 100 * time.Millisecond // before a question is sent again, at most; doubled each time
	maxCache   = time.Hour              // for which an answer holds at most
	maxAfter   = time.Hour              // after which a client is told to come back at most
	maxText    = 500                    // bytes of a text for the client
)

// Client asks an application. Its methods may be called from any goroutine.
type Client struct {
	o     Options
	http  *http.Client
	asks  chan struct{} // has a token for each question under way
	calls chan struct{} // for each call
	cache *cache
}

// New returns a Client, or an error that says which option is wrong.
func New(o Options) (*Client, error) {
	if n := len(o.Secret); n > 0 && n < minSecret {
		return nil, fmt.Errorf("hook: Options.Secret has %d bytes, at least %d are needed: make one with openssl rand -base64 24", n, minSecret)
	}
	if o.Timeout < 0 || o.Concurrency < 0 || o.AnswerBytes < 0 || o.CallBytes < 0 || o.Cache < 0 {
		return nil, errors.New("hook: Options: Timeout, Concurrency, AnswerBytes, CallBytes and Cache must not be negative")
	}
	o.Secret = bytes.Clone(o.Secret)
	headers := http.Header{}
	for name, values := range o.Headers {
		if own(name) {
			return nil, fmt.Errorf("hook: Options.Headers: %s is set by the client itself: leave it out", name)
		}
		headers[http.CanonicalHeaderKey(name)] = slices.Clone(values)
	}
	o.Headers = headers
	o.ForwardHeaders = slices.Clone(o.ForwardHeaders)
	for i, name := range o.ForwardHeaders {
		if name == "" || own(name) {
			return nil, fmt.Errorf("hook: Options.ForwardHeaders: %q cannot be forwarded: leave it out", name)
		}
		o.ForwardHeaders[i] = http.CanonicalHeaderKey(name)
	}
	set(&o.Timeout, 3*time.Second)
	set(&o.Retries, 2)
	set(&o.Concurrency, 64)
	set(&o.AnswerBytes, 64<<10)
	set(&o.CallBytes, 1<<20)
	set(&o.CacheEntries, 10_000)
	if o.Transport == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.MaxIdleConnsPerHost = o.Concurrency
		o.Transport = t
	}
	return &Client{
		o: o,
		http: &http.Client{
			Transport:     o.Transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		asks:  make(chan struct{}, o.Concurrency),
		calls: make(chan struct{}, o.Concurrency),
		cache: newCache(o.CacheEntries),
	}, nil
}

func set[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// own reports whether a header is none of the client's or the operator's business: those that belong to one connection or one body, and ours.
func own(name string) bool {
	switch name = http.CanonicalHeaderKey(name); name {
	case "Accept", "Accept-Encoding", "Connection", "Content-Encoding", "Content-Length", "Content-Type", "Expect", "Host", "Keep-Alive",
		"Proxy-Authorization", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade":
		return true
	}
	return strings.HasPrefix(name, "Parley-")
}

// Close closes connections that are kept open for the next question. Questions under way go on.
func (c *Client) Close() error {
	c.http.CloseIdleConnections()
	return nil
}

// checkURL returns an error if s is no URL to post to. It does not hold the URL, which may have a secret in it.
func checkURL(s string) error {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return errors.New("this is no URL: write https://HOST/PATH")
	case u.User != nil:
		return errors.New("a URL with a password is seen in logs: use Options.Headers")
	case u.Fragment != "":
		return errors.New("a fragment (#) is never sent: leave it out")
	}
	return nil
}

// post sends a question until it is answered by something else than that it should be sent again. The answer's body must be closed. The error
// is a *hub.Error or that of ctx.
func (c *Client) post(ctx context.Context, url string, q *question, header http.Header, again func(status int, err error) bool) (*http.Response, error) {
	q.ID = rand.Text()
	body, err := json.Marshal(q)
	if err != nil {
		return nil, broken(fmt.Errorf("hook: the question cannot be written: %w", err))
	}
	for try := 0; ; try++ {
		resp, err := c.try(ctx, url, q, body, header)
		if err == nil && !again(resp.StatusCode, nil) {
			return resp, nil
		}
		status, after := 0, time.Duration(0)
		if err == nil {
			status, after = resp.StatusCode, retryAfter(resp.Header)
			// So that the connection can be used again.
			_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 4<<10))
			_ = resp.Body.Close()
			err = fmt.Errorf("hook: the application answered %s with the status %d", q.Event, status)
		}
		if try >= c.o.Retries || !again(status, err) || !sleep(ctx, mathrand.N(firstDelay<<min(try, 6))) {
			return nil, unavailable(err, after)
		}
	}
}

// try sends a question once.
func (c *Client) try(ctx context.Context, to string, q *question, body []byte, header http.Header) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("hook: the URL cannot be posted to")
	}
	for name, values := range header {
		r.Header[name] = values
	}
	for name, values := range c.o.Headers { // what the operator says counts more than what a client says
		r.Header[name] = values
	}
	now := strconv.FormatInt(time.Now().Unix(), 10)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json")
	if q.Event == eventCall {
		r.Header.Set("Accept", "application/json, application/x-ndjson")
	}
	r.Header.Set("Parley-Event", q.Event)
	r.Header.Set("Parley-Id", q.ID)
	r.Header.Set("Parley-Timestamp", now)
	if len(c.o.Secret) > 0 {
		r.Header.Set("Parley-Signature", signature(c.o.Secret, now, body))
	}
	resp, err := c.http.Do(r)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // without the URL, which may have a secret in it
		}
		return nil, fmt.Errorf("hook: %s: %w", q.Event, err)
	}
	return resp, nil
}

// sleep returns false if ctx ends before d has passed.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// take takes a token, or returns an error when ctx ends before there is one.
func take(ctx context.Context, tokens chan struct{}) error {
	select {
	case tokens <- struct{}{}:
		return nil
	case <-ctx.Done():
		return unavailable(errors.New("hook: too many questions are under way: see Options.Concurrency"), 0)
	}
}

// failed reports whether a question should be sent again: any but calls, which may be asked twice.
func failed(status int, err error) bool {
	return err != nil || status >= 500 || status == http.StatusTooManyRequests
}

// untouched reports whether a call has certainly not begun.
func untouched(status int, err error) bool {
	var op *net.OpError
	return status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable || errors.As(err, &op) && op.Op == "dial"
}

// retryAfter reads the header in seconds, 0 if there is none of use.
func retryAfter(h http.Header) time.Duration {
	n, err := strconv.ParseUint(h.Get("Retry-After"), 10, 16)
	if err != nil {
		return 0
	}
	return min(time.Duration(n)*time.Second, maxAfter)
}

// unavailable returns what a client is told when the application has not answered.
func unavailable(cause error, after time.Duration) *hub.Error {
	if after <= 0 {
		after = time.Second + mathrand.N(time.Second) // not all at the same time
	}
	return &hub.Error{Code: hub.Unavailable, Text: "the application does not answer now; try again", Retry: true, After: after, Err: cause}
}

// broken returns what a client is told when the application has answered something that it should not.
func broken(cause error) *hub.Error {
	return &hub.Error{Code: hub.Internal, Text: "the application failed; the server's log says why", Retry: true, Err: cause}
}
