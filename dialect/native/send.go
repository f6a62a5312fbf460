package native

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"net/http"

	"github.com/parley-ws/parley/hub"
)

// The header fields that say whose commands a request brings.
const (
	headerSession = "Parley-Session"
	headerSecret  = "Parley-Secret"
)

// forward is what one node hands to the other that has the session. The digest stands for the secret, which stays where it came in.
type forward struct {
	Digest []byte `json:"digest"`
	Body   []byte `json:"body"`
}

// send hands commands to a session that streams over HTTP, here or elsewhere. The answers are part of the stream.
func (h *Handler) send(w http.ResponseWriter, r *http.Request) {
	id, secret := r.Header.Get(headerSession), r.Header.Get(headerSecret)
	if id == "" || len(id) > 64 || secret == "" || len(secret) > 64 {
		refuse(w, http.StatusUnauthorized,
			hub.Errorf(hub.Unauthenticated, "the header fields %s and %s must say whose commands these are", headerSession, headerSecret))
		return
	}
	body, ok := h.body(w, r)
	if !ok {
		return
	}
	digest := sha256.Sum256([]byte(secret))
	h.mu.Lock()
	p := h.peers[id]
	h.mu.Unlock()
	switch {
	case p == nil:
		data, err := json.Marshal(forward{Digest: digest[:], Body: body})
		if err == nil {
			err = h.hub.Forward(r.Context(), id, data)
		}
		if err != nil {
			e := hub.AsError(err)
			h.log.Warn("native: commands could not be forwarded", "session", id, "err", err)
			refuse(w, status(e.Code), e)
			return
		}
	case subtle.ConstantTimeCompare(digest[:], p.digest[:]) != 1:
		refuse(w, http.StatusForbidden, hub.Errorf(hub.Forbidden, "the secret is not that of the session"))
		return
	default:
		p.run(body)
	}
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusAccepted)
}

// enlist makes a peer known to send, here and on other nodes.
func (h *Handler) enlist(p *peer) {
	h.mu.Lock()
	h.peers[p.session.ID()] = p
	h.mu.Unlock()
	p.session.Forwarded(func(data []byte) {
		var f forward
		if err := json.Unmarshal(data, &f); err != nil {
			h.log.Warn("native: another node forwarded what is not understood: do all nodes run the same version?", "err", err)
			return
		}
		if subtle.ConstantTimeCompare(f.Digest, p.digest[:]) != 1 {
			h.log.Warn("native: commands came with a wrong secret", "session", p.session.ID())
			return
		}
		p.runApart(f.Body)
	})
}

// strike takes a peer out again.
func (h *Handler) strike(p *peer) {
	s := p.live.Load()
	if s == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.peers[s.ID()] == p {
		delete(h.peers, s.ID())
	}
}
