package porttest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
	"git.srvlab.io/whiskey/rds-csi-driver/ports"
)

// A Host is one host under test, the target it connects to, and what the suites
// need to do beside the ports, as an administrator or a workload would. A suite
// says which fields it needs; the others may be nil. What open returns is empty:
// nothing connected, mounted or saved that is ours.
type Host struct {
	Fabric      ports.Fabric
	Devices     ports.Devices
	Filesystems ports.Filesystems
	Mounts      ports.Mounts
	Hints       ports.Hints

	Target  Target
	Portals []domain.Portal
	Prefix  domain.NQNPrefix
	HostNQN string
	HostID  string

	// Attach shows an image as a device without Fabric and Devices, until the
	// test ends. Nil: through Target, Fabric and Devices.
	Attach func(t *testing.T, nqn domain.NQN, image string) domain.Device
	// Resized makes the host see that the image behind an attached device has
	// grown. Nil: Fabric.Rescan.
	Resized func(t *testing.T, d domain.Device)
	// Occupy makes a file system on the device and mounts it at a new place, by
	// other means than the ports under test. Nil: Filesystems and Mounts.
	Occupy func(t *testing.T, d domain.Device, a domain.Access) (target string, leave func())
	// ShowNode binds the device node at a new place, by other means than the ports
	// under test. Nil: Mounts.BindDevice.
	ShowNode func(t *testing.T, d domain.Device) (target string, leave func())
	// Hold opens the device exclusively, as another program does.
	Hold func(t *testing.T, d domain.Device) (release func())
	// Replace puts another disk behind the device of a connected subsystem. Nil:
	// the target exports another image under the same NQN.
	Replace func(t *testing.T, nqn domain.NQN)
	// FailReads makes reads of the device fail. Nil: the image is cut to nothing,
	// which a loop device answers with EIO.
	FailReads func(t *testing.T, d domain.Device, image string)
	// NoGrow says which file systems this machine can not grow under a mount, and
	// what the refusal has to name. Empty: all grow.
	NoGrow map[domain.Access]string
	// Foreign connects and mounts what is not ours and returns a look at it: an
	// error if anything of it was changed.
	Foreign func(t *testing.T) (intact func() error)

	// WriteFile writes a file under a mount and brings it to the device; ReadFile
	// reads one.
	WriteFile func(path string, data []byte) error
	ReadFile  func(path string) ([]byte, error)
	// KeepOpen opens a file under a mount, or the mount itself, until release.
	KeepOpen func(t *testing.T, path string) (release func())
	// WriteDevice writes to a device node, or where one is bound, and brings it to
	// the device; ReadDevice reads.
	WriteDevice func(path string, data []byte, offset int64) error
	ReadDevice  func(path string, n int, offset int64) ([]byte, error)
	// CorruptHint breaks the saved hint of the slot, as a crash or a hand would.
	CorruptHint func(t *testing.T, slot domain.Slot)
}

// A Target exports images to hosts: the other side of a Fabric.
type Target interface {
	// Export shows the image as nqn to one host NQN, or to all if host is empty.
	Export(nqn domain.NQN, image, host string) error
	// Withdraw ends the export.
	Withdraw(nqn domain.NQN) error
	// Silence makes the target answer nobody, or answer again as before.
	Silence(on bool) error
}

// A TargetDir is a target on this machine: for each export a link named by the
// NQN to the image and a file "<nqn>.host" with the admitted host.
type TargetDir string

const awaySuffix = ".away"

// Export writes the host before the link, so that no wrong host is admitted.
func (d TargetDir) Export(nqn domain.NQN, image, host string) error {
	link := filepath.Join(string(d), nqn.String())
	if err := os.WriteFile(link+".host", []byte(host+"\n"), 0o600); err != nil {
		return err
	}
	if err := os.Remove(link); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return os.Symlink(image, link)
}

