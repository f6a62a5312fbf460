package config

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/parley-ws/parley/broker"
)

// validate finds what is wrong with values beside each other. Each by itself has been checked when it was read.
func (l *loader) validate() {
	l.listeners()
	l.auth()
	l.apiKeys()
	l.topics()
	l.calls()
	l.commands()
	c := l.cfg
	if c.CORS.Credentials && (slices.Contains(c.CORS.Origins, "*") || len(c.CORS.Origins) == 0 && slices.Contains(c.Origins, "*")) {
		l.conflict("credentials for every origin let any page act for its reader: list the origins, or set credentials = false",
			"cors.credentials", "cors.origins", "origins")
	}
	if c.Limits.MessageBytes > c.Limits.Outbox {
		l.conflict(fmt.Sprintf("a message of %v does not fit an outbox of %v: set message_bytes to that at most, or outbox to more",
			c.Limits.MessageBytes, c.Limits.Outbox), "limits.message_bytes", "limits.outbox")
	}
	if total := c.Limits.HistoryTotal; total != 0 && total < c.Limits.MessageBytes+kept {
		l.conflict(fmt.Sprintf("one message of %v, and the %d bytes that it takes to keep it, would push out the histories of all topics: set history_total to more, or message_bytes to less",
			c.Limits.MessageBytes, kept), "limits.history_total", "limits.message_bytes")
	}
	if total := c.Limits.OutboxTotal; total != 0 && total < c.Limits.Outbox {
		l.conflict(fmt.Sprintf("all outboxes together may have %v, and one %v: set outbox_total to more", total, c.Limits.Outbox),
			"limits.outbox_total", "limits.outbox")
	}
}

// kept is what it takes to keep a message, beside what is in it: what the broker counts.
const kept = 256

// burst finds a burst without a rate, which bounds nothing although somebody wants it to.
func (l *loader) burst(element string, rate float64, burst int) {
	if burst > 0 && rate == 0 {
		l.conflict("burst bounds nothing without rate: set rate as well, or take it out", element+"burst", element+"rate")
	}
}

// conflict notes that values do not go together, at the first of them that did not come by default, unless one of them is unknown.
func (l *loader) conflict(text string, paths ...string) {
	var at *origin
	for _, path := range paths {
		if l.failed[path] {
			return
		}
		if o, ok := l.origins[path]; ok && at == nil {
			at = &o
		}
	}
	if at == nil {
		at = &origin{where: "default"}
	}
	l.fail(*at, "%s", text)
}

func (l *loader) listeners() {
	seen := map[string]bool{}
	public := false
	for i, n := range l.cfg.Listen {
		at := func(key string) string { return fmt.Sprintf("listen[%d].%s", i, key) }
		public = public || !n.Private
		addr := n.Addr
		if host, port, err := net.SplitHostPort(addr); err == nil && port == "0" {
			addr = "" // every time another
		} else if err == nil && (host == "" || host == "0.0.0.0") {
			addr = net.JoinHostPort("::", port) // which is every address of IPv4 too
		}
		if seen[addr] {
			l.conflict(fmt.Sprintf("two listeners have the address %s: change one, or take it out", n.Addr), at("addr"), at(""))
		}
		seen[addr] = addr != ""
		switch {
		case n.Addr == "":
			l.conflict("the listener has no addr: write addr = \"127.0.0.1:8080\"", at("addr"), at(""))
		case n.Mode != 0o600 && !strings.HasPrefix(n.Addr, "unix:"):
			l.conflict("only unix sockets have a mode: take it out, or listen on unix:/path", at("mode"), at("addr"))
		}
		switch {
		case n.TLSSelfSigned && n.TLSCert+n.TLSKey != "":
			l.conflict("a certificate is given as well: take out tls_self_signed, or tls_cert and tls_key",
				at("tls_self_signed"), at("tls_cert"), at("tls_key"))
		case n.TLSCert != "" && n.TLSKey == "":
			l.conflict("tls_cert without tls_key: name the file of its key too", at("tls_cert"), at("tls_key"))
		case n.TLSCert == "" && n.TLSKey != "":
			l.conflict("tls_key without tls_cert: name the file of its certificate too", at("tls_key"), at("tls_cert"))
		}
	}
	if !public {
		l.conflict("every listener is private, so that nobody can connect: add one without private = true", "listen[0].private", "listen[0].")
	}
}

// minSecret is how long the secret of HS256 must be, by RFC 7518 section 3.2. Those of HS384 and HS512 ought to be longer.
const minSecret = 32

