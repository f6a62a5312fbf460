package load

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// metric is one kind of time that is measured.
type metric byte

const (
	mConnect     metric = iota // from the moment at which a connection was due to its handshake's end
	mFirst                     // from there, or from the first message sent, to the first message received
	mRoundTrip                 // from the moment at which a message was due to its reply
	mRoundRaw                  // the same from the moment at which it was sent
	mDelivery                  // from the moment at which a publication was due to a subscriber
	mDeliveryRaw               // the same from the moment at which it was published
	mDelay                     // from the moment at which the generator meant to send to that at which it did
	metrics
)

// metricNames are the names in reports.
var metricNames = [metrics]string{"connect", "first", "roundtrip", "roundtrip_raw", "delivery", "delivery_raw", "generator_delay"}

// newHistogram holds times from half a microsecond to an hour, with three digits, in nanoseconds.
func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1000, int64(time.Hour), 3)
}

// counts are what is counted. They are added up, never reset.
type counts struct {
	sent, received     int64 // messages; received are replies or deliveries
	bytesOut, bytesIn  int64
	other              int64 // received, and neither a reply nor a delivery
	unsent             int64 // due, but their connection was gone
	warmSent, warmRecv int64 // of sent and received, those due before the warm-up ended
	expected           int64 // deliveries that there should be
	announced          int64 // messages that the server said are missing
	duplicates         int64
	disorder           int64 // deliveries after a later one of the same publisher
}

func (c *counts) add(d counts) {
	c.sent += d.sent
	c.received += d.received
	c.bytesOut += d.bytesOut
	c.bytesIn += d.bytesIn
	c.other += d.other
	c.unsent += d.unsent
	c.warmSent += d.warmSent
	c.warmRecv += d.warmRecv
	c.expected += d.expected
	c.announced += d.announced
	c.duplicates += d.duplicates
	c.disorder += d.disorder
}

// meter is where connections record. It has shards so that they do not wait for each other.
type meter struct {
	shards []*shard

	mu     sync.Mutex // one collects at a time
	totals [metrics]*hdrhistogram.Histogram
}

// shard belongs to some of the connections.
type shard struct {
	mu    sync.Mutex
	now   *[metrics]*hdrhistogram.Histogram
	spare *[metrics]*hdrhistogram.Histogram
	counts
}

func newMeter(shards int) *meter {
	m := &meter{}
	for range shards {
		m.shards = append(m.shards, &shard{now: new([metrics]*hdrhistogram.Histogram), spare: new([metrics]*hdrhistogram.Histogram)})
	}
	return m
}

// of returns the shard of a connection.
func (m *meter) of(conn int) *shard { return m.shards[conn%len(m.shards)] }

// record records a time.
func (s *shard) record(which metric, d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.recordLocked(which, d)
}

func (s *shard) recordLocked(which metric, d time.Duration) {
	h := s.now[which]
	if h == nil {
		h = newHistogram()
		s.now[which] = h
	}
	h.RecordValue(int64(min(max(d, 0), time.Hour)))
}

// count changes the counts.
func (s *shard) count(change func(*counts)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.counts)
}

// collect returns what was recorded since it was called last, nil where nothing was.
func (m *meter) collect() (part [metrics]*hdrhistogram.Histogram) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.shards {
		s.mu.Lock()
		s.now, s.spare = s.spare, s.now // so that nobody waits while histograms are added up
		s.mu.Unlock()
		for i, h := range s.spare {
			if h == nil || h.TotalCount() == 0 {
				continue
			}
			if part[i] == nil {
				part[i] = newHistogram()
			}
			part[i].Merge(h)
			h.Reset()
		}
	}
	for i, h := range part {
		if h == nil {
			continue
		}
		if m.totals[i] == nil {
			m.totals[i] = newHistogram()
		}
		m.totals[i].Merge(h)
	}
	return part
}

// peek returns all counts.
func (m *meter) peek() (sum counts) {
	for _, s := range m.shards {
		s.mu.Lock()
		sum.add(s.counts)
		s.mu.Unlock()
	}
	return sum
}
