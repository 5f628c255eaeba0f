package filesystem

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
	"git.srvlab.io/whiskey/rds-csi-driver/ports"
)

// Mounts changes the mount table of this process's mount namespace. It fulfills
// ports.Mounts and may be used from many goroutines at once; calls on one target
// wait for each other.
//
// What is mounted is made beside the mount table, proved and given its flags,
// and only then put at its target, in one step: nothing is ever seen there that
// is writable for a moment, or of another disk.
type Mounts struct{ workers *workers }

// NewMounts returns an adapter of which at most so many calls may hang in the
// kernel; zero is 16.
func NewMounts(mostStuck int) *Mounts { return &Mounts{workers: newWorkers(mostStuck)} }

// Stuck returns how many calls hang in the kernel without their callers.
func (m *Mounts) Stuck() int { return m.workers.Stuck() }

// onTarget runs a call about a target.
func (m *Mounts) onTarget(ctx context.Context, op, target string, call func() error) error {
	_, err := await(ctx, m.workers, job{op: op, id: target, key: filepath.Clean(target)},
		func() (struct{}, error) { return struct{}{}, call() })
	return err
}

// List reads the mount table.
func (m *Mounts) List(ctx context.Context) ([]ports.Mount, error) {
	return await(ctx, m.workers, job{op: "list mounts", key: "the mount table"}, func() ([]ports.Mount, error) {
		all, err := table()
		mounts := make([]ports.Mount, len(all))
		for i, e := range all {
			mounts[i] = e.mount()
		}
		return mounts, err
	})
}

// Mount mounts a file system.
func (m *Mounts) Mount(ctx context.Context, a ports.Mounting) error {
	if _, ok := makers[a.Access]; !ok {
		return domain.Fail(domain.Invalid, "mount", a.Target, "file system %q: ext4, xfs and btrfs are allowed", a.Access)
	}
	o, err := parseOptions(a.Access, a.Options)
	if err != nil {
		return err
	}
	return m.onTarget(ctx, "mount", a.Target, func() error {
		p, err := pin(a.Device, 0)
		if err != nil {
			return err
		}
		defer func() { _ = p.Close() }()
		same := func(e entry) (bool, error) {
			return e.number() == a.Device.Number() && e.FSType == string(a.Access) && e.Root == "/" &&
				e.readOnly() == a.ReadOnly, nil
		}
		return put("mount", a.Target, unix.S_IFDIR, same, func() (*os.File, error) {
			return p.mount(a.Access, a.ReadOnly, o)
		})
	})
}

// put puts what detached returns at target, which is made if there is nothing,
// unless the same is there already. What is at target is opened, not looked up
// again, so that no link takes its place.
func put(op, target string, kind uint32, same func(entry) (bool, error), detached func() (*os.File, error)) error {
	if err := os.MkdirAll(filepath.Dir(target), 0o750); err != nil {
		return err
	}
	l, err := locate(op, target)
	if err != nil {
		return err
	}
	there, err := at(l.path)
	if err != nil {
		return err
	}
	if len(there) > 0 {
		return already(op, target, there[len(there)-1], same)
	}
	made, err := makePlace(op, l, kind)
	if err == nil {
		err = attach(l.path, kind, detached)
	}
	if err != nil && made {
		return errors.Join(err, removePlace(l.path, kind))
	}
	return err
}

func already(op, target string, e entry, same func(entry) (bool, error)) error {
	ok, err := same(e)
	if err != nil || ok {
		return err
	}
	return domain.Fail(domain.Exists, op, target, "something else is mounted there: %s", e.describe())
}

// makePlace makes the directory or empty file that a mount goes on.
func makePlace(op string, l place, kind uint32) (made bool, err error) {
	switch {
	case l.kind == kind:
		return false, nil
	case l.kind != 0:
		return false, domain.Fail(domain.Invalid, op, l.path,
			"the target is neither absent nor a directory for a file system or a file for a device: remove it")
	case kind == unix.S_IFDIR:
		err = os.Mkdir(l.path, 0o750)
	default:
		var f *os.File
		if f, err = os.OpenFile(l.path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600); err == nil {
			err = f.Close()
		}
	}
	return err == nil, err
}

func removePlace(path string, kind uint32) error {
	if kind == unix.S_IFDIR {
		return unix.Rmdir(path)
	}
	return unix.Unlink(path)
}

func attach(path string, kind uint32, detached func() (*os.File, error)) error {
	flags := unix.O_PATH | unix.O_NOFOLLOW | unix.O_CLOEXEC
	if kind == unix.S_IFDIR {
		flags |= unix.O_DIRECTORY
	}
	fd, err := unix.Open(path, flags, 0)
	if err != nil {
		return fmt.Errorf("open target: %w", err)
	}
	defer func() { _ = unix.Close(fd) }()
	m, err := detached()
	if err != nil {
		return err
	}
	defer func() { _ = m.Close() }()
	err = unix.MoveMount(int(m.Fd()), "", fd, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH)
	if err != nil {
		return fmt.Errorf("attach mount: %w", err)
	}
	return nil
}

// readOnlyParams keep each file system from replaying its log: it would write.
var readOnlyParams = map[domain.Access]param{
	domain.Ext4:  {key: "noload", isFlag: true},
	domain.XFS:   {key: "norecovery", isFlag: true},
	domain.Btrfs: {key: "rescue", value: "nologreplay"},
}

