package house

import (
	"bufio"
	"bytes"
	"debug/elf"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/parley-ws/parley/internal/need"
)

// instruction is a line of a Dockerfile.
type instruction struct{ name, arguments string }

// dockerfile returns the instructions of the repository's Dockerfile.
func dockerfile(t *testing.T) []instruction {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	var list []instruction
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, arguments, _ := strings.Cut(line, " ")
		list = append(list, instruction{name, arguments})
	}
	return list
}

// What an image needs so that an operator can trust it.
func TestDockerfile(t *testing.T) {
	list := dockerfile(t)
	last := 0
	for i, in := range list {
		if in.name == "FROM" {
			last = i
		}
		if in.name == "HEALTHCHECK" {
			t.Error("HEALTHCHECK needs a program in the image that asks /healthz, and there is none")
		}
	}
	final := list[last:]
	for _, want := range []instruction{
		{"FROM", "scratch"},
		{"COPY", "--from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt"},
		{"COPY", "--from=build /out/parley /parley"},
		{"USER", "65532:65532"},
		{"EXPOSE", "8080"},
		{"STOPSIGNAL", "SIGTERM"},
		{"ENTRYPOINT", `["/parley"]`},
		{"CMD", `["serve"]`}, // without an address: whoever starts it says where it listens
	} {
		if !slices.Contains(final, want) {
			t.Errorf("the last stage of the Dockerfile lacks: %s %s", want.name, want.arguments)
		}
	}
	if slices.ContainsFunc(final, func(in instruction) bool { return in.name == "RUN" }) {
		t.Error("an empty image has no shell for RUN")
	}
	gomod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	goLine := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindSubmatch(gomod)
	if want := (instruction{"FROM", "golang:" + string(goLine[1]) + " AS build"}); list[0] != want {
		t.Errorf("the Dockerfile begins with %v, and go.mod asks for %s %s", list[0], want.name, want.arguments)
	}
}

// buildCommand is the command of the Dockerfile that builds the program.
func buildCommand(t *testing.T) string {
	t.Helper()
	for _, in := range dockerfile(t) {
		if in.name == "RUN" && strings.Contains(in.arguments, "go build") {
			return in.arguments
		}
	}
	t.Fatal("no RUN of the Dockerfile builds anything")
	return ""
}

// The Dockerfile's command builds a program that runs where there is nothing else, as a user without rights.
func TestDockerfileBuilds(t *testing.T) {
	need.Command(t, "go", "install Go")
	empty := t.TempDir()
	program := filepath.Join(empty, "parley")
	command := strings.Replace(buildCommand(t), "/out/parley", program, 1)
	build := exec.CommandContext(t.Context(), need.Command(t, "sh", "install a shell"), "-c", command)
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
	file, err := elf.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	libraries, err := file.ImportedLibraries()
	if err != nil || len(libraries) > 0 {
		t.Errorf("it is not static: it needs %q (%v)", libraries, err)
	}
	if slices.ContainsFunc(file.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
		t.Error("it is not static: it needs a dynamic linker")
	}

	if os.Getuid() != 0 {
		t.Skip("only root may change the root directory: what the program does in an empty one is not looked at")
	}
	for _, dir := range []string{empty, filepath.Dir(empty)} { // those of a test are for its owner alone
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	inside := func(args ...string) *exec.Cmd {
		c := exec.CommandContext(t.Context(), "/parley", args...)
		c.Dir, c.Env = "/", []string{}
		c.SysProcAttr = &syscall.SysProcAttr{Chroot: empty, Credential: &syscall.Credential{Uid: 65532, Gid: 65532}}
		return c
	}

	out, err := inside("serve", "--addr", "0.0.0.0:0").CombinedOutput()
	var status *exec.ExitError
	if !errors.As(err, &status) || status.ExitCode() != 2 || !bytes.Contains(out, []byte("--insecure-no-auth")) {
		t.Errorf("every address without authentication: %v, %s", err, out)
	}

	serve := inside("serve", "--addr", "127.0.0.1:0")
	serve.Env = []string{"PARLEY_AUTH_HMAC_SECRET=" + strings.Repeat("s", 32)}
	stderr, err := serve.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := serve.Start(); err != nil {
		t.Fatal(err)
	}
	ends := time.AfterFunc(time.Minute, func() { _ = serve.Process.Kill() })
	defer ends.Stop()
	var url string
	lines := bufio.NewScanner(stderr)
	for url == "" && lines.Scan() {
		if _, rest, ok := strings.Cut(lines.Text(), "page "); ok {
			url = strings.TrimSpace(rest)
		}
	}
	if url == "" {
		t.Error("it does not say where it serves")
	} else {
		transport := &http.Transport{DisableKeepAlives: true}
		res, err := (&http.Client{Transport: transport}).Get(url + "healthz")
		if err != nil {
			t.Error(err)
		} else if res.Body.Close(); res.StatusCode != http.StatusOK {
			t.Errorf("/healthz: %s", res.Status)
		}
	}
	if err := serve.Process.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	_, _ = io.Copy(io.Discard, stderr)
	if err := serve.Wait(); err != nil {
		t.Errorf("after SIGTERM it ended with %v", err)
	}

	// It trusts the certificates where the Dockerfile puts them: a server that they vouch for gets to say that it has no WebSocket.
	other := httptest.NewUnstartedServer(http.NotFoundHandler())
	other.Config.ErrorLog = log.New(io.Discard, "", 0) // the first handshake is to fail
	other.StartTLS()
	defer other.Close()
	dial := func() int {
		c := inside("connect", "wss"+strings.TrimPrefix(other.URL, "https")+"/")
		_ = c.Run() // its status tells
		return c.ProcessState.ExitCode()
	}
	const untrusted, refused = 3, 4 // parley help exit-codes
	if code := dial(); code != untrusted {
		t.Errorf("without certificates, connect ended with %d, want %d", code, untrusted)
	}
	roots := filepath.Join(empty, "etc", "ssl", "certs")
	if err := os.MkdirAll(roots, 0o755); err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: other.Certificate().Raw})
	if err := os.WriteFile(filepath.Join(roots, "ca-certificates.crt"), text, 0o644); err != nil {
		t.Fatal(err)
	}
	if code := dial(); code != refused {
		t.Errorf("with certificates, connect ended with %d, want %d", code, refused)
	}
}
