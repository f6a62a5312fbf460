package report

import (
	"math"
	"testing"
)

func TestNumbers(t *testing.T) {
	tests := []struct {
		value         float64
		number, ratio string
	}{
		{0, "0", "0.00"},
		{0.00004, "4.0e-05", "0.00"},
		{0.0123, "0.012", "0.01"},
		{0.13, "0.130", "0.13"},
		{0.9996, "1.00", "1.00"},
		{1, "1.00", "1.00"},
		{9.807, "9.81", "9.81"},
		{9.996, "10.0", "10.0"},
		{12.36, "12.4", "12.4"},
		{99.96, "100", "100"},
		{480.2, "480", "480"},
		{999.4, "999", "999"},
		{999.6, "1,000", "1000"},
		{5320, "5,320", "5320"},
		{145000, "145,000", "145000"},
		{2312345, "2.31 M", "2310000"},
		{-1234, "-1,234", "-1234.00"},
		{math.NaN(), "–", "–"},
		{math.Inf(1), "–", "–"},
	}
	for _, tc := range tests {
		if got := number(tc.value); got != tc.number {
			t.Errorf("number(%v) = %q, want %q", tc.value, got, tc.number)
		}
		if got := ratio(tc.value); got != tc.ratio {
			t.Errorf("ratio(%v) = %q, want %q", tc.value, got, tc.ratio)
		}
	}
}

func TestPercent(t *testing.T) {
	for share, want := range map[float64]string{0: "0.0 %", .0001: "less than 0.1 %", .021: "2.1 %", .0996: "10 %", .5: "50 %", 3: "300 %"} {
		if got := percent(share); got != want {
			t.Errorf("percent(%v) = %q, want %q", share, got, want)
		}
	}
}

func TestWidth(t *testing.T) {
	for text, want := range map[string]int{"": 0, "µs": 2, "1.01–1.12": 9, "÷ raw": 5, "e\u0301": 1} {
		if got := width(text); got != want {
			t.Errorf("width(%q) = %d, want %d", text, got, want)
		}
		if got := width(left(text, 12)); got != 12 {
			t.Errorf("left(%q, 12) takes %d columns", text, got)
		}
		if got := width(right(text, 12)); got != 12 {
			t.Errorf("right(%q, 12) takes %d columns", text, got)
		}
	}
}