// mount mounts the device where nobody sees it and proves that it is the one.
// The mount lasts while the returned file is open, or until it is put somewhere.
func (p *pinned) mount(a domain.Access, readOnly bool, o options) (*os.File, error) {
	params := append([]param{{key: "source", value: p.device.Path}}, o.params...)
	if a == domain.XFS { // a copy has its source's UUID and may be mounted beside it
		params = append(params, param{key: "nouuid", isFlag: true})
	}
	set, _ := o.mountAttrs()
	if readOnly {
		params = append(params, param{key: "ro", isFlag: true}, readOnlyParams[a])
		set |= unix.MOUNT_ATTR_RDONLY
	}
	fs, err := fileSystem(string(a))
	if err != nil {
		return nil, err
	}
	defer func() { _ = fs.Close() }()
	create := func() error { return configure(fs, params) }
	if readOnly {
		create = func() error { return p.untouched(fs, params) }
	}
	if err := create(); err != nil {
		return nil, explain(a, fs, err)
	}
	fd, err := unix.Fsmount(int(fs.Fd()), unix.FSMOUNT_CLOEXEC, int(set)) //nolint:gosec // flags
	if err != nil {
		return nil, explain(a, fs, err)
	}
	m := os.NewFile(uintptr(fd), p.device.Path)
	if err := errors.Join(p.check(), p.shows(m, a)); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

// untouched creates the file system on a device that refuses writes: ext4 frees
// the files that were deleted while open even when it is mounted ro,noload. A
// device that is mounted elsewhere is left as it is, its writer needs it.
func (p *pinned) untouched(fs *os.File, params []param) error {
	free, err := pin(p.device, unix.O_EXCL)
	if domain.Is(err, domain.InUse) {
		return configure(fs, params)
	}
	if err != nil {
		return err
	}
	undo, err := p.readOnly()
	if err = errors.Join(err, free.Close()); err != nil {
		return err
	}
	return errors.Join(configure(fs, params), undo())
}

func fileSystem(name string) (*os.File, error) {
	fd, err := unix.Fsopen(name, unix.FSOPEN_CLOEXEC)
	switch {
	case errors.Is(err, unix.ENODEV):
		return nil, domain.Fail(domain.Unsupported, "mount", "",
			"this kernel has no %s: load the module %s on the host", name, name)
	case errors.Is(err, unix.ENOSYS):
		return nil, domain.Fail(domain.Unsupported, "mount", "", "Linux 5.12 or newer is needed: %w", err)
	case err != nil:
		return nil, fmt.Errorf("open file system %s: %w", name, err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

func configure(fs *os.File, params []param) error {
	fd := int(fs.Fd())
	for _, o := range params {
		var err error
		if o.isFlag {
			err = unix.FsconfigSetFlag(fd, o.key)
		} else {
			err = unix.FsconfigSetString(fd, o.key, o.value)
		}
		if err != nil {
			return fmt.Errorf("option %s: %w", o.key, err)
		}
	}
	return unix.FsconfigCreate(fd)
}

// explain adds what the kernel says about a mount that failed.
func explain(a domain.Access, fs *os.File, err error) error {
	if _, done := errors.AsType[*domain.Error](err); done {
		return err
	}
	log, _ := io.ReadAll(io.LimitReader(fs, maxOutput)) // ends with ENODATA
	words := strings.Join(strings.Fields(string(log)), " ")
	switch {
	case a == domain.Btrfs && errors.Is(err, unix.EEXIST):
		return domain.Fail(domain.Unsupported, "mount", "",
			"a btrfs with the same UUID is mounted, a copy beside its source needs Linux 6.7 or newer: %w", err)
	case errors.Is(err, unix.EBUSY):
		return domain.Fail(domain.InUse, "mount", "",
			"the device is held, or mounted elsewhere with read-only the other way: %w %s", err, words)
	case words != "":
		return fmt.Errorf("mount %s: %w: %s", a, err, words)
	default:
		return fmt.Errorf("mount %s: %w, the kernel log may say more", a, err)
	}
}

// shows proves that a mount is of the device.
func (p *pinned) shows(m *os.File, a domain.Access) error {
	var st unix.Stat_t
	if err := unix.Fstat(int(m.Fd()), &st); err != nil {
		return err
	}
	if a != domain.Btrfs {
		if st.Dev != unix.Mkdev(p.device.Major, p.device.Minor) {
			return changed(p.device, nil)
		}
		return nil
	}
	root, err := unix.Openat(int(m.Fd()), ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(root) }()
	_, err = btrfsDevice(root, p.device)
	return err
}

// mountAttrs returns what the options set on the mount and what has to be
// cleared for that.
func (o options) mountAttrs() (set, clr uint64) {
	bits := map[attr]uint64{
		noAtime: unix.MOUNT_ATTR_NOATIME, relAtime: unix.MOUNT_ATTR_RELATIME, strictAtime: unix.MOUNT_ATTR_STRICTATIME,
		noDirAtime: unix.MOUNT_ATTR_NODIRATIME, noSuid: unix.MOUNT_ATTR_NOSUID, noDev: unix.MOUNT_ATTR_NODEV,
		noExec: unix.MOUNT_ATTR_NOEXEC,
	}
	for _, a := range o.attrs {
		if a == noAtime || a == relAtime || a == strictAtime { // one of them: the last
			set &^= unix.MOUNT_ATTR__ATIME
			clr |= unix.MOUNT_ATTR__ATIME
		}
		set |= bits[a]
	}
	return set, clr
}
