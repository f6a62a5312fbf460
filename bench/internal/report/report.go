// Package report holds what a run of the bench measured, and shows it: as a table, as JSON, as plots and as
// docs/performance.md.
//
//	r.Table(os.Stdout)
//
// It must not know how anything is measured.
package report

import "time"

// A Report is everything that one run measured. It is what -json writes and -from reads.
type Report struct {
	// Date is when the run began.
	Date time.Time `json:"date"`
	// Machine is where it ran.
	Machine Machine `json:"machine"`
	// Round is how long one round of a subject lasted.
	Round time.Duration `json:"round_ns"`
	// Subjects are the servers, in the order of the columns.
	Subjects []Subject `json:"subjects"`
	// Workloads are in the order of the rows.
	Workloads []Workload `json:"workloads"`
}

// A Machine is where a run took place.
type Machine struct {
	// CPU is the processor's model.
	CPU string `json:"cpu"`
	// Cores is how many of its cores there were.
	Cores int `json:"cores"`
	// Kernel is the operating system with its version.
	Kernel string `json:"kernel"`
	// Go is the version that built the servers in Go.
	Go string `json:"go"`
}

// A Subject is one server.
type Subject struct {
	// Name is its short name, such as gws: the heading of its column.
	Name string `json:"name"`
	// Title says what it is in a few words.
	Title string `json:"title"`
	// Version is the library's version.
	Version string `json:"version"`
}

// A Workload is one way to load a server, and what it cost each of them.
type Workload struct {
	// Name is unique and fits a file name, such as echo-125-100.
	Name string `json:"name"`
	// Group is the workload's family, such as echo: workloads of one group follow each other.
	Group string `json:"group"`
	// Title says what is done, such as "echo of 125 B, 100 connections".
	Title string `json:"title"`
	// Unit is that of Round.Value, such as "µs CPU/message"; less is better unless More is set.
	Unit string `json:"unit"`
	// More says that more is better.
	More bool `json:"more,omitempty"`
	// Series holds what was measured, one for each subject that took part.
	Series []Series `json:"series"`
	// Targets are what Parley is meant to reach.
	Targets []Target `json:"targets,omitempty"`
}

// A Target is what a subject of ours is meant to reach.
type Target struct {
	// Subject is the name of the one that should reach it.
	Subject string `json:"subject"`
	// Base is the subject that it is compared with; empty if Value is an absolute one.
	Base string `json:"base,omitempty"`
	// Value bounds the ratio to Base, or the figure itself.
	Value float64 `json:"value"`
}

// A Series is what one subject did under one workload.
type Series struct {
	// Subject is its name.
	Subject string `json:"subject"`
	// Rounds are in the order in which they ran: the rounds of the same number of all subjects followed each other.
	Rounds []Round `json:"rounds"`
	// Syscalls counts system calls by name for each message, where that could be measured.
	Syscalls map[string]float64 `json:"syscalls,omitempty"`
	// Failed says why there are no rounds, or fewer.
	Failed string `json:"failed,omitempty"`
}

// A Round is one short measurement of one subject.
type Round struct {
	// Value is the workload's figure, in its unit; 0 if the round came to none.
	Value float64 `json:"value"`
	// Messages is how many messages, deliveries or handshakes the round had.
	Messages int64 `json:"messages"`
	// Seconds is how long the round took.
	Seconds float64 `json:"seconds"`
	// ServerCPU is the CPU time of the server in seconds.
	ServerCPU float64 `json:"server_cpu"`
	// LoadCPU is the share of the time in which the load generator was at work: near 1, it was the bottleneck.
	LoadCPU float64 `json:"load_cpu"`
	// P50 and P99 are latencies in microseconds, where the workload measures them.
	P50 float64 `json:"p50_us,omitempty"`
	P99 float64 `json:"p99_us,omitempty"`
}
