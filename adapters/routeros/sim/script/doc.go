// Package script is the console language of RouterOS as far as a driver or an
// administrator would use it on disks and files: a parser that knows where it
// is, and an evaluator over menus that somebody else fills.
//
// It is strict where RouterOS is: a line with a mistake anywhere has no effect
// at all, a runtime error stops the line where it stands, and a name or an
// escape nobody knows is refused. It refuses more than RouterOS in two places,
// on purpose: commands and parameters are never abbreviated, and a value ends
// where a blank should follow.
//
// What the facts do not tell is decided in one place each and said there.
package script
