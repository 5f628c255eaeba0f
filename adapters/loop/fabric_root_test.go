//go:build root && linux

package loop

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"git.srvlab.io/whiskey/rds-csi-driver/adapters/internal/targetdir"
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

const imageSize = 8 * domain.MiB

// A rig is a fabric with one exported image.
type rig struct {
	*Fabric
	id    identity
	image string
}

// newRig exports an image of that directory, or of one of its own, to host.
func newRig(t *testing.T, dir string) rig {
	t.Helper()
	needRoot(t)
	if dir == "" {
		dir = t.TempDir()
	}
	r := rig{
		Fabric: New(Config{TargetDir: t.TempDir(), Prefix: prefix}),
		id:     identity{nqn: nqnOf("csi-rig"), host: host}, image: filepath.Join(dir, "volume.img"),
	}
	must(t, os.WriteFile(r.image, nil, 0o600))
	must(t, os.Truncate(r.image, int64(imageSize)))
	must(t, r.export(r.image, host))
	return r
}

func (r rig) export(image, host string) error {
	return targetdir.Dir(r.config.TargetDir).Export(r.id.nqn.String(), image, host)
}

func (r rig) target() domain.Target { return domain.Target{NQN: r.id.nqn, HostNQN: r.id.host} }

// connect connects until the test ends.
func (r rig) connect(t *testing.T) {
	t.Helper()
	must(t, r.Connect(t.Context(), r.target()))
	t.Cleanup(func() { must(t, r.Disconnect(context.WithoutCancel(t.Context()), r.id.nqn, r.id.host)) })
}

func (r rig) device(t *testing.T) domain.Device {
	t.Helper()
	d, err := r.Prove(t.Context(), r.id.nqn)
	must(t, err)
	must(t, d.Close())
	return d.Identity()
}

// states returns the states of our loop devices.
func (r rig) states(t *testing.T) (states []domain.ControllerState) {
	t.Helper()
	list, err := r.List(t.Context())
	must(t, err)
	for _, c := range list {
		states = append(states, c.State)
	}
	return states
}

func (r rig) wantStates(t *testing.T, want ...domain.ControllerState) {
	t.Helper()
	got := r.states(t)
	if len(got) != len(want) || len(want) > 0 && got[0] != want[0] {
		t.Errorf("got states %q, want %q", got, want)
	}
}

func wantKind(t *testing.T, err error, want domain.Kind, words ...string) {
	t.Helper()
	if !domain.Is(err, want) {
		t.Fatalf("got error %v (kind %s), want kind %s", err, domain.KindOf(err), want)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("got message %q, want it to name %q", err, word)
		}
	}
}

// other returns a fabric that shares nothing with r but the target and the kernel.
func (r rig) other(hostNQN string) *Fabric {
	c := r.config
	c.HostNQN = hostNQN
	return New(c)
}

// otherProcess is set in a process that TestProcesses starts: connect and leave.
const otherProcess = "LOOP_TEST_TARGET"

func TestConnectInAnotherProcess(t *testing.T) {
	dir := os.Getenv(otherProcess)
	if dir == "" {
		return // the test is TestProcesses
	}
	f := New(Config{TargetDir: dir, Prefix: prefix})
	must(t, f.Connect(t.Context(), domain.Target{NQN: nqnOf("csi-rig"), HostNQN: host}))
}

func TestProcesses(t *testing.T) {
	r := newRig(t, "")
	var others []*exec.Cmd
	for range 4 {
		c := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestConnectInAnotherProcess$")
		c.Env = append(os.Environ(), otherProcess+"="+r.config.TargetDir)
		must(t, c.Start())
		others = append(others, c)
	}
	for _, c := range others {
		_ = c.Wait() // it reports the device that it leaves behind as a fault
	}
	t.Cleanup(func() { _ = r.Disconnect(context.WithoutCancel(t.Context()), r.id.nqn, host) })
	r.wantStates(t, domain.Live)
	list, err := r.List(t.Context())
	must(t, err)
	if got := (identity{list[0].NQN, list[0].HostNQN}); got != r.id {
		t.Errorf("got %+v, want %+v of another process", got, r.id)
	}
	must(t, r.Connect(t.Context(), r.target()))
	r.wantStates(t, domain.Live)
	must(t, r.Disconnect(t.Context(), r.id.nqn, host))
	r.wantStates(t)
}

