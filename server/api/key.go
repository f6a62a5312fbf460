package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/hub"
	"golang.org/x/time/rate"
)

// Scope is what a key may be used for.
type Scope string

// The scopes.
const (
	Publish  Scope = "publish"  // publish messages
	Read     Scope = "read"     // see topics, their history and who is present
	Sessions Scope = "sessions" // see sessions and direct them
	Admin    Scope = "admin"    // all of these, and what concerns the server itself
)

// minSecret is how long a key must be, in bytes, so that it cannot be guessed.
const minSecret = 16

// Key is what an application shows to be let in. Several may be in use at once: to replace one, add the new one, change the application
// over, and take the old one away.
type Key struct {
	// Name is what the key is called in logs, and in the producer "key/NAME" of its messages: letters, digits, dots, dashes and underscores, at
	// most 64. Keys that have the same name share their message ids: what was published with one is a duplicate with the other.
	Name string

	// Secret is the key itself, at least 16 bytes.
	Secret string

	// SHA256 is the SHA-256 digest of the key in hexadecimal, in the place of Secret.
	SHA256 string

	// Scopes are what it may be used for, at least one.
	Scopes []Scope

	// Topics are patterns of the topics that it is for; none are all. A key that has some sees and directs sessions by
	// those topics alone, and does not refresh them.
	Topics []string

	// Rate is how many requests a second are allowed, where each message of a batch and each topic of a broadcast counts as one;
	// 0 is no bound. Burst is how many are allowed at once; 0 is as many as in a second.
	Rate  float64
	Burst int
}

// String returns the name alone.
func (k Key) String() string { return "key " + k.Name }

// GoString is String, so that no format shows the secret.
func (k Key) GoString() string { return k.String() }

// LogValue is String.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.String()) }

// holder is whoever a key stands for.
type holder struct {
	name   string
	digest [sha256.Size]byte
	scopes []Scope
	topics []broker.Filter // empty is all
	per    float64
	burst  int
	bucket *rate.Limiter // nil is no bound
}

func newHolder(k *Key) (*holder, error) {
	x := &holder{name: k.Name, scopes: k.Scopes, per: k.Rate, burst: k.Burst}
	switch {
	case k.Name == "" || len(k.Name) > 64 || strings.Trim(k.Name, nameLetters) != "":
		return nil, errors.New("a name has letters, digits, dots, dashes and underscores, at most 64")
	case (k.Secret == "") == (k.SHA256 == ""):
		return nil, errors.New("give either the key or its SHA-256 digest")
	case k.Secret != "" && len(k.Secret) < minSecret:
		return nil, fmt.Errorf("the key has %d bytes: at least %d are needed: openssl rand -hex 24 makes one", len(k.Secret), minSecret)
	case len(k.Scopes) == 0:
		return nil, errors.New("it has no scope: publish, read, sessions or admin")
	case !(k.Rate >= 0) || k.Burst < 0 || math.IsInf(k.Rate, 0):
		return nil, errors.New("a rate or burst is not negative")
	}
	for _, s := range k.Scopes {
		if s != Publish && s != Read && s != Sessions && s != Admin {
			return nil, fmt.Errorf("unknown scope %.40q: want publish, read, sessions or admin", string(s))
		}
	}
	for _, p := range k.Topics {
		f, err := broker.Pattern(p)
		if err != nil {
			return nil, err
		}
		x.topics = append(x.topics, f)
	}
	if slices.Contains(x.topics, broker.Filter{Type: broker.Subtree}) {
		x.topics = nil
	}
	x.digest = sha256.Sum256([]byte(k.Secret))
	if k.SHA256 != "" {
		sum, err := hex.DecodeString(k.SHA256)
		if err != nil || len(sum) != len(x.digest) {
			return nil, errors.New("the SHA-256 digest is not 64 hexadecimal digits")
		}
		x.digest = [sha256.Size]byte(sum)
	}
	if k.Rate > 0 {
		if x.burst == 0 {
			x.burst = int(max(1, min(math.Ceil(k.Rate), 1<<30)))
		}
		x.bucket = rate.NewLimiter(rate.Limit(x.per), x.burst)
	}
	return x, nil
}

const nameLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"

