package script

import (
	"context"
	"slices"
	"strings"
)

// A Form says what a property holds, how text becomes its value and how print
// shows it.
type Form uint8

// The forms of properties, with what `print detail` makes of them.
const (
	Text    Form = iota // a string, in quotes
	Word                // an enumeration or a path, bare
	Integer             // a number, bare
	Count               // a number, in groups of three
	Bytes               // exact bytes, in groups of three
	Rounded             // a size that takes K, M, G and T (binary) and shows as 50.0GiB
	Percent             // a number with a percent sign
	Switch              // yes or no
	Span                // a time interval
	Ident               // an item id
)

// A Property is a column of a menu.
type Property struct {
	Name     string
	Form     Form
	Values   []string // what a Word may be; empty allows any
	ReadOnly bool
	Column   bool // in the table form, and in as-value without detail
	Hidden   bool // never in text output; flags and ids are
}

// A Flag is a letter in front of a printed row: a Switch property of the name.
// Flags of one group share a column and are joined by a comma in the legend.
type Flag struct {
	Letter byte
	Name   string
	Group  int
}

// A Command is a verb of one menu beyond those every menu has.
type Command struct {
	Name       string
	Params     []Property
	Positional []string // the parameters that may come without their name, in order
}

// A Schema is what the parser must know of a menu: what is not in it is
// refused before anything runs. An older version is a schema with less in it.
type Schema struct {
	Path       string   // "/disk"
	Key        string   // the property by whose value an item may be called
	Singleton  bool     // one row without an id, such as /system/resource
	Verbs      []string // of print find get add set remove enable disable comment unset
	Properties []Property
	Flags      []Flag
	Commands   []Command
	Modifiers  []string // of print, beyond those of every version: show-sensitive
}

// A Field is a property with its value.
type Field struct {
	Name  string
	Value Value
}

// A Row is one item. Fields are properties and flags of the schema, each with a
// value of its form; one the item does not have now is absent.
type Row struct {
	ID     string
	Number int // its place in the whole menu, which print shows
	Fields []Field
}

// Get returns the value of a property, Nothing when the row has none.
func (r Row) Get(name string) Value {
	if name == ".id" && r.ID != "" {
		return ID(r.ID)
	}
	return Fields(r.Fields).Get(name)
}

// Fields are the parameters of a command, in the order they were written.
type Fields []Field

// Get returns the value of one field, Nothing when it was not given.
func (f Fields) Get(name string) Value {
	for _, field := range f {
		if field.Name == name {
			return field.Value
		}
	}
	return Value{}
}

// Has says whether a field was given.
func (f Fields) Has(name string) bool {
	return slices.ContainsFunc(f, func(field Field) bool { return field.Name == name })
}

// A Menu is a directory of the console that holds items or commands. Runtime
// refusals are *Error (Fail); any other error ends the session.
type Menu interface {
	Schema() *Schema
	// Rows are all items in the order print shows them.
	Rows(ctx context.Context) ([]Row, error)
	// Add makes an item and returns its id.
	Add(ctx context.Context, fields Fields) (id string, err error)
	// Set changes an item; a Nil value unsets. A singleton has the id "".
	Set(ctx context.Context, id string, fields Fields) error
	// Remove takes an item away.
	Remove(ctx context.Context, id string) error
	// Run does a command of the schema's Commands; out takes what it prints.
	Run(ctx context.Context, command string, args Fields, out Printer) (Value, error)
}

// An Index is a menu that finds rows by the value of a property without
// looking at all of them. ok is false for a property it has no index on.
type Index interface {
	Lookup(ctx context.Context, property string, v Value) (rows []Row, ok bool, err error)
}

// A Printer takes lines of output.
type Printer interface {
	Line(s string) error
}

// A Tree is the menus of a router.
type Tree struct {
	menus map[string]Menu
	dirs  map[string]bool
}

// NewTree makes a tree. The directories above a menu exist with it.
func NewTree(menus ...Menu) *Tree {
	t := &Tree{menus: map[string]Menu{}, dirs: map[string]bool{"": true}}
	for _, m := range menus {
		path := m.Schema().Path
		t.menus[path] = m
		for path != "" {
			t.dirs[path] = true
			path = path[:strings.LastIndexByte(path, '/')]
		}
	}
	return t
}

// find returns a property that exists, .id included.
func (s *Schema) find(name string) (Property, bool) {
	if name == ".id" && !s.Singleton {
		return Property{Name: ".id", Form: Ident, ReadOnly: true, Column: true, Hidden: true}, true
	}
	i := slices.IndexFunc(s.Properties, func(p Property) bool { return p.Name == name })
	if i < 0 {
		return s.flag(name)
	}
	return s.Properties[i], true
}

// flag returns a flag as the property it also is.
func (s *Schema) flag(name string) (Property, bool) {
	if slices.ContainsFunc(s.Flags, func(f Flag) bool { return f.Name == name }) {
		return Property{Name: name, Form: Switch, ReadOnly: true, Hidden: true}, true
	}
	return Property{}, false
}

func (s *Schema) command(name string) (Command, bool) {
	i := slices.IndexFunc(s.Commands, func(c Command) bool { return c.Name == name })
	if i < 0 {
		return Command{}, false
	}
	return s.Commands[i], true
}
