package peer

import "sync"

// A Room holds the connections that get every message sent to the room. The zero value is empty. Its methods may be called
// from any goroutine.
type Room[C comparable] struct {
	mu    sync.Mutex
	conns []C
	at    map[C]int // where in conns
}

// Join adds the connection that accept returns. No message goes through the room meanwhile, so that none is sent between
// the answer to the handshake and the connection's being there.
func (r *Room[C]) Join(accept func() (C, error)) (C, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c, err := accept()
	if err == nil {
		r.add(c)
	}
	return c, err
}

// Add adds a connection.
func (r *Room[C]) Add(c C) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.add(c)
}

func (r *Room[C]) add(c C) {
	if r.at == nil {
		r.at = make(map[C]int)
	}
	r.at[c] = len(r.conns)
	r.conns = append(r.conns, c)
}

// Leave removes a connection, if it is there.
func (r *Room[C]) Leave(c C) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i, ok := r.at[c]
	if !ok {
		return
	}
	last := len(r.conns) - 1
	r.conns[i] = r.conns[last]
	r.at[r.conns[i]] = i
	delete(r.at, c)
	var none C
	r.conns[last] = none
	r.conns = r.conns[:last]
}

// Each calls send with every connection. Messages pass one after the other, so that all connections get them in one order;
// send must not call the room.
func (r *Room[C]) Each(send func(C)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.conns {
		send(c)
	}
}
