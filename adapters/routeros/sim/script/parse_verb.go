package script

import "slices"

// shape is what a verb of a menu takes.
type shape struct {
	positional []string
	flags      []string
	param      func(name string) bool
	where      bool // "where" starts an expression
	bareWhere  bool // so does anything else
}

// printFlags are the modifiers of print in every version, as far as they are
// known here: value-list, stats, oid and interval= are refused.
func printFlags() []string {
	return []string{"detail", "brief", "terse", "count-only", "as-value", "without-paging", "show-ids"}
}

// shape returns how a verb is called; ok is false if the menu has no such verb.
func (s *Schema) shape(verb string) (shape, bool) {
	if c, ok := s.command(verb); ok {
		return shape{positional: c.Positional, param: func(name string) bool {
			return slices.ContainsFunc(c.Params, func(p Property) bool { return p.Name == name })
		}}, true
	}
	if !slices.Contains(s.Verbs, verb) {
		return shape{}, false
	}
	item := []string{"numbers"}
	if s.Singleton {
		item = nil
	}
	switch verb {
	case "print":
		flags := append(printFlags(), s.Modifiers...)
		return shape{flags: flags, param: oneOf("proplist"), where: !s.Singleton}, true
	case "find":
		return shape{param: oneOf(), where: true, bareWhere: true}, true
	case "get":
		return shape{positional: append(item, "value-name"), param: oneOf("numbers", "value-name")}, true
	case "add":
		return shape{param: s.writable}, true
	case "set":
		return shape{positional: item, param: func(n string) bool { return n == "numbers" || s.writable(n) }}, true
	case "unset":
		return shape{positional: append(item, "value-name"), param: oneOf("numbers", "value-name")}, true
	case "comment":
		return shape{positional: item, param: oneOf("numbers", "comment")}, true
	}
	return shape{positional: item, param: oneOf("numbers")}, true
}

func oneOf(names ...string) func(string) bool {
	return func(name string) bool { return slices.Contains(names, name) }
}

func (s *Schema) writable(name string) bool {
	p, ok := s.find(name)
	return ok && !p.ReadOnly
}

// verb reads the parameters of a menu's verb.
func (p *parser) verb(path, name string, at int) (*command, error) {
	menu := p.tree.menus[path]
	if menu == nil {
		return nil, p.failAt(at, "bad command name "+name)
	}
	sh, ok := menu.Schema().shape(name)
	if !ok {
		return nil, p.failAt(at, "bad command name "+name)
	}
	c := &command{column: at + 1, name: name, path: path, menu: menu}
	// Inside the parameters a relative command is one of this menu: [find …].
	outer := p.context
	p.context = path
	err := p.verbArgs(c, sh)
	p.context = outer
	return c, err
}

func (p *parser) verbArgs(c *command, sh shape) error {
	for i := 0; ; {
		spaced := p.blanks()
		if p.atEnd() {
			return nil
		}
		if !spaced && (len(c.args) > 0 || p.peek() != '[') {
			return p.fail("expected end of command")
		}
		at := p.pos
		if p.word("where") && sh.where {
			return p.whereOf(c, at)
		}
		p.pos = at
		if sh.bareWhere {
			return p.whereOf(c, at)
		}
		name, named := p.keyword()
		switch {
		case named && sh.param(name):
		case named:
			return p.failAt(at, "expected end of command")
		case p.flag(c, sh):
			continue
		case i < len(sh.positional):
			name = sh.positional[i]
			i++
		default:
			return p.failAt(at, "expected end of command")
		}
		if err := p.param(c, name, at); err != nil {
			return err
		}
	}
}

// word reads one whole word.
func (p *parser) word(want string) bool {
	start := p.pos
	if p.take(isName) == want {
		return true
	}
	p.pos = start
	return false
}

// flag reads a modifier such as detail.
func (p *parser) flag(c *command, sh shape) bool {
	start := p.pos
	name := p.take(isName)
	if name == "" || !slices.Contains(sh.flags, name) || slices.Contains(c.flags, name) {
		p.pos = start
		return false
	}
	c.flags = append(c.flags, name)
	return true
}

// whereOf reads the expression a command ends with. Conditions that follow each
// other without an operator must all hold.
func (p *parser) whereOf(c *command, at int) error {
	where, parens := p.where, p.parens
	p.where, p.parens = c.menu.Schema(), 0
	for {
		p.blanks()
		if p.atEnd() {
			break
		}
		e, err := p.expression()
		if err != nil {
			return err
		}
		if c.where == nil {
			c.where = e
			continue
		}
		c.where = binary{op: "and", x: c.where, y: e}
	}
	p.where, p.parens = where, parens
	if c.where == nil && c.name != "find" {
		return p.failAt(at, "syntax error")
	}
	return nil
}
