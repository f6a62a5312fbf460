package load

import (
	"encoding/json"
	"time"
)

// maxGaps bounds what is remembered of what a publisher's messages left out.
const maxGaps = 100_000

// seen is what a subscriber knows of a publisher's messages.
type seen struct {
	next int64              // the number after the largest that came
	gaps map[int64]struct{} // smaller ones that did not
}

// deliver takes what may be a publication.
func (l *link) deliver(p []byte, now time.Duration) {
	s, ok := findStamp(p, l.run.id)
	if !ok {
		l.told(p)
		return
	}
	from := l.seen[s.publisher]
	if from == nil {
		from = &seen{}
		l.seen[s.publisher] = from
	}
	duplicate, disorder := false, false
	switch {
	case s.number >= from.next:
		for n := from.next; n < s.number && len(from.gaps) < maxGaps; n++ {
			if from.gaps == nil {
				from.gaps = map[int64]struct{}{}
			}
			from.gaps[n] = struct{}{}
		}
		from.next = s.number + 1
	default:
		_, disorder = from.gaps[s.number]
		duplicate = !disorder
		delete(from.gaps, s.number)
	}
	measured := s.due >= l.run.warm
	if measured && !duplicate {
		l.delivered.Add(1)
	}
	if l.slow {
		return
	}
	shard := l.shard
	shard.mu.Lock()
	defer shard.mu.Unlock()
	shard.bytesIn += int64(len(p))
	if duplicate {
		shard.duplicates++
		return
	}
	if disorder {
		shard.disorder++
	}
	shard.received++
	if !measured {
		shard.warmRecv++
		return
	}
	shard.recordLocked(mDelivery, now-s.due)
	shard.recordLocked(mDeliveryRaw, now-s.sent)
}

// told takes what is no publication: it may say that some are missing.
func (l *link) told(p []byte) {
	var gap struct {
		Type  string `json:"type"`
		Count int64  `json:"count"`
	}
	missing := int64(0)
	if len(p) > 0 && p[0] == '{' && json.Unmarshal(p, &gap) == nil && gap.Type == "gap" && gap.Count > 0 {
		missing = gap.Count
		l.delivered.Add(missing)
	}
	if l.slow {
		l.slowMissing.Add(missing)
		return
	}
	l.shard.count(func(c *counts) {
		c.other++
		c.bytesIn += int64(len(p))
		c.announced += missing
	})
}
