//go:build root && linux

package filesystem

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
	"git.srvlab.io/whiskey/rds-csi-driver/ports"
)

// newMounts returns the adapters and a disk with that file system.
func newMounts(t *testing.T, a domain.Access) (*Mounts, domain.Device, string) {
	t.Helper()
	d, image := newDisk(t, max(a.Least(), 64*domain.MiB))
	must(t, NewFilesystems(0).Make(t.Context(), d, ports.Making{Access: a}))
	return NewMounts(0), d, image
}

// kubeletDir returns a directory that is a shared mount, as kubelet's is.
func kubeletDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	must(t, unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"))
	t.Cleanup(func() { must(t, unix.Unmount(dir, 0)) })
	must(t, unix.Mount("", dir, "", unix.MS_SHARED, ""))
	return dir
}

// nodeCount returns how many places show the device's node.
func nodeCount(t *testing.T, name string) int {
	t.Helper()
	all, err := table()
	must(t, err)
	return len(slices.DeleteFunc(all, func(e entry) bool { return e.Root != "/"+name }))
}

// under returns how many mounts are at or below a directory.
func under(t *testing.T, dir string) int {
	t.Helper()
	all, err := table()
	must(t, err)
	return len(slices.DeleteFunc(all, func(e entry) bool { return !strings.HasPrefix(e.Mountpoint+"/", dir+"/") }))
}

func entryAt(t *testing.T, target string) entry {
	t.Helper()
	there, err := at(target)
	must(t, err)
	if len(there) != 1 {
		t.Fatalf("got %d mounts at %s, want one", len(there), target)
	}
	return there[0]
}

// Binding a container's /dev node under kubelet's shared directory has filled
// hosts with thousands of copies of devtmpfs.
func TestBoundDeviceIsOneMount(t *testing.T) {
	d, _ := newDisk(t, 16*domain.MiB)
	m, dir := NewMounts(0), kubeletDir(t)
	dev := filepath.Join(dir, "dev") // shared and under the shared directory: the worst case
	must(t, os.Mkdir(dev, 0o700))
	must(t, unix.Mount("devtmpfs", dev, "devtmpfs", 0, ""))
	t.Cleanup(func() { must(t, unix.Unmount(dev, 0)) })
	name := filepath.Base(d.Path)
	d.Path = filepath.Join(dev, name)
	var targets []string
	for i := range 20 {
		target := filepath.Join(dir, "pod", string(rune('a'+i)))
		targets = append(targets, target)
		t.Cleanup(func() { _ = unix.Unmount(target, unix.MNT_DETACH) })
		for range 3 {
			must(t, m.BindDevice(t.Context(), d, target, false))
		}
		if got, want := nodeCount(t, name), i+1; got != want {
			t.Fatalf("got %d mounts of the node, want %d", got, want)
		}
		if e := entryAt(t, target); e.Optional == entryAt(t, dev).Optional {
			t.Errorf("got peer group %q, want another than that of dev", e.Optional)
		}
	}
	for _, target := range targets {
		must(t, m.Unbind(t.Context(), target))
	}
	if got := nodeCount(t, name); got != 0 {
		t.Errorf("got %d mounts of the node at the end, want none", got)
	}
}

func TestReadOnlyDeviceNode(t *testing.T) {
	d, _ := newDisk(t, 16*domain.MiB)
	m, target := NewMounts(0), filepath.Join(t.TempDir(), "node")
	must(t, m.BindDevice(t.Context(), d, target, true))
	t.Cleanup(func() { must(t, m.Unbind(context.WithoutCancel(t.Context()), target)) })
	must(t, m.BindDevice(t.Context(), d, target, true))
	wantKind(t, m.BindDevice(t.Context(), d, target, false), domain.Exists)
	if !entryAt(t, target).readOnly() {
		t.Error("got a writable mount, want a read-only one")
	}
}

