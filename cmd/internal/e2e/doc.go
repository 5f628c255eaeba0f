// Package e2e holds the suites that a whole driver passes over gRPC, whatever
// array and host it works on: creates that race, an array that falls silent, and
// the life of a volume with a driver that starts again between any two steps. A
// test opens a World and hands it to a suite.
package e2e
