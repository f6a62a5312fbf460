package ws

import (
	"errors"
	"net/http"
	"slices"
)

// refusal is the answer to a request that is not accepted.
type refusal struct {
	err     *HandshakeError
	header  http.Header
	body    string // instead of err.Reason, if it is the application that refuses
	checked bool
}

func refuse(status int, reason string, err error) *refusal {
	return &refusal{err: &HandshakeError{Status: status, Reason: reason, Err: err, accept: true}}
}

func badRequest(reason string) *refusal { return refuse(http.StatusBadRequest, reason, nil) }

func upgradeRequired(reason string) *refusal {
	no := refuse(http.StatusUpgradeRequired, reason, nil)
	no.header = http.Header{"Upgrade": {"websocket"}, "Connection": {"Upgrade"}, "Sec-Websocket-Version": {"13"}}
	return no
}

// refuseChecked is the refusal of a request that AcceptOptions.Check refuses.
func refuseChecked(err error) *refusal {
	no := refuse(http.StatusForbidden, "refused by Check", err)
	no.checked = true
	var re *RejectError
	if errors.As(err, &re) {
		if re.Status >= 300 && re.Status <= 599 {
			no.err.Status = re.Status
		}
		no.header, no.body = re.Header, re.Body
	}
	if no.body == "" {
		no.body = http.StatusText(no.err.Status)
	}
	return no
}

// write answers the request. It returns the error of the handshake.
func (no *refusal) write(w http.ResponseWriter) error {
	h := w.Header()
	for name, values := range no.header {
		h[name] = slices.Clone(values)
	}
	if !no.checked {
		http.Error(w, no.err.Reason, no.err.Status)
		return no.err
	}
	if h.Get("Content-Type") == "" {
		h.Set("Content-Type", "text/plain; charset=utf-8")
	}
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(no.err.Status)
	// The client has gone if this fails; the request is refused either way.
	_, _ = w.Write([]byte(no.body))
	return no.err
}
