package script

import (
	"strconv"
	"strings"
)

// escapes are what may follow a backslash besides two hexadecimal digits
// (TIK §10.4b, DOC-scripting).
const escapes = "\"\\nrt$?_abfv"

// escaped is what each of them stands for, in the same order.
const escaped = "\"\\\n\r\t$? \a\b\f\v"

// quoted reads a string in double quotes with its escapes and substitutions.
func (p *parser) quoted() (expr, error) {
	p.pos++
	var text strings.Builder
	var parts []expr
	flush := func() {
		if text.Len() > 0 {
			parts = append(parts, constant{String(text.String())})
			text.Reset()
		}
	}
	for {
		switch c := p.peek(); {
		case p.eof():
			return nil, p.fail("syntax error")
		case c == '"':
			p.pos++
			if len(parts) == 0 {
				return constant{String(text.String())}, nil
			}
			flush()
			return joined{parts: parts}, nil
		case c == '\\':
			b, err := p.escape()
			if err != nil {
				return nil, err
			}
			text.WriteByte(b)
		case c == '$':
			flush()
			part, err := p.substitution()
			if err != nil {
				return nil, err
			}
			parts = append(parts, part)
		default:
			text.WriteByte(c)
			p.pos++
		}
	}
}

// escape reads a backslash and what belongs to it.
func (p *parser) escape() (byte, error) {
	at := p.pos
	if i := strings.IndexByte(escapes, p.peekAt(1)); i >= 0 && p.peekAt(1) != 0 {
		p.pos += 2
		return escaped[i], nil
	}
	if !isHex(p.peekAt(1)) || !isHex(p.peekAt(2)) {
		return 0, p.failAt(at, "syntax error")
	}
	n, err := strconv.ParseUint(p.src[p.pos+1:p.pos+3], 16, 8)
	if err != nil {
		return 0, p.failAt(at, "syntax error")
	}
	p.pos += 3
	return byte(n), nil
}

// isHex takes capital letters only, so that \ab is a bell and a b.
func isHex(c byte) bool { return isDigit(c) || c >= 'A' && c <= 'F' }

// substitution reads $name, $(expression) or $[command] inside a string.
func (p *parser) substitution() (expr, error) {
	at := p.pos
	p.pos++
	switch c := p.peek(); {
	case c == '(':
		return p.paren()
	case c == '[':
		return p.call()
	case isAlnum(c):
		return p.variableOf(p.take(isAlnum)), nil
	}
	return nil, p.failAt(at, "syntax error")
}
