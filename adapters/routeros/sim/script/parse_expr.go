package script

import (
	"strings"
)

// value reads what may stand as a parameter: a string, a variable, an
// expression in brackets of any kind, or an unquoted word.
func (p *parser) value() (expr, error) {
	switch p.peek() {
	case '"':
		return p.quoted()
	case '$':
		return p.variable()
	case '(':
		return p.paren()
	case '[':
		return p.call()
	case '{':
		return p.listing()
	}
	at := p.pos
	text := p.take(func(c byte) bool { return c > ' ' && c < 0x7f && strings.IndexByte(`;"$()[]{}=\`, c) < 0 })
	if text == "" {
		// TIK §13.1: comment= with nothing behind it is a syntax error.
		return nil, p.fail("syntax error")
	}
	return bare{column: at + 1, text: text}, nil
}

// variable reads $name and $"a name".
func (p *parser) variable() (expr, error) {
	p.pos++
	name, err := p.varName()
	if err != nil {
		return nil, err
	}
	return p.variableOf(name), nil
}

// variableOf knows that in where a property shadows a variable of its name.
func (p *parser) variableOf(name string) expr {
	if p.where != nil {
		_, shadowed := p.where.find(name)
		return variable{name: name, property: shadowed}
	}
	return variable{name: name}
}

// paren reads an expression in parentheses.
func (p *parser) paren() (expr, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	p.pos++
	p.parens++
	e, err := p.expression()
	if err != nil {
		return nil, err
	}
	if p.blanks(); p.peek() != ')' {
		return nil, p.fail("syntax error")
	}
	p.pos++
	p.parens--
	p.depth--
	return e, nil
}

// call reads commands in square brackets.
func (p *parser) call() (expr, error) {
	p.pos++
	body, err := p.block(']')
	if err != nil {
		return nil, err
	}
	return call{body: body}, nil
}

// listing reads an array in braces.
func (p *parser) listing() (expr, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	p.pos++
	var l listing
	for {
		p.blanks()
		switch p.peek() {
		case ';':
			p.pos++
			continue
		case '}':
			p.pos++
			p.depth--
			return l, nil
		}
		it, err := p.item()
		if err != nil {
			return nil, err
		}
		l.items = append(l.items, it)
		if p.blanks(); p.peek() != ';' && p.peek() != '}' {
			return nil, p.fail("syntax error")
		}
	}
}

func (p *parser) item() (item, error) {
	v, err := p.value()
	if err != nil || p.peek() != '=' {
		return item{value: v}, err
	}
	p.pos++
	key := v
	v, err = p.value()
	return item{key: key, value: v}, err
}

// How tight operators bind, loosest first. The order is not in the facts; this
// is the one of other languages.
const (
	levelNone = iota
	levelList
	levelOr
	levelAnd
	levelCompare
	levelJoin
	levelBitOr
	levelBitXor
	levelBitAnd
	levelShift
	levelSum
	levelProduct
)

// levelOf is how tight an operator binds.
func levelOf(op string) int {
	switch op {
	case ",":
		return levelList
	case "||", "or":
		return levelOr
	case "&&", "and":
		return levelAnd
	case "=", "!=", "<", ">", "<=", ">=", "~":
		return levelCompare
	case ".":
		return levelJoin
	case "|":
		return levelBitOr
	case "^":
		return levelBitXor
	case "&":
		return levelBitAnd
	case "<<", ">>":
		return levelShift
	case "+", "-":
		return levelSum
	case "*", "/", "%":
		return levelProduct
	}
	return levelNone
}

// expression reads a whole expression.
func (p *parser) expression() (expr, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	e, err := p.infix(levelList)
	p.depth--
	return e, err
}

// infix reads operands joined by operators that bind at least that tight.
func (p *parser) infix(least int) (expr, error) {
	x, err := p.operand(p.where != nil)
	for err == nil {
		start := p.pos
		op := p.operator()
		level := levelOf(op)
		// In where, outside of parentheses, there are conditions only.
		if level < least || p.inWhere() && (level < levelOr || level > levelCompare) {
			p.pos = start
			return x, nil
		}
		var y expr
		if level == levelCompare {
			y, err = p.right()
		} else {
			y, err = p.infix(level + 1)
		}
		x = binary{op: op, x: x, y: y}
	}
	return nil, err
}

// right reads what a comparison compares with: in where a word there is a
// text, not a property.
func (p *parser) right() (expr, error) {
	if p.inWhere() {
		return p.operand(false)
	}
	where := p.where
	if p.blanks(); isName(p.peek()) {
		p.where = nil
	}
	e, err := p.infix(levelCompare + 1)
	p.where = where
	return e, err
}

// inWhere says whether the parser is in a where expression outside of all
// parentheses, where words reach further and arithmetic does not exist.
func (p *parser) inWhere() bool { return p.where != nil && p.parens == 0 }

// operator reads an operator, if one comes next.
func (p *parser) operator() string {
	p.blanks()
	rest := p.src[p.pos:]
	for n := min(3, len(rest)); n > 0; n-- {
		op := rest[:n]
		next := byte(0)
		if n < len(rest) {
			next = rest[n]
		}
		switch {
		case levelOf(op) == levelNone,
			(op == "and" || op == "or") && isName(next),
			op == "." && p.where != nil && strings.HasPrefix(rest, ".id"):
			continue
		}
		p.pos += n
		switch op {
		case "||":
			return "or"
		case "&&":
			return "and"
		}
		return op
	}
	return ""
}

// operand reads one operand with what is tied to it; names says whether a word
// may be a property.
func (p *parser) operand(names bool) (expr, error) {
	p.blanks()
	at := p.pos
	switch c := p.peek(); {
	case c == '!', c == '~' && !p.inWhere(), c == '-' && !isDigit(p.peekAt(1)):
		if err := p.enter(); err != nil {
			return nil, err
		}
		p.pos++
		x, err := p.operand(names)
		p.depth--
		return unary{op: string(c), x: x}, err
	case c == '"' || c == '$' || c == '(' || c == '[' || c == '{':
		x, err := p.value()
		for err == nil && strings.HasPrefix(p.src[p.pos:], "->") {
			p.pos += 2
			var key expr
			key, err = p.key()
			x = binary{op: "->", x: x, y: key}
		}
		return x, err
	}
	text := p.exprWord()
	if text == "" {
		return nil, p.failAt(at, "syntax error")
	}
	return p.wordOf(text, at, names)
}

// key reads what follows an arrow.
func (p *parser) key() (expr, error) {
	if strings.IndexByte(`"$([`, p.peek()) >= 0 && !p.eof() {
		return p.value()
	}
	at := p.pos
	text := p.take(isAlnum)
	if text == "" {
		return nil, p.fail("syntax error")
	}
	return bare{column: at + 1, text: text}, nil
}

// exprWord reads an unquoted word. In where, outside of parentheses, it goes on
// over slashes and colons; elsewhere a slash divides.
func (p *parser) exprWord() string {
	start := p.pos
	if p.inWhere() || p.where != nil && p.peek() == '/' {
		return p.take(func(c byte) bool { return isName(c) || strings.IndexByte(".:/*@", c) >= 0 })
	}
	switch c := p.peek(); {
	case c == '*':
		p.pos++
	case c == '-', isDigit(c):
		p.pos++
		p.take(func(c byte) bool { return isAlnum(c) || c == ':' })
		return p.src[start:p.pos]
	case c == '.':
		p.pos++
	}
	p.take(func(c byte) bool { return isName(c) || c == '.' })
	return p.src[start:p.pos]
}

// wordOf decides what an unquoted word means.
func (p *parser) wordOf(text string, at int, names bool) (expr, error) {
	if names && p.where != nil {
		if _, ok := p.where.find(text); ok {
			return property{name: text}, nil
		}
		// What RouterOS says to a property it does not know is not in the facts.
		// A refusal is the answer a driver notices.
		if literal(text).kind == KindString && strings.ContainsAny(text[:1], "abcdefghijklmnopqrstuvwxyz.") {
			return nil, p.failAt(at, "expected end of command")
		}
	}
	if p.where != nil && strings.ContainsAny(text, "/:") {
		// TIK §10.4: such a word matches nothing, and nobody is told.
		return odd{text: text}, nil
	}
	return bare{column: at + 1, text: text}, nil
}
