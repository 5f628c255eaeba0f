package filesystem

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// Bind shows a directory at a second place.
func (m *Mounts) Bind(ctx context.Context, source, target string, readOnly bool, list []string) error {
	o, err := parseBindOptions(list)
	if err != nil {
		return err
	}
	return m.onTarget(ctx, "bind", target, func() error {
		var want unix.Statx_t
		err := unix.Statx(unix.AT_FDCWD, source, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_BASIC_STATS|unix.STATX_MNT_ID, &want)
		switch {
		case errors.Is(err, unix.ENOENT):
			return domain.Fail(domain.NotFound, "bind", source, "there is no such directory to bind")
		case err != nil:
			return fmt.Errorf("bind %s: %w", source, err)
		case want.Mode&unix.S_IFMT != unix.S_IFDIR:
			return domain.Fail(domain.Invalid, "bind", source, "only a directory is bound")
		}
		same := func(e entry) (bool, error) { return bound(e, &want, readOnly) }
		return put("bind", target, unix.S_IFDIR, same, func() (*os.File, error) {
			set, clr := o.mountAttrs()
			if readOnly {
				set |= unix.MOUNT_ATTR_RDONLY
			}
			return clone(source, set, clr)
		})
	})
}

// bound reports whether the mount shows the directory that want is about, as
// writable as asked. A mount of a read-only mount is read-only.
func bound(e entry, want *unix.Statx_t, readOnly bool) (bool, error) {
	var got unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, e.Mountpoint, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_BASIC_STATS, &got)
	if err != nil {
		return false, err
	}
	all, err := table()
	if err != nil {
		return false, err
	}
	for _, source := range all {
		if uint64(source.ID) == want.Mnt_id { //nolint:gosec // never negative
			readOnly = readOnly || source.readOnly()
		}
	}
	return got.Ino == want.Ino && got.Dev_major == want.Dev_major && got.Dev_minor == want.Dev_minor &&
		e.readOnly() == readOnly, nil
}

// clone makes a mount of what is at path, with these flags, that belongs to no
// peer group: what is mounted under one of the two is not mounted under the
// other. It lasts while the returned file is open, or until it is put somewhere.
func clone(path string, set, clr uint64) (*os.File, error) {
	fd, err := unix.OpenTree(unix.AT_FDCWD, path, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_SYMLINK_NOFOLLOW)
	if err != nil {
		return nil, fmt.Errorf("bind %s: %w", path, err)
	}
	m := os.NewFile(uintptr(fd), path)
	attr := unix.MountAttr{Attr_set: set, Attr_clr: clr, Propagation: unix.MS_PRIVATE}
	err = unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH, &attr)
	if errors.Is(err, unix.ENOSYS) {
		err = domain.Fail(domain.Unsupported, "bind", path, "Linux 5.12 or newer is needed: %w", err)
	}
	if err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

// BindDevice shows a device node at a file of its own.
//
// The mount is a private clone of the node alone, not of the /dev around it: a
// bind that stays in the peer group of a container's /dev is copied to every
// place that /dev is, and those copies in turn, thousands of times until the
// host is out of memory. Its number is read from the clone, not from the path.
func (m *Mounts) BindDevice(ctx context.Context, d domain.Device, target string, readOnly bool) error {
	return m.onTarget(ctx, "bind device", target, func() error {
		p, err := pin(d, 0)
		if err != nil {
			return err
		}
		defer func() { _ = p.Close() }()
		same := func(e entry) (bool, error) { return e.node() == d.Number() && e.readOnly() == readOnly, nil }
		return put("bind device", target, unix.S_IFREG, same, func() (*os.File, error) {
			return p.node(readOnly)
		})
	})
}

func (p *pinned) node(readOnly bool) (*os.File, error) {
	set := uint64(unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NOEXEC)
	if readOnly {
		set |= unix.MOUNT_ATTR_RDONLY
	}
	m, err := clone(p.device.Path, set, unix.MOUNT_ATTR_NODEV)
	if err != nil {
		return nil, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(m.Fd()), &st); err != nil || !isNode(&st, p.device) {
		return nil, errors.Join(changed(p.device, err), m.Close())
	}
	return m, nil
}
