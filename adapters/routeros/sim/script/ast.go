package script

// A Line is a line that parsed. It may be run any number of times.
type Line struct {
	body *block
}

// block is a sequence of commands with a scope of its own.
type block struct {
	commands []*command
}

// command is one call: of a global command (menu nil) or of a verb of a menu.
type command struct {
	column int
	name   string // ":put", or the verb
	path   string // "/disk"; empty for a global command
	menu   Menu
	vars   []string // the names :local, :set, :for, :foreach, :onerror work on
	args   []arg
	flags  []string
	blocks map[string]*block
	where  expr
}

func (c *command) full() string {
	if c.menu == nil {
		return c.name
	}
	return c.path + "/" + c.name
}

func (c *command) arg(name string) (arg, bool) {
	for _, a := range c.args {
		if a.name == name {
			return a, true
		}
	}
	return arg{}, false
}

// arg is a parameter with the expression that gives its value.
type arg struct {
	column int
	name   string
	value  expr
}

// expr is an expression.
type expr interface{ isExpr() }

type (
	constant struct{ value Value } // a quoted string without substitutions
	bare     struct {              // an unquoted word
		column int
		text   string
	}
	odd      struct{ text string } // an unquoted word in where that matches nothing
	property struct{ name string } // a property of the row in where
	variable struct {
		name     string
		property bool // in where: the row has a property of that name, which wins
	}
	joined struct{ parts []expr } // a quoted string with substitutions
	unary  struct {
		op string
		x  expr
	}
	binary struct {
		op   string
		x, y expr
	}
	call    struct{ body *block }  // [ … ]
	listing struct{ items []item } // { …; … }
)

type item struct {
	key   expr // nil for an element without a name
	value expr
}

func (constant) isExpr() {}
func (bare) isExpr()     {}
func (odd) isExpr()      {}
func (property) isExpr() {}
func (variable) isExpr() {}
func (joined) isExpr()   {}
func (unary) isExpr()    {}
func (binary) isExpr()   {}
func (call) isExpr()     {}
func (listing) isExpr()  {}
