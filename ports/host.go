package ports

import (
	"context"
	"io"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// A Fabric connects this host to subsystems. It knows only those under the
// configured NQN prefix; what others connected it neither lists nor touches.
type Fabric interface {
	// Connect returns when this host has a live controller for the target through
	// at least one portal. Unreachable if none answered, or the target does not
	// know the NQN or does not admit this host: the array may still be bringing
	// exports back, so the caller retries while its deadline lasts. Unsupported if
	// this machine lacks something; the message names it.
	Connect(ctx context.Context, t domain.Target) error

	// Admits asks the target, beside any connection there is, whether it would
	// take this host now. False only if the target answered; Unreachable if it
	// did not.
	Admits(ctx context.Context, t domain.Target) (bool, error)

	// Disconnect removes this host's controllers of exactly that subsystem and
	// host NQN; none is fine. InUse, naming the holder, if anything holds the
	// device: mounts, other devices, an exclusive open.
	Disconnect(ctx context.Context, nqn domain.NQN, hostNQN string) error

	// Abandon removes them although the device is held: what was not written is
	// lost. Only for a subsystem whose grant is known to be gone. On a fabric
	// whose devices can not be taken from under a holder it is Disconnect.
	Abandon(ctx context.Context, nqn domain.NQN, hostNQN string) error

	// List returns the controllers under the prefix, of every host NQN.
	List(ctx context.Context) ([]domain.Controller, error)

	// Rescan makes the host read the device's size again. NotFound if the
	// subsystem is not connected.
	Rescan(ctx context.Context, nqn domain.NQN) error
}

// Devices finds the block devices of connected subsystems.
type Devices interface {
	// Prove opens the device of a subsystem, waiting for it while ctx lasts, and
	// shows by what the kernel says of the open device that it is the one. While
	// the returned device is open its path and number go to no other. NotFound if
	// the subsystem is not connected; DataAtRisk if something else answers to it.
	Prove(ctx context.Context, nqn domain.NQN) (Device, error)
}

// A Device is an open block device that was proved.
type Device interface {
	io.Closer

	// Identity returns where the device is and whose.
	Identity() domain.Device

	// Size returns the bytes the host sees now.
	Size(ctx context.Context) (domain.Size, error)

	// FirstData returns the offset of the first byte in the extents that is not
	// zero; found is false if all are zero. The bytes come from the device, not
	// from a cache. A read that fails, or an extent past the end, is DataAtRisk,
	// never "zero".
	FirstData(ctx context.Context, extents []domain.Extent) (offset domain.Size, found bool, err error)

	// Holders names everything on this host that holds the device: mount points,
	// those of its bound node included, device mapper and other devices,
	// "exclusive open". Empty if nothing does; an error if that could not be found
	// out.
	Holders(ctx context.Context) ([]string, error)

	// SetReadOnly makes the kernel refuse writes to the device, or take them.
	SetReadOnly(ctx context.Context, readOnly bool) error
}

// A Making is a file system to be made.
type Making struct {
	Access domain.Access // not Block
	Label  string
}

// Filesystems works on the file system of a proved device. A device whose path
// no longer has the proved number is DataAtRisk in every method.
type Filesystems interface {
	// Probe returns what is recognized on the device, the zero signature for
	// nothing. A probe that could not read is DataAtRisk, never "nothing";
	// several signatures at once are DataAtRisk and named.
	Probe(ctx context.Context, d domain.Device) (domain.Signature, error)

	// Make makes a file system on a device that Probe finds empty; DataAtRisk if
	// it does not. It never forces. It is not ended by ctx once it writes: half a
	// file system would be refused for ever.
	Make(ctx context.Context, d domain.Device, m Making) error

	// Check makes an unmounted file system fit to be mounted read-write if it can
	// do so without losing anything, and changes nothing otherwise. A file system
	// with errors that need a decision is DataAtRisk and is not repaired.
	Check(ctx context.Context, d domain.Device, a domain.Access) error

	// Grow makes the mounted file system as large as its device. One that is as
	// large already is fine.
	Grow(ctx context.Context, d domain.Device, a domain.Access, target string) error

	// Stats returns how full the file system mounted at target is. NotFound if
	// nothing is mounted there; Unreachable if the file system does not answer.
	Stats(ctx context.Context, target string) (domain.Usage, error)
}

// A Mounting is a file system to be mounted.
type Mounting struct {
	Device   domain.Device
	Access   domain.Access // not Block
	Target   string
	ReadOnly bool     // neither the mount nor the file system's log writes
	Options  []string // checked against what is allowed; Invalid names the bad one
}

// A Mount is one entry of the host's mount table.
type Mount struct {
	Target   string // without symbolic links, as the kernel has it
	Number   string // major:minor of the device, of the file system for a bind
	Access   string // file system type as the kernel names it
	ReadOnly bool
	// Root is the path inside the file system that is mounted: "/" for a whole
	// file system; the device's path for a device node that was bound.
	Root string
	// DeviceNumber is major:minor of the block device at Target if a device node
	// was bound there, else "".
	DeviceNumber string
}

// Mounts changes the host's mount table.
type Mounts interface {
	// Mount mounts a file system at its target, making the directory. Mounted
	// there already from the same device in the same way is fine; anything else
	// mounted there is Exists.
	Mount(ctx context.Context, m Mounting) error

	// Bind shows the directory source at target as well, making the directory.
	// options are as in Mounting.
	Bind(ctx context.Context, source, target string, readOnly bool, options []string) error

	// BindDevice shows the device at target, making an empty file there. It is
	// private: it adds one mount and propagates none.
	BindDevice(ctx context.Context, d domain.Device, target string, readOnly bool) error

	// Unmount unmounts everything at target and keeps the directory; nothing
	// mounted there, or no target, is fine. Busy if it is in use. It returns when
	// ctx ends also if the kernel does not.
	Unmount(ctx context.Context, target string) error

	// Unbind unmounts target and removes the empty directory or file, never a
	// tree: a directory that is not empty is DataAtRisk and stays.
	Unbind(ctx context.Context, target string) error

	// List returns the mount table.
	List(ctx context.Context) ([]Mount, error)
}

// Hints keeps publish contexts on the node for the watcher. Nothing may depend
// on them: they are lost at a reboot.
type Hints interface {
	Save(ctx context.Context, h Hint) error
	// List returns the hints that can be read and leaves the others out.
	List(ctx context.Context) ([]Hint, error)
	// Delete is content with an absent hint.
	Delete(ctx context.Context, slot domain.Slot) error
}

// A Hint is what the node was asked to stage.
type Hint struct {
	Attachment domain.Attachment
	Use        domain.Use
	Staging    string // the staging path
	Options    []string
}
