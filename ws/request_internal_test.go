package ws

import (
	"context"
	"testing"
	"time"
)

// valuesOf keeps every value and no end, however contexts are nested, and leaves out what it knows.
func TestValuesOf(t *testing.T) {
	type key int
	if !endingKnown {
		t.Error("contexts of the standard library have changed: valuesOf leaves nothing out")
	}
	if !otherValuesKnown {
		t.Error("requests of the standard library have changed: keepRequest keeps them whole")
	}
	base, end := context.WithCancel(t.Context())
	defer end()
	cancelled := func(ctx context.Context) context.Context {
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		return ctx
	}
	first := context.WithValue(context.Background(), key(1), "a")
	for name, tc := range map[string]struct {
		ctx, want context.Context // want is what has to come out, if not nil
	}{
		"background":       {context.Background(), context.Background()},
		"values":           {first, first},
		"as net/http does": {cancelled(cancelled(first)), first},
		"values on top":    {context.WithValue(cancelled(first), key(2), "b"), nil},
		"a base that ends": {cancelled(context.WithValue(base, key(1), "a")), nil},
		"a time":           {func() context.Context { c, stop := context.WithTimeout(first, time.Hour); stop(); return c }(), nil},
		"a cause":          {func() context.Context { c, stop := context.WithCancelCause(first); stop(nil); return c }(), first},
	} {
		got := valuesOf(tc.ctx)
		if tc.want != nil && got != tc.want {
			t.Errorf("%s: got %v, want %v", name, got, tc.want)
		}
		if got.Done() != nil || got.Err() != nil || context.Cause(got) != nil {
			t.Errorf("%s: the context ends", name)
		}
		for k := key(1); k <= 2; k++ {
			if got.Value(k) != tc.ctx.Value(k) {
				t.Errorf("%s: the value %d is %v, want %v", name, k, got.Value(k), tc.ctx.Value(k))
			}
		}
	}
}
