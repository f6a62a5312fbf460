//go:build unix

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parley-ws/parley/internal/need"
)

// TestManualExamples runs the examples with which the help of the commands about the program itself begins, in the shells
// that they are for.
func TestManualExamples(t *testing.T) {
	t.Parallel()
	bash := need.Command(t, "bash", "apt-get install bash")
	fish := need.Command(t, "fish", "apt-get install fish")
	need.Command(t, "man", "apt-get install man-db")
	dir := readersFolder(t)
	s := startServer(t, nil)
	before, after := filepath.Join(dir, "before.json"), filepath.Join(dir, "after.json")
	if r := parley(t, "", "bench", s.echo, "-d", "100ms", "--json", before); r.code != 0 {
		t.Fatalf("%+v", r)
	}
	if err := os.Link(before, after); err != nil { // so that nothing is worse
		t.Fatal(err)
	}
	for _, name := range []string{"completion", "man", "help", "version", "compare"} {
		lines := strings.SplitN(parley(t, "", name, "--help").out, "\n", 3)
		for _, line := range lines[:2] {
			line, _, _ = strings.Cut(line, "#")
			shell := bash
			if strings.Contains(line, "fish") {
				shell = fish
			}
			cmd := exec.CommandContext(t.Context(), shell, "-c", line)
			cmd.Dir = dir
			cmd.Env = environ("PATH="+dir+":"+os.Getenv("PATH"), "HOME="+dir, "PAGER=cat", "MANPAGER=cat")
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("%s: %v\n%s", line, err, out)
			}
			switch silent := strings.Contains(line, "completion") || strings.Contains(line, "--dir"); {
			case silent && len(out) > 0:
				t.Errorf("%s printed %s", line, out)
			case !silent && len(out) == 0:
				t.Errorf("%s printed nothing", line)
			}
		}
	}
	if _, err := os.Stat(filepath.Join(dir, ".local/share/man/man1/parley-send.1")); err != nil {
		t.Error(err)
	}
	cmd := exec.CommandContext(t.Context(), "man", "parley-send")
	cmd.Env = environ("MANPATH="+filepath.Join(dir, ".local/share/man"), "MANPAGER=cat", "LC_ALL=C.UTF-8")
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "parley-send - send messages") {
		t.Errorf("man parley-send, installed: %v\n%.500s", err, out)
	}
}

// TestDocsComingFrom finds each flag of the tools that one may come from in their tables of docs/cli.md, in the first column.
func TestDocsComingFrom(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "cli.md"))
	if err != nil {
		t.Fatal(err)
	}
	for tool, flags := range map[string]string{
		// wscat 6.1
		"wscat": `--auth --ca --cert --host --key --max-redirects --no-color --passphrase --proxy --slash -c --connect -H --header
			-l --listen -L --location -n --no-check -o --origin -p --protocol -P --show-ping-pong -s --subprotocol -w --wait -x --execute
			-V --version -h --help`,
		// websocat 1.13, but for those of UDP
		"websocat": `--stdout-announce-listening-ports --async-stdio --compress-deflate --compress-gzip --compress-zlib --crypto-reverse --dump-spec
			-e --set-environment -E --exit-on-eof --foreachmsg-wait-read --jsonrpc --jsonrpc-omit-jsonrpc --just-generate-key
			--linemode-strip-newlines -0 --null-terminated --no-line --no-exit-on-zeromsg --no-fixups --no-async-stdio -1 --one-message --oneshot
			--print-ping-rtts --exec-exit-on-disconnect --exec-sighup-on-stdin-close --exec-sighup-on-zero-msg -q
			--reuser-send-zero-msg-on-disconnect -s --server-mode -S --strict --timestamp-monotonic -k --insecure -u --unidirectional -U
			--unidirectional-reverse --accept-from-fd --unlink -V --version -v -b --binary -n --no-close --websocket-ignore-zeromsg -t --text
			--base64 --base64-text --socks5 --autoreconnect-delay-millis --basic-auth --basic-auth-file --queue-len -B --buffer-size
			--byte-to-exit-on --client-pkcs12-der --client-pkcs12-passwd --close-reason --close-status-code --crypto-key -H --header
			--server-header --exec-args --header-to-env -h --help --inhibit-pongs --just-generate-accept --max-messages --max-messages-rev
			--conncap --max-sent-pings --max-ws-frame-length --max-ws-message-length --origin --pkcs12-der --pkcs12-passwd -p --preamble -P
			--preamble-reverse --prometheus --request-header -X --request-method --request-uri --restrict-uri -F --static-file
			--socks5-bind-script --socks5-destination --tls-domain --protocol --server-protocol --websocket-version --binary-prefix --ws-c-uri
			--ping-interval --ping-timeout --text-prefix`,
		// websocketd 0.5
		"websocketd": `--port --address --unixsocket --ssl --sslcert --sslkey --sslca --redirport --sameorigin --origin --passenv --binary --passstderr
			--reverselookup --dir --staticdir --cgidir --maxforks --maxframesize --closems --pingms --header --header-ws --header-http
			--devconsole --loglevel --version --license --help`,
	} {
		_, section, ok := strings.Cut(string(page), "\n## From "+tool+"\n")
		if !ok {
			t.Errorf("no section %q", "From "+tool)
		}
		section, _, _ = strings.Cut(section, "\n## ")
		named := map[string]bool{}
		for line := range strings.Lines(section) {
			if cells := strings.Split(line, " | "); strings.HasPrefix(line, "| ") {
				for _, word := range strings.FieldsFunc(cells[0], func(r rune) bool { return strings.ContainsRune("` ,;|=", r) }) {
					named[word] = true
				}
			}
		}
		for flag := range strings.FieldsSeq(flags) {
			if !named[flag] {
				t.Errorf("the table for %s has no %s", tool, flag)
			}
		}
	}
}
