package script

import (
	"context"
	"errors"
	"io"
	"regexp"
	"slices"
)

// A Phase says on which side of a command a hook is called.
type Phase uint8

// The two sides of a command.
const (
	Before Phase = iota
	After        // the effect is there; its output may not have left yet
)

// A Step is one command of a line about to run, or just run.
type Step struct {
	Phase  Phase
	Path   string // "/disk"; empty for a global command such as :put
	Verb   string // "set", ":put"
	Column int
}

// Quirks are what sources of facts disagree about.
type Quirks struct {
	// EmptyFindFails: set, remove and their kin refuse an empty find with
	// "expected item id" (TIK §10.9) rather than do nothing (SSH-A, docs).
	EmptyFindFails bool
	// NumberedErrors: "no such item (4)" for "no such item".
	NumberedErrors bool
}

// A Session runs lines one after another, as one login does. It is not for
// more than one goroutine.
type Session struct {
	Tree   *Tree
	Out    io.Writer // takes what the line prints, in lines ended by \r\n
	Width  int       // of the terminal; zero means 80
	Quirks Quirks
	// Hook is called before and after every command, those in brackets and
	// blocks too. Another session's command may run in it, and it may wait. Its
	// *Error is a runtime error of the command; any other error ends the line.
	Hook func(context.Context, Step) error

	globals map[string]Value
}

// Exec parses and runs a line. The error is a *ParseError, an *Error, or what
// Hook, a menu, Out or ctx said; the first two are the router's own words and
// for the caller to print.
func (s *Session) Exec(ctx context.Context, line string) error {
	l, err := Parse(s.Tree, line)
	if err != nil {
		return err
	}
	return s.Run(ctx, l)
}

// Run runs a line that parsed.
func (s *Session) Run(ctx context.Context, l *Line) error {
	if s.globals == nil {
		s.globals = map[string]Value{}
	}
	r := &run{s: s, regexps: map[string]*regexp.Regexp{}}
	_, err := r.block(ctx, frame{scope: &scope{vars: map[string]Value{}}}, l.body)
	var ret *returned
	if errors.As(err, &ret) {
		return nil
	}
	return err
}

// Line prints one line.
func (s *Session) Line(text string) error {
	_, err := io.WriteString(s.Out, text+"\r\n")
	return err
}

// run is one line under way.
type run struct {
	s       *Session
	regexps map[string]*regexp.Regexp
}

// scope holds the variables of a block, and the names it has with :global: a
// global variable is seen only where it was declared.
type scope struct {
	vars    map[string]Value
	globals []string
	up      *scope
}

// frame is what an expression sees: the variables, and in where the row.
type frame struct {
	scope  *scope
	schema *Schema
	row    *Row
}

func (f frame) inner() frame {
	f.scope = &scope{vars: map[string]Value{}, up: f.scope}
	return f
}

// lookup finds a variable; an unknown one is Nothing.
func (r *run) lookup(f frame, name string) Value {
	for s := f.scope; s != nil; s = s.up {
		if v, ok := s.vars[name]; ok {
			return v
		}
		if slices.Contains(s.globals, name) {
			return r.s.globals[name]
		}
	}
	return Value{}
}

// assign changes a variable where it was declared.
func (r *run) assign(f frame, name string, v Value) {
	for s := f.scope; s != nil; s = s.up {
		if _, ok := s.vars[name]; ok {
			s.vars[name] = v
			return
		}
		if slices.Contains(s.globals, name) {
			r.s.globals[name] = v
			return
		}
	}
}

// returned carries the value of :return out of a block.
type returned struct{ value Value }

func (*returned) Error() string { return "return outside of a line" }

// block runs commands in a scope of their own; the value is the last one's.
func (r *run) block(ctx context.Context, f frame, b *block) (Value, error) {
	inner := f.inner()
	var v Value
	for _, c := range b.commands {
		var err error
		if v, err = r.command(ctx, inner, c); err != nil {
			return Value{}, err
		}
	}
	return v, nil
}

// command runs one command between its two hooks.
func (r *run) command(ctx context.Context, f frame, c *command) (Value, error) {
	if err := r.step(ctx, Before, c); err != nil {
		return Value{}, err
	}
	var v Value
	var err error
	if c.menu != nil {
		v, err = r.verb(ctx, f, c)
	} else {
		v, err = r.global(ctx, f, c)
	}
	if err != nil {
		return Value{}, locate(err, c)
	}
	return v, r.step(ctx, After, c)
}

func (r *run) step(ctx context.Context, phase Phase, c *command) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if r.s.Hook == nil {
		return nil
	}
	err := r.s.Hook(ctx, Step{Phase: phase, Path: c.path, Verb: c.name, Column: c.column})
	if err != nil {
		return locate(err, c)
	}
	return nil
}

// locate notes which command a runtime error comes from, unless it is known.
func locate(err error, c *command) error {
	var e *Error
	if !errors.As(err, &e) || e.Path != "" || c.menu == nil {
		return err
	}
	located := *e
	located.Path = c.full()
	return &located
}
