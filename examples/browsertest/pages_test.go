package browsertest

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

var (
	sharedPattern   = regexp.MustCompile(`(?s)<style>.*?</style>|<script>\n  // What all example pages have.*?</script>`)
	externalPattern = regexp.MustCompile(`(?i)https?://|\bsrc=|@import|href="[^"d]`)
)

// Each page is complete in itself, so the look and the log are copies: of the same text.
func TestPagesAreAlike(t *testing.T) {
	paths, err := filepath.Glob("../*/page.html")
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) != len(examples) {
		t.Errorf("%d pages, but %d examples are opened in the browser", len(paths), len(examples))
	}
	var first []string
	for _, path := range paths {
		page, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if found := externalPattern.Find(page); found != nil {
			t.Errorf("%s needs something from elsewhere: %s", path, found)
		}
		shared := sharedPattern.FindAllString(string(page), -1)
		if first == nil {
			first = shared
		}
		if len(shared) != 2 || shared[0] != first[0] || shared[1] != first[1] {
			t.Errorf("the style or the first script of %s differs from that of %s", path, paths[0])
		}
	}
}
