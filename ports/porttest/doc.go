// Package porttest checks that an adapter keeps what package ports promises:
// one suite per port, which every adapter of that port runs, the fakes included.
// A suite demands what a real array, kernel or network can do, and nothing that
// only a fake could.
package porttest
