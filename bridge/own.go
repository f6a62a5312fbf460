package bridge

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/parley-ws/parley/ws"
)

// own is an endpoint that starts a process for each connection.
type own struct {
	h       *Handler
	scripts *scripts // nil for one command
}

func (e *own) open(r *http.Request) (session, error) {
	o := &e.h.o
	if strings.ContainsRune(r.URL.Path, 0) { // no variable can hold it
		return nil, &ws.RejectError{Status: http.StatusBadRequest, Body: "400 bad request: a path has no zero byte\n"}
	}
	c := command{}
	script, info := "/", r.URL.Path
	if rest, ok := strings.CutPrefix(r.URL.Path, o.Mount); ok && o.Mount != "" && (rest == "" || rest[0] == '/') {
		script, info = o.Mount, rest
	}
	if e.scripts != nil {
		var err error
		if c.path, script, info, err = e.scripts.find(r.URL.Path); errors.Is(err, errNoScript) {
			o.Logger.Debug("not found", "url", r.URL.Path, "err", err)
			return nil, &ws.RejectError{Status: http.StatusNotFound, Body: "404 not found: no program belongs to this path\n"}
		} else if err != nil {
			return nil, err
		}
	} else {
		c.path, c.args = o.Command[0], o.Command[1:]
	}
	c.env = o.cgi(r, script, info)
	if o.Terminal {
		q := r.URL.Query()
		c.size = &size{rows: dimension(q.Get("rows"), 24), cols: dimension(q.Get("cols"), 80)}
	}
	p, err := e.h.start(c)
	if err != nil {
		return nil, err
	}
	return newTalk(o, p), nil
}

// dimension reads a number of rows or columns.
func dimension(s string, otherwise uint16) uint16 {
	if n, err := strconv.ParseUint(s, 10, 16); err == nil && n > 0 && n <= maxDimension {
		return uint16(n)
	}
	return otherwise
}

// maxDimension is more than any screen has; programs allocate by it.
const maxDimension = 1000
