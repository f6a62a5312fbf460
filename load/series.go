package load

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// WriteCSV writes the series: a line of names, then one for each interval. Times are in milliseconds.
func (r *Report) WriteCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	out.Write([]string{"at_s", "seconds", "wanted_per_s", "sent_per_s", "received_per_s", "open", "faults", "count", "p50_ms", "p90_ms", "p99_ms", "p99.9_ms", "max_ms"})
	number := func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
	rounded := func(v float64) string { return strconv.FormatFloat(v, 'f', 3, 64) }
	for _, i := range r.Series {
		out.Write([]string{rounded(i.At), rounded(i.Seconds), rounded(i.Wanted), rounded(i.Sent), rounded(i.Received), strconv.Itoa(i.Open),
			strconv.FormatInt(i.Faults, 10), strconv.FormatInt(i.Count, 10), number(i.P50), number(i.P90), number(i.P99), number(i.P999), number(i.Max)})
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return fmt.Errorf("load: writing the series: %w", err)
	}
	return nil
}

// WriteHDR writes an HdrHistogram log: the distribution of each interval in nanoseconds, which the tools of HdrHistogram read. A
// report that was read from JSON has no such distributions.
func (r *Report) WriteHDR(w io.Writer) error {
	b := bufio.NewWriter(w)
	log := hdrhistogram.NewHistogramLogWriter(b)
	start := r.Start.UnixMilli()
	first := start + r.first.Milliseconds()
	log.OutputComment("[parley bench: " + printable(r.URL) + "]")
	log.OutputLogFormatVersion()
	log.OutputStartTime(start)
	log.OutputLegend()
	for _, i := range r.Series {
		if i.histogram == nil {
			continue
		}
		h := newHistogram()
		i.histogram.MergeInto(h)
		h.SetStartTimeMs(first + int64(i.At*1000))
		h.SetEndTimeMs(first + int64((i.At+i.Seconds)*1000))
		if err := log.OutputIntervalHistogram(h); err != nil {
			return fmt.Errorf("load: writing the HDR log: %w", err)
		}
	}
	if err := b.Flush(); err != nil {
		return fmt.Errorf("load: writing the HDR log: %w", err)
	}
	return nil
}

// String says in one line how far a run is.
func (p Progress) String() string {
	if p.Phase == PhaseConnect || p.Phase == PhaseClose && p.Elapsed == 0 {
		return fmt.Sprintf("%s of %s connections open, %s errors", formatNumber(float64(p.Open)), formatNumber(float64(p.Connections)), formatNumber(float64(p.Faults)))
	}
	text := p.Elapsed.Round(time.Second).String()
	if p.Total > 0 {
		text = fmt.Sprintf("%v of %v", min(p.Elapsed, p.Total).Round(time.Second), p.Total.Round(time.Second))
	}
	if p.Phase != PhaseLoad {
		return text + "  " + p.Phase
	}
	if late := p.Elapsed - p.Total; p.Total > 0 && late > time.Second {
		text += fmt.Sprintf(" + %v", late.Round(time.Second))
	}
	text += fmt.Sprintf("  %s/s sent", formatNumber(float64(int64(p.Sent+.5))))
	text += fmt.Sprintf("  %s/s back  ", formatNumber(float64(int64(p.Received+.5))))
	if p.Max > 0 {
		text += fmt.Sprintf("p50 %s  p99 %s  ", formatMillis(float64(p.P50)/1e6), formatMillis(float64(p.P99)/1e6))
	}
	return text + fmt.Sprintf("%s errors  %s open", formatNumber(float64(p.Faults)), formatNumber(float64(p.Open)))
}
