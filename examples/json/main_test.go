package main

import (
	"net/http/httptest"
	"strings"
	"testing"
)

func TestReceipts(t *testing.T) {
	s := httptest.NewServer(handler())
	defer s.Close()
	var out strings.Builder
	if err := client(t.Context(), s.URL, &out); err != nil {
		t.Fatal(err)
	}
	want := `text of 3 bytes "one"
text of 9 bytes "zwei 🎈"
text of 0 bytes ""
text of 11 bytes "{\"four\": 4}"
binary of 10 bytes ""
`
	if out.String() != want {
		t.Errorf("printed\n%swant\n%s", out.String(), want)
	}
}
