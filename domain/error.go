package domain

import (
	"errors"
	"fmt"
)

// A Kind tells the caller what it may do about an error.
type Kind uint8

// The kinds of error. Only the server's own word makes a NotFound: no answer,
// a refused login and an unsettled outcome are Unreachable, because a final
// code for an unsettled outcome makes orchestrators leak volumes.
const (
	Other       Kind = iota // a bug, or something without a name here
	Invalid                 // the request can never succeed as it stands
	OutOfRange              // the size asked for is outside what can be
	NotFound                // the server answered: there is no such thing
	Exists                  // that name is taken by something different
	InUse                   // another holder must let go first
	Busy                    // the same work is under way; ask again later
	Conflict                // the record changed meanwhile; read again
	Exhausted               // no space, or no place in the record
	Unsupported             // this host, array or pool can not do that
	DataAtRisk              // going on might destroy somebody's data
	Unreachable             // no answer, so nothing is known
)

var kindNames = [...]string{
	"other", "invalid", "out of range", "not found", "exists", "in use", "busy",
	"conflict", "exhausted", "unsupported", "data at risk", "unreachable",
}

// String returns the kind in lower case words, fit for a log value.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return kindNames[Other]
}

// An Error is a failure of one operation on one object.
type Error struct {
	Kind Kind
	Op   string // what was tried: "admit", "disk add", "nvme connect"
	ID   string // the object, as its owner writes it; may be empty
	Err  error  // what happened and what to do
}

// Fail returns an *Error whose cause is formatted like fmt.Errorf, so that %w
// keeps a cause reachable.
func Fail(kind Kind, op, id, format string, args ...any) error {
	return &Error{Kind: kind, Op: op, ID: id, Err: fmt.Errorf(format, args...)}
}

// Error returns "object: what happened"; the operation is left to the log.
func (e *Error) Error() string {
	text := e.Kind.String()
	if e.Err != nil {
		text = e.Err.Error()
	}
	if e.ID == "" {
		return text
	}
	return e.ID + ": " + text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// KindOf returns the kind of the outermost *Error in err's chain, Other if
// there is none.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Other
}

// Is reports whether err is an *Error of kind k. A nil error is of no kind.
func Is(err error, k Kind) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Kind == k
}