// keyring is all keys there are.
type keyring struct {
	holders  []*holder
	allowAll bool
}

func newKeyring(keys []Key, allowAll bool, before *keyring) (*keyring, error) {
	if allowAll && len(keys) > 0 {
		return nil, errors.New("api: keys: there are keys, and everybody is allowed everything: decide for one")
	}
	ring := &keyring{allowAll: allowAll}
	for i := range keys {
		x, err := newHolder(&keys[i])
		if err != nil {
			return nil, fmt.Errorf("api: key %.80q: %w", keys[i].Name, err)
		}
		for _, y := range ring.holders {
			if y.digest == x.digest {
				return nil, fmt.Errorf("api: key %.80q: it is the same as key %.80q: make one for each", x.name, y.name)
			}
		}
		if before != nil {
			for _, y := range before.holders {
				if y.digest == x.digest && y.per == x.per && y.burst == x.burst {
					x.bucket = y.bucket
				}
			}
		}
		ring.holders = append(ring.holders, x)
	}
	return ring, nil
}

// everybody is who asks where everybody is allowed everything.
var everybody = &holder{scopes: []Scope{Admin}}

// find returns who shows the key of a request.
func (k *keyring) find(r *http.Request) (*holder, error) {
	if k.allowAll {
		return everybody, nil
	}
	if len(k.holders) == 0 {
		return nil, hub.Errorf(hub.Unauthenticated, "the server has no API keys: configure one")
	}
	secret, err := shown(r.Header)
	if err != nil {
		return nil, err
	}
	// Digests have one length, and all are compared to their ends: how long it takes says nothing about any key.
	digest := sha256.Sum256([]byte(secret))
	var found *holder
	for _, x := range k.holders {
		if subtle.ConstantTimeCompare(digest[:], x.digest[:]) == 1 {
			found = x
		}
	}
	if found == nil {
		return nil, hub.Errorf(hub.Unauthenticated, "the API key is not known here")
	}
	return found, nil
}

// shown returns the key that a request shows.
func shown(h http.Header) (string, error) {
	bearer, plain := h.Values("Authorization"), h.Values("X-Api-Key")
	switch {
	case len(bearer)+len(plain) > 1:
		return "", hub.Errorf(hub.Unauthenticated, "show one API key, once")
	case len(plain) == 1 && plain[0] != "":
		return plain[0], nil
	case len(bearer) == 1:
		scheme, secret, _ := strings.Cut(bearer[0], " ")
		if secret = strings.TrimSpace(secret); strings.EqualFold(scheme, "Bearer") && secret != "" {
			return secret, nil
		}
	}
	return "", hub.Errorf(hub.Unauthenticated, "show an API key: Authorization: Bearer KEY, or X-Api-Key: KEY")
}

// may returns an *hub.Error unless the key may be used for this.
func (x *holder) may(s Scope) error {
	if slices.Contains(x.scopes, s) || slices.Contains(x.scopes, Admin) {
		return nil
	}
	return hub.Errorf(hub.Forbidden, "the key has not the scope %q", string(s))
}

// limited reports whether the key is for some topics only.
func (x *holder) limited() bool { return len(x.topics) > 0 }

// covers returns an *hub.Error unless the key is for everything that f matches.
func (x *holder) covers(f broker.Filter) error {
	if !x.limited() || hub.Names(x.topics, f) {
		return nil
	}
	return hub.Errorf(hub.Forbidden, "the key is not for this topic or pattern")
}

// spend takes so many requests from what the key is allowed.
func (x *holder) spend(n int) error {
	switch {
	case x.bucket == nil || n <= 0:
		return nil
	case n > x.burst:
		return hub.Errorf(hub.TooLarge, "this counts as %d requests more, and the key may make %d at once: send fewer together", n, x.burst)
	}
	now := time.Now()
	r := x.bucket.ReserveN(now, n)
	wait := r.DelayFrom(now)
	if wait <= 0 {
		return nil
	}
	r.CancelAt(now)
	e := hub.Errorf(hub.RateLimited, "the key has made too many requests in a short time: wait, then try again")
	e.After = wait
	return e
}

// producer is whose ids those of messages are that are published with the key.
func (x *holder) producer() string {
	if x.name == "" {
		return "api"
	}
	return "key/" + x.name
}
