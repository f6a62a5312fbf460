package peer

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// casePatience is how long one case may take. A case that hangs is given up, and the next one begins.
const casePatience = 30 * time.Second

// A driver takes a client through the cases of a suite, which has the paths that Autobahn|Testsuite gave them.
type driver struct {
	lib      Library
	mode     Mode
	base     string // the URL of the suite
	agent    string
	parallel int
}

func (d driver) run(ctx context.Context) error {
	count, err := d.count(ctx)
	if err != nil {
		return fmt.Errorf("asking %s for the number of cases: %w", d.base, err)
	}
	numbers := make(chan int)
	var wait sync.WaitGroup
	for range d.parallel {
		wait.Go(func() {
			for n := range numbers {
				// It is the suite that judges how the connection went.
				_ = d.connect(ctx, "/runCase?case="+strconv.Itoa(n)+"&agent="+url.QueryEscape(d.agent), nil)
			}
		})
	}
	for n := range count {
		numbers <- n + 1
	}
	close(numbers)
	wait.Wait()
	_ = d.connect(ctx, "/updateReports?agent="+url.QueryEscape(d.agent), func([]byte) {}) // no answer is expected
	return nil
}

// count is the number of cases, which the suite sends as text before it closes.
func (d driver) count(ctx context.Context) (int, error) {
	var text string
	err := d.connect(ctx, "/getCaseCount", func(data []byte) { text += string(data) })
	if text == "" {
		return 0, fmt.Errorf("there is no answer: %w", err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%.80q is not a number of cases", text)
	}
	return n, nil
}

func (d driver) connect(ctx context.Context, path string, take func([]byte)) error {
	ctx, cancel := context.WithTimeout(ctx, casePatience)
	defer cancel()
	return d.lib.Client(ctx, d.base+path, d.mode, take)
}
