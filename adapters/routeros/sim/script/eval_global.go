package script

import (
	"errors"
	"time"
)

// global runs a global command.
func (r *run) global(f frame, c *command) (Value, error) {
	switch c.name {
	case "{":
		return r.block(f, c.blocks["do"])
	case ":if":
		return r.branch(f, c)
	case ":do":
		return r.do(f, c)
	case ":while":
		return Value{}, r.while(f, c)
	case ":for":
		return Value{}, r.count(f, c)
	case ":foreach":
		return Value{}, r.each(f, c)
	case ":onerror":
		return r.onError(f, c)
	case ":local", ":global", ":set":
		return Value{}, r.variable(f, c)
	}
	args, err := r.args(f, c)
	if err != nil {
		return Value{}, err
	}
	switch c.name {
	case ":put":
		return Value{}, r.s.Line(args.Get("message").Text())
	case ":error":
		return Value{}, Fail("%s", args.Get("message").Text())
	case ":return":
		return Value{}, &returned{value: args.Get("value")}
	case ":delay":
		return Value{}, r.delay(args.Get("delay-time"))
	case ":nothing":
		return Nil(), nil
	case ":pick":
		return pick(args)
	case ":find":
		return find(args)
	case ":serialize":
		return serialize(args)
	}
	return cast(c.name, args.Get("value"))
}

// args evaluates the parameters from left to right. An unquoted word of :put
// or an option stays the text it is.
func (r *run) args(f frame, c *command) (Fields, error) {
	fields := make(Fields, 0, len(c.args))
	for _, a := range c.args {
		v, raw, err := r.raw(f, a.value)
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
func (r *run) value(f frame, c *command, name string) (Value, error) {
	a, ok := c.arg(name)
	if !ok {
		return Value{}, nil
	}
	return r.eval(f, a.value)
}

func (r *run) variable(f frame, c *command) error {
	v, err := r.value(f, c, "value")
	if err != nil {
		return err
	}
	switch c.name {
	case ":local":
		f.scope.vars[c.vars[0]] = v
	case ":global":
		if _, given := c.arg("value"); given {
			r.s.globals[c.vars[0]] = v
		}
	default:
		r.assign(f, c.vars[0], v)
	}
	return nil
}

// condition is what :if and the loops ask.
func (r *run) condition(f frame, c *command, name string) (bool, error) {
	v, err := r.value(f, c, name)
	if err != nil {
		return false, err
	}
	if v.kind != KindBool {
		return false, Fail("conditional not boolean")
	}
	return v.True(), nil
}

func (r *run) branch(f frame, c *command) (Value, error) {
	yes, err := r.condition(f, c, "condition")
	switch {
	case err != nil:
		return Value{}, err
	case yes:
		return r.block(f, c.blocks["do"])
	case c.blocks["else"] != nil:
		return r.block(f, c.blocks["else"])
	}
	return Value{}, nil
}

// do runs a block, again and again with while=, and on-error= if it fails.
func (r *run) do(f frame, c *command) (Value, error) {
	for {
		v, err := r.block(f, c.blocks["do"])
		var e *Error
		if errors.As(err, &e) && c.blocks["on-error"] != nil {
			return r.block(f, c.blocks["on-error"])
		}
		if _, loops := c.arg("while"); err != nil || !loops {
			return v, err
		}
		again, err := r.condition(f, c, "while")
		if err != nil || !again {
			return v, err
		}
		if err := r.ctx.Err(); err != nil {
			return Value{}, err
		}
	}
}

func (r *run) while(f frame, c *command) error {
	for {
		again, err := r.condition(f, c, "condition")
		if err != nil || !again {
			return err
		}
		if err := r.loop(f, c); err != nil {
			return err
		}
	}
}

// loop runs the body of a loop once, with its variables.
func (r *run) loop(f frame, c *command, values ...Value) error {
	if err := r.ctx.Err(); err != nil {
		return err
	}
	inner := f.inner()
	for i, v := range values {
		inner.scope.vars[c.vars[i]] = v
	}
	_, err := r.block(inner, c.blocks["do"])
	return err
}

func (r *run) count(f frame, c *command) error {
	args, err := r.args(f, c)
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
		if err := r.loop(f, c, Number(i)); err != nil {
			return err
		}
	}
	return nil
}

// each walks an array; with two names the first is the element's name or place.
func (r *run) each(f frame, c *command) error {
	v, err := r.value(f, c, "in")
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
		if err := r.loop(f, c, values...); err != nil {
			return err
		}
	}
	return nil
}

// onError is true when an error was caught (section 1.9).
func (r *run) onError(f frame, c *command) (Value, error) {
	_, err := r.block(f, c.blocks["in"])
	var e *Error
	if !errors.As(err, &e) {
		return Bool(false), err
	}
	if c.blocks["do"] == nil {
		return Bool(true), nil
	}
	inner := f.inner()
	inner.scope.vars[c.vars[0]] = String(e.Located())
	_, err = r.block(inner, c.blocks["do"])
	return Bool(true), err
}

// delay waits; a number is seconds, and without one it is one second.
func (r *run) delay(v Value) error {
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
	case <-r.ctx.Done():
		return r.ctx.Err()
	}
}
