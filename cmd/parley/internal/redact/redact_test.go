package redact

import (
	"strings"
	"testing"
)

func TestURL(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"ws://127.0.0.1:8080/echo":                           "ws://127.0.0.1:8080/echo",
		"wss://ann:hush@example.com/":                        "wss://ann:xxxxx@example.com/",
		"wss://example.com/?token=hush&room=1":               "wss://example.com/?token=xxxxx&room=1",
		"wss://example.com/?b=2&access_token=hush&a=%20":     "wss://example.com/?b=2&access_token=xxxxx&a=%20",
		"wss://example.com/?access%5Ftoken=hush":             "wss://example.com/?access%5Ftoken=xxxxx",
		"wss://example.com/?API-Key=hush&sig=hush&x=":        "wss://example.com/?API-Key=xxxxx&sig=xxxxx&x=",
		"wss://example.com/?X-Amz-Signature=hush&author=ann": "wss://example.com/?X-Amz-Signature=xxxxx&author=ann",
		"ws+unix:///run/x.sock:/feed?jwt=hush":               "ws+unix:///run/x.sock:/feed?jwt=xxxxx",
		"ws://a b/":                                          "",
	} {
		if got := URL(raw); got != want {
			t.Errorf("%s becomes %s, want %s", raw, got, want)
		}
	}
}

func FuzzURL(f *testing.F) {
	f.Add("wss://ann:pw@example.com/?token=", "hush")
	f.Fuzz(func(t *testing.T, before, after string) {
		if got := URL("ws://h/?token=s3cr3t-value&" + before + after); strings.Contains(got, "s3cr3t-value") {
			t.Error(got)
		}
	})
}
