package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"
	"github.com/parley-ws/parley/hub"
)

// Bounds of a key set.
const (
	maxSet       = 1 << 20         // bytes
	maxKeys      = 100             // so that a token that names no key costs no more signatures than that
	fetchTimeout = 5 * time.Second // for one fetch
	firstRetry   = time.Second     // after a fetch that failed; doubled up to maxRetry
	maxRetry     = time.Minute
)

// errClosed says that nothing is fetched any more.
var errClosed = errors.New("auth: the Authoriser is closed")

// keySet is the key set of one issuer. One goroutine fetches it: at first, then every so often, and when it is asked to.
type keySet struct {
	url    string
	client *http.Client
	log    *slog.Logger
	every  time.Duration
	least  time.Duration
	ask    chan struct{} // one token: fetch now
	stop   context.CancelFunc
	done   chan struct{} // closed when the goroutine has ended

	mu      sync.Mutex
	keys    []setKey // nil until a fetch has succeeded
	begun   time.Time
	err     error         // what the fetch that began then came to
	next    time.Time     // when the next begins by itself
	fetched chan struct{} // closed when the next has ended
}

// setKey is one key of a set.
type setKey struct {
	name string // the kid
	alg  string // the only algorithm that it is for, or empty
	key  any
}

func newKeySet(o *Options, i *Issuer) *keySet {
	transport := o.Transport
	if transport == nil {
		transport = http.DefaultTransport.(*http.Transport).Clone()
	}
	ctx, stop := context.WithCancel(context.Background())
	s := &keySet{
		url: i.JWKS,
		client: &http.Client{
			Transport: transport,
			Timeout:   fetchTimeout,
			// Whoever can make the issuer's server redirect must not choose the keys.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		log:     o.Logger,
		ask:     make(chan struct{}, 1),
		stop:    stop,
		done:    make(chan struct{}),
		fetched: make(chan struct{}),
	}
	s.every, s.least = i.refreshes()
	go s.run(ctx)
	return s
}

// close ends the goroutine.
func (s *keySet) close() {
	s.stop()
	<-s.done
	s.client.CloseIdleConnections()
}

// find returns the keys of a name that suit an algorithm, or all that suit it where a token names none. If there is none, the set is fetched
// once more, unless that was done a moment ago.
func (s *keySet) find(ctx context.Context, name, alg string) ([]jwt.VerificationKey, error) {
	for waited := false; ; waited = true {
		s.mu.Lock()
		var list []jwt.VerificationKey
		known := s.keys != nil && name == ""
		for _, k := range s.keys {
			if name != "" && k.name != name {
				continue
			}
			known = true
			if suits(alg, k.key) && (k.alg == "" || k.alg == alg) {
				list = append(list, k.key)
			}
		}
		recent := waited || !s.begun.IsZero() && time.Since(s.begun) < s.least
		closed := errors.Is(s.err, errClosed)
		if known || recent || closed {
			err, next := s.err, s.next
			s.mu.Unlock()
			switch {
			case len(list) > 0:
				return list, nil
			case known:
				return nil, fmt.Errorf("auth: the key %.80q is not for the algorithm %s", name, alg)
			case err != nil:
				return nil, &hub.Error{Code: hub.Unavailable, Text: "tokens cannot be checked now; try again", Retry: true,
					After: max(time.Second, time.Until(next)), Err: err}
			}
			return nil, fmt.Errorf("auth: the key set has no key %.80q", name)
		}
		select { // with the lock held: whoever asks is not yet recent
		case s.ask <- struct{}{}:
		default:
		}
		fetched := s.fetched
		s.mu.Unlock()
		select {
		case <-fetched:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// run fetches until ctx ends.
func (s *keySet) run(ctx context.Context) {
	defer close(s.done)
	retry := firstRetry
	for {
		begun := time.Now()
		keys, err := s.fetch(ctx)
		if ctx.Err() != nil {
			s.store(nil, errClosed, begun, time.Time{})
			return
		}
		// Many servers that were started together shall not come back together.
		wait := s.every - rand.N(s.every/10+1)
		if err == nil {
			retry = firstRetry
		} else {
			s.log.Warn("auth: the key set cannot be fetched: tokens are checked with the keys that are known", "url", s.url, "err", err)
			wait = min(wait, retry)
			retry = min(2*retry, maxRetry)
		}
		s.store(keys, err, begun, time.Now().Add(wait))
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-s.ask:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// store keeps what a fetch came to, and wakes those who wait for it. Without success the old keys stay.
func (s *keySet) store(keys []setKey, err error, begun, next time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		s.keys = keys
	}
	s.err, s.begun, s.next = err, begun, next
	select { // asked while it was fetched
	case <-s.ask:
	default:
	}
	close(s.fetched)
	s.fetched = make(chan struct{})
}

// fetch gets the key set. The error holds nothing of what was answered.
func (s *keySet) fetch(ctx context.Context) ([]setKey, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/jwk-set+json, application/json")
	resp, err := s.client.Do(r)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // the URL is in the log already
		}
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("auth: the status is %d: 200 is needed, redirections are not followed", resp.StatusCode)
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxSet+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxSet {
		return nil, fmt.Errorf("auth: the key set has more than %d bytes", maxSet)
	}
	return parseSet(text)
}

// parseSet returns the public keys of a key set that are of use. The others are passed over, above all symmetric ones: what is published is no
// secret.
func parseSet(text []byte) ([]setKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil || set.Keys == nil {
		return nil, errors.New("auth: the answer is no key set: an object with a list keys")
	}
	keys := []setKey{}
	for _, raw := range set.Keys {
		k, err := jwkset.NewJWKFromRawJSON(raw, jwkset.JWKMarshalOptions{}, jwkset.JWKValidateOptions{})
		if err != nil {
			continue
		}
		m := k.Marshal()
		if usable(k.Key()) != nil || m.USE == jwkset.UseEnc {
			continue
		}
		if len(m.KEYOPS) > 0 && !slices.Contains(m.KEYOPS, jwkset.KeyOpsVerify) {
			continue
		}
		if len(keys) == maxKeys {
			return nil, fmt.Errorf("auth: the key set has more than %d keys", maxKeys)
		}
		keys = append(keys, setKey{m.KID, string(m.ALG), k.Key()})
	}
	return keys, nil
}
