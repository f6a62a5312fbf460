package main

import (
	"strings"
	"testing"
)

func TestSecretsFromStandardInput(t *testing.T) {
	t.Parallel()
	p, m := newPlace(t), newMirror(t)
	send := func(stdin string, args ...string) result {
		return p.run(t, nil, stdin, append([]string{"send", "-n", "1"}, args...)...)
	}
	if r := send("X-One: 1\nX-Two: 2\n", "-H", "@-", m.url, "a"); r.code != 0 || m.last(t).Header.Get("X-Two") != "2" {
		t.Errorf("%+v", r)
	}
	if r := send("ann:hush\n", "-u", "@-", m.url, "a"); r.code != 0 || m.last(t).Header.Get("Authorization") != authorized("ann:hush") {
		t.Errorf("%+v", r)
	}
	if r := send("ann:hush\n", "-u", "@-", "-m", "a", m.url); r.code != 0 || r.out != "a\n" {
		t.Errorf("%+v", r)
	}
	m.last(t)
	for _, args := range [][]string{{m.url}, {m.url, "a", "-"}} {
		send("ann:hush\n", append([]string{"-u", "@-"}, args...)...).expect(t, 2, "send", "-u", "standard input", "@FILE")
	}
	p.run(t, nil, "ann:hush\n", "connect", "-u", "@-", m.url).expect(t, 2, "connect", "-u", "standard input")
	send("X-One: 1", "-u", "@-", "-H", "@-", m.url, "a").expect(t, 2, "-H", "-u", "both")
	send("hush", "-u", "@-", m.url, "a").expect(t, 2, "-u", "colon")
	if r := send("", "-u", "ann", m.url, "a"); r.code != 2 || !strings.Contains(r.err, "colon") { // there is nobody to be asked
		t.Errorf("%+v", r)
	}
	if len(m.asked) > 0 {
		t.Error("a connection was opened all the same")
	}
	p.put(t, p.user(), `[profile.a]`, `url = "`+m.url+`"`, `user = "@-"`)
	if r := send("ann:hush", "@a", "x"); r.code != 0 || m.last(t).Header.Get("Authorization") != authorized("ann:hush") {
		t.Errorf("%+v", r)
	}
}
