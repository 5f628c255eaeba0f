package loop

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// control opens the loop driver's control device.
func (k kernel) control() (*os.File, error) {
	path := filepath.Join(k.dev, controlName)
	var major, minor uint32
	text, err := os.ReadFile("/sys/class/misc/" + controlName + "/dev")
	if err == nil {
		_, err = fmt.Sscanf(string(text), "%d:%d", &major, &minor)
	}
	if err == nil {
		path, err = k.node(controlName, unix.S_IFCHR, major, minor)
	}
	var f *os.File
	if err == nil {
		f, err = os.OpenFile(path, os.O_RDWR, 0)
	}
	if err != nil {
		return nil, domain.Fail(domain.Unsupported, "loop", "",
			"loop devices need root and the kernel module loop: %w", err)
	}
	return f, nil
}

// lock opens the control device and keeps other processes of ours from setting
// up devices until it is closed, so that two connects make one controller.
func (k kernel) lock(ctx context.Context) (*os.File, error) {
	control, err := k.control()
	if err != nil {
		return nil, err
	}
	for {
		err := unix.Flock(int(control.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return control, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			_ = control.Close()
			return nil, err
		}
		if err := pause(ctx); err != nil {
			_ = control.Close()
			return nil, err
		}
	}
}

// attach makes a free loop device show the image as id. The image was opened
// under id's name.
//
// The device reads and writes through the page cache, not past it: the array
// reads the same cache, so what a workload has synced is in a copy or clone
// taken right after, on every file system.
func (k kernel) attach(ctx context.Context, control, image *os.File, id identity) error {
	config := unix.LoopConfig{Fd: uint32(image.Fd()), Size: sectorSize} //nolint:gosec // a descriptor
	copy(config.Info.File_name[:], id.tag())
	for {
		n, err := unix.IoctlRetInt(int(control.Fd()), unix.LOOP_CTL_GET_FREE)
		if err != nil {
			return fmt.Errorf("no free loop device: %w", err)
		}
		err = k.configure("loop"+strconv.Itoa(n), &config)
		if !errors.Is(err, unix.EBUSY) { // another program took it meanwhile
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// configure sets up one free loop device; EBUSY if it is not free any more.
func (k kernel) configure(name string, config *unix.LoopConfig) error {
	major, minor, err := number(name)
	if err != nil {
		return err
	}
	path, err := k.node(name, unix.S_IFBLK, major, minor)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if !isDevice(f, major, minor) {
		return fmt.Errorf("%s is not block device %d:%d", path, major, minor)
	}
	err = unix.IoctlLoopConfigure(int(f.Fd()), config)
	if errors.Is(err, unix.ENOTTY) || errors.Is(err, unix.EINVAL) {
		return domain.Fail(domain.Unsupported, "loop", "", "LOOP_CONFIGURE needs Linux 5.8 or newer: %w", err)
	}
	if err != nil {
		return err
	}
	// The flag stays when somebody detaches a device that was set read-only.
	return unix.IoctlSetPointerInt(int(f.Fd()), unix.BLKROSET, 0)
}

// openAs opens the image under the name of id, so that the kernel shows who the
// loop device is for. The name is a hard link that is gone again on return; the
// caller holds the lock.
func (f *Fabric) openAs(image string, id identity) (*os.File, error) {
	name, err := id.name()
	if err != nil {
		return nil, err
	}
	file, err := os.OpenFile(image, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, fmt.Errorf("image %s is not a regular file: %w", image, errors.Join(err, unix.EINVAL))
	}
	f.sweep()
	self := fmt.Sprintf("/proc/self/fd/%d", file.Fd())
	path, err := os.Readlink(self)
	if err != nil {
		return nil, err
	}
	// The target directory is where a leftover is swept; an image on another
	// file system or subvolume can only be linked next to itself.
	named, err := linked(self, filepath.Join(f.config.TargetDir, name))
	if errors.Is(err, unix.EXDEV) {
		named, err = linked(self, filepath.Join(filepath.Dir(path), name))
	}
	if err != nil {
		return nil, err
	}
	if !sameFile(file, named) {
		_ = named.Close()
		return nil, fmt.Errorf("image %s was replaced while it was opened", image)
	}
	return named, nil
}

// linked opens what self stands for through a hard link at path and removes the
// link again.
func linked(self, path string) (*os.File, error) {
	// A process that died in here left its link. Nobody else is in here now.
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err := unix.Linkat(unix.AT_FDCWD, self, unix.AT_FDCWD, path, unix.AT_SYMLINK_FOLLOW); err != nil {
		return nil, fmt.Errorf("link %s: %w", path, err)
	}
	named, err := os.OpenFile(path, os.O_RDWR|unix.O_NOFOLLOW, 0)
	if removed := os.Remove(path); removed != nil && err == nil {
		_ = named.Close()
		return nil, removed
	}
	return named, err
}

func sameFile(a, b *os.File) bool {
	x, errX := a.Stat()
	y, errY := b.Stat()
	return errX == nil && errY == nil && os.SameFile(x, y)
}

// sweep removes links that processes left in the target directory when they
// died, so that they do not keep the space of a deleted image.
func (f *Fabric) sweep() {
	entries, err := os.ReadDir(f.config.TargetDir)
	if err != nil {
		return // what the connect needs of the directory, it asks for itself
	}
	for _, e := range entries {
		if _, ours := parseName(f.config.Prefix, e.Name()); ours && e.Type().IsRegular() {
			_ = os.Remove(filepath.Join(f.config.TargetDir, e.Name()))
		}
	}
}
