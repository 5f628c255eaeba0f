package script

import "fmt"

// A ParseError is a line that RouterOS refuses before it does anything.
type ParseError struct {
	Text   string // "syntax error", "bad command name frobnicate"
	Column int    // the byte at fault, counted from one
}

// Error is the text the router prints.
func (e *ParseError) Error() string {
	return fmt.Sprintf("%s (line 1 column %d)", e.Text, e.Column)
}

// An Error is a failure while the line runs: it stops the line where it
// stands unless :onerror or on-error= catches it. A menu makes one with Fail;
// any other error a menu returns is no answer of the router but the end of
// the session, and nothing catches it.
type Error struct {
	Text string
	Path string // the command, "/disk/set"; empty when there is none to name
	Arg  string // the parameter, if one is to blame
}

// Fail returns a runtime error with the router's text.
func Fail(format string, args ...any) *Error {
	return &Error{Text: fmt.Sprintf(format, args...)}
}

// Error is the text the router prints for a line that nobody caught.
func (e *Error) Error() string { return e.Text }

// Located is the text :onerror hands over: it says where as well.
func (e *Error) Located() string {
	switch {
	case e.Path == "":
		return e.Text
	case e.Arg == "":
		return fmt.Sprintf("%s (%s; line 1)", e.Text, e.Path)
	}
	return fmt.Sprintf("%s (%s (%s); line 1)", e.Text, e.Path, e.Arg)
}
