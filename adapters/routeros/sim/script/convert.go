package script

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// convert makes v, written as raw when it was an unquoted word, a value of p.
func convert(p Property, v Value, raw string) (Value, *Error) {
	text := raw
	if text == "" {
		text = v.Text()
	}
	switch p.Form {
	case Text:
		return String(text), nil
	case Word:
		if len(p.Values) > 0 && !slices.Contains(p.Values, text) {
			return Value{}, Fail("input does not match any value of %s", p.Name)
		}
		return String(text), nil
	case Switch:
		return convertSwitch(p, text)
	case Integer, Count, Bytes, Percent:
		if n, ok := parseNumber(text); ok {
			return Number(n), nil
		}
	case Rounded:
		if n, ok := parseSize(text); ok {
			return Number(n), nil
		}
		if slices.Contains(p.Values, text) {
			return String(text), nil
		}
	case Span:
		if d, ok := parseInterval(text); ok {
			return Duration(d), nil
		}
	case Ident:
		if isID(text) {
			return ID(text), nil
		}
	}
	return Value{}, Fail("invalid value for argument %s", p.Name)
}

func convertSwitch(p Property, text string) (Value, *Error) {
	switch text {
	case "yes", "true":
		return Bool(true), nil
	case "no", "false":
		return Bool(false), nil
	}
	return Value{}, Fail("input does not match any value of %s", p.Name)
}

// parseSize reads bytes with an optional suffix; suffixes are binary.
func parseSize(s string) (int64, bool) {
	shift := 0
	if i := strings.IndexByte("KMGT", last(s)); i >= 0 {
		shift = 10 * (i + 1)
		s = s[:len(s)-1]
	}
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n > math.MaxInt64>>shift {
		return 0, false
	}
	return n << shift, true
}

func last(s string) byte {
	if s == "" {
		return 0
	}
	return s[len(s)-1]
}
