//go:build root && linux

package filesystem

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

// needTools refuses to pretend: these tests are about the machine they run on.
func needTools(t *testing.T, more ...string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Fatal("these tests mount and format loop devices: run them as root")
	}
	for _, tool := range append([]string{"blkid", "e2fsck", "mkfs.ext4", "mkfs.xfs", "mkfs.btrfs"}, more...) {
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

// newHost returns the adapters, and what the suites do beside them.
func newHost(t *testing.T) porttest.Host {
	t.Helper()
	needTools(t)
	noGrow := map[domain.Access]string{}
	if !mayResizeExt4() {
		noGrow[domain.Ext4] = "CAP_SYS_RESOURCE"
	}
	return porttest.Host{
		Filesystems: NewFilesystems(0), Mounts: NewMounts(0),
		Prefix: domain.DefaultNQNPrefix, HostNQN: hostPrefix + host, HostID: host,
		Attach: attachImage, Resized: resized, Foreign: foreignMount, NoGrow: noGrow,
		WriteFile: writeFile, ReadFile: os.ReadFile, KeepOpen: keepOpen,
		WriteDevice: writeDevice, ReadDevice: readDevice,
	}
}

// attachImage shows an image as a loop device until the test ends.
func attachImage(t *testing.T, nqn domain.NQN, image string) domain.Device {
	t.Helper()
	control, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	must(t, err)
	defer func() { _ = control.Close() }()
	f, err := os.OpenFile(image, os.O_RDWR, 0)
	must(t, err)
	defer func() { _ = f.Close() }()
	for {
		n, err := unix.IoctlRetInt(int(control.Fd()), unix.LOOP_CTL_GET_FREE)
		must(t, err)
		path := fmt.Sprintf("/dev/loop%d", n)
		dev, err := os.OpenFile(path, os.O_RDWR, 0)
		must(t, err)
		err = unix.IoctlLoopConfigure(int(dev.Fd()), &unix.LoopConfig{Fd: uint32(f.Fd())})
		must(t, dev.Close())
		if errors.Is(err, unix.EBUSY) {
			continue
		}
		must(t, err)
		t.Cleanup(func() { detach(t, path) })
		var st unix.Stat_t
		must(t, unix.Stat(path, &st))
		return domain.Device{NQN: nqn, Path: path, Major: unix.Major(st.Rdev), Minor: unix.Minor(st.Rdev)}
	}
}

// detach takes the loop device away. One that is mounted or read-only still is
// what a test left behind.
func detach(t *testing.T, path string) {
	t.Helper()
	dev, err := os.OpenFile(path, os.O_RDONLY|unix.O_EXCL, 0)
	if err != nil {
		t.Errorf("got error %v for %s after the test, want nobody to hold it", err, path)
		dev, err = os.Open(path)
		must(t, err)
	}
	must(t, unix.IoctlSetPointerInt(int(dev.Fd()), unix.BLKROSET, 0))
	must(t, errors.Join(unix.IoctlSetInt(int(dev.Fd()), unix.LOOP_CLR_FD, 0), dev.Close()))
}

func resized(t *testing.T, d domain.Device) {
	t.Helper()
	dev, err := os.Open(d.Path)
	must(t, err)
	must(t, errors.Join(unix.IoctlSetInt(int(dev.Fd()), unix.LOOP_SET_CAPACITY, 0), dev.Close()))
}

// foreignMount mounts a file system that is not ours, with a file.
func foreignMount(t *testing.T) (intact func() error) {
	t.Helper()
	dir := t.TempDir()
	must(t, unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"))
	t.Cleanup(func() { must(t, unix.Unmount(dir, 0)) })
	file := filepath.Join(dir, "file")
	must(t, os.WriteFile(file, []byte("kept"), 0o600))
	return func() error {
		if got, err := os.ReadFile(file); err != nil || string(got) != "kept" {
			return fmt.Errorf("got %q, %w in a foreign mount, want %q", got, err, "kept")
		}
		return nil
	}
}

func keepOpen(t *testing.T, path string) (release func()) {
	t.Helper()
	f, err := os.Open(path)
	must(t, err)
	release = func() { _ = f.Close() }
	t.Cleanup(release)
	return release
}

// writeFile syncs the whole file system, as btrfs does not count what only its
// log has, and then leaves something in the log, as a workload does.
func writeFile(path string, data []byte) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, unix.Syncfs(int(f.Fd())))
	_, again := f.WriteAt(data[:1], 0)
	return errors.Join(err, again, f.Sync(), f.Close())
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
