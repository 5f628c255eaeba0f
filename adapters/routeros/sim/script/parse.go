package script

import (
	"slices"
	"strings"
)

// maxDepth bounds how deep brackets nest, so that no line exhausts the stack.
const maxDepth = 128

// Parse reads a line against the menus of a tree. The error is a *ParseError;
// a line with one has no effect whatsoever.
func Parse(tree *Tree, line string) (*Line, error) {
	p := &parser{src: line, tree: tree}
	if i := strings.IndexFunc(line, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }); i >= 0 {
		// DOC-ssh (section 4.4): a command with a newline fails.
		return nil, p.failAt(i, "syntax error")
	}
	body, err := p.block(0)
	if err != nil {
		return nil, err
	}
	return &Line{body: body}, nil
}

type parser struct {
	src     string
	pos     int
	tree    *Tree
	context string // the menu a relative path starts from
	depth   int
	scopes  [][]string // names declared, innermost scope last
	where   *Schema    // in a where expression: the menu it is about
	parens  int        // how many parentheses are open inside that expression
}

func (p *parser) failAt(at int, text string) error {
	return &ParseError{Text: text, Column: at + 1}
}

func (p *parser) fail(text string) error { return p.failAt(p.pos, text) }

func (p *parser) eof() bool { return p.pos >= len(p.src) }

// peek is the next byte, zero at the end.
func (p *parser) peek() byte { return p.peekAt(0) }

func (p *parser) peekAt(n int) byte {
	if p.pos+n >= len(p.src) {
		return 0
	}
	return p.src[p.pos+n]
}

// blanks skips white space and says whether there was some.
func (p *parser) blanks() bool {
	start := p.pos
	for p.peek() == ' ' || p.peek() == '\t' {
		p.pos++
	}
	return p.pos > start
}

// atEnd says whether a command ends here.
func (p *parser) atEnd() bool {
	return p.eof() || strings.IndexByte(";]}", p.peek()) >= 0
}

// take reads the longest run of bytes that ok accepts.
func (p *parser) take(ok func(byte) bool) string {
	start := p.pos
	for !p.eof() && ok(p.src[p.pos]) {
		p.pos++
	}
	return p.src[start:p.pos]
}

func isAlnum(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || isDigit(c)
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isName(c byte) bool { return isAlnum(c) || c == '-' || c == '_' }

// enter counts a level of nesting.
func (p *parser) enter() error {
	p.depth++
	if p.depth > maxDepth {
		return p.fail("syntax error")
	}
	return nil
}

// block reads commands up to end, which is ] or } or, as zero, the line's end.
func (p *parser) block(end byte) (*block, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	outer := *p
	p.scopes = append(slices.Clone(p.scopes), nil)
	p.where, p.parens = nil, 0
	b := &block{}
	for {
		p.blanks()
		switch c := p.peek(); {
		case p.eof() && end == 0, !p.eof() && c == end:
			if end != 0 {
				p.pos++
			}
			outer.pos, outer.depth = p.pos, p.depth-1
			*p = outer
			return b, nil
		case p.eof() || c == ']' || c == '}':
			return nil, p.fail("syntax error")
		case c == ';':
			p.pos++
			continue
		case c == '#':
			p.pos = len(p.src)
			continue
		}
		c, err := p.command()
		if err != nil {
			return nil, err
		}
		if c != nil {
			b.commands = append(b.commands, c)
		}
		if p.blanks(); !p.atEnd() {
			return nil, p.fail("expected end of command")
		}
	}
}

// command reads one command. A path alone moves the context and is none.
func (p *parser) command() (*command, error) {
	switch c := p.peek(); {
	case c == '{':
		return p.scope()
	case c == ':':
		p.pos++
		return p.global(p.pos - 1)
	case c == '/', c == '.' && p.peekAt(1) == '.', isName(c):
		return p.path()
	}
	return nil, p.fail("expected command name")
}

// scope reads braces where a command may stand: a scope of their own.
func (p *parser) scope() (*command, error) {
	c := &command{column: p.pos + 1, name: "{"}
	p.pos++
	body, err := p.block('}')
	if err != nil {
		return nil, err
	}
	c.blocks = map[string]*block{"do": body}
	return c, nil
}

// path reads "/disk/print", "/disk print" or "print", whatever the slashes.
func (p *parser) path() (*command, error) {
	start, cur := p.pos, p.context
	if p.peek() == '/' {
		p.pos++
		cur = ""
	}
	for {
		p.blanks()
		if p.atEnd() {
			p.context = cur
			return nil, nil
		}
		at := p.pos
		if strings.HasPrefix(p.src[p.pos:], "..") && cur != "" {
			p.pos += 2
			cur = cur[:strings.LastIndexByte(cur, '/')]
			p.slash()
			continue
		}
		name := p.take(isName)
		if name == "" {
			return nil, p.fail("expected command name")
		}
		if p.tree.dirs[cur+"/"+name] {
			cur += "/" + name
			p.slash()
			continue
		}
		if _, ok := grammarOf(name); ok && cur == "" && at == start {
			p.pos = at
			return p.global(at)
		}
		return p.verb(cur, name, at)
	}
}

func (p *parser) slash() {
	if p.peek() == '/' {
		p.pos++
	}
}

// declare notes a variable of the innermost scope.
func (p *parser) declare(name string) {
	inner := len(p.scopes) - 1
	p.scopes[inner] = append(slices.Clip(p.scopes[inner]), name)
}

func (p *parser) declared(name string) bool {
	return slices.ContainsFunc(p.scopes, func(s []string) bool { return slices.Contains(s, name) })
}
