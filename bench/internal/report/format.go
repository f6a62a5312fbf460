package report

import (
	"math"
	"strconv"
	"strings"
	"unicode"
)

// number writes a figure with three digits that count, and every digit of thousands: 0.130, 9.81, 12.4, 5,320, 2.31 M.
func number(v float64) string {
	switch size := math.Abs(v); {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return "–"
	case size == 0:
		return "0"
	case size < 0.001:
		return strconv.FormatFloat(v, 'e', 1, 64)
	case size >= 999500:
		return places(v/1e6, 3) + " M"
	case size >= 999.5:
		return thousands(math.Round(v))
	default:
		return places(v, 3)
	}
}

// ratio writes a quotient with two decimals, and fewer where nobody looks at them.
func ratio(v float64) string {
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return "–"
	case v >= 9.995:
		return places(v, 3)
	default:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
}

// percent writes a share, with a decimal below ten percent.
func percent(share float64) string {
	v := share * 100
	switch {
	case v > 0 && v < 0.05:
		return "less than 0.1 %"
	case v < 9.95:
		return strconv.FormatFloat(v, 'f', 1, 64) + " %"
	default:
		return strconv.FormatFloat(v, 'f', 0, 64) + " %"
	}
}

// spread writes how far figures lie apart, such as "1.01–1.12".
func spread(s Summary, write func(float64) string) string {
	low, high := s.Spread()
	return write(low) + "–" + write(high)
}

// places writes v with so many digits that count, and no exponent.
func places(v float64, digits int) string {
	decimals := 0
	// Rounding may add a digit, 9.996 is 10.0, so the size that counts is that of what is written.
	rounded, _ := strconv.ParseFloat(strconv.FormatFloat(v, 'e', digits-1, 64), 64)
	if rounded != 0 {
		decimals = max(0, digits-1-int(math.Floor(math.Log10(math.Abs(rounded)))))
	}
	if math.Abs(rounded) < 1 {
		decimals = min(decimals, digits) // 0.062, not 0.0620
	}
	return strconv.FormatFloat(rounded, 'f', decimals, 64)
}

// thousands writes a whole number with commas.
func thousands(v float64) string {
	digits := strconv.FormatFloat(math.Abs(v), 'f', 0, 64)
	var b strings.Builder
	if v < 0 {
		b.WriteByte('-')
	}
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}

// width is how many columns of a terminal text takes. It knows marks that take none, and not the wide letters of East
// Asia, which nothing here has.
func width(text string) int {
	n := 0
	for _, r := range text {
		if !unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf) {
			n++
		}
	}
	return n
}

// left and right fill text with spaces.
func left(text string, columns int) string {
	return text + strings.Repeat(" ", max(0, columns-width(text)))
}

func right(text string, columns int) string {
	return strings.Repeat(" ", max(0, columns-width(text))) + text
}

// percentOfTime writes the load generator's share.
func percentOfTime(share float64) string { return strconv.FormatFloat(share*100, 'f', 0, 64) + " %" }
