package bridge

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// groups returns the groups of a process that somebody lives in: its own one, and with a terminal those of the whole session,
// for a shell gives each job a group. Zombies do not live: some first processes of containers never look at them. What is known may be a bit old, but not
// older than since.
func groups(p *process, since time.Time) []int {
	if !p.terminal && syscall.Kill(-p.pid, 0) != nil {
		return nil
	}
	all := machine.look(since)
	if len(all) == 0 {
		return []int{p.pid} // nothing is known
	}
	var found []int
	for _, one := range all {
		if (one.group == p.pid || p.terminal && one.session == p.pid) && !slices.Contains(found, one.group) {
			found = append(found, one.group)
		}
	}
	return found
}

// lifeAge is how old what is known of the machine's processes may be.
const lifeAge = 10 * time.Millisecond

// life is a process that lives.
type life struct{ group, session int }

// machine is what was seen last of all processes: many connections may ask at the same time, and each look is at every one.
var machine lives

type lives struct {
	mu    sync.Mutex
	began time.Time
	all   []life
}

// look returns all processes that live, as they were since then or later.
func (l *lives) look(since time.Time) []life {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := time.Now(); l.began.Before(since) || now.Sub(l.began) > lifeAge {
		l.began, l.all = now, scan()
	}
	return l.all
}

// scan looks at all processes.
func scan() (all []life) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	for _, name := range names {
		if name[0] < '1' || name[0] > '9' {
			continue
		}
		stat, err := os.ReadFile("/proc/" + name + "/stat")
		if err != nil {
			continue // it has ended
		}
		// pid (name) state ppid group session …, where the name may hold anything.
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		if len(fields) < 4 || fields[0] == "Z" || fields[0] == "X" {
			continue
		}
		var one life
		one.group, _ = strconv.Atoi(fields[2])
		one.session, _ = strconv.Atoi(fields[3])
		all = append(all, one)
	}
	return all
}
