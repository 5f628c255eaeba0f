package script

import (
	"context"
	"errors"
	"time"
)

// global runs a global command.
func (r *run) global(ctx context.Context, f frame, c *command) (Value, error) {
	switch c.name {
	case "{":
		return r.block(ctx, f, c.blocks["do"])
	case ":if":
		return r.branch(ctx, f, c)
	case ":do":
		return r.do(ctx, f, c)
	case ":while":
		return Value{}, r.while(ctx, f, c)
	case ":for":
		return Value{}, r.count(ctx, f, c)
	case ":foreach":
		return Value{}, r.each(ctx, f, c)
	case ":onerror":
		return r.onError(ctx, f, c)
	case ":local", ":global", ":set":
		return Value{}, r.variable(ctx, f, c)
	}
	args, err := r.args(ctx, f, c)
	if err != nil {
		return Value{}, err
	}
	return r.simple(ctx, c.name, args)
}

// simple runs the global commands that take values alone.
func (r *run) simple(ctx context.Context, name string, args Fields) (Value, error) {
	switch name {
	case ":put":
		return Value{}, r.s.Line(args.Get("message").Text())
	case ":error":
		return Value{}, Fail("%s", args.Get("message").Text())
	case ":return":
		return Value{}, &returned{value: args.Get("value")}
	case ":delay":
		return Value{}, r.delay(ctx, args.Get("delay-time"))
	case ":nothing":
		return Nil(), nil
	case ":pick":
		return pick(args)
	case ":find":
		return find(args)
	case ":serialize":
		return serialize(args)
	}
	return cast(name, args.Get("value"))
}

// args evaluates the parameters from left to right. An unquoted word of :put
// or an option stays the text it is.
func (r *run) args(ctx context.Context, f frame, c *command) (Fields, error) {
	fields := make(Fields, 0, len(c.args))
	for _, a := range c.args {
		v, raw, err := r.raw(ctx, f, a.value)
		if err != nil {
			return nil, err
		}
		if a.name == "message" || c.name == ":serialize" && a.name != "value" {
			v = String(textOr(raw, v))
		}
		fields = append(fields, Field{Name: a.name, Value: v})
	}
	return fields, nil
}

// value evaluates one parameter; without it the value is Nothing.
func (r *run) value(ctx context.Context, f frame, c *command, name string) (Value, error) {
	a, ok := c.arg(name)
	if !ok {
		return Value{}, nil
	}
	return r.eval(ctx, f, a.value)
}

func (r *run) variable(ctx context.Context, f frame, c *command) error {
	v, err := r.value(ctx, f, c, "value")
	if err != nil {
		return err
	}
	switch c.name {
	case ":local":
		f.scope.vars[c.vars[0]] = v
	case ":global":
		f.scope.globals = append(f.scope.globals, c.vars[0])
		if _, given := c.arg("value"); given {
			r.s.globals[c.vars[0]] = v
		}
	default:
		r.assign(f, c.vars[0], v)
	}
	return nil
}

// condition is what :if and the loops ask.
func (r *run) condition(ctx context.Context, f frame, c *command, name string) (bool, error) {
	v, err := r.value(ctx, f, c, name)
	if err != nil {
		return false, err
	}
	if v.kind != KindBool {
		return false, Fail("conditional not boolean")
	}
	return v.True(), nil
}

func (r *run) branch(ctx context.Context, f frame, c *command) (Value, error) {
	yes, err := r.condition(ctx, f, c, "condition")
	switch {
	case err != nil:
		return Value{}, err
	case yes:
		return r.block(ctx, f, c.blocks["do"])
	case c.blocks["else"] != nil:
		return r.block(ctx, f, c.blocks["else"])
	}
	return Value{}, nil
}

// do runs a block, again and again with while=, and on-error= if it fails.
func (r *run) do(ctx context.Context, f frame, c *command) (Value, error) {
	for {
		v, err := r.block(ctx, f, c.blocks["do"])
		var e *Error
		if errors.As(err, &e) && c.blocks["on-error"] != nil {
			return r.block(ctx, f, c.blocks["on-error"])
		}
		if _, loops := c.arg("while"); err != nil || !loops {
			return v, err
		}
		again, err := r.condition(ctx, f, c, "while")
		if err != nil || !again {
			return v, err
		}
		if err := ctx.Err(); err != nil {
			return Value{}, err
		}
	}
}

func (r *run) while(ctx context.Context, f frame, c *command) error {
	for {
		again, err := r.condition(ctx, f, c, "condition")
		if err != nil || !again {
			return err
		}
		if err := r.loop(ctx, f, c); err != nil {
			return err
		}
	}
}

// loop runs the body of a loop once, with its variables.
func (r *run) loop(ctx context.Context, f frame, c *command, values ...Value) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	inner := f.inner()
	for i, v := range values {
		inner.scope.vars[c.vars[i]] = v
	}
	_, err := r.block(ctx, inner, c.blocks["do"])
	return err
}

func (r *run) count(ctx context.Context, f frame, c *command) error {
	args, err := r.args(ctx, f, c)
	if err != nil {
		return err
	}
	from, to, step := args.Get("from"), args.Get("to"), args.Get("step")
	if step.missing() {
		step = Number(1)
		if from.num > to.num {
			step = Number(-1)
		}
	}
	for _, v := range []Value{from, to, step} {
		if v.kind != KindNumber {
			return Fail("invalid value for argument from")
		}
	}
	if step.num == 0 {
		return Fail("invalid value for argument step")
	}
	for i := from.num; step.num > 0 && i <= to.num || step.num < 0 && i >= to.num; i += step.num {
		if err := r.loop(ctx, f, c, Number(i)); err != nil {
			return err
		}
	}
	return nil
}

// each walks an array; with two names the first is the element's name or place.
func (r *run) each(ctx context.Context, f frame, c *command) error {
	v, err := r.value(ctx, f, c, "in")
	if err != nil {
		return err
	}
	for i, p := range elements(v) {
		values := []Value{p.Value}
		if len(c.vars) == 2 {
			key := Number(int64(i))
			if p.Named {
				key = String(p.Key)
			}
			values = []Value{key, p.Value}
		}
		if err := r.loop(ctx, f, c, values...); err != nil {
			return err
		}
	}
	return nil
}

// onError is true when an error was caught (section 1.9).
func (r *run) onError(ctx context.Context, f frame, c *command) (Value, error) {
	_, err := r.block(ctx, f, c.blocks["in"])
	var e *Error
	if !errors.As(err, &e) {
		return Bool(false), err
	}
	if c.blocks["do"] == nil {
		return Bool(true), nil
	}
	inner := f.inner()
	inner.scope.vars[c.vars[0]] = String(e.Located())
	_, err = r.block(ctx, inner, c.blocks["do"])
	return Bool(true), err
}

// delay waits; a number is seconds, and without one it is one second.
func (r *run) delay(ctx context.Context, v Value) error {
	d := time.Second
	switch v.kind {
	case KindNumber:
		d = time.Duration(v.num) * time.Second
	case KindTime:
		d = time.Duration(v.num)
	case KindNothing:
	default:
		return Fail("invalid value for argument delay-time")
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
