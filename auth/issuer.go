package auth

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// The algorithms that the package knows.
var algorithms = []string{"HS256", "HS384", "HS512", "RS256", "ES256", "EdDSA"}

// minSecret is the size of the shortest secret, in bytes: that of the hash (RFC 7518 section 3.2).
const minSecret = 32

// minRSA is the size of the smallest modulus, in bits (RFC 7518 section 3.3).
const minRSA = 2048

// issuer is an Issuer whose options have been read.
type issuer struct {
	name       string
	userPrefix string
	algorithms []string
	static     []any   // secrets ([]byte) and public keys
	set        *keySet // nil if there is none
	validator  *jwt.Validator
}

func newIssuer(o *Options, i *Issuer) (*issuer, error) {
	is := &issuer{name: i.Name, userPrefix: i.UserPrefix}
	for n, s := range i.Secrets {
		switch {
		case len(s) < minSecret:
			return nil, fmt.Errorf("secret %d has %d bytes, at least %d are needed: make one with openssl rand -base64 48", n, len(s), minSecret)
		case bytes.Contains(s, []byte("-----BEGIN ")):
			return nil, fmt.Errorf("secret %d is a PEM text, which others may know: put public keys into PublicKeys", n)
		}
		is.static = append(is.static, bytes.Clone(s))
	}
	for n, text := range i.PublicKeys {
		keys, err := parsePEM(text)
		if err != nil {
			return nil, fmt.Errorf("public key %d: %w", n, err)
		}
		is.static = append(is.static, keys...)
	}
	if i.JWKS == "" && len(is.static) == 0 {
		return nil, errors.New("there is nothing to check signatures with: set Secrets, PublicKeys or JWKS")
	}
	if err := checkJWKS(i); err != nil {
		return nil, err
	}
	if i.Refresh < 0 || i.MinRefresh < 0 {
		return nil, errors.New("the field Refresh or MinRefresh is negative")
	}
	if err := is.choose(i.Algorithms, i.JWKS != ""); err != nil {
		return nil, err
	}
	validate := []jwt.ParserOption{jwt.WithLeeway(o.Leeway), jwt.WithTimeFunc(o.Now)}
	if i.Name != "" {
		validate = append(validate, jwt.WithIssuer(i.Name))
	}
	if len(i.Audience) > 0 {
		validate = append(validate, jwt.WithAudience(slices.Clone(i.Audience)...))
	}
	if o.RequireExpiry {
		validate = append(validate, jwt.WithExpirationRequired())
	}
	is.validator = jwt.NewValidator(validate...)
	return is, nil
}

// choose sets the algorithms that are accepted: all that fit the keys, or the wanted ones among them.
func (is *issuer) choose(wanted []string, set bool) error {
	fit := func(alg string) bool {
		return set && !symmetric(alg) || slices.ContainsFunc(is.static, func(key any) bool { return suits(alg, key) })
	}
	for _, alg := range wanted {
		switch {
		case !slices.Contains(algorithms, alg):
			return fmt.Errorf("the algorithm %q is none of %q", alg, algorithms)
		case !fit(alg):
			return fmt.Errorf("the algorithm %s fits none of the keys: leave it out, or give a key for it", alg)
		}
		is.algorithms = append(is.algorithms, alg)
	}
	if len(wanted) > 0 {
		return nil
	}
	for _, alg := range algorithms {
		if fit(alg) {
			is.algorithms = append(is.algorithms, alg)
		}
	}
	return nil
}

// keys returns the keys that a token may be signed for: only such as suit its algorithm, never none without an error.
func (is *issuer) keys(ctx context.Context, t *jwt.Token) ([]jwt.VerificationKey, error) {
	alg := t.Method.Alg()
	if !slices.Contains(is.algorithms, alg) {
		return nil, fmt.Errorf("auth: the algorithm %s is not accepted from this issuer", alg)
	}
	// RFC 7515 section 4.1.11: what we do not understand must not be passed over. We understand none.
	if _, ok := t.Header["crit"]; ok {
		return nil, errors.New("auth: the header of the token has crit, which nothing here understands")
	}
	var list []jwt.VerificationKey
	for _, key := range is.static {
		if suits(alg, key) {
			list = append(list, key)
		}
	}
	if is.set != nil && !symmetric(alg) {
		// Whoever signs with a key that was given need not wait for those that are fetched.
		for _, key := range list {
			if end := strings.LastIndexByte(t.Raw, '.'); t.Method.Verify(t.Raw[:end], t.Signature, key) == nil {
				return []jwt.VerificationKey{key}, nil
			}
		}
		kid, _ := t.Header["kid"].(string)
		if kid == "" && t.Header["kid"] != nil {
			return nil, errors.New("auth: the kid in the token's header is not the name of a key")
		}
		found, err := is.set.find(ctx, kid, alg)
		if err != nil {
			return nil, err
		}
		list = append(list, found...)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("auth: no key for the algorithm %s", alg)
	}
	return list, nil
}

