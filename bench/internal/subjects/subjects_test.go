package subjects

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
)

func TestRaw(t *testing.T) {
	s, ok := Find("raw")
	if !ok {
		t.Fatal("it is not listed")
	}
	if _, err := s.Start(t.Context(), Options{}); err == nil || !strings.Contains(err.Error(), "call Build first") {
		t.Errorf("starting it before Build: %v", err)
	}
	dir := t.TempDir()
	for range 2 {
		if err := s.Build(t.Context(), dir); err != nil {
			t.Fatal(err)
		}
	}
	if want := strings.TrimPrefix(runtime.Version(), "go"); s.Version != want {
		t.Errorf("its version is %s, not %s", s.Version, want)
	}
	p, err := s.Start(t.Context(), Options{Args: []string{"-buffer", "100"}})
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", strings.TrimSuffix(strings.TrimPrefix(p.URL, "tcp://"), "/"))
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
}

func TestVersion(t *testing.T) {
	dir := t.TempDir()
	for name, want := range map[string]string{"parley": "this", "gorilla": "1."} {
		s, _ := Find(name)
		if err := s.Build(t.Context(), dir); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(s.Version, want) {
			t.Errorf("%s has the version %q", name, s.Version)
		}
		if _, err := ModuleVersion(s.Command[0], "example.com/none"); err == nil {
			t.Errorf("%s has a module that does not exist", name)
		}
	}
	if _, err := PackageVersion(dir, "ws"); !errors.Is(err, ErrMissing) {
		t.Errorf("a package that is not there: %v", err)
	}
}

// TestMain lets the test be a server itself.
func TestMain(m *testing.M) {
	switch os.Getenv("SUBJECT") {
	case "":
		os.Exit(m.Run())
	case "cores":
		fmt.Printf("listening %d\n", runtime.NumCPU())
		buffer := make([]byte, 1)
		os.Stdin.Read(buffer)
	case "silent":
	case "failing":
		fmt.Println("listening nowhere")
		os.Exit(3)
	case "other":
		fmt.Println("hello")
	}
}

func TestStart(t *testing.T) {
	self := []string{os.Args[0]}
	start := func(kind string, cores ...int) (*Process, error) {
		return Start(t.Context(), self, Options{Env: []string{"SUBJECT=" + kind}, Cores: cores, Stderr: new(bytes.Buffer)})
	}
	if runtime.GOOS == "linux" {
		out, err := exec.Command("awk", "/Cpus_allowed_list/ {print $2}", "/proc/self/status").Output()
		if err != nil {
			t.Fatal(err)
		}
		var core int
		if _, err := fmt.Sscan(string(out), &core); err != nil { // up to the first that is no digit
			t.Fatal(err)
		}
		p, err := start("cores", core)
		if err != nil {
			t.Fatal(err)
		}
		if p.URL != "1" {
			t.Errorf("confined to one core, it has %s", p.URL)
		}
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
		if p, err = start("cores"); err != nil {
			t.Fatal(err)
		}
		if p.URL != fmt.Sprint(runtime.NumCPU()) {
			t.Errorf("it has %s cores of %d", p.URL, runtime.NumCPU())
		}
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	}
	for _, kind := range []string{"silent", "other"} {
		if _, err := start(kind); err == nil {
			t.Errorf("%s: it started", kind)
		}
	}
	p, err := start("failing")
	if err != nil {
		t.Fatal(err)
	}
	if p.Stop() == nil {
		t.Error("its end with status 3 is no error")
	}
}
