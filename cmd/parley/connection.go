package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/parley-ws/parley/cmd/parley/internal/screen"
	"github.com/parley-ws/parley/ws"
)

// parseTarget refuses what is no address of a WebSocket before anything is opened.
func parseTarget(s string) (string, error) {
	const hint = "give an address such as ws://127.0.0.1:8080/echo or wss://example.com/"
	u, err := url.Parse(s)
	if err != nil {
		var ue *url.Error
		if errors.As(err, &ue) {
			err = ue.Err // without the URL, which may hold a password
		}
		return "", usage(hint, "the URL cannot be read: %w", err)
	}
	switch u.Scheme {
	case "ws", "wss", "http", "https":
		if u.Hostname() == "" {
			return "", usage(hint, "the URL %q names no host", redacted(s))
		}
		if p := u.Port(); p != "" {
			if n, err := strconv.ParseUint(p, 10, 16); err != nil || n == 0 {
				return "", usage("ports are 1 to 65535", "the URL names port %s", p)
			}
		}
	case "ws+unix":
	default:
		return "", usage(hint, "%q is not a WebSocket URL", redacted(s))
	}
	if u.Fragment != "" {
		return "", usage("write a # of the path as %23", "the URL has a fragment, the part from # on, which RFC 6455 forbids")
	}
	return s, nil
}

// describe shows what the server answered, for -v.
func describe(w io.Writer, conn *ws.Conn, after time.Duration) {
	fmt.Fprintf(w, "* connected to %v after %v\n", conn.RemoteAddr(), after.Round(time.Microsecond))
	if res := conn.Response(); res != nil {
		fmt.Fprintf(w, "< %s %s\n", screen.Escape(res.Proto), screen.Escape(res.Status))
		printHeader(w, "< ", res.Header)
	}
	fmt.Fprintf(w, "* subprotocol %s, extensions %s\n", orNone(conn.Subprotocol()), orNone(conn.Extensions()))
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return screen.Escape(s)
}

// stoppedWith turns the reason for which this side ended into an exit code.
func stoppedWith(err error) error {
	var s *stopped
	switch {
	case errors.As(err, &s):
		return quiet(s.code())
	case errors.Is(err, errMaxTime):
		return &failure{exitTimeout, err, "give it longer with --max-time"}
	}
	return err
}

// closing describes the end of a connection in one line.
func closing(end *ws.CloseError) string {
	who := "closed"
	if end.Remote {
		who = "closed by the server"
	}
	s := who + ": " + end.Code.String()
	if end.Reason != "" {
		s += ": " + screen.Escape(end.Reason)
	}
	var limit *ws.LimitError
	switch {
	case end.Err == nil || end.Err.Error() == end.Reason:
	case errors.As(end, &limit) && end.Reason != "": // which says it
		s += "; take more with --max-size"
	case errors.Is(end.Err, context.DeadlineExceeded), errors.Is(end.Err, context.Canceled):
		s += ": the server did not answer our close frame"
	default:
		s += ": " + oneLine(end.Err.Error())
	}
	return s
}

// forClosing returns a context for the closing handshake of what ran in ctx: with little time if --max-time is over.
func forClosing(ctx context.Context) (context.Context, context.CancelFunc) {
	patience := 5 * time.Second
	if errors.Is(context.Cause(ctx), errMaxTime) {
		patience = 250 * time.Millisecond
	}
	return context.WithTimeout(context.WithoutCancel(ctx), patience)
}

// exitCode returns the exit code for the end of a connection that nobody here wanted to end.
func exitCode(end *ws.CloseError) int {
	switch {
	case errors.Is(end, ws.ErrPingTimeout), errors.Is(end, ws.ErrWriteTimeout), errors.Is(end, ws.ErrProgressTimeout):
		return exitTimeout
	case end.Code == ws.CodeProtocolError, end.Code == ws.CodeInvalidPayload:
		return exitProtocol
	case end.Err == nil && (!end.Remote || end.Code == ws.CodeNormal || end.Code == ws.CodeGoingAway || end.Code == ws.CodeNoStatus):
		return exitDone
	}
	return exitClosed
}

// printHeader prints header fields in a stable order.
func printHeader(w io.Writer, prefix string, h http.Header) {
	for _, name := range sortedNames(h) {
		for _, value := range h[name] {
			fmt.Fprintln(w, prefix+screen.Escape(name+": "+value))
		}
	}
}
