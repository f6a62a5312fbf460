package bridge

// Trace has functions that are called when something happens to processes, for metrics and logs. Any may be nil. They are called
// from any goroutine, and must be quick.
type Trace struct {
	// Started is called when a process has been started, with its number.
	Started func(pid int)
	// Ended is called when a process and all of its group have ended. err is nil for exit status 0, and says else how it ended.
	Ended func(pid int, err error)
}

func (t *Trace) started(p *process) {
	if t != nil && t.Started != nil {
		t.Started(p.pid)
	}
}

func (t *Trace) ended(p *process, err error) {
	if t != nil && t.Ended != nil {
		t.Ended(p.pid, err)
	}
}
