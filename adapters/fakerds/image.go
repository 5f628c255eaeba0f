package fakerds

import (
	"errors"
	"io"
	"os"
	"path/filepath"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// sync makes a file's bytes last through a power cut.
func (r *RDS) sync(f *os.File) error {
	if r.cfg.NoSync {
		return nil
	}
	return f.Sync()
}

// syncDir makes the names in a directory last through a power cut.
func (r *RDS) syncDir(name string) error {
	if r.cfg.NoSync {
		return nil
	}
	return syncDir(name)
}

// errRestless says that a file never stood still long enough to be copied.
var errRestless = errors.New("the image is being written and its file system can not copy it in one step")

const copyTries = 5

// makeImage makes a sparse file of size bytes; one must not be there.
func (r *RDS) makeImage(name string, size domain.Size) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(int64(size)), r.sync(f), f.Close(), r.syncDir(filepath.Dir(name)))
}

// growImage sets the length of an image; it is never made smaller.
func (r *RDS) growImage(name string, size domain.Size) error {
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil || info.Size() >= int64(size) {
		return err
	}
	return errors.Join(f.Truncate(int64(size)), r.sync(f))
}

// copyImage makes to a copy of from as of one instant: in one step where the
// file system shares extents, else by copying until nobody wrote meanwhile.
func (r *RDS) copyImage(from, to string, stop func() error) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = src.Close() }()
	dst, err := os.OpenFile(to, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = dst.Close() }()
	if reflink(dst, src) {
		return r.sync(dst)
	}
	if err := copyAtRest(dst, src, stop); err != nil {
		return err
	}
	return r.sync(dst)
}

// copyAtRest copies until nobody wrote to src meanwhile.
func copyAtRest(dst, src *os.File, stop func() error) error {
	for range copyTries {
		before, err := src.Stat()
		if err != nil {
			return err
		}
		if err := copySparse(dst, src, before.Size(), stop); err != nil {
			return err
		}
		after, err := src.Stat()
		if err != nil {
			return err
		}
		if after.ModTime().Equal(before.ModTime()) && after.Size() == before.Size() {
			return nil
		}
	}
	return errRestless
}

// copySparse copies size bytes and leaves holes where src has them.
func copySparse(dst, src *os.File, size int64, stop func() error) error {
	if err := errors.Join(dst.Truncate(0), dst.Truncate(size)); err != nil {
		return err
	}
	buffer := make([]byte, 256<<10)
	for at := int64(0); at < size; {
		from, to, err := nextData(src, at, size)
		if err != nil {
			return err
		}
		for at = from; at < to; {
			if err := stop(); err != nil {
				return err
			}
			n, err := src.ReadAt(buffer[:min(int64(len(buffer)), to-at)], at)
			if n == 0 && err != nil && !errors.Is(err, io.EOF) {
				return err
			}
			if n == 0 {
				return io.ErrUnexpectedEOF
			}
			if err := writeUnlessZero(dst, buffer[:n], at); err != nil {
				return err
			}
			at += int64(n)
		}
	}
	return nil
}

// writeUnlessZero keeps holes where blocks are zero: dst is empty there.
func writeUnlessZero(dst *os.File, b []byte, at int64) error {
	const block = 64 << 10
	for len(b) > 0 {
		part := b[:min(block, len(b))]
		if !isZero(part) {
			if _, err := dst.WriteAt(part, at); err != nil {
				return err
			}
		}
		b, at = b[len(part):], at+int64(len(part))
	}
	return nil
}

func isZero(b []byte) bool {
	for _, x := range b {
		if x != 0 {
			return false
		}
	}
	return true
}
