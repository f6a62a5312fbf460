package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/parley-ws/parley/hub"
)

// MaxToken is the size of the longest token that is looked at, in bytes.
const MaxToken = 16 << 10

// Options say whose tokens hold.
type Options struct {
	// Issuers are who may sign tokens; one at least. If there are several, each must have its own Name.
	Issuers []Issuer

	// Leeway is by how much the clocks of the issuer and of this server may differ. The default is 5 s; negative is not at all.
	Leeway time.Duration

	// RequireExpiry makes tokens without the claim exp invalid.
	RequireExpiry bool

	// Anonymous lets clients without a token in, as nobody: what they may is left to the rules of the topics.
	Anonymous bool

	// Now tells the time. The default is time.Now.
	Now func() time.Time

	// Transport fetches key sets. The default is made like http.DefaultTransport.
	Transport http.RoundTripper

	// Logger gets warnings when a key set cannot be fetched, without any token. The default is silent.
	Logger *slog.Logger
}

// Issuer is somebody who may sign tokens. It has one secret, public key or key set at least.
type Issuer struct {
	// Name is what the claim iss must be. If it is empty, any will do, or none.
	Name string

	// Audience is what the claim aud must hold one of. If it is empty, any will do, or none.
	Audience []string

	// Secrets are for HS256, HS384 and HS512: at least 32 bytes each. A token may be signed with any of them, so that a new one can
	// be brought in before the old one goes.
	Secrets [][]byte

	// PublicKeys are PEM texts with public keys or certificates for RS256 (at least 2,048 bits), ES256 (P-256) and EdDSA (Ed25519). Each
	// text may have several. A token may be signed for any of them.
	PublicKeys [][]byte

	// JWKS is the URL of a JSON Web Key Set (RFC 7517) with public keys. Keys that the package does not know what to do with are
	// passed over. The set is fetched in the background, and kept for as long as it cannot be fetched again.
	JWKS string

	// InsecurePlainHTTP allows a JWKS that begins with http: and is not on this machine: whoever is on the way can put in keys of his own.
	InsecurePlainHTTP bool

	// Refresh is how often the key set is fetched. The default is 15 min.
	Refresh time.Duration

	// MinRefresh is how long to wait at least before the key set is fetched again because a token names a key that is not in it. A new
	// key should be published that long before it is used. The default is 10 s.
	MinRefresh time.Duration

	// Algorithms are those that are accepted: HS256, HS384, HS512, RS256, ES256, EdDSA. The default is those that fit the
	// keys; one that fits none of them is an error.
	Algorithms []string

	// UserPrefix is put before the claim sub to make the name of the user, so that users of several issuers are told apart.
	UserPrefix string
}

// JWT is a hub.Authoriser that goes by tokens. Its methods may be called from any goroutine.
type JWT struct {
	issuers   []*issuer
	leeway    time.Duration
	anonymous bool
	now       func() time.Time
	parser    *jwt.Parser
}

var _ hub.Authoriser = (*JWT)(nil)

