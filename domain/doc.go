// Package domain says what a volume on a ROSE Data Server is and what may
// happen to it: identity, record, content, fencing and room. It is pure: it
// reads no clock, draws no random number, does no input or output, and imports
// nothing but the standard library's pure packages. Instants and random names
// are handed in by the caller.
package domain