// symmetric reports whether an algorithm needs a secret.
func symmetric(alg string) bool { return alg == "HS256" || alg == "HS384" || alg == "HS512" }

// suits reports whether a key may be used for an algorithm. It is what keeps secrets and public keys apart.
func suits(alg string, key any) bool {
	switch key := key.(type) {
	case []byte:
		return symmetric(alg)
	case *rsa.PublicKey:
		return alg == "RS256" && key.N.BitLen() >= minRSA
	case *ecdsa.PublicKey:
		return alg == "ES256" && key.Curve == elliptic.P256()
	case ed25519.PublicKey:
		return alg == "EdDSA" && len(key) == ed25519.PublicKeySize
	}
	return false
}

// usable returns an error if no algorithm can use a public key.
func usable(key any) error {
	switch k := key.(type) {
	case *rsa.PublicKey:
		if k.N.BitLen() < minRSA {
			return fmt.Errorf("an RSA key of %d bits is too weak: %d are the least", k.N.BitLen(), minRSA)
		}
	case *ecdsa.PublicKey:
		if k.Curve != elliptic.P256() {
			return fmt.Errorf("an ECDSA key on the curve %s: ES256 takes P-256", k.Params().Name)
		}
	case ed25519.PublicKey:
	default:
		return fmt.Errorf("a key of type %T: RSA, ECDSA and Ed25519 are known", key)
	}
	return nil
}

// parsePEM reads the public keys and certificates of a PEM text.
func parsePEM(text []byte) ([]any, error) {
	var keys []any
	for rest := text; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		var key any
		var err error
		switch block.Type {
		case "PUBLIC KEY":
			key, err = x509.ParsePKIXPublicKey(block.Bytes)
		case "RSA PUBLIC KEY":
			key, err = x509.ParsePKCS1PublicKey(block.Bytes)
		case "CERTIFICATE":
			var c *x509.Certificate
			if c, err = x509.ParseCertificate(block.Bytes); err == nil {
				key = c.PublicKey
			}
		default:
			// A private key has no business here: whoever reads this server's files could sign tokens.
			err = fmt.Errorf("a PEM block %.40q: give the public key, as openssl pkey -pubout writes it", block.Type)
		}
		if err == nil {
			err = usable(key)
		}
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, errors.New("there is no PEM block in it: it begins with -----BEGIN PUBLIC KEY-----")
	}
	return keys, nil
}

// checkJWKS returns an error if the URL of a key set is none, or cannot be trusted.
func checkJWKS(i *Issuer) error {
	if i.JWKS == "" {
		return nil
	}
	u, err := url.Parse(i.JWKS)
	switch {
	case err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "":
		return errors.New("the field JWKS is no URL: write https://HOST/PATH")
	case u.User != nil:
		return errors.New("the field JWKS holds a name or a password, which would be seen in logs: key sets are public")
	case u.Scheme == "http" && !loopback(u.Hostname()) && !i.InsecurePlainHTTP:
		return errors.New("the field JWKS begins with http: anybody on the way could put in a key: write https, or set InsecurePlainHTTP")
	}
	return nil
}

// loopback reports whether a host is this machine.
func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

// refreshes returns how often a key set is fetched, and how often at most.
func (i *Issuer) refreshes() (every, least time.Duration) {
	every, least = i.Refresh, i.MinRefresh
	if every == 0 {
		every = 15 * time.Minute
	}
	if least == 0 {
		least = 10 * time.Second
	}
	return every, least
}
