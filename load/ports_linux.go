package load

import (
	"fmt"
	"os"
)

// localPorts is how many connections to one destination a local address can have.
func localPorts() (int, bool) {
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	var low, high int
	if err != nil {
		return 0, false
	}
	if n, err := fmt.Sscan(string(text), &low, &high); n != 2 || err != nil || high < low {
		return 0, false
	}
	return high - low + 1, true
}
