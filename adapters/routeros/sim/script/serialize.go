package script

import (
	"fmt"
	"strconv"
	"strings"
)

const noConversion = "json.no-string-conversion"

// serialize is :serialize to=json.
func serialize(args Fields) (Value, error) {
	if args.Get("to").Text() != "json" {
		return Value{}, Fail("input does not match any value of to")
	}
	options := args.Get("options")
	if !options.missing() && options.Text() != noConversion {
		return Value{}, Fail("input does not match any value of options")
	}
	var b strings.Builder
	writeJSON(&b, args.Get("value"), options.missing())
	return String(b.String()), nil
}

// writeJSON writes a value. With conversion a string that looks like a number
// becomes one, with six decimals (TAR, section 1.7).
func writeJSON(b *strings.Builder, v Value, conversion bool) {
	switch v.kind {
	case KindNothing, KindNil:
		b.WriteString("null")
	case KindNumber, KindBool:
		b.WriteString(v.Text())
	case KindArray:
		writeJSONArray(b, v, conversion)
	default:
		if n, ok := decimal(v.Text()); ok && conversion && v.kind == KindString {
			b.WriteString(strconv.FormatFloat(n, 'f', 6, 64))
			return
		}
		writeJSONString(b, v.Text())
	}
}

// decimal reads digits with at most a sign and a point.
func decimal(s string) (float64, bool) {
	if strings.Trim(s, "0123456789.-") != "" {
		return 0, false
	}
	n, err := strconv.ParseFloat(s, 64)
	return n, err == nil
}

// writeJSONArray writes an object if an element has a name; one without is then
// called by its place. The names are sorted already.
func writeJSONArray(b *strings.Builder, v Value, conversion bool) {
	object := len(v.pairs) > 0 && v.pairs[len(v.pairs)-1].Named
	brackets := "[]"
	if object {
		brackets = "{}"
	}
	b.WriteByte(brackets[0])
	for i, p := range v.pairs {
		if i > 0 {
			b.WriteByte(',')
		}
		if object {
			key := p.Key
			if !p.Named {
				key = strconv.Itoa(i)
			}
			writeJSONString(b, key)
			b.WriteByte(':')
		}
		writeJSON(b, p.Value, conversion)
	}
	b.WriteByte(brackets[1])
}

// writeJSONString escapes what JSON demands and leaves other bytes alone.
func writeJSONString(b *strings.Builder, s string) {
	b.WriteByte('"')
	start := 0
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c != 0x7f {
			continue
		}
		b.WriteString(s[start:i])
		start = i + 1
		switch c {
		case '"', '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case '\n':
			b.WriteString(`\n`)
		case '\r':
			b.WriteString(`\r`)
		case '\t':
			b.WriteString(`\t`)
		default:
			fmt.Fprintf(b, `\u%04x`, c)
		}
	}
	b.WriteString(s[start:])
	b.WriteByte('"')
}
