package screen

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	kept         = 1000     // entries of a History
	longestEntry = 64 << 10 // bytes: a longer one is not kept
	largestFile  = 16 << 20 // bytes: of a larger file the end is read
)

// History is what somebody has typed, the newest last, in a file that several programs may write to at the same time. Each line
// of the file is an entry as a JSON string. Its methods must not be called at the same time.
type History struct {
	name    string
	entries []string
	cut     bool // the file does not end with a line feed
}

// OpenHistory reads the history in a file, which need not exist. With an empty name there is no file.
func OpenHistory(name string) (*History, error) {
	h := &History{name: name}
	if name == "" {
		return h, nil
	}
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return h, nil
	}
	if err != nil {
		return h, fmt.Errorf("screen: history: %w", err)
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return h, fmt.Errorf("screen: history: %s is no file", name)
	} else if info.Size() > largestFile {
		f.Seek(-largestFile, io.SeekEnd) // what begins in the middle of a line is no JSON, and left out
	}
	lines := 0
	for in := bufio.NewReader(f); ; lines++ {
		line, err := in.ReadBytes('\n')
		var entry string
		if json.Unmarshal(line, &entry) == nil && entry != "" {
			h.remember(entry)
		}
		if err == io.EOF {
			h.cut = len(line) > 0
			break
		}
		if err != nil {
			return h, fmt.Errorf("screen: history: %w", err)
		}
	}
	if lines > 2*kept {
		return h, h.shorten()
	}
	return h, nil
}

// Add puts an entry at the end, unless it is the last one already, or begins with a space, as in a shell that keeps secrets out.
func (h *History) Add(entry string) error {
	if entry == "" || strings.HasPrefix(entry, " ") || len(entry) > longestEntry || h.Len() > 0 && h.At(0) == entry {
		return nil
	}
	h.remember(entry)
	if h.name == "" {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(h.name), 0o700); err != nil {
		return fmt.Errorf("screen: history: %w", err)
	}
	f, err := os.OpenFile(h.name, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600) // messages may be secrets
	if err != nil {
		return fmt.Errorf("screen: history: %w", err)
	}
	var b []byte
	if h.cut { // somebody was interrupted: what was cut shall not take this with it
		b, h.cut = append(b, '\n'), false
	}
	_, err = f.Write(appendEntry(b, entry))
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("screen: history: %w", err)
	}
	return nil
}

func (h *History) remember(entry string) {
	h.entries = append(h.entries, entry)
	if len(h.entries) > kept {
		h.entries = h.entries[1:]
	}
}

// Len returns how many entries there are.
func (h *History) Len() int { return len(h.entries) }

// At returns an entry: 0 is the newest.
func (h *History) At(i int) string { return h.entries[len(h.entries)-1-i] }

// shorten writes the file anew, with what is kept of it.
func (h *History) shorten() error {
	var b []byte
	for _, entry := range h.entries {
		b = appendEntry(b, entry)
	}
	h.cut = false
	f, err := os.CreateTemp(filepath.Dir(h.name), "history-*") // with mode 0600
	if err != nil {
		return fmt.Errorf("screen: history: %w", err)
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), h.name)
	}
	if err != nil {
		os.Remove(f.Name())
		return fmt.Errorf("screen: history: %w", err)
	}
	return nil
}

func appendEntry(b []byte, entry string) []byte {
	var line bytes.Buffer
	e := json.NewEncoder(&line)
	e.SetEscapeHTML(false)
	e.Encode(entry) // a string, into memory
	return append(b, line.Bytes()...)
}
