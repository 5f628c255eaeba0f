package fakerds

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/windows"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// lockFile opens the file and keeps every other process from doing so until it
// is closed.
func lockFile(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	if err := windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, new(windows.Overlapped)); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// syncDir does nothing: NTFS keeps the order of names by itself.
func syncDir(string) error { return nil }

// allocated returns what a file takes: NTFS allocates what is not marked sparse.
func allocated(info fs.FileInfo) domain.Size { return domain.Size(info.Size()) }

func isFull(err error) bool { return errors.Is(err, windows.ERROR_DISK_FULL) }
