package loop

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

const (
	sysBlock    = "/sys/block"
	controlName = "loop-control"
	tick        = 5 * time.Millisecond // between two looks at the kernel
	sectorSize  = 512
)

// errGone says that a loop device is not, or no longer, the one it was.
var errGone = errors.New("the loop device is not ours or was detached")

// A kernel is the loop driver as this fabric sees it: everything that opens or
// changes a loop device goes through it.
type kernel struct {
	dev    string
	prefix domain.NQNPrefix
}

// A bound is a loop device that sysfs shows with a name of ours.
type bound struct {
	name         string // loop3
	id           identity
	major, minor uint32
	dying        bool // detached by somebody, gone when the last process closes it
}

// An owned is an open loop device that was proved to be ours. Only open makes
// one, and only its methods change a device that exists.
type owned struct {
	bound
	*os.File
	path   string
	status *unix.LoopInfo64
}

// devices returns the loop devices that are ours, by name.
func (k kernel) devices() ([]bound, error) {
	entries, err := os.ReadDir(sysBlock)
	if err != nil {
		return nil, err
	}
	var ours []bound
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), "loop") {
			continue
		}
		b, ok, err := k.look(e.Name())
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		o, err := k.open(b, unix.O_RDONLY)
		if errors.Is(err, errGone) {
			continue
		}
		if err != nil {
			return nil, err
		}
		ours = append(ours, b)
		_ = o.Close()
	}
	return ours, nil
}

// find returns our devices of one subsystem, of one host if host is not empty.
func (k kernel) find(nqn domain.NQN, host string) ([]bound, error) {
	all, err := k.devices()
	var found []bound
	for _, b := range all {
		if b.id.nqn == nqn && (host == "" || b.id.host == host) {
			found = append(found, b)
		}
	}
	return found, err
}

// look reads what sysfs says of a loop device; ok is false if it is free or its
// backing file has no name of ours.
func (k kernel) look(name string) (b bound, ok bool, err error) {
	backing, err := attribute(name, "loop/backing_file")
	if err != nil || backing == "" {
		return bound{}, false, err
	}
	b = bound{name: name}
	if b.id, ok = parseName(k.prefix, backing); !ok {
		return bound{}, false, nil
	}
	clears, err := attribute(name, "loop/autoclear")
	if err != nil || clears == "" {
		return bound{}, false, err
	}
	b.dying = clears == "1"
	b.major, b.minor, err = number(name)
	return b, err == nil, err
}

// attribute reads a sysfs file of a block device, "" if there is none: it comes
// and goes with the backing file.
func attribute(name, file string) (string, error) {
	text, err := os.ReadFile(filepath.Join(sysBlock, name, file))
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENXIO):
		return "", nil
	case err != nil:
		return "", err
	}
	return strings.TrimSuffix(string(text), "\n"), nil
}

// number reads a block device's number.
func number(name string) (major, minor uint32, err error) {
	text, err := os.ReadFile(filepath.Join(sysBlock, name, "dev"))
	if err != nil {
		return 0, 0, err
	}
	if _, err := fmt.Sscanf(string(text), "%d:%d", &major, &minor); err != nil {
		return 0, 0, fmt.Errorf("%s has number %q: %w", name, text, err)
	}
	return major, minor, nil
}

// node returns the path of a device node. A missing one is made: without udev
// nobody else does in a container's /dev.
func (k kernel) node(name string, mode, major, minor uint32) (string, error) {
	path := filepath.Join(k.dev, name)
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return path, err
	}
	err := unix.Mknod(path, mode|0o600, int(unix.Mkdev(major, minor))) //nolint:gosec // numbers have 32 bits together
	if err != nil && !errors.Is(err, unix.EEXIST) {
		return "", fmt.Errorf("make %s: %w", path, err)
	}
	return path, nil
}

// open opens a loop device and proves that it is the bound one: by the number of
// what was opened, by the tag in the open device, and by sysfs once more. It is
// errGone if any of them says otherwise. While it is open, the number goes to no
// other image. There is no O_CREAT: under /dev it would make a regular file.
func (k kernel) open(b bound, flags int) (*owned, error) {
	path, err := k.node(b.name, unix.S_IFBLK, b.major, b.minor)
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, flags, 0)
	if errors.Is(err, unix.ENXIO) { // no such device: either it went, or the node is wrong
		if _, ok, err := k.look(b.name); !ok && err == nil {
			return nil, errGone
		}
	}
	if err != nil {
		return nil, err
	}
	o := &owned{bound: b, File: f, path: path}
	if err := o.verify(k); err != nil {
		_ = f.Close()
		return nil, err
	}
	return o, nil
}

func (o *owned) verify(k kernel) error {
	if !isDevice(o.File, o.major, o.minor) {
		return domain.Fail(domain.DataAtRisk, "open loop device", o.path,
			"the node is not block device %d:%d, which sysfs calls %s", o.major, o.minor, o.name)
	}
	status, err := unix.IoctlLoopGetStatus64(o.fd())
	if errors.Is(err, unix.ENXIO) {
		return errGone
	}
	if err != nil {
		return fmt.Errorf("%s: %w", o.path, err)
	}
	if unix.ByteSliceToString(status.File_name[:]) != o.id.tag() {
		return errGone
	}
	o.status = status
	now, ok, err := k.look(o.name)
	if err == nil && (!ok || now.id != o.id || now.major != o.major || now.minor != o.minor) {
		return errGone
	}
	return err
}

func isDevice(f *os.File, major, minor uint32) bool {
	var st unix.Stat_t
	err := unix.Fstat(int(f.Fd()), &st)
	return err == nil && st.Mode&unix.S_IFMT == unix.S_IFBLK && st.Rdev == unix.Mkdev(major, minor)
}

func (o *owned) fd() int { return int(o.Fd()) }

// rescan makes the loop driver read the size of the image again.
func (o *owned) rescan() error { return unix.IoctlSetInt(o.fd(), unix.LOOP_SET_CAPACITY, 0) }

// setReadOnly sets the block device's own flag, which outlives the image: who
// detaches must take it off.
func (o *owned) setReadOnly(readOnly bool) error {
	value := 0
	if readOnly {
		value = 1
	}
	return unix.IoctlSetPointerInt(o.fd(), unix.BLKROSET, value)
}

// detach makes the device go when the last process has closed it.
func (o *owned) detach() error { return unix.IoctlSetInt(o.fd(), unix.LOOP_CLR_FD, 0) }

// keep takes back a detach that has not happened yet.
func (o *owned) keep() error {
	o.status.Flags &^= unix.LO_FLAGS_AUTOCLEAR
	return unix.IoctlLoopSetStatus64(o.fd(), o.status)
}

// pause waits a moment, or until ctx ends.
func pause(ctx context.Context) error {
	t := time.NewTimer(tick)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
