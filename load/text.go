package load

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
)

// printable takes the power over a terminal from text that may come from a server.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '·'
		}
		return r
	}, s)
}

// clip makes a text at most n characters long.
func clip(s string, n int) string {
	if runes := []rune(s); len(runes) > n {
		return string(runes[:max(n-1, 0)]) + "…"
	}
	return s
}

// rows are the latencies of a report in the order and words in which they are shown.
var rows = []struct{ key, title string }{
	{"connect", "connect"},
	{"first", "first message"},
	{"roundtrip", "round trip"},
	{"roundtrip_raw", "  as sent"},
	{"delivery", "delivery"},
	{"delivery_raw", "  as sent"},
}

// WriteText writes the report as a table for people, in lines of at most width characters.
func (r *Report) WriteText(w io.Writer, width int) error {
	var b bytes.Buffer
	line := func(format string, args ...any) {
		b.WriteString(clip(strings.TrimRight(fmt.Sprintf(format, args...), " "), width))
		b.WriteByte('\n')
	}
	c, m := r.Connections, r.Messages
	line("%s, %s", printable(r.URL), r.mode())
	line("")
	if r.Setup != nil {
		for i, part := range wrap(printable(r.Setup.String()), max(width-13, 20)) {
			line("%-13s%s", map[bool]string{true: "asked for"}[i == 0], part)
		}
	}
	text := fmt.Sprintf("connections  %s opened", formatNumber(float64(c.Opened)))
	if c.Failed > 0 {
		text += fmt.Sprintf(" of %s, %s failed", formatNumber(float64(c.Wanted)), formatNumber(float64(c.Failed)))
	}
	if c.Lost > 0 {
		text += fmt.Sprintf(", %s lost", formatNumber(float64(c.Lost)))
	}
	line("%s", text)
	text = fmt.Sprintf("messages     %s sent", formatNumber(float64(m.Sent)))
	if m.Due > m.Sent {
		text += fmt.Sprintf(" of %s due", formatNumber(float64(m.Due)))
	}
	received := "answered"
	if r.Fanout != nil {
		received = "delivered"
	}
	text += fmt.Sprintf(", %s %s", formatNumber(float64(m.Received)), received)
	if m.Other > 0 {
		text += fmt.Sprintf(", %s others received", formatNumber(float64(m.Other)))
	}
	line("%s", text)
	text = fmt.Sprintf("rate         %s/s sent", formatNumber(m.SentRate))
	if m.WantedRate > 0 {
		text += fmt.Sprintf(" (%s/s wanted)", formatNumber(m.WantedRate))
	}
	line("%s, %s/s %s, in %v", text, formatNumber(m.ReceivedRate), received, seconds(r.Seconds))
	if d := r.Fanout; d != nil {
		line("fan-out      %s published to %s subscribers: %s lost, %s said to be missing, %s twice, %s out of order", formatNumber(float64(d.Published)),
			formatNumber(float64(d.Subscribers)), formatNumber(float64(d.Lost)), formatNumber(float64(d.Announced)), formatNumber(float64(d.Duplicates)), formatNumber(float64(d.Disorder)))
	}
	if s := r.Slow; s != nil {
		text = fmt.Sprintf("slow readers %s, %s still open%s", formatNumber(float64(s.Connections)), formatNumber(float64(s.Open)), s.ends())
		if text += fmt.Sprintf("; %s received", formatNumber(float64(s.Received))); s.Announced > 0 {
			text += fmt.Sprintf(", %s said to be missing", formatNumber(float64(s.Announced)))
		}
		line("%s", text)
	}
	line("")
	line("%-14s%10s%10s%10s%10s%10s%10s%10s%10s", "", "count", "p50", "p90", "p99", "p99.9", "p99.99", "max", "mean")
	for _, row := range rows {
		if row.key == "roundtrip_raw" && !r.corrected() {
			continue // it is the same
		}
		if l := r.Latency[row.key]; l != nil && l.Count > 0 {
			line("%-14s%10s%10s%10s%10s%10s%10s%10s%10s", row.title, formatNumber(float64(l.Count)), formatMillis(l.P50), formatMillis(l.P90), formatMillis(l.P99),
				formatMillis(l.P999), formatMillis(l.P9999), formatMillis(l.Max), formatMillis(l.Mean))
		}
	}
	if len(r.Faults) > 0 {
		line("")
		line("%-20s%10s", "went wrong", "count")
		for _, f := range r.Faults {
			why := f.Remedy
			if why == "" {
				why = clip(printable(f.Example), 200)
			}
			for i, part := range wrap(why, max(width-32, 20)) {
				if i == 0 {
					line("%-20s%10s  %s", f.Kind, formatNumber(float64(f.Count)), part)
				} else {
					line("%32s%s", "", part)
				}
			}
		}
	}
	line("")
	line("generator    %s", r.Generator.text())
	if r.Generator.Limit != "" {
		for i, part := range wrap(sentence(r.Generator.Limit), width-13) {
			line("%-13s%s", map[bool]string{true: "!"}[i == 0], part)
		}
	}
	r.writeSearch(line, width)
	if len(r.Verdicts) > 0 {
		line("")
		for _, v := range r.Verdicts {
			line("%-7s%s: %s", map[bool]string{true: "FAILED", false: "ok"}[v.Failed], v.Threshold, v.Text)
		}
	}
	if r.Interrupted {
		line("")
		line("The run was interrupted: this is what came of it so far.")
	}
	_, err := w.Write(b.Bytes())
	return err
}

// corrected reports whether latencies count from another moment than that of sending.
func (r *Report) corrected() bool { return r.Mode != "closed" || r.Messages.WantedRate > 0 }

// mode describes the load in some words.
func (r *Report) mode() string {
	switch {
	case r.Mode == "closed" && r.corrected():
		return "closed loop at a rate: latencies count from when a message was due"
	case r.Mode == "closed":
		return "closed loop: each connection waits for its reply"
	case r.Mode == "fan-out":
		return "fan-out: latencies count from when a message was due"
	}
	return "open loop: latencies count from when a message was due"
}

// seconds is a time for people.
func seconds(s float64) time.Duration {
	return time.Duration(s * float64(time.Second)).Round(10 * time.Millisecond)
}

// ends says how slow readers ended.
func (s *Slow) ends() string {
	text := ""
	for _, how := range sortedKeys(s.Ended) {
		text += fmt.Sprintf(", %d ended: %s", s.Ended[how], how)
	}
	return text
}

// text says how the generator did.
func (g Generator) text() string {
	text := fmt.Sprintf("%.0f %% of %d processors", g.CPU*100, g.Processors)
	if g.Machine >= 0 {
		text += fmt.Sprintf(", the whole machine %.0f %% busy", g.Machine*100)
	}
	if g.DelayMax > 0 {
		text += fmt.Sprintf("; late by %s (p50), %s (p99)", formatMillis(g.DelayP50), formatMillis(g.DelayP99))
	}
	return text
}

// sentence makes a sentence of what is none yet.
func sentence(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:] + "."
}

// wrap breaks a text into lines.
func wrap(s string, width int) []string {
	var lines []string
	current := ""
	for _, word := range strings.Fields(s) {
		if current != "" && len([]rune(current))+1+len([]rune(word)) > width {
			lines, current = append(lines, current), ""
		}
		if current != "" {
			current += " "
		}
		current += word
	}
	return append(lines, current)
}
