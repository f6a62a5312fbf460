package load_test

import (
	"context"
	"fmt"
	"log"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/parley-ws/parley/load"
	"github.com/parley-ws/parley/ws"
)

// A load test of a handler, which fails if one reply in a hundred takes longer than a second.
func Example() {
	srv := httptest.NewServer(ws.Handler{Handle: func(c *ws.Conn) error {
		return c.Run(c.Context(), ws.Events{Message: func(c *ws.Conn, t ws.Type, p []byte) error {
			return c.Write(c.Context(), t, p)
		}})
	}})
	defer srv.Close()

	limit, err := load.ParseThreshold("p99>1s")
	if err != nil {
		log.Fatal(err)
	}
	report, err := load.Run(context.Background(), load.Plan{
		URL:         "ws" + strings.TrimPrefix(srv.URL, "http"),
		Connections: 4,
		Rate:        200,
		Duration:    500 * time.Millisecond,
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(report.Messages.Sent, "sent,", report.Messages.Received, "answered")
	fmt.Println("good:", report.Judge([]load.Threshold{limit}))
	// Output:
	// 100 sent, 100 answered
	// good: true
}
