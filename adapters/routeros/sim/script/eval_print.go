package script

import (
	"context"
	"slices"
)

// find returns the ids of the rows that match.
func (r *run) find(ctx context.Context, f frame, c *command) (Value, error) {
	rows, err := r.rows(ctx, f, c)
	if err != nil {
		return Value{}, err
	}
	ids := make([]Value, 0, len(rows))
	for _, row := range rows {
		ids = append(ids, ID(row.ID))
	}
	return List(ids...), nil
}

// rows are those for which where holds; without it all are.
func (r *run) rows(ctx context.Context, f frame, c *command) ([]Row, error) {
	all, err := r.candidates(ctx, f, c)
	if err != nil || c.where == nil {
		return all, err
	}
	var rows []Row
	for i := range all {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		inner := frame{scope: f.scope, schema: c.menu.Schema(), row: &all[i]}
		v, err := r.eval(ctx, inner, c.where)
		if err != nil {
			return nil, err
		}
		if isSet(v) {
			rows = append(rows, all[i])
		}
	}
	return rows, nil
}

// candidates are the rows where can hold for: those an index gives for one of
// the equalities that must all hold, or else every row.
func (r *run) candidates(ctx context.Context, f frame, c *command) ([]Row, error) {
	if _, ok := c.menu.(Index); !ok {
		return c.menu.Rows(ctx)
	}
	for _, e := range conjuncts(c.where) {
		name, ok := e.x.(property)
		if !ok || e.op != "=" || !fixed(e.y) {
			continue
		}
		v, raw, err := r.raw(ctx, frame{scope: f.scope}, e.y)
		if err != nil {
			return nil, err
		}
		v = coerce(frame{schema: c.menu.Schema()}, name, v, raw)
		if v.Empty() {
			continue // absent is equal to it too
		}
		rows, ok, err := lookup(ctx, c.menu, name.name, v)
		if ok || err != nil {
			return rows, err
		}
	}
	return c.menu.Rows(ctx)
}

// conjuncts are the operations that must all be true for e to be.
func conjuncts(e expr) []binary {
	b, ok := e.(binary)
	switch {
	case !ok:
		return nil
	case b.op == "and":
		return append(conjuncts(b.x), conjuncts(b.y)...)
	}
	return []binary{b}
}

// fixed says whether e is the same for every row and free of effects.
func fixed(e expr) bool {
	switch e := e.(type) {
	case constant, bare:
		return true
	case variable:
		return !e.property
	}
	return false
}

// print shows rows, or with as-value hands them over.
func (r *run) print(ctx context.Context, f frame, c *command, s *Schema) (Value, error) {
	props, err := r.proplist(ctx, f, c, s)
	if err != nil {
		return Value{}, err
	}
	rows, err := r.rows(ctx, f, c)
	if err != nil {
		return Value{}, err
	}
	has := func(flag string) bool { return slices.Contains(c.flags, flag) }
	switch {
	case has("count-only"):
		// It prints the number and is the number (section 1.5).
		n := Number(int64(len(rows)))
		return n, r.s.Line(n.Text())
	case has("as-value"):
		return rowsAsValue(s, rows, props, has("detail")), nil
	}
	l := Layout{Width: r.s.Width, Props: props, IDs: has("show-ids")}
	lines := l.Table
	switch {
	case s.Singleton:
		lines = l.Singleton
	case has("terse"):
		lines = l.Terse
	case has("detail"):
		lines = l.Detail
	}
	for _, line := range lines(s, rows) {
		if err := ctx.Err(); err != nil {
			return Value{}, err
		}
		if err := r.s.Line(line); err != nil {
			return Value{}, err
		}
	}
	return Value{}, nil
}

// proplist is the properties to show, nil for the usual ones.
func (r *run) proplist(ctx context.Context, f frame, c *command, s *Schema) ([]string, error) {
	a, ok := c.arg("proplist")
	if !ok {
		return nil, nil
	}
	v, raw, err := r.raw(ctx, f, a.value)
	if err != nil {
		return nil, err
	}
	if raw != "" {
		v = String(raw)
	}
	var names []string
	for _, p := range toArray(v).pairs {
		name := p.Value.Text()
		if _, ok := s.find(name); !ok {
			return nil, Fail("input does not match any value of proplist")
		}
		names = append(names, name)
	}
	return names, nil
}

func rowsAsValue(s *Schema, rows []Row, props []string, detail bool) Value {
	if s.Singleton && len(rows) == 1 {
		return asValue(s, rows[0], props, true)
	}
	items := make([]Value, 0, len(rows))
	for _, row := range rows {
		items = append(items, asValue(s, row, props, detail))
	}
	return List(items...)
}

// asValue is a row as an array: the properties asked for, all with detail,
// otherwise the columns of the table.
func asValue(s *Schema, row Row, props []string, detail bool) Value {
	pairs := make([]Pair, 0, len(row.Fields)+1)
	add := func(name string, v Value) {
		show := detail
		switch {
		case props != nil:
			show = slices.Contains(props, name)
		case !detail:
			p, ok := s.find(name)
			show = ok && p.Column
		}
		if show {
			pairs = append(pairs, Pair{Key: name, Named: true, Value: v})
		}
	}
	if row.ID != "" {
		add(".id", ID(row.ID))
	}
	for _, field := range row.Fields {
		add(field.Name, field.Value)
	}
	return Array(pairs...)
}
