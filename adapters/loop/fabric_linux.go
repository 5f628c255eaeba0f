package loop

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"git.srvlab.io/whiskey/rds-csi-driver/adapters/internal/targetdir"
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// A Fabric connects loop devices. It fulfills ports.Fabric and ports.Devices,
// and may be used from many goroutines and processes at once.
type Fabric struct {
	config Config
	kernel kernel
}

// New returns the fabric of a target directory. It touches nothing yet.
func New(c Config) *Fabric {
	if c.Dev == "" {
		c.Dev = "/dev"
	}
	return &Fabric{config: c, kernel: kernel{dev: c.Dev, prefix: c.Prefix}}
}

// settleTime is how long a disconnect waits for a process that looks at the
// device in passing, as udev does.
const settleTime = 2 * time.Second

// failed gives an error of this package the form that the port asks for.
func failed(op string, nqn string, err error) error {
	if _, done := errors.AsType[*domain.Error](err); err == nil || done {
		return err
	}
	kind := domain.Other
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		kind = domain.Unreachable
	case errors.Is(err, fs.ErrPermission):
		kind = domain.Unsupported // of root, who this adapter runs as
	}
	return domain.Fail(kind, op, nqn, "%w", err)
}

// Ready reports whether this process can set up loop devices; Unsupported, and
// what is missing, if not.
func (f *Fabric) Ready() error {
	control, err := f.kernel.control()
	if err != nil {
		return err
	}
	return failed("loop", "", control.Close())
}

// Connect makes a loop device of the image that the target shows to this host.
// A device that is there already is the connection, whatever the target says
// now.
func (f *Fabric) Connect(ctx context.Context, t domain.Target) error {
	nqn := t.NQN.String()
	if t.NQN.Prefix != f.config.Prefix {
		return domain.Fail(domain.Invalid, "loop connect", nqn, "prefix %s is allowed", f.config.Prefix)
	}
	id := identity{nqn: t.NQN, host: t.HostNQN}
	for {
		if err := ctx.Err(); err != nil {
			return failed("loop connect", nqn, err)
		}
		dying, err := f.connect(ctx, id)
		if !dying || err != nil {
			return failed("loop connect", nqn, err)
		}
		if err := pause(ctx); err != nil {
			return domain.Fail(domain.Unreachable, "loop connect", nqn,
				"the old device is open in a process and has to go first: %w", err)
		}
	}
}

// connect tries once. dying says that a device of that identity is still going.
func (f *Fabric) connect(ctx context.Context, id identity) (dying bool, err error) {
	control, err := f.kernel.lock(ctx)
	if err != nil {
		return false, err
	}
	defer func() { _ = control.Close() }()
	there, err := f.kernel.find(id.nqn, id.host)
	if err != nil || len(there) > 0 {
		return err == nil && there[0].dying, err
	}
	path, err := f.admitted(id)
	if err != nil {
		return false, err
	}
	image, err := f.openAs(path, id)
	if errors.Is(err, fs.ErrNotExist) {
		return false, domain.Fail(domain.Unreachable, "loop connect", id.nqn.String(),
			"the target exports an image that is not there: %w", err)
	}
	if err != nil {
		return false, err
	}
	defer func() { _ = image.Close() }()
	return false, f.kernel.attach(ctx, control, image, id)
}

// admitted returns the image that the target shows to this host.
func (f *Fabric) admitted(id identity) (string, error) {
	image, err := targetdir.Dir(f.config.TargetDir).Lookup(id.nqn.String(), id.host)
	if err != nil {
		return "", domain.Fail(domain.Unreachable, "loop connect", id.nqn.String(),
			"target directory %s, host %s: %w", f.config.TargetDir, id.host, err)
	}
	if !filepath.IsAbs(image) {
		image = filepath.Join(f.config.TargetDir, image)
	}
	return image, nil
}

// Admits asks the target directory.
func (f *Fabric) Admits(ctx context.Context, t domain.Target) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, failed("loop admit", t.NQN.String(), err)
	}
	_, err := f.admitted(identity{nqn: t.NQN, host: t.HostNQN})
	if errors.Is(err, targetdir.ErrUnknown) || errors.Is(err, targetdir.ErrNotAdmitted) {
		return false, nil
	}
	return err == nil, err
}

