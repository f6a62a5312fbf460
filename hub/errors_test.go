package hub_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/hub"
)

func TestAsError(t *testing.T) {
	own := hub.Errorf(hub.LimitReached, "there are %d already", 3)
	for _, test := range []struct {
		err   error
		code  hub.Code
		retry bool
	}{
		{own, hub.LimitReached, false},
		{fmt.Errorf("while looking at 10.0.0.7: %w", own), hub.LimitReached, false},
		{errors.Join(io.EOF, own), hub.LimitReached, false},
		{context.DeadlineExceeded, hub.Timeout, true},
		{fmt.Errorf("at 10.0.0.7: %w", context.DeadlineExceeded), hub.Timeout, true},
		{context.Canceled, hub.GoingAway, true},
		{fmt.Errorf("at 10.0.0.7: %w", broker.ErrUnknownOutcome), hub.UnknownOutcome, true},
		{fmt.Errorf("at 10.0.0.7: %w", broker.ErrUnavailable), hub.Unavailable, true},
		{broker.ErrClosed, hub.Unavailable, true},
		{errors.New("at 10.0.0.7"), hub.Internal, true},
	} {
		e := hub.AsError(test.err)
		if e.Code != test.code || e.Retry != test.retry || e.Text == "" || strings.Contains(e.Text, "10.0.0.7") {
			t.Errorf("%v: %+v", test.err, e)
		}
		if e != own && !errors.Is(e, test.err) {
			t.Errorf("%v does not say what caused it", e)
		}
	}
	full := fmt.Errorf("memory: Options.MaxTopics of 10.0.0.7: %w", broker.ErrFull)
	if e := hub.AsError(full); e.Code != hub.Unavailable || !e.Retry || e.Err != nil || e.Text != "the server has no room for more topics; try again later" {
		t.Errorf("%v: %+v", full, e)
	}
	if hub.AsError(nil) != nil || hub.AsError((*hub.Error)(nil)) != nil {
		t.Error("nothing is an error")
	}
	if own.Text != "there are 3 already" || own.Error() != "hub: limit_reached: there are 3 already" {
		t.Error(own.Text, own)
	}
	if s := hub.AsError(io.EOF).Error(); !strings.HasPrefix(s, "hub: internal: ") || !strings.HasSuffix(s, ": EOF") {
		t.Error(s)
	}
}

// Whether it helps to try again depends on the code alone, unless somebody says otherwise.
func TestRetry(t *testing.T) {
	again := map[hub.Code]bool{
		hub.RateLimited: true, hub.Unavailable: true, hub.UnknownOutcome: true, hub.Timeout: true, hub.Internal: true, hub.SlowConsumer: true,
		hub.GoingAway: true,
	}
	for _, c := range []hub.Code{
		hub.BadRequest, hub.Unauthenticated, hub.Expired, hub.Forbidden, hub.NotFound, hub.TooLarge, hub.RateLimited, hub.LimitReached, hub.WrongKind,
		hub.Unavailable, hub.UnknownOutcome, hub.Timeout, hub.Internal, hub.SlowConsumer, hub.GoingAway, hub.Disconnected,
	} {
		if e := hub.Errorf(c, ""); e.Retry != again[c] {
			t.Errorf("%s: retry %v", c, e.Retry)
		}
	}
}
