package load

import (
	"bufio"
	"os"
	"strconv"
	"strings"
)

// machineCPU returns how many ticks all processors of the machine were busy, and how many there were. It is false if that is
// not known.
func machineCPU() (busy, all float64, ok bool) {
	f, err := os.Open("/proc/stat")
	if err != nil {
		return 0, 0, false
	}
	defer f.Close()
	line, err := bufio.NewReader(f).ReadString('\n')
	fields := strings.Fields(line)
	if err != nil || len(fields) < 6 || fields[0] != "cpu" {
		return 0, 0, false
	}
	for i, field := range fields[1:min(len(fields), 9)] { // guests are in user already
		n, err := strconv.ParseFloat(field, 64)
		if err != nil {
			return 0, 0, false
		}
		all += n
		if i != 3 && i != 4 { // idle, and waiting for disks
			busy += n
		}
	}
	return busy, all, true
}