func TestNodeOfAnotherDeviceIsNotBound(t *testing.T) {
	d, _ := newDisk(t, 16*domain.MiB)
	other, _ := newDisk(t, 16*domain.MiB)
	d.Path = other.Path
	target := filepath.Join(t.TempDir(), "node")
	m := NewMounts(0)
	wantKind(t, m.BindDevice(t.Context(), d, target, false), domain.DataAtRisk)
	wantKind(t, m.Mount(t.Context(), ports.Mounting{Device: d, Access: domain.Ext4, Target: target}), domain.DataAtRisk)
	if _, err := os.Lstat(target); err == nil {
		t.Error("got a target, want none: nothing was mounted")
	}
}

func TestWhatIsMountedUnderTheSourceStaysThere(t *testing.T) {
	m, d, _ := newMounts(t, domain.Ext4)
	dir := kubeletDir(t)
	staging, target := filepath.Join(dir, "staging"), filepath.Join(dir, "target")
	mountAt(t, m, ports.Mounting{Device: d, Access: domain.Ext4, Target: staging})
	must(t, os.Mkdir(filepath.Join(staging, "sub"), 0o700))
	must(t, m.Bind(t.Context(), staging, target, false, nil))
	t.Cleanup(func() { must(t, m.Unbind(context.WithoutCancel(t.Context()), target)) })
	must(t, unix.Mount("tmpfs", filepath.Join(target, "sub"), "tmpfs", 0, "size=1m"))
	t.Cleanup(func() { must(t, unix.Unmount(filepath.Join(target, "sub"), 0)) })
	if there, err := at(filepath.Join(staging, "sub")); err != nil || len(there) != 0 {
		t.Errorf("got %d mounts, %v, want none: a pod's mount in its volume is its own", len(there), err)
	}
	wantKind(t, m.Unmount(t.Context(), target), domain.Busy)
}

func TestBindKeepsAndAddsFlags(t *testing.T) {
	m, d, _ := newMounts(t, domain.XFS)
	staging, target := filepath.Join(t.TempDir(), "staging"), filepath.Join(t.TempDir(), "target")
	mountAt(t, m, ports.Mounting{Device: d, Access: domain.XFS, Target: staging, Options: []string{"noatime", "nodev", "largeio"}})
	must(t, m.Bind(t.Context(), staging, target, true, []string{"nosuid", "strictatime", "largeio"}))
	t.Cleanup(func() { must(t, m.Unbind(context.WithoutCancel(t.Context()), target)) })
	if got := entryAt(t, staging); got.Options != "rw,nodev,noatime" || !hasOption(got.VFSOptions, "nouuid") || !hasOption(got.VFSOptions, "largeio") {
		t.Errorf("got %s and %s, want rw,nodev,noatime, nouuid and largeio", got.Options, got.VFSOptions)
	}
	if got := entryAt(t, target).Options; got != "ro,nosuid,nodev" {
		t.Errorf("got %s, want ro,nosuid,nodev", got)
	}
}

func TestBindOfAReadOnlyMountIsRepeatable(t *testing.T) {
	m, d, _ := newMounts(t, domain.Ext4)
	staging, target := filepath.Join(t.TempDir(), "staging"), filepath.Join(t.TempDir(), "target")
	mountAt(t, m, ports.Mounting{Device: d, Access: domain.Ext4, Target: staging, ReadOnly: true})
	for range 2 {
		must(t, m.Bind(t.Context(), staging, target, false, nil))
	}
	must(t, m.Unbind(t.Context(), target))
}

func TestOnlyDirectoriesAreBound(t *testing.T) {
	m, dir := NewMounts(0), t.TempDir()
	file, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
	must(t, os.WriteFile(file, nil, 0o600))
	must(t, os.Symlink("/etc", link))
	for _, source := range []string{file, link} {
		wantKind(t, m.Bind(t.Context(), source, filepath.Join(dir, "target"), false, nil), domain.Invalid)
	}
	wantKind(t, m.Bind(t.Context(), filepath.Join(dir, "absent"), filepath.Join(dir, "target"), false, nil), domain.NotFound)
}

