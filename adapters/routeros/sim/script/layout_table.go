package script

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// present are the groups of flags that some row has, in order. Each is one
// character wide in front of a row.
func present(s *Schema, rows []Row) []int {
	var groups []int
	for _, f := range s.Flags {
		if !slices.Contains(groups, f.Group) && anyHas(rows, f.Name) {
			groups = append(groups, f.Group)
		}
	}
	slices.Sort(groups)
	return groups
}

func anyHas(rows []Row, name string) bool {
	return slices.ContainsFunc(rows, func(r Row) bool { return r.Get(name).True() })
}

// legend lists the flags that are there: groups joined by semicolons, the flags
// of one by commas. It is printed also when no row matches; that it then lists
// every flag is a guess.
func (l Layout) legend(s *Schema, rows []Row) []string {
	if len(s.Flags) == 0 {
		return nil
	}
	var words []string
	group := 0
	for _, f := range s.Flags {
		if len(rows) > 0 && !anyHas(rows, f.Name) {
			continue
		}
		if n := len(words); n > 0 {
			words[n-1] += map[bool]string{true: ",", false: ";"}[f.Group == group]
		}
		words = append(words, fmt.Sprintf("%c - %s", f.Letter, strings.ToUpper(f.Name)))
		group = f.Group
	}
	if len(words) == 0 {
		return nil
	}
	return l.wrap("Flags: ", len("Flags: "), words)
}

// numberWidth is at least two, as in every sample.
func (l Layout) numberWidth(rows []Row) int {
	width := 2
	for _, row := range rows {
		width = max(width, len(l.number(row)))
	}
	return width
}

func (l Layout) number(row Row) string {
	if l.IDs {
		return row.ID
	}
	return strconv.Itoa(row.Number)
}

// head is the number of a row, to the right, and its flags.
func (l Layout) head(s *Schema, row Row, width int, groups []int) string {
	head := fmt.Sprintf("%*s", width, l.number(row))
	if len(groups) > 0 {
		head += " "
	}
	for _, group := range groups {
		letter := byte(' ')
		for _, f := range s.Flags {
			if f.Group == group && row.Get(f.Name).True() {
				letter = f.Letter
				break
			}
		}
		head += string(letter)
	}
	return head
}

// Table is print without modifiers: a legend, the names of the columns that hold
// something, and a line per row. How wide tables are cut is not in the facts:
// this one is as wide as it must be.
func (l Layout) Table(s *Schema, rows []Row) []string {
	lines := l.legend(s, rows)
	columns := slices.DeleteFunc(l.properties(s), func(p Property) bool {
		return l.Props == nil && !p.Column ||
			!slices.ContainsFunc(rows, func(r Row) bool { return !r.Get(p.Name).Empty() })
	})
	if len(rows) == 0 || len(columns) == 0 {
		return lines
	}
	var names []string
	widths := make([]int, len(columns))
	for i, p := range columns {
		names = append(names, strings.ToUpper(p.Name))
		widths[i] = len(p.Name)
		for _, row := range rows {
			widths[i] = max(widths[i], len(form(p, row.Get(p.Name))))
		}
	}
	lines = append(lines, l.wrap("Columns: ", len("Columns: "), commas(names))...)
	groups, width := present(s, rows), l.numberWidth(rows)
	margin := len(l.head(s, rows[0], width, groups))
	lines = append(lines, cells(fmt.Sprintf("%-*s", margin, "#"), names, widths))
	for _, row := range rows {
		if c := row.Get("comment"); !c.Empty() {
			lines = append(lines, ";;; "+c.Text())
		}
		var values []string
		for _, p := range columns {
			values = append(values, form(p, row.Get(p.Name)))
		}
		lines = append(lines, cells(l.head(s, row, width, groups), values, widths))
	}
	return lines
}

func commas(names []string) []string {
	words := slices.Clone(names)
	for i := range len(words) - 1 {
		words[i] += ","
	}
	return words
}

// cells pads values to their widths, two blanks apart.
func cells(head string, values []string, widths []int) string {
	var b strings.Builder
	b.WriteString(head)
	for i, v := range values {
		fmt.Fprintf(&b, "  %-*s", widths[i], v)
	}
	return strings.TrimRight(b.String(), " ")
}
