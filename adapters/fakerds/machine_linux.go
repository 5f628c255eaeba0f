package fakerds

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// reflink lets dst share the extents of src; false if the file system can not.
func reflink(dst, src *os.File) bool {
	return unix.IoctlFileClone(int(dst.Fd()), int(src.Fd())) == nil
}

// nextData returns the next range at or after at that may hold data.
func nextData(f *os.File, at, size int64) (from, to int64, err error) {
	from, err = unix.Seek(int(f.Fd()), at, unix.SEEK_DATA)
	switch {
	case errors.Is(err, unix.ENXIO): // a hole up to the end
		return size, size, nil
	case errors.Is(err, unix.EINVAL): // a file system that does not tell
		return at, size, nil
	case err != nil:
		return 0, 0, err
	}
	to, err = unix.Seek(int(f.Fd()), from, unix.SEEK_HOLE)
	if err != nil {
		return 0, 0, err
	}
	return min(from, size), min(to, size), nil
}
