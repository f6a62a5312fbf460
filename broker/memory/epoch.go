package memory

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"hash/maphash"
)

// lives is how many counters a shard has for the lives of its topics.
const lives = 1 << 14

// epoch returns the epoch with which a topic begins that is not there. It follows from the name, so that nothing has to be kept of a topic that
// somebody has only asked for: who was told this epoch finds it again when the first message comes. When a topic is forgotten that had messages,
// a counter makes its next epoch another one. It shares the counter with the few topics whose names have the same hash: what was said of those that
// nobody has published to yet does not hold any more either, which is as if they had been forgotten too. No epoch ever means two things.
// The shard is locked.
func (b *Broker) epoch(s *shard, name string) string {
	life := uint32(0)
	if s.lives != nil {
		life = s.lives[b.life(name)]
	}
	buf := make([]byte, 0, 512)
	buf = append(buf, b.secret[:]...)
	buf = binary.BigEndian.AppendUint32(buf, life)
	sum := sha256.Sum256(append(buf, name...))
	return base32.StdEncoding.EncodeToString(sum[:10])[:10]
}

// life is which counter is that of a topic.
func (b *Broker) life(name string) uint64 {
	return maphash.String(b.seed, name) / uint64(len(b.shards)) % lives
}

// end says that the epoch of a topic is over. The shard is locked.
func (b *Broker) end(s *shard, name string) {
	if s.lives == nil {
		s.lives = make([]uint32, lives)
	}
	s.lives[b.life(name)]++
}

// promised returns the epoch of a topic that is not there; it is "" if the topic is there.
func (b *Broker) promised(name string) string {
	s := b.shard(name)
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.topics[name] != nil {
		return ""
	}
	return b.epoch(s, name)
}
