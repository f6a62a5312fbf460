package load

import (
	"runtime"
	"time"
)

// pace tells each link when a message of it is due, until all were or the load ends. It returns how many were due.
func (r *run) pace() int64 {
	runtime.LockOSThread() // never unlocked: the thread ends with the goroutine, for its timers were changed
	sharpen()
	for k := int64(0); ; k++ {
		due, ok := r.schedule.at(k)
		if !ok {
			return k
		}
		for {
			left := r.base + due - r.now()
			if left <= 0 {
				break
			}
			r.pause(min(left, 100*time.Millisecond)) // so that the end of the load is soon seen
			select {
			case <-r.load.Done():
				return k
			default:
			}
		}
		if k&1023 == 0 && r.load.Err() != nil {
			return k
		}
		select {
		case r.senders[k%int64(len(r.senders))].kick <- struct{}{}:
		default: // it knows already
		}
	}
}
