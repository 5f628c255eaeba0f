package script

import (
	"context"
	"slices"
	"strings"
)

// eval is the value of an expression.
func (r *run) eval(ctx context.Context, f frame, e expr) (Value, error) {
	switch e := e.(type) {
	case constant:
		return e.value, nil
	case bare:
		return literal(e.text), nil
	case odd:
		return Value{kind: kindOdd, text: e.text}, nil
	case property:
		return f.row.Get(e.name), nil
	case variable:
		if e.property {
			return f.row.Get(e.name), nil
		}
		return r.lookup(f, e.name), nil
	case joined:
		return r.join(ctx, f, e)
	case call:
		return r.block(ctx, frame{scope: f.scope}, e.body)
	case listing:
		return r.list(ctx, f, e)
	case unary:
		return r.unary(ctx, f, e)
	case binary:
		return r.binary(ctx, f, e)
	}
	return Value{}, nil
}

func (r *run) join(ctx context.Context, f frame, e joined) (Value, error) {
	var b strings.Builder
	for _, part := range e.parts {
		v, err := r.eval(ctx, f, part)
		if err != nil {
			return Value{}, err
		}
		b.WriteString(v.Text())
	}
	return String(b.String()), nil
}

func (r *run) list(ctx context.Context, f frame, e listing) (Value, error) {
	pairs := make([]Pair, 0, len(e.items))
	for _, it := range e.items {
		v, err := r.eval(ctx, f, it.value)
		if err != nil {
			return Value{}, err
		}
		p := Pair{Value: v}
		if it.key != nil {
			key, raw, err := r.raw(ctx, f, it.key)
			if err != nil {
				return Value{}, err
			}
			p.Key, p.Named = textOr(raw, key), true
		}
		pairs = append(pairs, p)
	}
	return Array(pairs...), nil
}

// raw is the value of an expression and, for an unquoted word, the word itself:
// what it means depends on who takes it.
func (r *run) raw(ctx context.Context, f frame, e expr) (Value, string, error) {
	v, err := r.eval(ctx, f, e)
	if w, ok := e.(bare); ok {
		return v, w.text, err
	}
	return v, "", err
}

func textOr(raw string, v Value) string {
	if raw != "" {
		return raw
	}
	return v.Text()
}

// isSet is what a value alone means as a condition in where: a logical value is
// itself, anything else is there or not (TIK §13.2).
func isSet(v Value) bool {
	if v.kind == KindBool {
		return v.True()
	}
	return !v.Empty() && v.kind != kindOdd
}

// truth is a condition: a logical value, or in where also set or not.
func truth(f frame, v Value, verb string) (bool, error) {
	if f.row != nil {
		return isSet(v), nil
	}
	if v.kind != KindBool {
		return false, Fail("cannot logically %s %s", verb, typeName(v))
	}
	return v.True(), nil
}

// typeName is how the router calls a type in its errors.
func typeName(v Value) string {
	switch v.kind {
	case KindString:
		return "string"
	case KindNumber:
		return "integer number"
	case KindBool:
		return "logical value"
	case KindID:
		return "internal number"
	case KindTime:
		return "time interval"
	case KindArray:
		return "array"
	default:
		return "nothing"
	}
}

func (r *run) unary(ctx context.Context, f frame, e unary) (Value, error) {
	v, err := r.eval(ctx, f, e.x)
	if err != nil {
		return Value{}, err
	}
	switch {
	case e.op == "!":
		b, err := truth(f, v, "negate")
		return Bool(!b), err
	case v.kind == KindNumber && e.op == "-":
		return Number(-v.num), nil
	case v.kind == KindNumber:
		return Number(^v.num), nil
	}
	return Value{}, Fail("cannot negate %s", typeName(v))
}

// binary evaluates both sides, always: and, or do not stop early (TAR).
func (r *run) binary(ctx context.Context, f frame, e binary) (Value, error) {
	x, rawX, err := r.raw(ctx, f, e.x)
	if err != nil {
		return Value{}, err
	}
	y, rawY, err := r.raw(ctx, f, e.y)
	if err != nil {
		return Value{}, err
	}
	if f.row != nil && levelOf(e.op) == levelCompare && e.op != "~" {
		x, y = coerce(f, e.y, x, rawX), coerce(f, e.x, y, rawY)
	}
	switch e.op {
	case "and", "or":
		return logical(f, e.op, x, y)
	case "=":
		return Bool(same(f, x, y)), nil
	case "!=":
		return Bool(!same(f, x, y)), nil
	case "<", ">", "<=", ">=":
		return compare(f, e.op, x, y)
	case "~":
		return r.match(f, x, y)
	case ".":
		return String(textOr(rawX, x) + textOr(rawY, y)), nil
	case ",":
		return Array(slices.Concat(elements(x), elements(y))...), nil
	case "->":
		if rawY != "" && y.kind != KindNumber {
			y = String(rawY)
		}
		return x.At(y), nil
	}
	return arithmetic(e.op, x, y)
}

// coerce returns other as a value of the property that e is, or as it was.
// An id must be one: in quotes it is none (section 1.8).
func coerce(f frame, e expr, other Value, raw string) Value {
	name := ""
	switch e := e.(type) {
	case property:
		name = e.name
	case variable:
		if e.property {
			name = e.name
		}
	}
	p, ok := f.schema.find(name)
	if !ok || p.Form == Ident || other.kind == kindOdd || other.kind == KindArray || other.missing() {
		return other
	}
	if v, err := convert(p, other, raw); err == nil {
		return v
	}
	return other
}

func logical(f frame, op string, x, y Value) (Value, error) {
	a, err := truth(f, x, op)
	if err != nil {
		return Value{}, err
	}
	b, err := truth(f, y, op)
	if err != nil {
		return Value{}, err
	}
	if op == "and" {
		return Bool(a && b), nil
	}
	return Bool(a || b), nil
}

// same is equality; in where what is absent equals what is empty.
func same(f frame, x, y Value) bool {
	if f.row != nil && x.Empty() && y.Empty() {
		return true
	}
	return x.Equal(y)
}

func elements(v Value) []Pair {
	switch v.kind {
	case KindArray:
		return v.pairs
	case KindNothing, KindNil:
		return nil
	default:
		return []Pair{{Value: v}}
	}
}
