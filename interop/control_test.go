package interop

import (
	"bytes"
	"testing"
)

func TestPingByParley(t *testing.T) {
	withPeers(t, nil, func(t *testing.T, s *stage, ours role) {
		conn, them := s.connect(t, ours, meeting{})
		conn.CloseRead(t.Context())
		for range 5 {
			rtt, err := conn.Ping(bounded(t))
			if err != nil {
				t.Fatal(err)
			}
			if rtt <= 0 || rtt > patience || conn.RTT() != rtt {
				t.Errorf("the round trip took %v, and RTT says %v", rtt, conn.RTT())
			}
			if s.can.seePings {
				them.next(t, "ping")
			}
		}
	})
}

func TestPingByPeer(t *testing.T) {
	able := func(can abilities) bool { return can.ping }
	withPeers(t, able, func(t *testing.T, s *stage, ours role) {
		conn, them := s.connect(t, ours, meeting{})
		conn.CloseRead(t.Context())
		for _, size := range []int{0, 1, 8, 125} {
			data := noise(newRandom(), size)
			s.do(t, "ping", command{"conn": them.id, "data": data})
			if pong := them.next(t, "pong"); !bytes.Equal(pong.Data, data) {
				t.Errorf("the pong holds %x, want %x", pong.Data, data)
			}
		}
	})
}
