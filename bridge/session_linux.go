package bridge

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// groups returns the groups of a process that somebody lives in: its own one, and with a terminal those of the whole session,
// for a shell gives each job a group. Zombies do not live: some first processes of containers never look at them.
func groups(p *process) []int {
	if !p.terminal && syscall.Kill(-p.pid, 0) != nil {
		return nil
	}
	entries, err := os.ReadDir("/proc")
	if err != nil || len(entries) == 0 {
		return []int{p.pid} // nothing is known
	}
	var found []int
	for _, entry := range entries {
		if name := entry.Name(); name[0] < '1' || name[0] > '9' {
			continue
		}
		stat, err := os.ReadFile("/proc/" + entry.Name() + "/stat")
		if err != nil {
			continue // it has ended
		}
		// pid (name) state ppid group session …, where the name may hold anything.
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		if len(fields) < 4 || fields[0] == "Z" || fields[0] == "X" {
			continue
		}
		group, _ := strconv.Atoi(fields[2])
		session, _ := strconv.Atoi(fields[3])
		if (group == p.pid || p.terminal && session == p.pid) && !slices.Contains(found, group) {
			found = append(found, group)
		}
	}
	return found
}
