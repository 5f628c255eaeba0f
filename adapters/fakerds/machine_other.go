//go:build !linux

package fakerds

import "os"

// reflink lets dst share the extents of src; false if the file system can not.
func reflink(_, _ *os.File) bool { return false }

// nextData returns the next range at or after at that may hold data.
func nextData(_ *os.File, at, size int64) (from, to int64, err error) { return at, size, nil }
