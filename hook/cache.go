package hook

import (
	"container/list"
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"time"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/hub"
)

// key is what an answer is kept under.
type key struct {
	event  string
	who    [sha256.Size]byte
	topics broker.Filter
	method string
}

// asker returns what is the same for all for whom an answer holds: those with the same user and claims, or one session without a user. Claims belong
// to it, since two tokens of a user need not allow the same.
func asker(s *hub.SessionInfo, id *hub.Identity) (sum [sha256.Size]byte) {
	h := sha256.New()
	write := func(text string) { // with its length, so that no two lists of texts are the same
		_ = binary.Write(h, binary.BigEndian, uint64(len(text)))
		h.Write([]byte(text))
	}
	if id.User == "" {
		write("session")
		write(s.ID)
	} else {
		write("user")
		write(id.User)
	}
	write(string(id.Claims))
	return [sha256.Size]byte(h.Sum(sum[:0]))
}

// cache keeps the answers that were used last, each until it ends.
type cache struct {
	most int

	mu      sync.Mutex
	entries map[key]*list.Element // of *cached
	order   list.List             // the one that was used last first
}

// cached is one answer.
type cached struct {
	key    key
	denied *hub.Error // nil if it is allowed
	ends   time.Time
}

func newCache(most int) *cache { return &cache{most: most, entries: map[key]*list.Element{}} }

// get returns an answer that holds.
func (c *cache) get(k key) (denied *hub.Error, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entries[k]
	if e == nil {
		return nil, false
	}
	v := e.Value.(*cached)
	if !time.Now().Before(v.ends) {
		c.remove(e)
		return nil, false
	}
	c.order.MoveToFront(e)
	return v.denied, true
}

// put keeps an answer for a while.
func (c *cache) put(k key, denied *hub.Error, holds time.Duration) {
	if holds <= 0 || c.most <= 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.entries[k]; e != nil {
		c.remove(e)
	}
	for c.order.Len() >= c.most {
		c.remove(c.order.Back())
	}
	c.entries[k] = c.order.PushFront(&cached{k, denied, time.Now().Add(holds)})
}

// remove takes an entry out. The lock is held.
func (c *cache) remove(e *list.Element) {
	delete(c.entries, e.Value.(*cached).key)
	c.order.Remove(e)
}