// Withdraw removes the link before the host.
func (d TargetDir) Withdraw(nqn domain.NQN) error {
	link := filepath.Join(string(d), nqn.String())
	return errors.Join(os.Remove(link), os.Remove(link+".host"))
}

// Silence moves the directory away: a target that is not there.
func (d TargetDir) Silence(on bool) error {
	if on {
		return os.Rename(string(d), string(d)+awaySuffix)
	}
	return os.Rename(string(d)+awaySuffix, string(d))
}

// patience is how long one call of a port may take in a suite. Making a file
// system on a busy machine is the slowest.
const patience = 2 * time.Minute

// A hostCase is one promise of a host port.
type hostCase struct {
	name string
	test func(t *testing.T, h Host)
}

// runHost gives each case a host of its own.
func runHost(t *testing.T, open func(*testing.T) Host, cases ...[]hostCase) {
	t.Helper()
	for _, list := range cases {
		for _, c := range list {
			t.Run(c.name, func(t *testing.T) { c.test(t, open(t)) })
		}
	}
}

// eachFileSystem makes a case per file system.
func eachFileSystem(name string, test func(t *testing.T, h Host, a domain.Access)) []hostCase {
	var cases []hostCase
	for _, a := range []domain.Access{domain.Ext4, domain.XFS, domain.Btrfs} {
		cases = append(cases, hostCase{string(a) + " " + name, func(t *testing.T, h Host) { test(t, h, a) }})
	}
	return cases
}

// sizeFor returns the size of the test's volumes with that file system: the
// least that every mkfs takes.
func sizeFor(a domain.Access) domain.Size { return max(a.Least(), 64*domain.MiB) }

// within returns a context that ends before the test binary's patience does.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// afterwards is the context of a clean-up.
func afterwards(t *testing.T) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithTimeout(context.WithoutCancel(t.Context()), patience)
}

// A disk is an image of the suite and what is known of it.
type disk struct {
	nqn    domain.NQN
	image  string
	device domain.Device
}

// newNQN returns the n-th subsystem name of a test.
func (h Host) newNQN(n byte) domain.NQN {
	slot := domain.ClusterID("porttest").Slot(string('a' + rune(n)))
	return domain.NQN{Prefix: h.Prefix, Slot: slot, Epoch: domain.NewEpoch([domain.EpochBytes]byte{4: n})}
}

// newImage makes a sparse image, whose name tells nothing of the NQN.
func newImage(t *testing.T, size domain.Size) string {
	t.Helper()
	f, err := os.CreateTemp(newDir(t), "volume-*.img")
	must(t, err)
	must(t, f.Truncate(int64(size)))
	must(t, f.Close())
	return f.Name()
}

// to returns the target that a node would be told of.
func (h Host) to(nqn domain.NQN) domain.Target {
	return domain.Target{
		NQN: nqn, Portals: h.Portals, HostNQN: h.HostNQN, HostID: h.HostID, Timings: domain.DefaultTimings(),
	}
}

// export makes an image of volumeSize and exports it to this host.
func (h Host) export(t *testing.T, n byte) disk {
	t.Helper()
	d := disk{nqn: h.newNQN(n), image: newImage(t, volumeSize)}
	must(t, h.Target.Export(d.nqn, d.image, h.HostNQN))
	return d
}

// connect connects the disk, and disconnects it when the test ends.
func (h Host) connect(t *testing.T, d disk) {
	t.Helper()
	must(t, h.Fabric.Connect(within(t), h.to(d.nqn)))
	t.Cleanup(func() {
		ctx, cancel := afterwards(t)
		defer cancel()
		_ = h.Fabric.Disconnect(ctx, d.nqn, h.HostNQN)
	})
}

// prove proves the device of a connected disk and keeps it open until the test
// ends.
func (h Host) prove(t *testing.T, nqn domain.NQN) ports.Device {
	t.Helper()
	dev, err := h.Devices.Prove(within(t), nqn)
	must(t, err)
	t.Cleanup(func() { _ = dev.Close() })
	return dev
}

