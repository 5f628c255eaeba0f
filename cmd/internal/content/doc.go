// Package content holds the proof, on real devices and file systems, that the
// driver makes a file system only where nothing can be lost. Its tests need
// root on Linux.
package content
