package script

import (
	"context"
	"slices"
)

// verb runs a command of a menu.
func (r *run) verb(ctx context.Context, f frame, c *command) (Value, error) {
	s := c.menu.Schema()
	if _, own := s.command(c.name); own {
		return r.own(ctx, f, c, s)
	}
	switch c.name {
	case "print":
		return r.print(ctx, f, c, s)
	case "find":
		return r.find(ctx, f, c)
	case "get":
		return r.get(ctx, f, c, s)
	case "add":
		fields, err := r.fields(ctx, f, c, s.find)
		if err != nil {
			return Value{}, err
		}
		id, err := c.menu.Add(ctx, fields)
		return ID(id), err
	}
	return Value{}, r.change(ctx, f, c, s)
}

// own runs a command that only this menu has.
func (r *run) own(ctx context.Context, f frame, c *command, s *Schema) (Value, error) {
	known, _ := s.command(c.name)
	fields, err := r.fields(ctx, f, c, func(name string) (Property, bool) {
		i := slices.IndexFunc(known.Params, func(p Property) bool { return p.Name == name })
		if i < 0 {
			return Property{}, false
		}
		return known.Params[i], true
	})
	if err != nil {
		return Value{}, err
	}
	return c.menu.Run(ctx, c.name, fields, r.s)
}

// fields evaluates the parameters that are properties and gives them their form.
func (r *run) fields(ctx context.Context, f frame, c *command, find func(string) (Property, bool)) (Fields, error) {
	fields := make(Fields, 0, len(c.args))
	for _, a := range c.args {
		p, ok := find(a.name)
		if !ok {
			continue
		}
		v, raw, err := r.raw(ctx, f, a.value)
		if err != nil {
			return nil, err
		}
		v, bad := convert(p, v, raw)
		if bad != nil {
			bad.Path, bad.Arg = c.full(), a.name
			return nil, bad
		}
		fields = append(fields, Field{Name: a.name, Value: v})
	}
	return fields, nil
}

// change runs the verbs that alter items they name.
func (r *run) change(ctx context.Context, f frame, c *command, s *Schema) error {
	rows, err := r.items(ctx, f, c, s)
	if err != nil {
		return err
	}
	var fields Fields
	switch c.name {
	case "enable", "disable":
		fields = Fields{{Name: "disabled", Value: Bool(c.name == "disable")}}
	case "unset":
		name, err := r.propertyName(ctx, f, c, s)
		if err != nil {
			return err
		}
		if !s.writable(name) {
			return Fail("input does not match any value of value-name")
		}
		fields = Fields{{Name: name, Value: Nil()}}
	default:
		if fields, err = r.fields(ctx, f, c, s.find); err != nil {
			return err
		}
	}
	for _, row := range rows {
		if err := ctx.Err(); err != nil {
			return err
		}
		if c.name == "remove" {
			err = c.menu.Remove(ctx, row.ID)
		} else {
			err = c.menu.Set(ctx, row.ID, fields)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// items are the rows the parameter numbers stands for.
func (r *run) items(ctx context.Context, f frame, c *command, s *Schema) ([]Row, error) {
	if s.Singleton {
		return []Row{{}}, nil
	}
	a, ok := c.arg("numbers")
	if !ok {
		return nil, Fail("missing value(s) of argument(s) numbers")
	}
	v, raw, err := r.raw(ctx, f, a.value)
	if err != nil {
		return nil, err
	}
	if raw != "" {
		return r.named(ctx, c, s, raw)
	}
	if v.kind == KindArray && len(v.pairs) == 0 && r.s.Quirks.EmptyFindFails {
		return nil, Fail("expected item id (line 1 column %d)", a.column)
	}
	if v.missing() {
		return nil, r.noSuchItem()
	}
	var rows []Row
	for _, p := range elements(v) {
		row, err := r.item(ctx, c, s, p.Value)
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// named resolves items written as words: "*1A,*1B" or "disk1".
func (r *run) named(ctx context.Context, c *command, s *Schema, words string) ([]Row, error) {
	var rows []Row
	for _, p := range toArray(String(words)).pairs {
		v := p.Value
		if l := literal(v.text); l.kind == KindID || l.kind == KindNumber {
			v = l
		}
		row, err := r.item(ctx, c, s, v)
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// item resolves an id, a row number, or the value of the menu's key.
func (r *run) item(ctx context.Context, c *command, s *Schema, v Value) (Row, error) {
	name := s.Key
	if v.kind == KindID {
		name = ".id"
	}
	rows, ok, err := lookup(ctx, c.menu, name, v)
	if err != nil {
		return Row{}, err
	}
	if !ok {
		if rows, err = c.menu.Rows(ctx); err != nil {
			return Row{}, err
		}
	}
	for _, row := range rows {
		// A name that looks like a number is a row number (section 1.8).
		if v.kind == KindNumber && int64(row.Number) == v.num ||
			v.kind != KindNumber && name != "" && row.Get(name).Equal(v) {
			return row, nil
		}
	}
	return Row{}, r.noSuchItem()
}

func (r *run) noSuchItem() error {
	if r.s.Quirks.NumberedErrors {
		return Fail("no such item (4)")
	}
	return Fail("no such item")
}

// lookup asks the index of a menu, if it has one.
func lookup(ctx context.Context, m Menu, name string, v Value) ([]Row, bool, error) {
	index, ok := m.(Index)
	if !ok || v.kind == KindNumber {
		return nil, false, nil
	}
	return index.Lookup(ctx, name, v)
}

// get reads one property of one item, or all of them.
func (r *run) get(ctx context.Context, f frame, c *command, s *Schema) (Value, error) {
	row, err := r.one(ctx, f, c, s)
	if err != nil {
		return Value{}, err
	}
	if _, given := c.arg("value-name"); !given {
		return asValue(s, row, nil, true), nil
	}
	name, err := r.propertyName(ctx, f, c, s)
	if err != nil {
		return Value{}, err
	}
	// TIK §10.10: the id is no value-name.
	if _, ok := s.find(name); !ok || name == ".id" {
		return Value{}, Fail("input does not match any value of value-name")
	}
	v := row.Get(name)
	if v.kind == KindNothing {
		v = Nil()
	}
	return v, nil
}

// one is the only row a command is about.
func (r *run) one(ctx context.Context, f frame, c *command, s *Schema) (Row, error) {
	if !s.Singleton {
		rows, err := r.items(ctx, f, c, s)
		switch {
		case err != nil:
			return Row{}, err
		case len(rows) == 0:
			return Row{}, r.noSuchItem()
		case len(rows) > 1:
			return Row{}, Fail("invalid internal item number")
		}
		return rows[0], nil
	}
	rows, err := c.menu.Rows(ctx)
	if err != nil || len(rows) == 0 {
		return Row{}, err
	}
	return rows[0], nil
}

// propertyName is the parameter value-name.
func (r *run) propertyName(ctx context.Context, f frame, c *command, _ *Schema) (string, error) {
	a, ok := c.arg("value-name")
	if !ok {
		return "", Fail("missing value(s) of argument(s) value-name")
	}
	v, raw, err := r.raw(ctx, f, a.value)
	return textOr(raw, v), err
}