// connected returns a disk of that size that is exported and connected.
func (h Host) connected(t *testing.T, n byte, size domain.Size) disk {
	t.Helper()
	return h.connectImage(t, n, newImage(t, size))
}

// connectImage exports an image and connects it.
func (h Host) connectImage(t *testing.T, n byte, image string) disk {
	t.Helper()
	d := disk{nqn: h.newNQN(n), image: image}
	must(t, h.Target.Export(d.nqn, d.image, h.HostNQN))
	h.connect(t, d)
	dev, err := h.Devices.Prove(within(t), d.nqn)
	must(t, err)
	d.device = dev.Identity()
	must(t, dev.Close())
	return d
}

// attachImage makes an image a device, for suites that do not care how.
func (h Host) attachImage(t *testing.T, n byte, image string) disk {
	t.Helper()
	if h.Attach == nil {
		return h.connectImage(t, n, image)
	}
	nqn := h.newNQN(n)
	return disk{nqn: nqn, image: image, device: h.Attach(t, nqn, image)}
}

// attached returns a disk of that size with a device.
func (h Host) attached(t *testing.T, n byte, size domain.Size) disk {
	t.Helper()
	return h.attachImage(t, n, newImage(t, size))
}

// copyNumber is the number of the subsystem of a copy.
const copyNumber = 9

// attachedCopy returns a disk whose image has the bytes that from's has now. No
// cache of the host's has seen them.
func (h Host) attachedCopy(t *testing.T, from disk) disk {
	t.Helper()
	image := newImage(t, 0)
	copyImage(t, image, from.image)
	return h.attachImage(t, copyNumber, image)
}

// grow makes the image larger and the host see it.
func (h Host) grow(t *testing.T, d disk, size domain.Size) {
	t.Helper()
	must(t, os.Truncate(d.image, int64(size)))
	if h.Resized != nil {
		h.Resized(t, d.device)
		return
	}
	must(t, h.Fabric.Rescan(within(t), d.nqn))
}

// failReads makes reads of the disk fail.
func (h Host) failReads(t *testing.T, d disk) {
	t.Helper()
	if h.FailReads != nil {
		h.FailReads(t, d.device, d.image)
		return
	}
	must(t, os.Truncate(d.image, 0))
}

// occupy mounts a file system of the disk somewhere.
func (h Host) occupy(t *testing.T, d disk, a domain.Access) (target string, leave func()) {
	t.Helper()
	if h.Occupy != nil {
		return h.Occupy(t, d.device, a)
	}
	must(t, h.Filesystems.Make(within(t), d.device, ports.Making{Access: a}))
	target = h.mount(t, ports.Mounting{Device: d.device, Access: a})
	return target, func() { must(t, h.Mounts.Unmount(within(t), target)) }
}

// showNode binds the disk's device node somewhere.
func (h Host) showNode(t *testing.T, d disk) (target string, leave func()) {
	t.Helper()
	if h.ShowNode != nil {
		return h.ShowNode(t, d.device)
	}
	target = filepath.Join(newDir(t), "node")
	must(t, h.Mounts.BindDevice(within(t), d.device, target, false))
	h.unmountLater(t, target)
	return target, func() { must(t, h.Mounts.Unmount(within(t), target)) }
}

// mount mounts m, at a new place if it names none, until the test ends.
func (h Host) mount(t *testing.T, m ports.Mounting) (target string) {
	t.Helper()
	if m.Target == "" {
		m.Target = filepath.Join(newDir(t), "mount")
	}
	must(t, h.Mounts.Mount(within(t), m))
	h.unmountLater(t, m.Target)
	return m.Target
}

func (h Host) unmountLater(t *testing.T, target string) {
	t.Helper()
	t.Cleanup(func() {
		ctx, cancel := afterwards(t)
		defer cancel()
		_ = h.Mounts.Unmount(ctx, target)
	})
}