func TestOpenDeviceStaysConnected(t *testing.T) {
	r := newRig(t, "")
	r.connect(t)
	f, err := os.OpenFile(r.device(t).Path, os.O_RDWR, 0) // as qemu does
	must(t, err)
	wantKind(t, r.Disconnect(t.Context(), r.id.nqn, host), domain.InUse, "open")
	r.wantStates(t, domain.Live)
	must(t, f.Close())
	r.wantStates(t, domain.Live)
	must(t, r.Disconnect(t.Context(), r.id.nqn, host))
	r.wantStates(t)
}

func TestDyingDeviceIsReplaced(t *testing.T) {
	r := newRig(t, "")
	r.connect(t)
	f, err := os.Open(r.device(t).Path)
	must(t, err)
	must(t, detachForeign(filepath.Base(f.Name()))) // as `losetup -d` does
	r.wantStates(t, domain.Gone)
	_, err = r.Prove(t.Context(), r.id.nqn)
	wantKind(t, err, domain.NotFound)

	connected := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { connected <- r.Connect(ctx, r.target()) }()
	cancel()
	if err := <-connected; !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v, want the connect to wait for the old device until its context ends", err)
	}
	go func() { connected <- r.Connect(t.Context(), r.target()) }()
	must(t, f.Close())
	must(t, <-connected)
	r.wantStates(t, domain.Live)
}

func TestReadOnlyFlagGoesWithTheConnection(t *testing.T) {
	r := newRig(t, "")
	r.connect(t)
	d, err := r.Prove(t.Context(), r.id.nqn)
	must(t, err)
	must(t, errors.Join(d.SetReadOnly(t.Context(), true), d.Close()))
	name := filepath.Base(d.Identity().Path)
	must(t, r.Disconnect(t.Context(), r.id.nqn, host))
	if got, err := attribute(name, "ro"); err != nil || got != "0" {
		t.Errorf("got %s read-only %q, %v after the disconnect, want 0", name, got, err)
	}
}

// A device that somebody else set read-only and detached is free, and writable
// for whom it is set up next.
func TestReadOnlyFlagOfAFreeDeviceIsTakenOff(t *testing.T) {
	r := newRig(t, "")
	r.connect(t)
	name := filepath.Base(r.device(t).Path)
	must(t, r.Disconnect(t.Context(), r.id.nqn, host))
	f, err := os.Open("/dev/" + name)
	must(t, err)
	must(t, errors.Join(unix.IoctlSetPointerInt(int(f.Fd()), unix.BLKROSET, 1), f.Close()))
	r.connect(t)
	must(t, writeDevice(r.device(t).Path, []byte("written"), 0))
	if got, err := attribute(name, "ro"); err != nil || got != "0" {
		t.Errorf("got %s read-only %q, %v, want 0", name, got, err)
	}
}

func TestTwoHostsHaveADeviceEach(t *testing.T) {
	r := newRig(t, "")
	must(t, r.export(r.image, ""))
	second := r
	second.id.host += "0"
	r.connect(t)
	second.connect(t)
	first, err := r.other(r.id.host).Prove(t.Context(), r.id.nqn)
	must(t, err)
	must(t, first.Close())
	other, err := r.other(second.id.host).Prove(t.Context(), r.id.nqn)
	must(t, err)
	must(t, other.Close())
	if first.Identity() == other.Identity() {
		t.Errorf("got %+v for both hosts, want a device each", first.Identity())
	}
	must(t, writeDevice(first.Identity().Path, []byte("shared"), 4096))
	if got, err := readDevice(other.Identity().Path, 6, 4096); err != nil || string(got) != "shared" {
		t.Errorf("got %q, %v through the other device, want %q", got, err, "shared")
	}
	_, err = r.other(host+"1").Prove(t.Context(), r.id.nqn)
	wantKind(t, err, domain.NotFound)
}

func TestMissingNodesAreMade(t *testing.T) {
	r := newRig(t, "")
	r.config.Dev = t.TempDir()
	r.Fabric = New(r.config)
	must(t, r.Ready())
	r.connect(t)
	if got := filepath.Dir(r.device(t).Path); got != r.config.Dev {
		t.Errorf("got a node in %s, want it in %s", got, r.config.Dev)
	}
}

