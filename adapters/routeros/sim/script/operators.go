package script

import (
	"cmp"
	"regexp"
	"time"
)

// compare orders numbers, times and strings. In where an absent property is
// neither more nor less than anything.
func compare(f frame, op string, x, y Value) (Value, error) {
	order := 0
	switch {
	case x.kind != y.kind && f.row != nil:
		return Bool(false), nil
	case x.kind == KindNumber && y.kind == KindNumber, x.kind == KindTime && y.kind == KindTime:
		order = cmp.Compare(x.num, y.num)
	case x.kind == KindString && y.kind == KindString, x.kind == KindID && y.kind == KindID:
		order = cmp.Compare(x.text, y.text)
	case f.row != nil:
		return Bool(false), nil
	default:
		words := map[string]string{"<": "less", ">": "more", "<=": "less or equal", ">=": "more or equal"}
		return Value{}, Fail("cannot compare if %s is %s than %s", typeName(x), words[op], typeName(y))
	}
	switch op {
	case "<":
		return Bool(order < 0), nil
	case ">":
		return Bool(order > 0), nil
	case "<=":
		return Bool(order <= 0), nil
	}
	return Bool(order >= 0), nil
}

// match is the operator ~: a POSIX expression found anywhere in the text, or in
// an element of an array.
func (r *run) match(_ frame, x, y Value) (Value, error) {
	re := r.regexps[y.Text()]
	if re == nil {
		var err error
		if re, err = regexp.CompilePOSIX(y.Text()); err != nil {
			return Value{}, Fail("bad regexp %s", y.Text())
		}
		r.regexps[y.Text()] = re
	}
	if y.kind == kindOdd || x.missing() {
		return Bool(false), nil
	}
	if x.kind != KindArray {
		return Bool(re.MatchString(x.Text())), nil
	}
	for _, p := range x.pairs {
		if re.MatchString(p.Value.Text()) {
			return Bool(true), nil
		}
	}
	return Bool(false), nil
}

// arithmetic works on numbers; times may be added, taken away and multiplied.
func arithmetic(op string, x, y Value) (Value, error) {
	if x.kind == KindTime || y.kind == KindTime {
		return spans(op, x, y)
	}
	if x.kind != KindNumber || y.kind != KindNumber {
		return Value{}, cannot(op, x, y)
	}
	if (op == "/" || op == "%") && y.num == 0 {
		return Value{}, Fail("division by zero")
	}
	if (op == "<<" || op == ">>") && (y.num < 0 || y.num > 63) {
		return Number(0), nil
	}
	switch op {
	case "+":
		return Number(x.num + y.num), nil
	case "-":
		return Number(x.num - y.num), nil
	case "*":
		return Number(x.num * y.num), nil
	case "/":
		return Number(x.num / y.num), nil
	case "%":
		return Number(x.num % y.num), nil
	case "<<":
		return Number(x.num << y.num), nil
	case ">>":
		return Number(x.num >> y.num), nil
	case "&":
		return Number(x.num & y.num), nil
	case "|":
		return Number(x.num | y.num), nil
	}
	return Number(x.num ^ y.num), nil
}

func spans(op string, x, y Value) (Value, error) {
	switch {
	case x.kind == KindTime && y.kind == KindTime && op == "+":
		return Duration(time.Duration(x.num + y.num)), nil
	case x.kind == KindTime && y.kind == KindTime && op == "-":
		return Duration(time.Duration(x.num - y.num)), nil
	case x.kind == KindTime && y.kind == KindNumber && op == "*":
		return Duration(time.Duration(x.num * y.num)), nil
	}
	return Value{}, cannot(op, x, y)
}

func cannot(op string, x, y Value) error {
	switch op {
	case "+":
		return Fail("cannot add %s to %s", typeName(x), typeName(y))
	case "-":
		return Fail("cannot subtract %s from %s", typeName(y), typeName(x))
	case "*":
		return Fail("cannot multiply %s by %s", typeName(x), typeName(y))
	case "/", "%":
		return Fail("cannot divide %s by %s", typeName(x), typeName(y))
	}
	return Fail("cannot apply %s to %s and %s", op, typeName(x), typeName(y))
}
