package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
)

func TestParseNetrc(t *testing.T) {
	t.Parallel()
	entries, _, err := parseNetrc("# machine none login x\n" +
		"machine a.example login ann password pw\n" +
		"macdef init\ncd /pub\nmachine macro login x password y\n\n" +
		"machine b.example\r\n\tlogin \"b o b\" # not ours\n password \"q\\\"\\\\\\n#\" account x\n" +
		"machine c.example password only\n" +
		"default login anonymous password #me")
	want := "[{a.example ann pw} {b.example b o b q\"\\\n#} {c.example  only} { anonymous #me}]"
	if got := fmt.Sprint(entries); err != nil || got != want {
		t.Errorf("%s, %v; want %s", got, err, want)
	}
	for text, want := range map[string]string{
		"machine":                           "1 the value of machine is missing",
		"machine a\nlogin x\npassword":      "3 the value of password is missing",
		"machine a password my hush":        "1 want machine",
		"\n\nhush":                          "3 want machine",
		"login hush":                        "1 login stands before",
		"machine a\nlogin \"hush\npassword": "2 the value of login lacks the quote",
		"machine \"\" login x":              "1 the name of a machine is empty",
	} {
		_, line, err := parseNetrc(text)
		if got := fmt.Sprint(line, " ", err); err == nil || !strings.HasPrefix(got, want) || strings.Contains(got, "hush") {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

func FuzzParseNetrc(f *testing.F) {
	f.Add("machine a login \"b\\n\" password c\nmacdef x\ny\n\ndefault login d # e\n")
	f.Fuzz(func(t *testing.T, text string) {
		entries, line, err := parseNetrc(text)
		if lines := strings.Count(text, "\n") + 1; err != nil && (line < 1 || line > lines || len(entries) > 0) {
			t.Errorf("line %d of %d, %d entries: %v", line, lines, len(entries), err)
		}
	})
}

func TestNetrc(t *testing.T) {
	t.Parallel()
	p, m := newPlace(t), newMirror(t)
	m.sees(t, p, nil, "Authorization", "", "--netrc", m.url) // no file
	p.put(t, p.netrc(), "machine other.example login x password y", "machine 127.0.0.1 login ann password hush", "machine 127.0.0.1 login bob password quiet")
	named := filepath.Join(p.home, "named")
	p.put(t, named, "default login any password pw")
	at := func(user string) string { return strings.Replace(m.url, "ws://", "ws://"+user+"@", 1) }
	for _, c := range []struct {
		want string
		env  []string
		args []string
	}{
		{"", nil, []string{m.url}},
		{authorized("ann:hush"), nil, []string{"--netrc", m.url}},
		{authorized("bob:quiet"), nil, []string{"--netrc", at("bob")}},
		{authorized("eve:"), nil, []string{"--netrc", at("eve")}}, // no match
		{authorized("eve:url"), nil, []string{"--netrc", at("eve:url")}},
		{authorized("flag:pw"), nil, []string{"--netrc", "-u", "flag:pw", m.url}},
		{"Bearer x", nil, []string{"--netrc", "-H", "Authorization: Bearer x", m.url}},
		{authorized("any:pw"), nil, []string{"--netrc-file", named, m.url}},
		{authorized("any:pw"), []string{"NETRC=" + named}, []string{"--netrc", m.url}},
	} {
		m.sees(t, p, c.env, "Authorization", c.want, c.args...)
	}
	p.put(t, p.netrc(), "machine other.example login x password y")
	m.sees(t, p, nil, "Authorization", "", "--netrc", m.url)

	p.put(t, p.user(), `[profile.a]`, `url = "`+m.url+`"`, `netrc_file = "../../named"`)
	m.sees(t, p, nil, "Authorization", authorized("any:pw"), "@a")

	p.put(t, named, "machine 127.0.0.1", "login ann password my hush")
	r := p.run(t, nil, "", "send", "--netrc-file", named, m.url, "x")
	r.expect(t, 2, "--netrc-file", named+":2:", "double quotes")
	if strings.Contains(r.err, "hush") {
		t.Errorf("shows a password: %s", r.err)
	}
	p.run(t, nil, "", "send", "--netrc-file", named+"x", m.url, "x").expect(t, 1, "--netrc-file", named+"x")
	p.run(t, []string{"NETRC=" + named + "x"}, "", "send", "--netrc", m.url, "x").expect(t, 1, "--netrc", named+"x")

	// Who the host is, a project does not say to the user's netrc file.
	p.put(t, p.project(), `[profile.b]`, `url = "`+m.url+`"`, `insecure = true`)
	p.run(t, nil, "", "send", "--netrc", "@b", "x").expect(t, 2, "--netrc", "--insecure", p.user())
}

// Credentials, whatever they came from, go to the origin that they are for, and not where it sends us.
func TestNetrcStaysWithItsOrigin(t *testing.T) {
	t.Parallel()
	p, m := newPlace(t), newMirror(t)
	first := make(chan string, 2)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		first <- r.Header.Get("Authorization")
		http.Redirect(w, r, "http"+strings.TrimPrefix(m.url, "ws"), http.StatusTemporaryRedirect)
	}))
	t.Cleanup(srv.Close)
	p.put(t, p.netrc(), "machine 127.0.0.1 login ann password hush")
	target := "ws" + strings.TrimPrefix(srv.URL, "http")
	for _, args := range [][]string{{"--netrc"}, {"-u", "ann:hush"}} {
		m.sees(t, p, nil, "Authorization", "", append(args, "-L", target)...) // another port is another origin
		if got := <-first; got != authorized("ann:hush") {
			t.Errorf("%q: the first server saw %q", args, got)
		}
	}
}