func TestNodeOfAnotherDeviceIsRefused(t *testing.T) {
	r := newRig(t, "")
	r.connect(t)
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, make([]byte, domain.MiB), 0o600))
	foreign := bindForeign(t, file, "somebody else's")
	major, minor, err := number(foreign)
	must(t, err)
	for name, dev := range map[string]uint64{
		"of another loop device": unix.Mkdev(major, minor), "of no device": unix.Mkdev(major, minor+100_000),
	} {
		t.Run(name, func(t *testing.T) {
			wrong := r.config
			wrong.Dev = t.TempDir()
			node := filepath.Join(wrong.Dev, filepath.Base(r.device(t).Path))
			must(t, unix.Mknod(node, unix.S_IFBLK|0o600, int(dev)))
			if _, err := New(wrong).Prove(t.Context(), r.id.nqn); err == nil || domain.Is(err, domain.NotFound) {
				t.Errorf("got error %v, want another than NotFound: it is connected", err)
			}
			if err := New(wrong).Disconnect(t.Context(), r.id.nqn, host); err == nil {
				t.Error("got no error, want one: the device is still connected")
			}
			r.wantStates(t, domain.Live)
			if got, err := attribute(foreign, "loop/backing_file"); err != nil || got != file {
				t.Errorf("got backing file %q, %v of the foreign device, want %q", got, err, file)
			}
		})
	}
}

func TestLinksOfDeadProcessesAreSwept(t *testing.T) {
	r := newRig(t, "")
	name, err := r.id.name()
	must(t, err)
	old, err := identity{nqn: nqnOf("csi-old"), host: host}.name()
	must(t, err)
	for _, left := range []string{name, old, ".nqn.other:csi-a.abcdefgh@h", "@"} {
		must(t, os.WriteFile(filepath.Join(r.config.TargetDir, left), nil, 0o600))
	}
	r.connect(t)
	for left, want := range map[string]bool{name: false, old: false, ".nqn.other:csi-a.abcdefgh@h": true, "@": true} {
		if _, err := os.Lstat(filepath.Join(r.config.TargetDir, left)); (err == nil) != want {
			t.Errorf("got %v for %s, want it there: %t", err, left, want)
		}
	}
}

func TestImageOnAnotherFileSystemThanTheTarget(t *testing.T) {
	needRoot(t)
	mounts := map[string]func(dir string) error{
		"tmpfs": func(dir string) error { return unix.Mount("tmpfs", dir, "tmpfs", 0, "size=16m") },
		"overlay": func(dir string) error {
			base := t.TempDir()
			must(t, unix.Mount("tmpfs", base, "tmpfs", 0, "size=16m"))
			t.Cleanup(func() { must(t, unix.Unmount(base, unix.MNT_DETACH)) })
			for _, d := range []string{"lower", "upper", "work"} {
				must(t, os.Mkdir(filepath.Join(base, d), 0o700))
			}
			return unix.Mount("overlay", dir, "overlay", 0,
				"lowerdir="+base+"/lower,upperdir="+base+"/upper,workdir="+base+"/work")
		},
	}
	for name, mount := range mounts {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			must(t, mount(dir))
			t.Cleanup(func() { must(t, unix.Unmount(dir, 0)) })
			r := newRig(t, dir)
			r.connect(t)
			must(t, writeDevice(r.device(t).Path, []byte("written"), 4096))
			if got, err := readDevice(r.image, 7, 4096); err != nil || string(got) != "written" {
				t.Errorf("got %q, %v in the image, want %q", got, err, "written")
			}
			entries, err := os.ReadDir(dir)
			if err != nil || len(entries) != 1 {
				t.Errorf("got %v, %v next to the image, want nothing else", entries, err)
			}
		})
	}
}

func TestShrunkImageKeepsTheDevicesSize(t *testing.T) {
	r := newRig(t, "")
	r.connect(t)
	must(t, os.Truncate(r.image, int64(imageSize/2)))
	wantKind(t, r.Rescan(t.Context(), r.id.nqn), domain.DataAtRisk)
	d, err := r.Prove(t.Context(), r.id.nqn)
	must(t, err)
	got, err := d.Size(t.Context())
	must(t, errors.Join(err, d.Close()))
	if got != imageSize {
		t.Errorf("got size %d, want %d", got, imageSize)
	}
}

func TestImageThatIsNotThereIsUnreachable(t *testing.T) {
	r := newRig(t, "")
	must(t, r.export(r.image+"-lost", host))
	wantKind(t, r.Connect(t.Context(), r.target()), domain.Unreachable)
	must(t, r.export(filepath.Dir(r.image), host))
	if err := r.Connect(t.Context(), r.target()); err == nil {
		t.Error("got no error for a directory as image, want one")
	}
	r.wantStates(t)
}

func TestLoopDeviceOverTheDeviceHoldsIt(t *testing.T) {
	r := newRig(t, "")
	r.connect(t)
	over := bindForeign(t, r.device(t).Path, "kubelet's")
	wantKind(t, r.Disconnect(t.Context(), r.id.nqn, host), domain.InUse, over)
	must(t, detachForeign(over))
}
