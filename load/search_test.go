package load

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
)

// pretend is a server that is fast up to a rate, and a generator up to another.
func pretend(server, generator float64) func(context.Context, Plan) (*Report, error) {
	return func(_ context.Context, p Plan) (*Report, error) {
		r := sample()
		r.Messages = Messages{Due: 1000, Sent: 1000, SentRate: p.Rate}
		r.Latency["roundtrip"].P99 = 10
		if p.Rate > server {
			r.Latency["roundtrip"].P99 = 1000
		}
		if p.Rate > generator {
			r.Messages.Sent = 500
			r.Generator.Limit = "busy"
		}
		return r, nil
	}
}

func TestFindMax(t *testing.T) {
	hold, err := ParseThreshold("p99<50ms")
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		start, server, generator, best float64
		limit                          bool
	}{
		{100, 5300, 1e9, 5300, false},
		{0, 150, 1e9, 150, false},
		{10_000, 730, 1e9, 730, false},
		{100, 1e9, 2000, 2000, true},
		{100, 0, 1e9, 0, false},
		{100, 1e9, 1e9, 1e6, true},
	} {
		tried := 0
		r, err := findMax(t.Context(), Plan{Rate: tc.start}, []Threshold{hold}, func(Trial) { tried++ }, pretend(tc.server, tc.generator))
		if err != nil {
			t.Errorf("%+v: %v", tc, err)
			continue
		}
		s := r.Search
		if s.Best > tc.best*1.7 || s.Best < tc.best/1.06 || (s.Limit != "") != tc.limit || len(s.Trials) != tried || tc.best < 1e6 && s.Best > tc.best {
			t.Errorf("%+v: best %v, limit %q, after %d trials", tc, s.Best, s.Limit, tried)
		}
		if s.Best > 0 && math.Abs(r.Messages.SentRate-s.Best) > 1e-6 {
			t.Errorf("%+v: the report is that of %v, not of %v", tc, r.Messages.SentRate, s.Best)
		}
		var b strings.Builder
		if err := r.WriteText(&b, 100); err != nil || !strings.Contains(b.String(), "tried") {
			t.Error(b.String(), err)
		}
	}

	// Something that comes between once does not decide.
	hiccup := 0
	r, err := findMax(t.Context(), Plan{}, []Threshold{hold}, nil, func(ctx context.Context, p Plan) (*Report, error) {
		if hiccup++; hiccup%4 == 1 {
			return pretend(0, 1e9)(ctx, p)
		}
		return pretend(5300, 1e9)(ctx, p)
	})
	if err != nil || r.Search.Best > 5300 || r.Search.Best < 5000 {
		t.Errorf("%+v, %v", r.Search, err)
	}

	// A trial that fails ends the search; what was found is there.
	broken := errors.New("broken")
	n := 0
	r, err = findMax(t.Context(), Plan{}, []Threshold{hold}, nil, func(ctx context.Context, p Plan) (*Report, error) {
		if n++; n == 3 {
			return nil, broken
		}
		return pretend(1e9, 1e9)(ctx, p)
	})
	if !errors.Is(err, broken) || r == nil || r.Search.Best != 200 || len(r.Search.Trials) != 2 || !strings.HasPrefix(r.Search.summary()[0], "At least 200/s") {
		t.Errorf("%+v, %v", r, err)
	}
	r, err = findMax(t.Context(), Plan{}, []Threshold{hold}, nil, func(context.Context, Plan) (*Report, error) { return sample(), broken })
	if !errors.Is(err, broken) || r == nil || !strings.HasPrefix(r.Search.summary()[0], "No rate was tried") {
		t.Errorf("%+v, %v", r, err)
	}
	for _, p := range []Plan{{Closed: true}, {Stages: []Stage{{1, 1}}}, {Count: 1}} {
		if _, err := FindMax(t.Context(), p, []Threshold{hold}, nil); err == nil {
			t.Errorf("%+v can be searched", p)
		}
	}
}
