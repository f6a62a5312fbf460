package extendedconnect_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/net/http2"

	_ "github.com/parley-ws/parley/ws/extendedconnect"
)

// announced asks a server of net/http whether it takes an extended CONNECT.
func announced(t *testing.T) bool {
	t.Helper()
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Start()
	defer s.Close()
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	f := http2.NewFramer(conn, conn)
	if err := f.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	frame, err := f.ReadFrame()
	if err != nil {
		t.Fatal(err)
	}
	v, ok := frame.(*http2.SettingsFrame).Value(http2.SettingEnableConnectProtocol)
	return ok && v == 1
}

// The import has the effect of the setting, which is not left behind, and the environment has the last word.
func TestImport(t *testing.T) {
	const inner = "EXTENDEDCONNECT_TEST"
	if want := os.Getenv(inner); want != "" {
		if got := announced(t); got != (want == "announced") {
			t.Errorf("announced: %v", got)
		}
		if now, want := os.Getenv("GODEBUG"), os.Getenv(inner+"_GODEBUG"); now != want {
			t.Errorf("GODEBUG is %q, want %q", now, want)
		}
		return
	}
	for setting, want := range map[string]string{
		"":                                "announced",
		"http2xconnect=1":                 "announced",
		"http2xconnect=0":                 "not announced",
		"madvdontneed=1":                  "announced",
		"madvdontneed=1,http2xconnect=0":  "not announced",
		"http2xconnect=1,madvdontneed=1,": "announced",
	} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestImport$")
		for _, v := range os.Environ() {
			if !strings.HasPrefix(v, "GODEBUG=") {
				cmd.Env = append(cmd.Env, v)
			}
		}
		cmd.Env = append(cmd.Env, inner+"="+want, inner+"_GODEBUG="+setting)
		if setting != "" {
			cmd.Env = append(cmd.Env, "GODEBUG="+setting)
		}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("with GODEBUG=%s: %v\n%s", setting, err, out)
		}
	}
}
