package script

import (
	"strings"
)

// cast runs the commands that look at one value or change its type. What can
// not be changed is nil.
func cast(command string, v Value) (Value, error) {
	switch command {
	case ":len":
		return Number(int64(v.Len())), nil
	case ":typeof":
		return String(v.kind.String()), nil
	case ":tostr":
		return String(v.Text()), nil
	case ":tonum":
		if n, ok := parseNumber(v.Text()); ok {
			return Number(n), nil
		}
	case ":toid":
		if isID(v.Text()) {
			return ID(v.Text()), nil
		}
	case ":tobool":
		if b, err := convertSwitch(Property{}, v.Text()); err == nil {
			return b, nil
		}
	case ":totime":
		if d, ok := parseInterval(v.Text()); ok {
			return Duration(d), nil
		}
	case ":toarray":
		return toArray(v), nil
	}
	return Nil(), nil
}

func toArray(v Value) Value {
	if v.kind == KindArray {
		return v
	}
	var items []Value
	for part := range strings.SplitSeq(v.Text(), ",") {
		if part != "" {
			items = append(items, String(part))
		}
	}
	return List(items...)
}

// pick cuts a piece of a string or an array; without an end it is one long.
func pick(args Fields) (Value, error) {
	v, begin, end := args.Get("counter"), args.Get("begin"), args.Get("end")
	if begin.kind != KindNumber || end.kind != KindNumber && !end.missing() {
		return Value{}, Fail("invalid value for argument begin")
	}
	from := min(max(begin.num, 0), int64(v.Len()))
	to := from + 1
	if end.kind == KindNumber {
		to = end.num
	}
	to = min(max(to, from), int64(v.Len()))
	if v.kind == KindArray {
		if end.missing() {
			return v.At(begin), nil
		}
		return Array(v.pairs[from:to]...), nil
	}
	return String(v.Text()[from:to]), nil
}

// find says where a string or an element is first, or nil.
func find(args Fields) (Value, error) {
	v, what, from := args.Get("where"), args.Get("what"), args.Get("from")
	start := 0
	if from.kind == KindNumber {
		start = int(min(max(from.num+1, 0), int64(v.Len())))
	}
	if v.kind == KindArray {
		for i, p := range v.pairs[start:] {
			if p.Value.Equal(what) {
				return Number(int64(start + i)), nil
			}
		}
		return Nil(), nil
	}
	if i := strings.Index(v.Text()[start:], what.Text()); i >= 0 {
		return Number(int64(start + i)), nil
	}
	return Nil(), nil
}