func (l *loader) auth() {
	a := &l.cfg.Auth
	if n := len(a.HMACSecret.Reveal()); n > 0 && n < minSecret {
		l.conflict(fmt.Sprintf("the secret has %d bytes, and could be guessed: at least %d are needed (RFC 7518): openssl rand -base64 32",
			n, minSecret), "auth.hmac_secret")
	}
	if a.JWKSURL != "" && !overTLS(a.JWKSURL) {
		l.conflict("whoever is on the way could send keys of their own: use https", "auth.jwks_url")
	}
	for _, name := range a.Algorithms {
		switch hmac := strings.HasPrefix(name, "HS"); {
		case hmac && a.HMACSecret.Empty():
			l.conflict(name+" needs a secret: set hmac_secret, or take it out", "auth.algorithms", "auth.hmac_secret")
		case !hmac && a.PublicKeyFile == "" && a.JWKSURL == "":
			l.conflict(name+" needs a public key: set public_key_file or jwks_url, or take it out",
				"auth.algorithms", "auth.public_key_file", "auth.jwks_url")
		}
	}
	if a.configured() {
		return
	}
	keys := []string{"auth.hmac_secret", "auth.public_key_file", "auth.jwks_url"}
	const nothing = "there is nothing to check tokens with: set hmac_secret, public_key_file or jwks_url as well"
	switch {
	case a.Issuer != "":
		l.conflict(nothing, append([]string{"auth.issuer"}, keys...)...)
	case a.Audience != "":
		l.conflict(nothing, append([]string{"auth.audience"}, keys...)...)
	case a.Anonymous && l.cfg.Hooks.Connect == "":
		l.conflict("everybody is let in as it is: set hmac_secret, public_key_file, jwks_url or hooks.connect as well, or take it out",
			append([]string{"auth.anonymous", "hooks.connect"}, keys...)...)
	}
}

// minKey is how long a key of the API must be.
const minKey = 16

// apiKeys allows several keys with one name: the old and the new one of an application, while it changes over.
func (l *loader) apiKeys() {
	seen := map[[sha256.Size]byte]string{}
	for i, k := range l.cfg.APIKeys {
		at := func(key string) string { return fmt.Sprintf("api_key[%d].%s", i, key) }
		if l.failed[at("")] {
			continue
		}
		if k.Name == "" {
			l.conflict("an API key has no name: write name = \"what it is for\"", at("name"), at(""))
		}
		if digest, ok := k.digest(); ok {
			if other, taken := seen[digest]; taken {
				l.conflict(fmt.Sprintf("it is the same key as that of %.60q before: make one for each, or take one out", other), at("key"), at("sha256"), at(""))
			}
			seen[digest] = k.Name
		}
		switch n := len(k.Key.Reveal()); {
		case n == 0 && k.SHA256 == "":
			l.conflict("an API key needs key or sha256: key = \"@FILE\"", at(""), at("key"), at("sha256"))
		case n > 0 && k.SHA256 != "":
			l.conflict("an API key has key and sha256: take one out", at("sha256"), at("key"))
		case n > 0 && n < minKey:
			l.conflict(fmt.Sprintf("the key has %d bytes, and could be guessed: at least %d are needed: openssl rand -base64 24", n, minKey), at("key"))
		}
		if len(k.Scopes) == 0 {
			l.conflict("an API key without scopes may do nothing: write scopes = [\"publish\"]", at(""), at("scopes"))
		}
		l.burst(at(""), k.Rate, k.Burst)
		if len(k.Topics) == 0 {
			l.conflict("an API key without topics is for none: write topics = [\"**\"], or take the line out", at("topics"))
		}
	}
}

// digest is what tells keys apart, if there is one.
func (k *APIKey) digest() (sum [sha256.Size]byte, ok bool) {
	if !k.Key.Empty() {
		return sha256.Sum256([]byte(k.Key.Reveal())), true
	}
	if len(k.SHA256) != hex.EncodedLen(len(sum)) {
		return sum, false
	}
	_, err := hex.Decode(sum[:], []byte(k.SHA256))
	return sum, err == nil
}

// topics finds rules that never apply, since the first that matches holds.
func (l *loader) topics() {
	var before []broker.Filter
	for i, t := range l.cfg.Topics {
		at := fmt.Sprintf("topic[%d].pattern", i)
		l.pattern(at, fmt.Sprintf("topic[%d].", i), t.Pattern, "pattern = \"chat/**\"", &before)
		l.burst(fmt.Sprintf("topic[%d].", i), t.Rate, t.Burst)
		if size := cmp.Or(t.MaxSize, l.cfg.Limits.MessageBytes); size > l.cfg.Limits.MessageBytes {
			l.conflict(fmt.Sprintf("max_size %v is more than messages may have: set limits.message_bytes to as much", size),
				fmt.Sprintf("topic[%d].max_size", i), "limits.message_bytes")
		}
	}
}

func (l *loader) calls() {
	var before []broker.Filter
	for i, c := range l.cfg.Calls {
		l.pattern(fmt.Sprintf("call[%d].method", i), fmt.Sprintf("call[%d].", i), c.Method, "method = \"orders/*\"", &before)
		if c.URL == "" {
			l.conflict("a [[call]] has no url: write url = \"https://HOST/PATH\"", fmt.Sprintf("call[%d].", i), fmt.Sprintf("call[%d].url", i))
		}
	}
}

// pattern checks that a pattern is there, and that those before do not match all it does.
func (l *loader) pattern(path, element, pattern, remedy string, before *[]broker.Filter) {
	if pattern == "" {
		l.conflict("a rule says not what it is for: write "+remedy, element, path)
		return
	}
	f, err := broker.Pattern(pattern)
	if err != nil {
		return // it has been found when it was read
	}
	for _, b := range *before {
		if covers(b, f) {
			l.conflict(fmt.Sprintf("the rule for %.80q never applies, since that for %.80q comes first: put it before that, or take it out", f, b), path, element)
			break
		}
	}
	*before = append(*before, f)
}

// covers reports whether a matches all that b does.
func covers(a, b broker.Filter) bool {
	switch {
	case a == b:
		return true
	case b.IsExact():
		return a.Match(b.Name)
	case a.Type != broker.Subtree:
		return false
	}
	return a.Name == "" || a.Name == b.Name || a.Match(b.Name)
}
