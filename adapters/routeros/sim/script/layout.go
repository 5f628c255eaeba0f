package script

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A Layout turns rows into the text print shows. The forms follow the samples
// of section 1.6; what they leave open is marked here as a guess.
type Layout struct {
	Width int      // of the terminal; zero is 80, which is what exec has without one
	Props []string // what to show, nil for everything
	IDs   bool     // ids in place of row numbers
}

const (
	exec        = 80 // the width without a terminal
	narrow      = 100
	narrowFirst = 15 // where lines go on in the narrow form (RDSCSI commands_test.go)
)

func (l Layout) width() int {
	if l.Width == 0 {
		return exec
	}
	return l.Width
}

// limit is the longest line. Both samples break two short of their width.
func (l Layout) limit() int { return max(l.width()-2, 2*narrowFirst) }

// Detail is `print detail`: a legend, then each row as name=value pairs that
// wrap. A pair too long for a line is cut where the line ends, in the middle of
// a word, and nothing marks that.
func (l Layout) Detail(s *Schema, rows []Row) []string {
	lines := l.legend(s, rows)
	groups := present(s, rows)
	width := l.numberWidth(rows)
	for _, row := range rows {
		head := l.head(s, row, width, groups) + " "
		indent := len(head)
		if l.width() < narrow {
			indent = narrowFirst
		}
		if c := row.Get("comment"); !c.Empty() {
			// The facts have it on the row's line or on its own; this is the first.
			lines = append(lines, head+";;; "+c.Text())
			head = strings.Repeat(" ", indent)
		}
		lines = append(lines, l.wrap(head, indent, l.pairs(s, row))...)
		lines = append(lines, "")
	}
	return lines
}

// wrap fills lines with pairs.
func (l Layout) wrap(head string, indent int, pairs []string) []string {
	var lines []string
	margin := strings.Repeat(" ", indent)
	line, fresh := head, true
	for _, pair := range pairs {
		switch {
		case fresh && len(line)+len(pair) <= l.limit():
			line += pair
		case len(line)+1+len(pair) <= l.limit():
			line += " " + pair
		default:
			if !fresh {
				lines = append(lines, line)
				line = margin
			}
			for len(line)+len(pair) > l.limit() {
				room := l.limit() - len(line)
				lines = append(lines, line+pair[:room])
				line, pair = margin, pair[room:]
			}
			line += pair
		}
		fresh = false
	}
	return append(lines, line)
}

// pairs are the name=value pairs of a row in the order of the schema, or of
// Props.
func (l Layout) pairs(s *Schema, row Row) []string {
	var pairs []string
	for _, p := range l.properties(s) {
		v := row.Get(p.Name)
		if v.Kind() == KindNothing || p.Name == "comment" {
			continue
		}
		text := form(p, v)
		if p.Form == Text {
			text = `"` + text + `"`
		}
		pairs = append(pairs, p.Name+"="+text)
	}
	return pairs
}

// properties are those to show.
func (l Layout) properties(s *Schema) []Property {
	if l.Props == nil {
		return slices.DeleteFunc(slices.Clone(s.Properties), func(p Property) bool { return p.Hidden })
	}
	var props []Property
	for _, name := range l.Props {
		if p, ok := s.find(name); ok {
			props = append(props, p)
		}
	}
	return props
}

// form is a value as text output shows it.
func form(p Property, v Value) string {
	switch {
	case v.kind == KindBool:
		if v.True() {
			return "yes"
		}
		return "no"
	case v.kind != KindNumber:
		return v.Text()
	case p.Form == Count || p.Form == Bytes:
		return grouped(v.num)
	case p.Form == Rounded:
		return rounded(v.num)
	case p.Form == Percent:
		return v.Text() + "%"
	}
	return v.Text()
}

// grouped writes a number in groups of three, with blanks between.
func grouped(n int64) string {
	digits := strconv.FormatInt(n, 10)
	var b strings.Builder
	for i, c := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 && digits[i-1] != '-' {
			b.WriteByte(' ')
		}
		b.WriteRune(c)
	}
	return b.String()
}

// rounded writes a size with one decimal. The samples 1924.1KiB, 94.2MiB and
// 1024.0GiB say that a unit lasts past 1024; that it ends at 10000 is a guess.
func rounded(n int64) string {
	if n < 1024 {
		return strconv.FormatInt(n, 10)
	}
	units := []string{"KiB", "MiB", "GiB", "TiB"}
	size := float64(n) / 1024
	for size >= 10000 && len(units) > 1 {
		size /= 1024
		units = units[1:]
	}
	return fmt.Sprintf("%.1f%s", size, units[0])
}

// Terse is `print terse`: a row per line, values as they are.
func (l Layout) Terse(s *Schema, rows []Row) []string {
	groups, width := present(s, rows), l.numberWidth(rows)
	var lines []string
	for _, row := range rows {
		parts := []string{l.head(s, row, width, groups)}
		for _, p := range l.properties(s) {
			if v := row.Get(p.Name); !v.Empty() {
				parts = append(parts, p.Name+"="+form(p, v))
			}
		}
		lines = append(lines, strings.Join(parts, " "))
	}
	return lines
}

// Singleton is print of a menu with one row: names to the right, then values.
func (l Layout) Singleton(s *Schema, rows []Row) []string {
	var lines []string
	for _, row := range rows {
		width := 0
		for _, p := range l.properties(s) {
			if row.Get(p.Name).Kind() != KindNothing {
				width = max(width, len(p.Name))
			}
		}
		for _, p := range l.properties(s) {
			if v := row.Get(p.Name); v.Kind() != KindNothing {
				lines = append(lines, fmt.Sprintf("  %*s: %s", width, p.Name, form(p, v)))
			}
		}
	}
	return lines
}
