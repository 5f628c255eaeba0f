package filesystem

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// Unmount unmounts everything at target.
func (m *Mounts) Unmount(ctx context.Context, target string) error {
	return m.onTarget(ctx, "unmount", target, func() error {
		_, err := vacate("unmount", target)
		return err
	})
}

// Unbind unmounts everything at target and removes what the mount was on.
func (m *Mounts) Unbind(ctx context.Context, target string) error {
	return m.onTarget(ctx, "unbind", target, func() error {
		l, err := vacate("unbind", target)
		if err != nil {
			return err
		}
		return remove(l)
	})
}

// vacate unmounts by path, as a number can be another disk's by now, until
// nothing is mounted there. A link at the end of the path is not followed;
// nothing can be mounted on one.
func vacate(op, target string) (place, error) {
	for {
		l, err := locate(op, target)
		if err != nil {
			return l, err
		}
		there, err := at(l.path)
		if err != nil || len(there) == 0 {
			return l, err
		}
		err = unix.Unmount(l.path, unix.UMOUNT_NOFOLLOW)
		switch {
		case errors.Is(err, unix.EBUSY):
			return l, domain.Fail(domain.Busy, op, target, "the mount is in use: a process has files open there, or something is mounted below")
		case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOENT): // somebody else was faster
		case err != nil:
			return l, fmt.Errorf("unmount %s: %w", target, err)
		}
	}
}

// remove removes an empty directory or an empty file, and nothing else.
func remove(l place) error {
	var err error
	switch l.kind {
	case 0:
		return nil
	case unix.S_IFDIR:
		err = unix.Rmdir(l.path)
	case unix.S_IFREG:
		err = removeEmpty(l.path)
	default:
		return domain.Fail(domain.DataAtRisk, "unbind", l.path,
			"it is neither a directory nor a file, so this driver did not make it: remove it")
	}
	switch {
	case errors.Is(err, unix.ENOTEMPTY), errors.Is(err, unix.EEXIST):
		return domain.Fail(domain.DataAtRisk, "unbind", l.path,
			"the directory is not empty though nothing is mounted there: look whose files these are")
	case errors.Is(err, unix.EBUSY):
		return domain.Fail(domain.Busy, "unbind", l.path, "something is mounted there again")
	case errors.Is(err, unix.ENOENT):
		return nil
	}
	return err
}

func removeEmpty(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() || info.Size() > 0 {
		return domain.Fail(domain.DataAtRisk, "unbind", path,
			"the file is not empty though nothing is mounted there: look whose it is")
	}
	return unix.Unlink(path)
}
