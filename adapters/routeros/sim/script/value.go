package script

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Kind is the type of a value, as :typeof names it.
type Kind uint8

// The kinds of values. The zero Value is Nothing, which an unknown variable has.
const (
	KindNothing Kind = iota
	KindNil
	KindString
	KindNumber
	KindBool
	KindID
	KindTime
	KindArray
	kindOdd // an unquoted word with a slash or a colon in where: equal to nothing at all
)

// String is the name :typeof prints.
func (k Kind) String() string {
	names := [...]string{"nothing", "nil", "str", "num", "bool", "id", "time", "array", "nothing"}
	return names[k]
}

// A Value is what a variable, a property or an expression holds. It never
// changes.
type Value struct {
	kind  Kind
	text  string
	num   int64
	pairs []Pair
}

// A Pair is an element of an array. An element without a name has none.
type Pair struct {
	Key   string
	Named bool
	Value Value
}

// Nil is the value of a property that is there and empty.
func Nil() Value { return Value{kind: KindNil} }

// String makes a string.
func String(s string) Value { return Value{kind: KindString, text: s} }

// Number makes a number.
func Number(n int64) Value { return Value{kind: KindNumber, num: n} }

// Bool makes a logical value.
func Bool(b bool) Value {
	if b {
		return Value{kind: KindBool, num: 1}
	}
	return Value{kind: KindBool}
}

// ID makes an item id; id is "*" and upper-case hexadecimal digits.
func ID(id string) Value { return Value{kind: KindID, text: id} }

// Duration makes a time interval.
func Duration(d time.Duration) Value { return Value{kind: KindTime, num: int64(d)} }

// List makes an array without names.
func List(items ...Value) Value {
	v := Value{kind: KindArray}
	for _, item := range items {
		v.pairs = append(v.pairs, Pair{Value: item})
	}
	return v
}

// Array makes an array of elements with or without names. Those without come
// first in their order; the others are sorted by name, as RouterOS keeps them,
// and of two with one name the last stays.
func Array(pairs ...Pair) Value {
	sorted := slices.Clone(pairs)
	slices.SortStableFunc(sorted, func(a, b Pair) int {
		if !a.Named || !b.Named {
			return cmp.Compare(rank(a), rank(b))
		}
		return cmp.Compare(a.Key, b.Key)
	})
	kept := sorted[:0]
	for i, p := range sorted {
		again := p.Named && i+1 < len(sorted) && sorted[i+1].Key == p.Key
		if !again {
			kept = append(kept, p)
		}
	}
	return Value{kind: KindArray, pairs: kept}
}

// rank puts elements without a name first.
func rank(p Pair) int {
	if p.Named {
		return 1
	}
	return 0
}

// Kind is the type of v.
func (v Value) Kind() Kind { return v.kind }

// Int is the number v holds, or the nanoseconds of a time interval.
func (v Value) Int() int64 { return v.num }

// True says whether v is the logical value true.
func (v Value) True() bool { return v.kind == KindBool && v.num == 1 }

// Pairs are the elements of an array.
func (v Value) Pairs() []Pair { return v.pairs }

// Empty says whether there is nothing in v: no value, or a string of length
// zero. An array is never empty in this sense; see Len.
func (v Value) Empty() bool {
	switch v.kind {
	case KindNothing, KindNil:
		return true
	case KindString:
		return v.text == ""
	default:
		return false
	}
}

// Text is v as :put prints it.
func (v Value) Text() string {
	switch v.kind {
	case KindString, KindID, kindOdd:
		return v.text
	case KindNumber:
		return strconv.FormatInt(v.num, 10)
	case KindBool:
		return strconv.FormatBool(v.num == 1)
	case KindTime:
		return formatInterval(time.Duration(v.num))
	case KindArray:
		parts := make([]string, 0, len(v.pairs))
		for _, p := range v.pairs {
			text := p.Value.Text()
			if p.Named {
				text = p.Key + "=" + text
			}
			parts = append(parts, text)
		}
		return strings.Join(parts, ";")
	default:
		return ""
	}
}

// Len is what :len says: the elements of an array, the bytes of any other text.
func (v Value) Len() int {
	if v.kind == KindArray {
		return len(v.pairs)
	}
	return len(v.Text())
}

// At returns the element that key names: by name, or by place for a number.
// What is not there is Nothing.
func (v Value) At(key Value) Value {
	if key.kind == KindNumber {
		if key.num >= 0 && key.num < int64(len(v.pairs)) {
			return v.pairs[key.num].Value
		}
		return Value{}
	}
	for _, p := range v.pairs {
		if p.Named && p.Key == key.Text() {
			return p.Value
		}
	}
	return Value{}
}

// Equal compares as the operator = does: values of two kinds are never equal,
// except that nil is nothing.
func (v Value) Equal(w Value) bool {
	if v.kind == kindOdd || w.kind == kindOdd {
		return false
	}
	if v.missing() || w.missing() {
		return v.missing() && w.missing()
	}
	if v.kind != w.kind || v.text != w.text || v.num != w.num {
		return false
	}
	return slices.EqualFunc(v.pairs, w.pairs, func(a, b Pair) bool {
		return a.Named == b.Named && a.Key == b.Key && a.Value.Equal(b.Value)
	})
}

func (v Value) missing() bool { return v.kind == KindNothing || v.kind == KindNil }

// literal gives an unquoted word its kind, as the console does: numbers, ids,
// logical values and times are themselves, all else is a string.
func literal(word string) Value {
	switch word {
	case "true", "yes":
		return Bool(true)
	case "false", "no":
		return Bool(false)
	}
	if isID(word) {
		return ID(word)
	}
	if n, ok := parseNumber(word); ok {
		return Number(n)
	}
	if d, ok := parseInterval(word); ok {
		return Duration(d)
	}
	return String(word)
}

// isID says whether word is an id: upper-case only, as RouterOS writes them.
func isID(word string) bool {
	return len(word) > 1 && word[0] == '*' && strings.Trim(word[1:], "0123456789ABCDEF") == ""
}

// parseNumber reads a decimal or 0x number.
func parseNumber(s string) (int64, bool) {
	digits := strings.TrimPrefix(s, "-")
	if hex, ok := strings.CutPrefix(digits, "0x"); ok {
		n, err := strconv.ParseInt(hex, 16, 64)
		return n, err == nil && s == digits
	}
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}
