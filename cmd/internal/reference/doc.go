// Package reference compares the reference pages in docs with the code that
// they describe. It holds tests only.
package reference