// New returns an Authoriser, or an error that says which option is wrong. It does not wait for key sets: Connect does. Close stops what New has
// started.
func New(o Options) (*JWT, error) {
	if len(o.Issuers) == 0 {
		return nil, errors.New("auth: Options.Issuers is empty: give one a secret, a public key or the URL of a key set")
	}
	switch {
	case o.Leeway == 0:
		o.Leeway = 5 * time.Second
	case o.Leeway < 0:
		o.Leeway = 0
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	j := &JWT{leeway: o.Leeway, anonymous: o.Anonymous, now: o.Now}
	var algorithms []string
	for i := range o.Issuers {
		is, err := newIssuer(&o, &o.Issuers[i])
		if err == nil && len(o.Issuers) > 1 {
			if is.name == "" {
				err = errors.New("the name is empty, which is for a single issuer only: set Name to the claim iss of its tokens")
			} else if slices.ContainsFunc(j.issuers, func(other *issuer) bool { return other.name == is.name }) {
				err = fmt.Errorf("the name %q is there twice: put all keys of an issuer in one", is.name)
			}
		}
		if err != nil {
			return nil, fmt.Errorf("auth: Options.Issuers[%d]: %w", i, err)
		}
		j.issuers = append(j.issuers, is)
		algorithms = append(algorithms, is.algorithms...)
	}
	// The claims are validated once the signature is known to be good, by the rules of the issuer.
	j.parser = jwt.NewParser(jwt.WithValidMethods(algorithms), jwt.WithStrictDecoding(), jwt.WithoutClaimsValidation())
	for i, is := range j.issuers {
		if o.Issuers[i].JWKS != "" {
			is.set = newKeySet(&o, &o.Issuers[i])
		}
	}
	return j, nil
}

// Close stops fetching key sets, and returns when that has stopped. Tokens can be checked with the keys that are there even then.
func (j *JWT) Close() error {
	for _, is := range j.issuers {
		if is.set != nil {
			is.set.close()
		}
	}
	return nil
}

// Connect returns who a token belongs to, and what it names. The error is an *hub.Error.
func (j *JWT) Connect(ctx context.Context, c *hub.Credentials) (*hub.Identity, error) {
	if c.Token == "" {
		switch {
		case c.Refresh:
			return nil, hub.Errorf(hub.Unauthenticated, "a new token is missing")
		case !j.anonymous:
			return nil, hub.Errorf(hub.Unauthenticated, "connect with a token")
		}
		return &hub.Identity{}, nil
	}
	if len(c.Token) > MaxToken {
		return nil, invalid(fmt.Errorf("auth: the token has %d bytes: at most %d are looked at", len(c.Token), MaxToken))
	}
	claims := &claims{}
	var from *issuer
	_, err := j.parser.ParseWithClaims(c.Token, claims, func(t *jwt.Token) (any, error) {
		// The signature has not been checked yet: what the claims say may only choose the keys to check it with.
		from = j.issuer(claims.issuer)
		if from == nil {
			return nil, fmt.Errorf("auth: no issuer is called %.80q", claims.issuer)
		}
		keys, err := from.keys(ctx, t)
		return jwt.VerificationKeySet{Keys: keys}, err
	})
	if err != nil {
		var e *hub.Error
		if errors.As(err, &e) {
			return nil, e // the keys cannot be had now, which is not the token's fault
		}
		if ctx.Err() != nil {
			return nil, hub.AsError(ctx.Err())
		}
		return nil, invalid(err)
	}
	if err := from.validator.Validate(claims); err != nil {
		return nil, refusal(err)
	}
	id, err := claims.identity(from.userPrefix)
	if err != nil {
		return nil, invalid(err)
	}
	// While the leeway lasts, an expired token still holds: the hub must not find it expired.
	if !id.Expires.IsZero() && !j.now().Before(id.Expires) {
		id.Expires = id.Expires.Add(j.leeway)
	}
	return id, nil
}

// issuer returns the one that a token names, or nil.
func (j *JWT) issuer(name string) *issuer {
	for _, is := range j.issuers {
		if is.name == "" || is.name == name {
			return is
		}
	}
	return nil
}

// refusal returns what to say of a token whose signature is good and whose claims are not: that it has expired only if nothing else
// is wrong with it.
func refusal(err error) *hub.Error {
	for _, other := range []error{jwt.ErrTokenNotValidYet, jwt.ErrTokenInvalidAudience, jwt.ErrTokenInvalidIssuer, jwt.ErrTokenRequiredClaimMissing} {
		if errors.Is(err, other) {
			return invalid(err)
		}
	}
	if !errors.Is(err, jwt.ErrTokenExpired) {
		return invalid(err)
	}
	return &hub.Error{Code: hub.Expired, Text: "the token has expired: connect with a new one", Err: err}
}

// invalid returns what is said of every token that does not hold.
func invalid(cause error) *hub.Error {
	return &hub.Error{Code: hub.Unauthenticated, Text: "the token is not valid: connect with another", Err: cause}
}