// Disconnect detaches the loop device of that subsystem and host. A device that
// a process has open stays, and is InUse: to take it away would lose what that
// process has not written.
func (f *Fabric) Disconnect(ctx context.Context, nqn domain.NQN, hostNQN string) error {
	if err := ctx.Err(); err != nil {
		return failed("loop disconnect", nqn.String(), err)
	}
	there, err := f.kernel.find(nqn, hostNQN)
	if hostNQN == "" || err != nil {
		return failed("loop disconnect", nqn.String(), err) // no host has an empty name
	}
	for _, b := range there {
		err := f.remove(ctx, b)
		if err != nil && !errors.Is(err, errGone) {
			return failed("loop disconnect", nqn.String(), err)
		}
	}
	return nil
}

// Abandon is Disconnect: the kernel does not take a loop device from under its
// holder.
func (f *Fabric) Abandon(ctx context.Context, nqn domain.NQN, hostNQN string) error {
	return f.Disconnect(ctx, nqn, hostNQN)
}

// remove detaches a device that nobody holds.
func (f *Fabric) remove(ctx context.Context, b bound) error {
	who, err := holders(b, filepath.Join(f.config.Dev, b.name))
	if err != nil {
		return err
	}
	if len(who) > 0 {
		return inUse(b, strings.Join(who, ", "))
	}
	if err := f.detach(b); err != nil {
		return err
	}
	settled, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	for {
		now, ok, err := f.kernel.look(b.name)
		if err != nil || !ok || now.id != b.id {
			return err
		}
		if pause(settled) != nil {
			return cmp.Or(f.restore(b), ctx.Err(), inUse(b, "a process that has it open"))
		}
	}
}

func inUse(b bound, who string) error {
	return domain.Fail(domain.InUse, "loop disconnect", b.id.nqn.String(), "%s is held by %s", b.name, who)
}

// detach asks the kernel to let the image go. The exclusive open proves that no
// mount and no other device came in between.
func (f *Fabric) detach(b bound) error {
	o, err := f.kernel.open(b, os.O_RDONLY|unix.O_EXCL)
	if errors.Is(err, unix.EBUSY) {
		return inUse(b, exclusiveOpen)
	}
	if err != nil {
		return err
	}
	defer func() { _ = o.Close() }()
	if err := o.setReadOnly(false); err != nil {
		return err
	}
	return o.detach()
}

// restore takes back the detach of a device that somebody keeps open: qemu opens
// nothing exclusively, and would lose its disk.
func (f *Fabric) restore(b bound) error {
	o, err := f.kernel.open(b, os.O_RDONLY)
	if err != nil {
		return err
	}
	defer func() { _ = o.Close() }()
	return o.keep()
}

// List returns our loop devices. They are live as long as they are there: their
// I/O needs no answer from the target.
func (f *Fabric) List(ctx context.Context) ([]domain.Controller, error) {
	if err := ctx.Err(); err != nil {
		return nil, failed("loop list", "", err)
	}
	there, err := f.kernel.devices()
	if err != nil {
		return nil, failed("loop list", "", err)
	}
	controllers := make([]domain.Controller, len(there))
	for i, b := range there {
		controllers[i] = domain.Controller{Name: b.name, NQN: b.id.nqn, HostNQN: b.id.host, State: domain.Live}
		if b.dying {
			controllers[i].State = domain.Gone
		}
	}
	return controllers, nil
}

// Rescan makes the loop driver read the image's size again. An image that has
// shrunk is DataAtRisk and the device keeps its size: a file system whose end is
// missing reports it at its next read there.
func (f *Fabric) Rescan(ctx context.Context, nqn domain.NQN) error {
	if err := ctx.Err(); err != nil {
		return failed("loop rescan", nqn.String(), err)
	}
	there, err := f.kernel.find(nqn, f.config.HostNQN)
	if err != nil {
		return failed("loop rescan", nqn.String(), err)
	}
	if len(there) == 0 {
		return notConnected("loop rescan", nqn)
	}
	for _, b := range there {
		if err := f.rescan(b); err != nil {
			return failed("loop rescan", nqn.String(), err)
		}
	}
	return nil
}

func notConnected(op string, nqn domain.NQN) error {
	return domain.Fail(domain.NotFound, op, nqn.String(), "not connected on this host")
}

func (f *Fabric) rescan(b bound) error {
	o, err := f.kernel.open(b, os.O_RDONLY)
	if errors.Is(err, errGone) {
		return notConnected("loop rescan", b.id.nqn)
	}
	if err != nil {
		return err
	}
	defer func() { _ = o.Close() }()
	has, err := o.size()
	if err != nil {
		return err
	}
	if image, err := f.image(o); err == nil && image.Size < int64(has)/sectorSize*sectorSize {
		return domain.Fail(domain.DataAtRisk, "loop rescan", b.id.nqn.String(),
			"the image has shrunk from %d to %d bytes", int64(has), image.Size)
	}
	return o.rescan()
}
