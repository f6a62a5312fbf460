//go:build race

package ws

// raceEnabled makes builds with -race overwrite lent buffers as soon as their loan is over.
const raceEnabled = true

// loan is what the application holds for the time of a callback.
type loan struct{ p []byte }

func (l *loan) begin(p []byte) { l.p = p }

func (l *loan) end() {
	poison(l.p)
	l.p = nil
}
