package script

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// FuzzParse: no line makes the parser panic, and every refusal points into the
// line.
func FuzzParse(f *testing.F) {
	for _, line := range []string{
		`:onerror e in={ /disk/set [find slot="x"] file-size=123 ; :put "RDS-OK" } do={ :put ("RDS-ERR " . $e) }`,
		`:put [:serialize to=json value=[/disk print detail as-value where slot="x"] options=json.no-string-conversion]`,
		`/disk add type=file file-path=/a/b.img file-size=50G slot=pvc-1 nvme-tcp-export=yes`,
		`:if ([:len [find where .id=*1F and !mounted or size>(5*2)]] != 0) do={} else={:error "a\"\$\48$x"}`,
		`:foreach k,v in={a=1;"b c"=2;{3}} do={:put ($v->"x"->0)}; # end`,
		`/disk; print terse where (slot~"^csi-" || comment=/x:y) type=file`,
		`:local "a b" [:pick "abc" 1]; :do {:set $x 1} on-error={}`,
	} {
		f.Add(line)
	}
	r := newRouter(f)
	f.Fuzz(func(t *testing.T, line string) {
		_, err := Parse(r.Tree, line)
		var bad *ParseError
		if err == nil {
			return
		}
		if !errors.As(err, &bad) || bad.Column < 1 || bad.Column > len(line)+1 {
			t.Errorf("got %v, want a *ParseError with a column of the line", err)
		}
	})
}

// quote writes s as a quoted word, by the rules of section 1.8 and without a
// look at the parser: what has a meaning is escaped, what has no shape is in
// hexadecimal.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\' || c == '$':
			b.WriteString(`\` + string(rune(c)))
		case c < 0x20 || c == 0x7f:
			fmt.Fprintf(&b, `\%02X`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// FuzzQuoted: what goes in in quotes comes out, in an expression, as a property
// and in where.
func FuzzQuoted(f *testing.F) {
	for _, s := range []string{"", "plain", `a"b\c$d`, "\x00\n\r\t\x7f", "ż; } ] ) [find] {", `\48\_$(1+2)`, "*1F", "yes", "007", "\xff\xfe"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r := newRouter(t)
		var got Value
		line := fmt.Sprintf(`:local x %s; /disk/add slot=x comment=%s; :put [:len [/disk/find where comment=%[1]s]]; `+
			`/disk/add slot=y comment=$x`, quote(s), quote(s))
		if err := r.Exec(t.Context(), line); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		for _, row := range r.disk.rows {
			if got = row.Get("comment"); !got.Equal(String(s)) {
				t.Errorf("got %q, want %q", got.Text(), s)
			}
		}
		if r.out.String() != "1\r\n" {
			t.Errorf("where found %q rows, want 1", r.out.String())
		}
	})
}
