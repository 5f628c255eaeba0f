package fakehost

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// major is the number that Linux gives to block devices without one of their
// own (blkext).
const major = 259

// A device is the block device of one subsystem for as long as it is connected.
type device struct {
	nqn   string
	minor uint32
	image string
	was   os.FileInfo // the image when it was connected; nil for a foreign device
	size  domain.Size // as the host last read it
	paths []*controller

	readOnly  bool
	exclusive bool // somebody has it open with O_EXCL
	opens     int  // others who have it open
	dropped   bool // something else came to lie behind it
}

// Why a device does not do what it is asked.
var (
	errIO       = errors.New("input/output error")
	errReadOnly = errors.New("operation not permitted: device is read-only")
	errNoDevice = errors.New("no such device")
)

// newDevice makes the device of a subsystem with the lowest free number.
func (h *Host) newDevice(nqn, image string) *device {
	d := &device{nqn: nqn, image: image}
	for slices.ContainsFunc(h.devices, func(x *device) bool { return x.minor == d.minor }) {
		d.minor++
	}
	if info, err := os.Stat(image); err == nil {
		d.was, d.size = info, domain.Size(info.Size())
	}
	h.devices = append(h.devices, d)
	return d
}

// deviceOf returns the device of a connected subsystem, nil if there is none.
func (h *Host) deviceOf(nqn string) *device {
	i := slices.IndexFunc(h.devices, func(d *device) bool { return d.nqn == nqn && len(d.paths) > 0 })
	if i < 0 {
		return nil
	}
	return h.devices[i]
}

// deviceAt returns the device whose node is path, nil if there is none.
func (h *Host) deviceAt(path string) *device {
	i := slices.IndexFunc(h.devices, func(d *device) bool { return d.path() == path && len(d.paths) > 0 })
	if i < 0 {
		return nil
	}
	return h.devices[i]
}

// numbered returns the device with that number, nil if there is none.
func (h *Host) numbered(number string) *device {
	i := slices.IndexFunc(h.devices, func(d *device) bool { return d.number() == number && len(d.paths) > 0 })
	if i < 0 {
		return nil
	}
	return h.devices[i]
}

// proved returns the device that was proved, if its path still has its number.
func (h *Host) proved(op string, want domain.Device) (*device, error) {
	d := h.deviceAt(want.Path)
	if d == nil {
		return nil, domain.Fail(domain.DataAtRisk, op, want.NQN.String(), "%s: %w", want.Path, errNoDevice)
	}
	if d.number() != want.Number() || d.nqn != want.NQN.String() {
		return nil, domain.Fail(domain.DataAtRisk, op, want.NQN.String(),
			"%s is %s of %s now, not %s: prove the device again", want.Path, d.number(), d.nqn, want.Number())
	}
	return d, nil
}

// unused reports whether the device is gone and its number free.
func (h *Host) unused(d *device) bool {
	mounted := slices.ContainsFunc(h.filesystems, func(fs *filesystem) bool { return fs.device == d })
	return len(d.paths) == 0 && d.opens == 0 && !d.exclusive && !mounted
}

// path returns the device's node. It is no path of a real system, so that a
// mistake with real tools finds nothing.
func (d *device) path() string { return fmt.Sprintf("/dev/fakenvme%dn1", d.minor) }

func (d *device) number() string { return fmt.Sprintf("%d:%d", major, d.minor) }

// identity returns the device as the ports know it.
func (d *device) identity(nqn domain.NQN) domain.Device {
	return domain.Device{NQN: nqn, Path: d.path(), Major: major, Minor: d.minor}
}

// resize reads the image's size.
func (d *device) resize() {
	if info, err := os.Stat(d.image); err == nil {
		d.size = domain.Size(info.Size())
	}
}

// dropIfReplaced lets go of a device behind which another image has come to
// lie, as the kernel does with a namespace whose identifiers changed.
func (h *Host) dropIfReplaced(d *device) {
	if d.was == nil || d.state() != domain.Live {
		return
	}
	link, err := os.Readlink(filepath.Join(h.cfg.TargetDir, d.nqn))
	if err != nil {
		return
	}
	if !filepath.IsAbs(link) {
		link = filepath.Join(h.cfg.TargetDir, link)
	}
	info, err := os.Stat(link)
	d.dropped = d.dropped || link != d.image || err == nil && !os.SameFile(d.was, info)
}

// state returns Live if the device answers, Connecting if it waits for its
// target, Gone if it gives errors for ever.
func (d *device) state() domain.ControllerState {
	if len(d.paths) == 0 || d.dropped {
		return domain.Gone
	}
	if slices.ContainsFunc(d.paths, func(c *controller) bool { return c.live }) {
		return domain.Live
	}
	return domain.Connecting
}

// await returns when the device answers; errIO if it never will again.
func (h *Host) await(ctx context.Context, d *device) error {
	for {
		switch d.state() {
		case domain.Live:
			return nil
		case domain.Gone:
			return errIO
		case domain.Connecting:
		}
		if err := h.pause(ctx); err != nil {
			return err
		}
		h.settle()
	}
}

// ready returns a proved device once it answers. The lock is not given up
// after that.
func (h *Host) ready(ctx context.Context, op string, want domain.Device) (*device, error) {
	for {
		d, err := h.proved(op, want)
		if err != nil {
			return nil, err
		}
		switch d.state() {
		case domain.Live:
			return d, nil
		case domain.Gone:
			return nil, domain.Fail(domain.DataAtRisk, op, want.NQN.String(), "%s: %w", want.Path, errIO)
		case domain.Connecting:
		}
		if err := h.pause(ctx); err != nil {
			return nil, cutOff(op, want.NQN.String(), err)
		}
		h.settle()
	}
}

// read fills p from a device that answers: whoever calls has waited for that,
// and kept the lock.
func read(d *device, p []byte, offset domain.Size) error {
	if d.state() != domain.Live || offset < 0 || offset+domain.Size(len(p)) > d.size {
		return fmt.Errorf("read of %d bytes at %d of %d: %w", len(p), offset, d.size, errIO)
	}
	f, err := os.Open(d.image)
	if err != nil {
		return fmt.Errorf("%w: %w", errIO, err)
	}
	if _, err := f.ReadAt(p, int64(offset)); err != nil {
		return fmt.Errorf("%w: %w", errors.Join(errIO, f.Close()), err)
	}
	return f.Close()
}

// write brings p to the image of a device that answers.
func write(d *device, p []byte, offset domain.Size) error {
	info, err := os.Stat(d.image)
	switch {
	case d.readOnly:
		return errReadOnly
	case d.state() != domain.Live:
		return errIO
	case err != nil:
		return fmt.Errorf("%w: %w", errIO, err)
	}
	if end := offset + domain.Size(len(p)); offset < 0 || end > d.size || end > domain.Size(info.Size()) {
		return fmt.Errorf("write of %d bytes at %d of %d: %w", len(p), offset, d.size, errIO)
	}
	f, err := os.OpenFile(d.image, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("%w: %w", errIO, err)
	}
	_, err = f.WriteAt(p, int64(offset))
	return errors.Join(err, f.Close())
}

// holders names everything that holds the device.
func (h *Host) holders(d *device) []string {
	var names []string
	mounted := false
	for _, m := range h.mounts {
		if m.device() == d || m.node == d.number() {
			names = append(names, m.target)
		}
		mounted = mounted || m.device() == d
	}
	dying := !mounted && slices.ContainsFunc(h.filesystems, func(fs *filesystem) bool { return fs.device == d })
	if d.exclusive || dying {
		names = append(names, "exclusive open")
	}
	return names
}
