package native

import (
	"bytes"
	"cmp"
	_ "embed" // for the document
	"encoding/json"
	"strings"
	"text/template"

	"github.com/parley-ws/parley/hub"
)

// APIInfo is what an AsyncAPI document says beyond the protocol.
type APIInfo struct {
	// Title, Version and Description are those of the API. The defaults are Parley, 1 and a sentence.
	Title       string
	Version     string
	Description string

	// Host is the host and port of the server. The default is localhost:8080. TLS says that it is reached by wss.
	Host string
	TLS  bool

	// Path is where the Handler is mounted. The default is /ws.
	Path string

	// Topics is where topics are URLs, such as /t; empty leaves them out.
	Topics string

	// Channels and Operations are more of these, each the YAML of one: its name on the first line, without indentation.
	Channels   []string
	Operations []string
}

//go:embed asyncapi.yaml
var asyncAPI string

var asyncTemplate = template.Must(template.New("asyncapi").Funcs(template.FuncMap{
	// Every JSON string is a YAML string.
	"quote": func(s string) (string, error) {
		text, err := json.Marshal(s)
		return string(text), err
	},
	"indent": func(s string) string {
		return "  " + strings.ReplaceAll(strings.TrimRight(s, "\n"), "\n", "\n  ")
	},
}).Parse(asyncAPI))

// AsyncAPI returns the AsyncAPI 3.0 document of a server that speaks the protocol, in YAML.
func AsyncAPI(info APIInfo) []byte {
	data := struct {
		APIInfo
		Protocol                          string
		Commands, Frames, Replies, Pushes []string
		Codes                             []hub.Code
	}{
		APIInfo:  info,
		Protocol: "ws",
		Commands: []string{
			"connect", "subscribe", "unsubscribe", "publish", "history", "members", "enter", "leave", "call", "cancel", "refresh", "ping",
		},
		Replies: []string{
			"connected", "subscribed", "unsubscribed", "published", "historyReply", "membersReply", "entered", "left", "item", "result",
			"cancelled", "refreshed", "pong", "error",
		},
		Pushes: []string{"message", "presence", "gap", "subscribed", "unsubscribed", "notice", "closed"},
		Codes: []hub.Code{
			hub.BadRequest, hub.Unauthenticated, hub.Expired, hub.Forbidden, hub.NotFound, hub.TooLarge, hub.RateLimited, hub.LimitReached,
			hub.WrongKind, hub.Unavailable, hub.UnknownOutcome, hub.Timeout, hub.Internal, hub.SlowConsumer, hub.GoingAway, hub.Disconnected,
		},
	}
	data.Frames = append(append([]string{}, data.Replies...), "message", "presence", "gap", "notice", "closed")
	if info.TLS {
		data.Protocol = "wss"
	}
	data.Title = cmp.Or(info.Title, "Parley")
	data.Version = cmp.Or(info.Version, "1")
	data.Description = cmp.Or(info.Description, "Topics with history, presence and calls, without silent gaps.")
	data.Host = cmp.Or(info.Host, "localhost:8080")
	data.Path = cmp.Or(info.Path, "/ws")
	var b bytes.Buffer
	if err := asyncTemplate.Execute(&b, data); err != nil {
		panic("native: the template of the AsyncAPI document: " + err.Error()) // a bug, which every test finds
	}
	return b.Bytes()
}
