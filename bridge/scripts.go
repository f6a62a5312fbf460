package bridge

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// errNoScript says that no program belongs to a URL.
var errNoScript = errors.New("bridge: find the script: there is none at this path")

// scripts finds programs below a directory.
type scripts struct {
	root *os.Root // does not follow links that lead out of it
	dir  string
}

func openScripts(dir string) (*scripts, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("bridge: the directory of scripts: %w", err)
	}
	root, err := os.OpenRoot(abs)
	if err != nil {
		return nil, fmt.Errorf("bridge: the directory of scripts: %w", err)
	}
	return &scripts{root, abs}, nil
}

// find returns the program for the path of a URL, with its SCRIPT_NAME and PATH_INFO.
func (s *scripts) find(path string) (file, name, info string, err error) {
	parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
	for i, part := range parts {
		if part == "" || part[0] == '.' || !filepath.IsLocal(part) || strings.ContainsAny(part, "\x00\\:") {
			return "", "", "", errNoScript
		}
		rel := filepath.Join(parts[:i+1]...)
		stat, err := s.root.Stat(rel)
		if err != nil {
			return "", "", "", errNoScript
		}
		if stat.IsDir() {
			continue
		}
		if !stat.Mode().IsRegular() || runtime.GOOS != "windows" && stat.Mode()&0o111 == 0 {
			return "", "", "", fmt.Errorf("%w: %s is not executable", errNoScript, rel)
		}
		if i < len(parts)-1 {
			info = "/" + strings.Join(parts[i+1:], "/")
		}
		return filepath.Join(s.dir, rel), "/" + strings.Join(parts[:i+1], "/"), info, nil
	}
	return "", "", "", errNoScript
}
