package demo

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// A report prints steps as they happen and remembers them for the table.
type report struct {
	out   io.Writer
	start time.Time
	lines []line
}

type line struct {
	step, detail, result string
	took                 time.Duration
}

// step runs do and prints how it went. do returns what is worth saying.
func (r *report) step(name string, do func() (string, error)) error {
	began := time.Now()
	fmt.Fprintf(r.out, "%8.3fs  %-14s ", began.Sub(r.start).Seconds(), name)
	detail, err := do()
	l := line{step: name, detail: detail, result: "ok", took: time.Since(began)}
	if err != nil {
		l.result, l.detail = "FAILED", err.Error()
	}
	r.lines = append(r.lines, l)
	fmt.Fprintf(r.out, "%-6s %7.1f ms  %s\n", l.result, float64(l.took.Microseconds())/1000, l.detail)
	return err
}

// table prints all steps and the counters that moved from before to after.
func (r *report) table(before, after map[string]float64) {
	w := tabwriter.NewWriter(r.out, 0, 4, 2, ' ', 0)
	fmt.Fprintf(w, "\nstep\tresult\ttook\twhat\n")
	for _, l := range r.lines {
		fmt.Fprintf(w, "%s\t%s\t%.1f ms\t%s\n", l.step, l.result, float64(l.took.Microseconds())/1000, l.detail)
	}
	fmt.Fprintf(w, "\nmetric\tmoved by\t\t\n")
	var moved []string
	for name, value := range after {
		if by := value - before[name]; by != 0 {
			moved = append(moved, fmt.Sprintf("%s\t%+g\t\t", name, by))
		}
	}
	slices.Sort(moved)
	fmt.Fprintln(w, strings.Join(moved, "\n"))
	_ = w.Flush() // a writer that fails has no reader
}
