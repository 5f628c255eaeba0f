//go:build unix

package fakerds

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// lockFile opens the file and keeps every other process from doing so until it
// is closed.
func lockFile(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// syncDir makes the names in a directory last through a power cut.
func syncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// allocated returns what a file really takes.
func allocated(info fs.FileInfo) domain.Size {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return domain.Size(s.Blocks) * 512 // POSIX leaves the unit open; Linux and the BSDs count in 512
	}
	return domain.Size(info.Size())
}

func isFull(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }
