// Package redact takes the secrets out of URLs that people or programs are shown: in messages, events and reports.
//
//	redact.URL("wss://ann:secret@example.com/feed?token=abc&room=1")
//	// wss://ann:xxxxx@example.com/feed?token=xxxxx&room=1
//
// It must not know what the URL is for.
package redact

import (
	"net/url"
	"slices"
	"strings"
)

// mark stands in place of a secret; net/url's Redacted writes the same.
const mark = "xxxxx"

// URL returns a URL without its password and without the values of those parameters that look like secrets by their
// names: token, access_token, api_key, signature and so on. The rest stays as it was written. What cannot be read is left
// out altogether.
func URL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	u.RawQuery = query(u.RawQuery)
	return u.Redacted()
}

// query does the parameters, which keep their order.
func query(raw string) string {
	pairs := strings.Split(raw, "&")
	for i, pair := range pairs {
		name, value, _ := strings.Cut(pair, "=")
		plain, err := url.QueryUnescape(name)
		if err != nil {
			plain = name
		}
		if value != "" && secret(plain) {
			pairs[i] = name + "=" + mark
		}
	}
	return strings.Join(pairs, "&")
}

// secret reports whether a parameter of that name is likely to hold one.
func secret(name string) bool {
	name = strings.NewReplacer("_", "", "-", "", ".", "").Replace(strings.ToLower(name))
	if slices.Contains([]string{"auth", "key", "sig", "pass", "pwd", "ticket", "sid", "session"}, name) {
		return true
	}
	return slices.ContainsFunc([]string{"token", "secret", "passw", "apikey", "accesskey", "sessionid", "jwt", "signature", "credential", "authorization", "bearer"},
		func(part string) bool { return strings.Contains(name, part) })
}
