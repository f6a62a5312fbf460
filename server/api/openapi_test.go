package api_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/hub"
	"github.com/parley-ws/parley/server/api"
)

// operation is one of the document.
type operation struct {
	method, path string
	schemas
	fields map[string]any
}

func (o operation) name() string { return o.method + " " + o.path }

func operations() (list []operation) {
	root := readYAML(api.Document()).(map[string]any)
	for path, item := range root["paths"].(map[string]any) {
		for method, fields := range item.(map[string]any) {
			list = append(list, operation{strings.ToUpper(method), path, schemas{root}, fields.(map[string]any)})
		}
	}
	slices.SortFunc(list, func(a, b operation) int { return strings.Compare(a.name(), b.name()) })
	return list
}

// content is the schema and the examples of a body.
func (o operation) content(of map[string]any, kind string) (schema any, examples map[string]any) {
	c := of["content"].(map[string]any)[kind].(map[string]any)
	examples, _ = c["examples"].(map[string]any)
	return c["schema"], examples
}

// right fails the test unless an answer is one that the document has for the operation, and no error unless those are fine.
func (o operation) right(t *testing.T, what string, a answer, errors bool) {
	t.Helper()
	responses := o.fields["responses"].(map[string]any)
	found, ok := responses[fmt.Sprint(a.Code)]
	if !ok {
		found = responses["default"]
	}
	if a.Code >= 300 && !errors {
		t.Errorf("%s: %s: got %d %s", o.name(), what, a.Code, a.text)
		return
	}
	kind, _, _ := mime.ParseMediaType(a.Header().Get("Content-Type"))
	if kind == "application/yaml" {
		return
	}
	schema, _ := o.content(o.resolve(found), kind)
	var v any
	if err := json.Unmarshal([]byte(a.text), &v); err != nil {
		t.Fatal(err)
	}
	if wrong := o.check(schema, v, "answer"); wrong != "" {
		t.Errorf("%s: %s: %s\nin %s", o.name(), what, wrong, a.text)
	}
}

func TestRoutesAreDocumented(t *testing.T) {
	var documented []string
	for _, o := range operations() {
		documented = append(documented, o.name())
	}
	routes := api.Routes()
	slices.Sort(routes)
	if !slices.Equal(routes, documented) {
		t.Errorf("routes     %q\ndocumented %q", routes, documented)
	}
}

func TestBodiesAreDocumented(t *testing.T) {
	bodies := api.Bodies()
	for _, o := range operations() {
		body, ok := o.fields["requestBody"].(map[string]any)
		if !ok {
			continue
		}
		schema, _ := o.content(body, "application/json")
		if got, want := o.properties(schema), bodies[o.name()]; !slices.Equal(got, want) {
			t.Errorf("%s: documented %q, taken %q", o.name(), got, want)
		}
		delete(bodies, o.name())
	}
	for name := range bodies {
		t.Errorf("%s: its body is not documented", name)
	}
}

// Every example of the document, sent to a server, has an answer as the document says; and the examples of answers are
// right, too.
func TestExamplesAreTrue(t *testing.T) {
	for _, o := range operations() {
		t.Run(o.name(), func(t *testing.T) {
			s := withUsers(t)
			c := s.connect(t, "alice")
			defer c.end()
			if _, err := c.Subscribe(t.Context(), hub.Subscribe{Filter: broker.Exact("chat/lobby")}); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Enter(t.Context(), "chat/lobby", json.RawMessage(`{"name":"Alice"}`)); err != nil {
				t.Fatal(err)
			}
			s.do("POST", "/publish", `{"topic":"chat/lobby","text":"one","id":"1","headers":{"a":"b"},"event":"e","key":"k","content_type":"text/plain"}`).want(t, 200, "{")
			s.do("POST", "/publish", `{"topic":"chat/lobby","data":{"n":2}}`).want(t, 200, "{")
			o.examples(t)
			if o.method == "POST" {
				o.send(t, s)
			} else {
				o.ask(t, s, c)
			}
			o.errors(t, s)
		})
	}
}

// examples checks those of answers.
func (o operation) examples(t *testing.T) {
	for status, found := range o.fields["responses"].(map[string]any) {
		response := o.resolve(found)
		for kind := range response["content"].(map[string]any) {
			schema, examples := o.content(response, kind)
			if len(examples) == 0 && kind == "application/json" {
				t.Errorf("%s: the answer %s has no example", o.name(), status)
			}
			for name, example := range examples {
				if wrong := o.check(schema, example.(map[string]any)["value"], name); wrong != "" {
					t.Errorf("%s: the example of %s: %s", o.name(), status, wrong)
				}
			}
		}
	}
}

// send sends the examples of bodies, as they are and with the headers that there may be.
func (o operation) send(t *testing.T, s *stage) {
	schema, examples := o.content(o.fields["requestBody"].(map[string]any), "application/json")
	for _, name := range slices.Sorted(maps.Keys(examples)) {
		value := examples[name].(map[string]any)["value"]
		if wrong := o.check(schema, value, name); wrong != "" {
			t.Errorf("%s: %s", o.name(), wrong)
		}
		o.right(t, name, s.do(o.method, o.path, value), false)
		for _, p := range o.parameters() {
			if _, own := value.(map[string]any)["id"]; p["in"] != "header" || own {
				continue
			}
			r := request(o.method, o.path, value)
			r.Header.Set(p["name"].(string), p["example"].(string))
			o.right(t, name+" with "+p["name"].(string), s.send(r), false)
		}
	}
}

func (o operation) parameters() (list []map[string]any) {
	found, _ := o.fields["parameters"].([]any)
	for _, p := range found {
		list = append(list, o.resolve(p))
	}
	return list
}

// ask sends the example of each parameter, those that are required with each of the others.
func (o operation) ask(t *testing.T, s *stage, c *client) {
	path, required, optional := o.path, url.Values{}, []url.Values{{}}
	for _, p := range o.parameters() {
		name, value := p["name"].(string), fmt.Sprint(p["example"])
		if wrong := o.check(p["schema"], p["example"], name); wrong != "" {
			t.Errorf("%s: %s", o.name(), wrong)
		}
		switch {
		case p["in"] == "path" && name == "id":
			path = strings.Replace(path, "{id}", c.ID(), 1)
		case p["in"] == "path":
			path = strings.Replace(path, "{"+name+"}", value, 1)
		case p["required"] == true:
			required.Set(name, value)
		default:
			optional = append(optional, url.Values{name: {value}})
		}
	}
	for _, q := range optional {
		maps.Copy(q, required)
		o.right(t, q.Encode(), s.do(o.method, path+"?"+q.Encode(), nil), false)
	}
}

// errors sends what is wrong.
func (o operation) errors(t *testing.T, s *stage) {
	path := strings.NewReplacer("{id}", "nobody", "{topic}", "nothing").Replace(o.path)
	for what, change := range map[string]func(*http.Request){
		"no key":      func(r *http.Request) { r.Header.Del("Authorization") },
		"parameter":   func(r *http.Request) { r.URL.RawQuery = "x=y" },
		"not there":   func(r *http.Request) { r.URL.RawQuery = "" },
		"not allowed": func(r *http.Request) { r.Method = "DELETE" },
	} {
		r := request(o.method, path, `{"nonsense":1}`)
		change(r)
		o.right(t, what, s.send(r), true)
	}
}
