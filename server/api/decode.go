package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/hub"
	"github.com/parley-ws/parley/internal/jsonread"
)

// fields are what a JSON object may have: what reads each value, by name. A value that is null is as if it were not there, but for
// those that are read by raw.
type fields map[string]reader

// reader reads one value, or says what it has to be.
type reader func(value json.RawMessage) error

// body reads the body of a request, which has to be one JSON object with these fields.
func (c *call) body(f fields) error {
	if err := c.noQuery(); err != nil {
		return err
	}
	if kind, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return hub.Errorf(unsupportedMedia, "the body has to be JSON, with the header Content-Type: application/json")
	}
	if coding := c.r.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return hub.Errorf(unsupportedMedia, "the body has to come as it is, without a Content-Encoding")
	}
	most := c.options.MaxBody
	large := hub.Errorf(hub.TooLarge, "the body has more than %d bytes: send less at once", most)
	if c.r.ContentLength > most {
		c.w.Header().Set("Connection", "close") // rather than reading all of it
		return large
	}
	text, err := io.ReadAll(http.MaxBytesReader(c.w, c.r.Body, most))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return large
	} else if err != nil {
		return hub.Errorf(hub.BadRequest, "the body did not arrive as a whole")
	}
	return parse(text, f)
}

// parse reads a whole body.
func parse(text []byte, f fields) error {
	if !utf8.Valid(text) {
		return hub.Errorf(hub.BadRequest, "the body is not UTF-8")
	}
	var object json.RawMessage
	if err := json.Unmarshal(text, &object); err != nil {
		at := int64(len(text))
		if syntax := (*json.SyntaxError)(nil); errors.As(err, &syntax) {
			at = syntax.Offset
		}
		return hub.Errorf(hub.BadRequest, "the body is no JSON, at byte %d: %v", at, err)
	}
	return readObject(object, "", f)
}

// readObject reads a JSON object. at is where it is, such as "messages[3].", for errors.
func readObject(text json.RawMessage, at string, f fields) error {
	d := json.NewDecoder(bytes.NewReader(text))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return hub.Errorf(hub.BadRequest, "%s: want a JSON object", place(at))
	}
	seen := make(map[string]bool, len(f))
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return hub.Errorf(hub.BadRequest, "%s: %v", place(at), err)
		}
		name, _ := t.(string)
		read := f[name]
		if read == nil {
			return hub.Errorf(hub.BadRequest, "%s: %s", place(at), unknown("field", name, slices.Collect(maps.Keys(f))))
		}
		if seen[name] {
			return hub.Errorf(hub.BadRequest, "%s: the field %q is there twice", place(at), name)
		}
		seen[name] = true
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return hub.Errorf(hub.BadRequest, "%s%s: %v", at, name, err)
		}
		if err := read(value); err != nil {
			if e := (*hub.Error)(nil); errors.As(err, &e) {
				return e
			}
			return hub.Errorf(hub.BadRequest, "%s%s: %v", at, name, err)
		}
	}
	return nil
}

func place(at string) string {
	if at == "" {
		return "the body"
	}
	return strings.TrimSuffix(at, ".")
}

// optional makes null be as if nothing were there.
func optional(read reader) reader {
	return func(v json.RawMessage) error {
		if string(v) == "null" {
			return nil
		}
		return read(v)
	}
}

// raw takes any value, null too.
func raw(to *json.RawMessage) reader {
	return func(v json.RawMessage) error {
		if err := whole(v); err != nil {
			return err
		}
		var b bytes.Buffer
		err := json.Compact(&b, v)
		*to = b.Bytes()
		return err
	}
}

// str takes a string.
func str(to *string) reader {
	return optional(func(v json.RawMessage) (err error) {
		*to, err = readString(v)
		return err
	})
}

// readString reads a string. Half of a surrogate pair, which cannot be expressed, is refused rather than replaced.
func readString(v json.RawMessage) (string, error) {
	var s string
	if json.Unmarshal(v, &s) != nil || string(v) == "null" {
		return "", errors.New("want a string")
	}
	return s, whole(v)
}

// whole returns an error if a string in v has half of a surrogate pair, which is no text: others would get something else, or nothing.
func whole(v json.RawMessage) error {
	if at := jsonread.Half(v); at >= 0 {
		return fmt.Errorf("half a surrogate pair at byte %d of the value: it is no text", at)
	}
	return nil
}

// flag takes true or false.
func flag(to **bool) reader {
	return optional(func(v json.RawMessage) error {
		if json.Unmarshal(v, to) != nil {
			return errors.New("want true or false")
		}
		return nil
	})
}

// integer takes a whole number from 0 to most.
func integer(to *int64, most int64) reader {
	return optional(func(v json.RawMessage) error {
		if err := json.Unmarshal(v, to); err != nil || *to < 0 || *to > most {
			return fmt.Errorf("want a whole number from 0 to %d", most)
		}
		return nil
	})
}

// number takes a number that is not negative.
func number(to *float64) reader {
	return optional(func(v json.RawMessage) error {
		if err := json.Unmarshal(v, to); err != nil || *to < 0 || math.IsInf(*to, 0) {
			return errors.New("want a number that is not negative")
		}
		return nil
	})
}

// instant takes a time.
func instant(to *time.Time) reader {
	return optional(func(v json.RawMessage) error {
		s, err := readString(v)
		if err == nil {
			*to, err = time.Parse(time.RFC3339, s)
		}
		if err != nil {
			return errors.New("want a time as RFC 3339 has it: 2006-01-02T15:04:05Z")
		}
		return nil
	})
}

// texts takes an object of strings.
func texts(to *map[string]string) reader {
	return optional(func(v json.RawMessage) error {
		var m map[string]*string
		if json.Unmarshal(v, &m) != nil {
			return errors.New("want an object of strings")
		}
		*to = make(map[string]string, len(m))
		for name, value := range m {
			if value == nil {
				return errors.New("want an object of strings")
			}
			(*to)[name] = *value
		}
		return whole(v)
	})
}

// list takes an array of at most so many values. Nothing is made before there is something to put in it.
func list(most int, read func(i int, v json.RawMessage) error) reader {
	return optional(func(v json.RawMessage) error {
		d := json.NewDecoder(bytes.NewReader(v))
		if t, err := d.Token(); err != nil || t != json.Delim('[') {
			return errors.New("want an array")
		}
		for i := 0; d.More(); i++ {
			if i == most {
				return hub.Errorf(hub.TooLarge, "an array has more than %d values: send fewer at once", most)
			}
			var value json.RawMessage
			if err := d.Decode(&value); err != nil {
				return err
			}
			if err := read(i, value); err != nil {
				return err
			}
		}
		return nil
	})
}

// filter takes a filter.
func filter(to *broker.Filter, given *bool) reader {
	return optional(func(v json.RawMessage) (err error) {
		*given = true
		*to, err = readFilter(v)
		return err
	})
}

// filters takes an array of filters.
func filters(to *[]broker.Filter) reader {
	return list(maxList, func(i int, v json.RawMessage) error {
		f, err := readFilter(v)
		if err != nil {
			return fmt.Errorf("value %d: %w", i, err)
		}
		*to = append(*to, f)
		return nil
	})
}