// A link that somebody put at a target leads nowhere.
func TestLinkAtTheTargetIsNotFollowed(t *testing.T) {
	m, d, _ := newMounts(t, domain.Ext4)
	elsewhere := t.TempDir()
	must(t, os.WriteFile(filepath.Join(elsewhere, "file"), []byte("kept"), 0o600))
	foreign := foreignMount(t)
	for name, to := range map[string]string{"a directory": elsewhere, "nothing": elsewhere + "/absent", "a mount": "/proc"} {
		t.Run(name, func(t *testing.T) {
			link := filepath.Join(t.TempDir(), "link")
			must(t, os.Symlink(to, link))
			before := under(t, to)
			wantKind(t, m.Mount(t.Context(), ports.Mounting{Device: d, Access: domain.Ext4, Target: link}), domain.Invalid)
			wantKind(t, m.Bind(t.Context(), elsewhere, link, false, nil), domain.Invalid)
			wantKind(t, m.BindDevice(t.Context(), d, link, false), domain.Invalid)
			must(t, m.Unmount(t.Context(), link))
			wantKind(t, m.Unbind(t.Context(), link), domain.DataAtRisk)
			_, err := NewFilesystems(0).Stats(t.Context(), link)
			wantKind(t, err, domain.NotFound)
			if got := under(t, to); got != before {
				t.Errorf("got %d mounts behind the link, want %d", got, before)
			}
			if got, err := os.Readlink(link); err != nil || got != to {
				t.Errorf("got link to %q, %v, want it as it was", got, err)
			}
		})
	}
	must(t, foreign())
	if got, err := os.ReadFile(filepath.Join(elsewhere, "file")); err != nil || string(got) != "kept" {
		t.Errorf("got %q, %v behind the link, want %q", got, err, "kept")
	}
}

// kubelet's directory itself may be behind a link.
func TestLinkOnTheWayToTheTargetIsFollowed(t *testing.T) {
	m, d, _ := newMounts(t, domain.Ext4)
	dir := t.TempDir()
	link := filepath.Join(t.TempDir(), "kubelet")
	must(t, os.Symlink(dir, link))
	staging, target := filepath.Join(link, "plugins", "staging"), filepath.Join(link, "pods", "target")
	for range 2 {
		must(t, m.Mount(t.Context(), ports.Mounting{Device: d, Access: domain.Ext4, Target: staging}))
		must(t, m.Bind(t.Context(), staging, target, false, nil))
	}
	entryAt(t, filepath.Join(dir, "plugins", "staging"))
	entryAt(t, filepath.Join(dir, "pods", "target"))
	_, err := NewFilesystems(0).Stats(t.Context(), target)
	must(t, err)
	for range 2 {
		must(t, m.Unbind(t.Context(), target))
		must(t, m.Unbind(t.Context(), staging))
	}
}

func TestTargetOfTheWrongKindIsInvalid(t *testing.T) {
	m, d, _ := newMounts(t, domain.Ext4)
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	must(t, os.WriteFile(file, []byte("kept"), 0o600))
	wantKind(t, m.Mount(t.Context(), ports.Mounting{Device: d, Access: domain.Ext4, Target: file}), domain.Invalid)
	wantKind(t, m.BindDevice(t.Context(), d, dir, false), domain.Invalid)
	for _, target := range []string{"", "/", "relative", "."} {
		wantKind(t, m.Mount(t.Context(), ports.Mounting{Device: d, Access: domain.Ext4, Target: target}), domain.Invalid)
		wantKind(t, m.Unbind(t.Context(), target), domain.Invalid)
	}
	wantKind(t, m.Unbind(t.Context(), file), domain.DataAtRisk)
	wantKind(t, m.Mount(t.Context(), ports.Mounting{Device: d, Access: domain.Block, Target: dir}), domain.Invalid)
}

