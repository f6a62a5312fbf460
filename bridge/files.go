package bridge

import (
	"io/fs"
	"os"
	"slices"
	"strings"
)

// files are those of a directory that everybody may see. Links that lead out of it, names that begin with a dot, but for .well-known, and
// what is neither a file nor a directory are not there: to open a pipe would wait for who writes to it.
type files struct{ root *os.Root }

// Open opens a file or a directory.
func (f files) Open(name string) (fs.File, error) {
	none := &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	if !fs.ValidPath(name) || slices.ContainsFunc(strings.Split(name, "/"), hidden) {
		return nil, none
	}
	i, err := f.root.Stat(name)
	if err != nil || !i.IsDir() && !i.Mode().IsRegular() {
		return nil, none // what a link out of the directory names is nobody's business
	}
	file, err := f.root.Open(name)
	if err == nil && i.IsDir() {
		return shown{file}, nil
	}
	return file, err
}

func hidden(name string) bool {
	return strings.HasPrefix(name, ".") && name != "." && name != ".well-known"
}

// shown is a directory whose list leaves out what cannot be opened.
type shown struct{ *os.File }

// ReadDir returns the entries that are shown.
func (d shown) ReadDir(n int) ([]fs.DirEntry, error) {
	list, err := d.File.ReadDir(n)
	return slices.DeleteFunc(list, func(e fs.DirEntry) bool { return hidden(e.Name()) }), err
}
