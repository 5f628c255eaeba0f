package script

import (
	"slices"
)

// grammar is the shape of a global command.
type grammar struct {
	vars       int      // how many variable names come first, at most
	positional []string // parameters that may come without a name
	optional   int      // how many of those, from the last, may be left out
	named      []string // parameters that need their name
	lead       string   // a block that comes without a name
	blocks     []string // blocks with a name
	must       []string // the blocks and named parameters that must be there
}

// grammarOf returns the shape of a global command; ok is false if there is none
// of that name.
func grammarOf(name string) (g grammar, ok bool) {
	value := []string{"value"}
	switch name {
	case "put", "error":
		return grammar{positional: []string{"message"}}, true
	case "local", "global", "set":
		return grammar{vars: 1, positional: value, optional: 1}, true
	case "if":
		return grammar{positional: []string{"condition"}, blocks: []string{"do", "else"},
			must: []string{"do"}}, true
	case "do":
		return grammar{lead: "do", blocks: []string{"on-error"}, named: []string{"while"}}, true
	case "while":
		return grammar{positional: []string{"condition"}, blocks: []string{"do"}, must: []string{"do"}}, true
	case "for":
		return grammar{vars: 1, named: []string{"from", "to", "step"}, blocks: []string{"do"},
			must: []string{"from", "to", "do"}}, true
	case "foreach":
		return grammar{vars: 2, named: []string{"in"}, blocks: []string{"do"}, must: []string{"in", "do"}}, true
	case "onerror":
		return grammar{vars: 1, blocks: []string{"in", "do"}, must: []string{"in"}}, true
	case "return":
		return grammar{positional: value, optional: 1}, true
	case "delay":
		return grammar{positional: []string{"delay-time"}, optional: 1}, true
	case "nothing":
		return grammar{}, true
	case "len", "tonum", "tostr", "toid", "tobool", "totime", "toarray", "typeof":
		return grammar{positional: value}, true
	case "pick":
		return grammar{positional: []string{"counter", "begin", "end"}, optional: 1}, true
	case "find":
		return grammar{positional: []string{"where", "what", "from"}, optional: 1}, true
	case "serialize":
		return grammar{positional: value, named: []string{"to", "options"}, must: []string{"to"}}, true
	}
	return grammar{}, false
}

// global reads a global command; at is where its name, or its colon, begins.
func (p *parser) global(at int) (*command, error) {
	name := p.take(isName)
	g, ok := grammarOf(name)
	if !ok {
		if name == "" {
			return nil, p.fail("expected command name")
		}
		return nil, p.failAt(at, "bad command name "+name)
	}
	c := &command{column: at + 1, name: ":" + name, blocks: map[string]*block{}}
	if err := p.vars(c, g); err != nil {
		return nil, err
	}
	if g.lead != "" {
		p.blanks()
		if err := p.code(c, g.lead); err != nil {
			return nil, err
		}
	}
	if err := p.globalArgs(c, g); err != nil {
		return nil, err
	}
	if missing := g.missing(c); missing != "" {
		return nil, p.fail("missing value(s) of argument(s) " + missing)
	}
	if c.name == ":local" || c.name == ":global" {
		p.declare(c.vars[0])
	}
	return c, nil
}

// vars reads the names of variables a command begins with.
func (p *parser) vars(c *command, g grammar) error {
	for len(c.vars) < g.vars {
		p.blanks()
		at := p.pos
		name, err := p.varName()
		if err != nil {
			return err
		}
		// DOC-scripting: a variable that was never declared can not be set.
		if c.name == ":set" && !p.declared(name) {
			return p.failAt(at, "syntax error")
		}
		c.vars = append(c.vars, name)
		if p.peek() != ',' {
			break
		}
		p.pos++
	}
	return nil
}

// varName reads letters and digits, or anything in quotes.
func (p *parser) varName() (string, error) {
	if p.peek() == '"' {
		at := p.pos
		e, err := p.quoted()
		if err != nil {
			return "", err
		}
		if k, ok := e.(constant); ok && k.value.text != "" {
			return k.value.text, nil
		}
		return "", p.failAt(at, "syntax error")
	}
	if name := p.take(isAlnum); name != "" {
		return name, nil
	}
	return "", p.fail("syntax error")
}

// code reads a block of commands. Variables of its command are known in it.
func (p *parser) code(c *command, name string) error {
	if p.peek() != '{' {
		return p.fail("syntax error")
	}
	p.pos++
	scopes := p.scopes
	p.scopes = append(slices.Clone(p.scopes), c.vars)
	body, err := p.block('}')
	if err != nil {
		return err
	}
	p.scopes = scopes
	c.blocks[name] = body
	return nil
}

func (p *parser) globalArgs(c *command, g grammar) error {
	for i := 0; ; {
		spaced := p.blanks()
		if p.atEnd() {
			return nil
		}
		if (len(c.args) > 0 || len(c.vars) > 0 || len(c.blocks) > 0) && !spaced {
			return p.fail("expected end of command")
		}
		at := p.pos
		name, named := p.keyword()
		switch {
		case named && slices.Contains(g.blocks, name) && c.blocks[name] == nil:
			if err := p.code(c, name); err != nil {
				return err
			}
			continue
		case named && (slices.Contains(g.named, name) || slices.Contains(g.positional, name)):
		case !named && i < len(g.positional):
			name = g.positional[i]
			i++
		default:
			return p.failAt(at, "expected end of command")
		}
		if err := p.param(c, name, at); err != nil {
			return err
		}
	}
}

// keyword reads "name=" if that comes next; else it reads nothing.
func (p *parser) keyword() (string, bool) {
	start := p.pos
	name := p.take(func(c byte) bool { return isName(c) || c == '.' })
	if name != "" && p.peek() == '=' {
		p.pos++
		return name, true
	}
	p.pos = start
	return "", false
}

// param reads the value of a parameter, which may be given once.
func (p *parser) param(c *command, name string, at int) error {
	if _, twice := c.arg(name); twice {
		return p.failAt(at, "expected end of command")
	}
	v, err := p.value()
	if err != nil {
		return err
	}
	c.args = append(c.args, arg{column: at + 1, name: name, value: v})
	return nil
}

// missing names the first thing a command can not do without.
func (g grammar) missing(c *command) string {
	for _, name := range g.positional[:len(g.positional)-g.optional] {
		if _, ok := c.arg(name); !ok {
			return name
		}
	}
	for _, name := range g.must {
		if _, ok := c.arg(name); !ok && c.blocks[name] == nil {
			return name
		}
	}
	return ""
}
