package interop

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parley-ws/parley/hub"
	"github.com/parley-ws/parley/internal/need"
	"github.com/parley-ws/parley/server/api"
)

// judged is what peers/openapi.js says of a document.
type judged struct {
	Wrong      []string
	Operations []string
	Examples   int
}

func judgeOpenAPI(t *testing.T, document string) (j judged) {
	t.Helper()
	node := need.NodeModule(t, ".", "@readme/openapi-parser")
	file := filepath.Join(t.TempDir(), "openapi.yaml")
	if err := os.WriteFile(file, []byte(document), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(bounded(t), node, "peers/openapi.js", file).Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out, &j); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	return j
}

// The OpenAPI document that a server gives away is valid, and its examples fit its schemas.
func TestOpenAPI(t *testing.T) {
	t.Parallel()
	h, err := hub.New(hub.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	a, err := api.New(h, api.Options{})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(a)
	defer server.Close()
	response, err := http.Get(server.URL + api.Prefix + "/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != "application/yaml" {
		t.Fatalf("%s %v %v", response.Status, response.Header, err)
	}
	document := string(text)
	j := judgeOpenAPI(t, document)
	if len(j.Operations) < 14 || j.Examples < 40 {
		t.Errorf("there are %d operations and %d examples", len(j.Operations), j.Examples)
	}
	if len(j.Wrong) != 0 {
		t.Errorf("the document is wrong:\n%s", strings.Join(j.Wrong, "\n"))
	}

	// What is wrong is seen.
	for from, to := range map[string]string{
		"in: query":             "in: nowhere",
		"responses:":            "replies:",
		`"topic": "news"`:       `"topik": "news"`,
		"#/components/schemas/": "#/components/shapes/",
	} {
		if j := judgeOpenAPI(t, strings.Replace(document, from, to, 1)); len(j.Wrong) == 0 {
			t.Errorf("%s in the place of %s is not seen", to, from)
		}
	}
}