func TestUnmountTakesEverythingAtTheTarget(t *testing.T) {
	m, d, _ := newMounts(t, domain.Ext4)
	target := filepath.Join(t.TempDir(), "mount")
	must(t, m.Mount(t.Context(), ports.Mounting{Device: d, Access: domain.Ext4, Target: target}))
	for range 3 {
		must(t, unix.Mount("tmpfs", target, "tmpfs", 0, "size=1m"))
	}
	must(t, m.Unmount(t.Context(), target))
	if there, err := at(target); err != nil || len(there) != 0 {
		t.Errorf("got %d mounts, %v, want none", len(there), err)
	}
}

// A snapshot is mounted beside its source: both have one UUID.
func TestCopyIsMountedBesideItsSource(t *testing.T) {
	for _, a := range []domain.Access{domain.Ext4, domain.XFS, domain.Btrfs} {
		t.Run(string(a), func(t *testing.T) {
			m, d, image := newMounts(t, a)
			source, second := filepath.Join(t.TempDir(), "source"), filepath.Join(t.TempDir(), "copy")
			mountAt(t, m, ports.Mounting{Device: d, Access: a, Target: source})
			must(t, writeFile(filepath.Join(source, "file"), []byte("kept")))
			data, err := os.ReadFile(image)
			must(t, err)
			c, _ := newDisk(t, 0, func(image string) { must(t, os.WriteFile(image, data, 0o600)) })
			must(t, NewFilesystems(0).Check(t.Context(), c, a))
			mountAt(t, m, ports.Mounting{Device: c, Access: a, Target: second})
			must(t, writeFile(filepath.Join(second, "file"), []byte("changed")))
			if got, err := os.ReadFile(filepath.Join(source, "file")); err != nil || string(got) != "kept" {
				t.Errorf("got %q, %v in the source, want %q", got, err, "kept")
			}
			list, err := m.List(t.Context())
			must(t, err)
			for _, e := range list {
				if want := map[string]domain.Device{source: d, second: c}[e.Target]; want.Path != "" && e.Number != want.Number() {
					t.Errorf("got device %s at %s, want %s", e.Number, e.Target, want.Number())
				}
			}
		})
	}
}

// A failure half-way leaves nothing at the target.
func TestFailedMountTakesItsDirectoryAway(t *testing.T) {
	d, _ := newDisk(t, 64*domain.MiB)
	m := NewMounts(0)
	for _, a := range []domain.Access{domain.Ext4, domain.XFS, domain.Btrfs} {
		target := filepath.Join(t.TempDir(), "mount")
		if err := m.Mount(t.Context(), ports.Mounting{Device: d, Access: a, Target: target}); err == nil {
			t.Errorf("got no error mounting zeros as %s, want one", a)
		}
		if _, err := os.Lstat(target); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("got %v, want the directory gone that was made for it", err)
		}
	}
}

// A file system that does not answer holds no caller, and no other target.
func TestFileSystemThatDoesNotAnswer(t *testing.T) {
	needTools(t)
	f, m, target := NewFilesystems(1), NewMounts(0), t.TempDir()
	daemon, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0) // which nobody reads
	must(t, err)
	must(t, unix.Mount("dead", target, "fuse", 0, fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0", daemon.Fd())))
	t.Cleanup(func() { must(t, unix.Unmount(target, 0)) })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = f.Stats(ctx, target)
	wantKind(t, err, domain.Unreachable)
	if !errors.Is(err, context.DeadlineExceeded) || f.Stuck() != 1 {
		t.Errorf("got %v and %d stuck, want context.DeadlineExceeded and 1", err, f.Stuck())
	}
	ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = f.Stats(ctx, target)
	wantKind(t, err, domain.Busy)
	_, err = f.Stats(t.Context(), "/proc")
	wantKind(t, err, domain.Unreachable, "1 calls hang")
	_, err = m.List(t.Context())
	must(t, err)
	must(t, daemon.Close()) // the kernel gives up waiting
	_, err = f.Stats(t.Context(), target)
	wantKind(t, err, domain.Unreachable)
	_, err = f.Stats(t.Context(), "/proc")
	must(t, err)
}
