package subjects

import (
	"context"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// path is the import path of the bench module.
const path = "github.com/parley-ws/parley/bench"

// ErrMissing is what Build returns, with more words, of a subject that the machine lacks something for.
var ErrMissing = errors.New("is missing")

// Build makes the subject ready to start: it compiles it into the folder dir, unless it is there already, or finds it among
// the npm packages. It sets Command and Version. The working directory is somewhere in the bench module.
func (s *Subject) Build(ctx context.Context, dir string) error {
	var err error
	if s.NPM {
		err = s.find()
	} else {
		err = s.compile(ctx, dir)
	}
	if err != nil {
		return fmt.Errorf("subjects: building %s: %w", s.Name, err)
	}
	return nil
}

func (s *Subject) compile(ctx context.Context, dir string) error {
	program, err := filepath.Abs(filepath.Join(dir, s.Name))
	if err != nil {
		return err
	}
	if _, err := os.Stat(program); err != nil {
		out, err := exec.CommandContext(ctx, "go", "build", "-o", program, path+"/peers/"+s.Name).CombinedOutput()
		if err != nil {
			return fmt.Errorf("go build: %w\n%s", err, out)
		}
	}
	version, err := ModuleVersion(program, s.Module)
	if err != nil {
		return err
	}
	s.Command, s.Version = []string{program}, version
	return nil
}

// ModuleVersion returns the version of a module that the program was built with, without the "v" in front: "this" for one
// that was replaced by the working copy, and the version of Go if module is empty.
func ModuleVersion(program, module string) (string, error) {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return "", err
	}
	if module == "" {
		return strings.TrimPrefix(info.GoVersion, "go"), nil
	}
	for _, m := range info.Deps {
		if m.Path == module && m.Replace != nil {
			return "this", nil
		}
		if m.Path == module {
			return strings.TrimPrefix(m.Version, "v"), nil
		}
	}
	return "", fmt.Errorf("it does not use %s", module)
}

// find finds a program in JavaScript, with its npm package and what runs it.
func (s *Subject) find() error {
	peers, err := folder()
	if err != nil {
		return err
	}
	modules := filepath.Join(peers, "node_modules")
	version, err := PackageVersion(modules, s.Module)
	if err != nil {
		return fmt.Errorf("%w: run bench/peers/install.sh", err)
	}
	runner, err := exec.LookPath("node")
	if err != nil {
		return fmt.Errorf("node %w: install Node.js 20 or later, then run bench/peers/install.sh", ErrMissing)
	}
	if s.Name == "bun" {
		runner = filepath.Join(modules, ".bin", "bun")
		// It is there for few systems only, and may be one that this processor cannot run.
		if err := exec.Command(runner, "--version").Run(); err != nil {
			return fmt.Errorf("a Bun that runs here %w: %w", ErrMissing, err)
		}
	}
	s.Command, s.Version = []string{runner}, version
	if s.Name != "bun" {
		s.Command = append(s.Command, "--expose-gc") // for SIGUSR2
	}
	s.Command = append(s.Command, filepath.Join(peers, s.Name, "server.js"))
	return nil
}

// folder is that of the programs.
var folder = sync.OnceValues(func() (string, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", path).Output()
	if err != nil {
		return "", fmt.Errorf("finding the module %s: %w", path, err)
	}
	return filepath.Join(strings.TrimSpace(string(out)), "peers"), nil
})

// PackageVersion returns the version of an npm package that is installed in the folder modules, which is a node_modules.
// The error of one that is not there is ErrMissing.
func PackageVersion(modules, name string) (string, error) {
	b, err := os.ReadFile(filepath.Join(modules, filepath.FromSlash(name), "package.json"))
	if errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("the npm package %s %w", name, ErrMissing)
	}
	if err != nil {
		return "", err
	}
	var p struct{ Version string }
	if err := json.Unmarshal(b, &p); err != nil {
		return "", fmt.Errorf("package.json of %s: %w", name, err)
	}
	return p.Version, nil
}
