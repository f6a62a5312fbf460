package bridge

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/parley-ws/parley/ws"
)

// event is one line of JSON on a command's standard input or output, with Options.Framing Events.
//
// The command reads {"ev":"open"}, {"ev":"msg"} and {"ev":"close"}, all with "conn", the number of the connection. Of what it
// writes, "data" or "b64" is all that is needed; without "conn" it is for every connection of the process. With
// {"ev":"close"} it ends one; other events are ignored, so that cat is an echo.
type event struct {
	V      int     `json:"v"`
	T      string  `json:"t,omitempty"`
	Conn   *int64  `json:"conn,omitempty"`
	Ev     string  `json:"ev,omitempty"`
	Dir    string  `json:"dir,omitempty"`
	Type   string  `json:"type,omitempty"`
	Len    *int    `json:"len,omitempty"`
	Data   *string `json:"data,omitempty"`
	B64    *string `json:"b64,omitempty"`
	Code   ws.Code `json:"code,omitempty"`
	Reason string  `json:"reason,omitempty"`
	URL    string  `json:"url,omitempty"`    // of the request: path and query
	Remote string  `json:"remote,omitempty"` // the peer's address

	// Who connects, or has published.
	User   string          `json:"user,omitempty"`
	Claims json.RawMessage `json:"claims,omitempty"`

	// Of a message that a Runner passes on, in the place of Conn.
	Topic   string `json:"topic,omitempty"`
	Session string `json:"session,omitempty"`
}

func newEvent(name string, conn int64) event {
	return event{V: 1, T: time.Now().UTC().Format(time.RFC3339Nano), Conn: &conn, Ev: name}
}

// inputEvent tells of a message for a Runner.
func inputEvent(m *Input) event {
	e := messageEvent(0, m.Type, m.Data)
	e.Conn, e.Topic, e.Session, e.User, e.Claims = nil, m.Topic, m.Session, m.User, m.Claims
	return e
}

// openEvent tells of a connection.
func (o *Options) openEvent(conn int64, c *ws.Conn) event {
	e := newEvent("open", conn)
	if r := c.Request(); r != nil {
		e.URL = r.URL.RequestURI()
		if o.Who != nil {
			e.User, e.Claims = o.Who(r)
		}
	}
	if a := c.RemoteAddr(); a != nil {
		e.Remote = a.String()
	}
	return e
}

// messageEvent tells of a message that arrived.
func messageEvent(conn int64, t ws.Type, data []byte) event {
	e := newEvent("msg", conn)
	n := len(data)
	e.Dir, e.Type, e.Len = "in", t.String(), &n
	if t == ws.Text {
		s := string(data)
		e.Data = &s
	} else {
		s := base64.StdEncoding.EncodeToString(data)
		e.B64 = &s
	}
	return e
}

// closeEvent tells of the end of a connection.
func closeEvent(conn int64, end *ws.CloseError) event {
	e := newEvent("close", conn)
	if end != nil {
		e.Code, e.Reason = end.Code, end.Reason
	}
	return e
}

// line returns the event as a line.
func (e event) line() []byte {
	b, err := json.Marshal(e)
	if err != nil {
		panic("bridge: encode an event: " + err.Error()) // there is nothing in it that has no JSON
	}
	return append(b, '\n')
}

// parseEvent reads a line that a command wrote.
func parseEvent(line []byte) (event, error) {
	var e event
	if err := json.Unmarshal(line, &e); err != nil {
		return e, fmt.Errorf("bridge: read an event of the command: %w", err)
	}
	if (e.Ev == "" || e.Ev == "msg") && (e.Data == nil) == (e.B64 == nil) {
		return e, fmt.Errorf("bridge: read an event of the command: want either data or b64")
	}
	return e, nil
}

// message returns the message that the event asks to send; ok is false if it is another event.
func (e event) message() (t ws.Type, data []byte, ok bool, err error) {
	switch {
	case e.Ev != "" && e.Ev != "msg":
		return 0, nil, false, nil
	case e.B64 != nil:
		if data, err = base64.StdEncoding.DecodeString(*e.B64); err != nil {
			return 0, nil, false, fmt.Errorf("bridge: read an event of the command: b64: %w", err)
		}
		t = ws.Binary
	default:
		t, data = ws.Text, []byte(*e.Data)
	}
	switch e.Type {
	case "", t.String():
	case "text":
		t = ws.Text
	case "binary":
		t = ws.Binary
	default:
		return 0, nil, false, fmt.Errorf("bridge: read an event of the command: unknown type %q", e.Type)
	}
	if t == ws.Text && !utf8.Valid(data) {
		return 0, nil, false, fmt.Errorf("bridge: read an event of the command: the message is not UTF-8, which text has to be")
	}
	return t, data, true, nil
}

// closing returns the code and the reason of an event that asks to end a connection.
func (e event) closing() (ws.Code, string) {
	switch c := e.Code; {
	case c == ws.CodeNormal, c >= 3000 && c <= 4999, c >= ws.CodeInternalError && c <= ws.CodeBadGateway, c == ws.CodeGoingAway, c == ws.CodePolicyViolation:
		return c, e.Reason
	}
	return ws.CodeNormal, e.Reason
}
