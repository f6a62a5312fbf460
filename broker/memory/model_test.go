package memory

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-ws/parley/broker"
)

// Whatever is evicted, aged out and forgotten: no epoch means two things, and a page that says it is complete is.
func TestPositionsNeverLie(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { positions(t, rand.New(rand.NewPCG(seed, 1))) })
		})
	}
}

func positions(t *testing.T, r *rand.Rand) {
	b, n := bounded(t, 6)
	logs := map[string]map[string][]string{} // the ids of all messages, by topic and epoch
	heard := map[string][]broker.Position{}  // every position that was told, by topic
	complete, empty, evicted := 0, 0, 0      // pages, to see that each has come
	for i := range 1000 {
		topic := string(rune('a' + r.IntN(5)))
		if logs[topic] == nil {
			logs[topic] = map[string][]string{}
		}
		switch r.IntN(12) {
		case 0:
			time.Sleep(time.Duration(r.IntN(90)) * time.Second)
		case 1: // as if a topic had been forgotten with which this one shares a counter
			s := b.shard(topic)
			s.mu.Lock()
			b.end(s, topic)
			s.mu.Unlock()
		case 2:
			if err := n.Enter(t.Context(), topic, broker.Member{Ref: "1"}); err != nil {
				t.Fatal(err)
			}
		case 3:
			if err := n.Leave(t.Context(), topic, "1"); err != nil {
				t.Fatal(err)
			}
		case 4, 5, 6, 7:
			id := fmt.Sprint(i)
			at := publish(t, n, topic, id, broker.Publish{Retention: broker.Retention{Count: r.IntN(5), Age: time.Duration(1+r.IntN(60)) * time.Second}})
			log := append(logs[topic][at.Epoch], id)
			if at.Offset != uint64(len(log)) {
				t.Fatalf("message %d of %s in this epoch is at %s", len(log), topic, at)
			}
			logs[topic][at.Epoch] = log
			heard[topic] = append(heard[topic], at)
		default:
			q := broker.Query{Limit: 100}
			if list := heard[topic]; len(list) > 0 {
				q.Since = list[max(0, len(list)-1-r.IntN(8))]
			}
			page, err := n.History(t.Context(), topic, q)
			if err != nil {
				t.Fatal(err)
			}
			log := logs[topic][page.Tail.Epoch]
			if page.Tail.Offset != uint64(len(log)) {
				t.Fatalf("of %s %d messages were published in this epoch, but its tail is %s", topic, len(log), page.Tail)
			}
			heard[topic] = append(heard[topic], page.Tail)
			for j, m := range page.Messages {
				if want := log[len(log)-len(page.Messages)+j]; m.ID != want {
					t.Fatalf("%s has %s where %s belongs", topic, m.ID, want)
				}
			}
			switch missed := int(page.Tail.Offset - q.Since.Offset); {
			case !page.Complete && q.Since.Epoch == page.Tail.Epoch:
				evicted++
			case page.Complete && (q.Since.Epoch != page.Tail.Epoch || missed != len(page.Messages)):
				t.Fatalf("since %s %s says that it is complete: %+v", q.Since, topic, page)
			case page.Complete && missed == 0:
				empty++
			case page.Complete:
				complete++
			}
		}
		synctest.Wait() // the clock may be dropping something
		b.store.check(t, b)
	}
	if complete == 0 || empty == 0 || evicted == 0 {
		t.Errorf("%d pages were complete, %d empty, %d with messages missing", complete, empty, evicted)
	}
}
