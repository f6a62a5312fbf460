package hook

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"

	"github.com/parley-ws/parley/hub"
	"github.com/parley-ws/parley/internal/jsonread"
)

// Call returns a handler that lets the application answer calls at a URL: see the package comment. The error says what is wrong with
// the URL.
func (c *Client) Call(url string) (hub.CallHandler, error) {
	if err := checkURL(url); err != nil {
		return nil, fmt.Errorf("hook: Call: %w", err)
	}
	return func(ctx context.Context, call *hub.Call) (json.RawMessage, error) {
		result, err := c.call(ctx, url, call)
		if err != nil && ctx.Err() != nil {
			return nil, hub.AsError(ctx.Err())
		}
		return result, err
	}, nil
}

func (c *Client) call(ctx context.Context, url string, call *hub.Call) (json.RawMessage, error) {
	if err := take(ctx, c.calls); err != nil {
		return nil, err
	}
	defer func() { <-c.calls }()
	q := sessionQuestion(eventCall, &call.Session, call.Identity)
	q.Method, q.Args = call.Method, call.Args
	resp, err := c.post(ctx, url, q, nil, untouched)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNoContent:
		return nil, nil
	case http.StatusUnauthorized:
		return nil, hub.Errorf(hub.Unauthenticated, "%s", codes[hub.Unauthenticated])
	case http.StatusForbidden:
		return nil, hub.Errorf(hub.Forbidden, "%s", codes[hub.Forbidden])
	case http.StatusBadGateway, http.StatusGatewayTimeout:
		return nil, unavailable(fmt.Errorf("hook: the call of %q was answered with the status %d", call.Method, resp.StatusCode), 0)
	default:
		return nil, broken(fmt.Errorf("hook: the call of %q was answered with the status %d: 200, 204, 401 and 403 are understood", call.Method, resp.StatusCode))
	}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch kind {
	case "application/json":
		return c.single(resp.Body, call)
	case "application/x-ndjson":
		return c.stream(resp.Body, call)
	}
	return nil, broken(fmt.Errorf("hook: the answer to the call of %q has the type %.80q: application/json and application/x-ndjson are understood", call.Method, kind))
}

// single reads an answer that is one object.
func (c *Client) single(body io.Reader, call *hub.Call) (json.RawMessage, error) {
	text, err := io.ReadAll(io.LimitReader(body, int64(c.o.CallBytes)+1))
	if err != nil {
		return nil, brokeOff(call, err)
	}
	if len(text) > c.o.CallBytes {
		return nil, broken(c.tooLong(call))
	}
	l, err := parseLine(text)
	switch {
	case err != nil:
		return nil, broken(fmt.Errorf("%w (the call of %q)", err, call.Method))
	case l.item != nil:
		return nil, broken(fmt.Errorf("hook: the answer to the call of %q has an item: a stream is of the type application/x-ndjson", call.Method))
	case l.err != nil:
		return nil, l.err
	}
	return l.result, nil
}

// stream reads an answer that comes in lines.
func (c *Client) stream(body io.Reader, call *hub.Call) (json.RawMessage, error) {
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, c.o.CallBytes)
	for lines.Scan() {
		text := bytes.TrimSpace(lines.Bytes())
		if len(text) == 0 {
			continue
		}
		l, err := parseLine(text)
		switch {
		case err != nil:
			return nil, broken(fmt.Errorf("%w (the call of %q)", err, call.Method))
		case l.err != nil:
			return nil, l.err
		case l.item == nil:
			return l.result, nil
		}
		if err := call.Item(l.item); err != nil {
			return nil, err
		}
	}
	if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		return nil, broken(c.tooLong(call))
	} else if err != nil {
		return nil, brokeOff(call, err)
	}
	return nil, brokeOff(call, io.ErrUnexpectedEOF)
}

func (c *Client) tooLong(call *hub.Call) error {
	return fmt.Errorf("hook: the answer to the call of %q, or a line of it, has more than %d bytes: see Options.CallBytes", call.Method, c.o.CallBytes)
}

// brokeOff returns what a caller is told when the rest of an answer is missing.
func brokeOff(call *hub.Call, err error) *hub.Error {
	return unavailable(fmt.Errorf("hook: the answer to the call of %q broke off: %w", call.Method, err), 0)
}

// line is the answer to a call, or a line of it. One of its fields is set, or none for the result null.
type line struct {
	item   json.RawMessage
	result json.RawMessage
	err    *hub.Error
}

// parseLine reads an object with one of item, result and error. What it returns is its own.
func parseLine(text []byte) (line, error) {
	members, err := jsonread.Object(text)
	if err != nil {
		return line{}, fmt.Errorf("hook: the answer is %w", err)
	}
	item, isItem := members["item"]
	result, isResult := members["result"]
	failure, isError := members["error"]
	switch {
	case isItem && !isResult && !isError:
		return line{item: item}, nil
	case isResult && !isItem && !isError:
		return line{result: result}, nil
	case isError && !isItem && !isResult:
		members, err := jsonread.Object(failure)
		if err != nil {
			return line{}, fmt.Errorf("hook: the error of the answer is %w", err)
		}
		if _, ok := members["code"]; !ok {
			return line{}, errors.New("hook: the error of the answer has no code")
		}
		e, err := parseError(members)
		if err != nil {
			return line{}, fmt.Errorf("hook: the error of the answer: %w", err)
		}
		return line{err: e}, nil
	}
	return line{}, errors.New("hook: the answer has not one of item, result and error")
}
