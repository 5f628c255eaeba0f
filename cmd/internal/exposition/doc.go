// Package exposition has no code: its tests put everything that is measured
// together and hold the whole exposition against the golden file, against
// Prometheus's linter and against the reference.
package exposition
