//go:build root && linux

package loop

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
	"git.srvlab.io/whiskey/rds-csi-driver/ports/porttest"
)

// TestMain refuses to pretend: these tests are about the machine they run on. It
// fails too if a test leaves a loop device of ours behind.
func TestMain(m *testing.M) {
	code := m.Run()
	if left, err := (kernel{dev: "/dev", prefix: prefix}).devices(); err != nil || len(left) > 0 {
		fmt.Fprintf(os.Stderr, "got loop devices %+v, %v after the tests, want none\n", left, err)
		code = 1
	}
	os.Exit(code)
}

func needRoot(t *testing.T, tools ...string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Fatal("these tests make loop devices: run them as root")
	}
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("%s is missing: install it", tool)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("got error %v (kind %s), want none", err, domain.KindOf(err))
	}
}

// newHost returns a fabric on a new target directory, and what the suites do
// beside it.
func newHost(t *testing.T) porttest.Host {
	t.Helper()
	needRoot(t, "mkfs.ext4", "mkfs.xfs", "mkfs.btrfs")
	// Two levels, so that a silent target, which is moved away, moves within the
	// test's own directory.
	target := filepath.Join(t.TempDir(), "target")
	must(t, os.Mkdir(target, 0o700))
	fabric := New(Config{TargetDir: target, Prefix: prefix})
	return porttest.Host{
		Fabric: fabric, Devices: fabric, Target: porttest.TargetDir(target),
		Prefix: prefix, HostNQN: host, HostID: host[len(hostPrefix):],
		Occupy: occupy, ShowNode: showNode, Hold: hold, Foreign: foreign,
		WriteDevice: writeDevice, ReadDevice: readDevice,
	}
}

func occupy(t *testing.T, d domain.Device, a domain.Access) (target string, leave func()) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "mkfs."+string(a), "-q", d.Path).CombinedOutput(); err != nil {
		t.Fatalf("got %v, want a file system: %s", err, out)
	}
	target = t.TempDir()
	must(t, unix.Mount(d.Path, target, string(a), 0, ""))
	leave = func() { _ = unix.Unmount(target, 0) }
	t.Cleanup(leave)
	return target, leave
}

func showNode(t *testing.T, d domain.Device) (target string, leave func()) {
	t.Helper()
	target = filepath.Join(t.TempDir(), "node")
	must(t, os.WriteFile(target, nil, 0o600))
	must(t, unix.Mount(d.Path, target, "", unix.MS_BIND, ""))
	leave = func() { _ = unix.Unmount(target, 0) }
	t.Cleanup(leave)
	return target, leave
}

func hold(t *testing.T, d domain.Device) (release func()) {
	t.Helper()
	f, err := os.OpenFile(d.Path, os.O_RDONLY|unix.O_EXCL, 0)
	must(t, err)
	release = func() { _ = f.Close() }
	t.Cleanup(release)
	return release
}

// foreign sets up a loop device that is named like one of ours under our prefix,
// as a person with losetup could.
func foreign(t *testing.T) (intact func() error) {
	t.Helper()
	id := identity{nqn: domain.NQN{Prefix: prefix, Slot: "csi-foreign", Epoch: "abcdefgh"}, host: host}
	name, err := id.name()
	must(t, err)
	path := filepath.Join(t.TempDir(), name)
	must(t, os.WriteFile(path, make([]byte, domain.MiB), 0o600))
	device := bindForeign(t, path, "somebody else's")
	return func() error {
		if got, err := attribute(device, "loop/backing_file"); err != nil || got != path {
			return fmt.Errorf("got %s with backing file %q, %w, want %q", device, got, err, path)
		}
		return nil
	}
}

// bindForeign makes a loop device of the file with another lo_file_name than
// ours, until the test ends.
func bindForeign(t *testing.T, path, label string) (name string) {
	t.Helper()
	k := kernel{dev: "/dev", prefix: prefix}
	control, err := k.control()
	must(t, err)
	defer func() { _ = control.Close() }()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	must(t, err)
	defer func() { _ = f.Close() }()
	config := unix.LoopConfig{Fd: uint32(f.Fd())}
	copy(config.Info.File_name[:], label)
	for {
		n, err := unix.IoctlRetInt(int(control.Fd()), unix.LOOP_CTL_GET_FREE)
		must(t, err)
		name = fmt.Sprintf("loop%d", n)
		if err = k.configure(name, &config); !errors.Is(err, unix.EBUSY) {
			must(t, err)
			break
		}
	}
	t.Cleanup(func() { _ = detachForeign(name) })
	return name
}

func detachForeign(name string) error {
	d, err := os.Open("/dev/" + name)
	if err != nil {
		return err
	}
	return errors.Join(unix.IoctlSetInt(int(d.Fd()), unix.LOOP_CLR_FD, 0), d.Close())
}

func writeDevice(path string, data []byte, offset int64) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(data, offset)
	return errors.Join(err, f.Sync(), f.Close())
}

func readDevice(path string, n int, offset int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	data := make([]byte, n)
	_, err = io.ReadFull(io.NewSectionReader(f, offset, int64(n)), data)
	return data, errors.Join(err, f.Close())
}
