package script

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

const (
	day  = 24 * time.Hour
	week = 7 * day
)

// units are the letters of an interval, in the order they must come.
func units() []interval {
	return []interval{
		{"w", week}, {"d", day}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}, {"ms", time.Millisecond},
	}
}

type interval struct {
	letter string
	length time.Duration
}

// parseInterval reads "1w2d3h4m5s6ms" and "01:30:15".
func parseInterval(s string) (time.Duration, bool) {
	if strings.Count(s, ":") == 2 {
		return parseClock(s)
	}
	var total time.Duration
	rest := s
	for _, u := range units() {
		digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
		tail := rest[digits:]
		letters := len(tail) - len(strings.TrimLeft(tail, "wdhms"))
		if digits == 0 || tail[:letters] != u.letter { // so that m is not ms
			continue
		}
		n, err := strconv.ParseInt(rest[:digits], 10, 32)
		if err != nil {
			return 0, false
		}
		total += time.Duration(n) * u.length
		rest = tail[len(u.letter):]
	}
	return total, rest == "" && s != ""
}

func parseClock(s string) (time.Duration, bool) {
	parts := strings.Split(s, ":")
	var total time.Duration
	for i, length := range []time.Duration{time.Hour, time.Minute, time.Second} {
		n, err := strconv.ParseUint(parts[i], 10, 16)
		if err != nil || i > 0 && n > 59 {
			return 0, false
		}
		total += time.Duration(n) * length
	}
	return total, true
}

// formatInterval writes weeks and days with letters and the rest as a clock.
func formatInterval(d time.Duration) string {
	var b strings.Builder
	if d < 0 {
		b.WriteByte('-')
		d = -d
	}
	if d >= week {
		fmt.Fprintf(&b, "%dw", d/week)
		d %= week
	}
	if d >= day {
		fmt.Fprintf(&b, "%dd", d/day)
		d %= day
	}
	fmt.Fprintf(&b, "%02d:%02d:%02d", d/time.Hour, d%time.Hour/time.Minute, d%time.Minute/time.Second)
	if ms := d % time.Second / time.Millisecond; ms != 0 {
		fmt.Fprintf(&b, ".%03d", ms)
	}
	return b.String()
}
