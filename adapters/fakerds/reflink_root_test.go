//go:build root && linux

package fakerds_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
	"git.srvlab.io/whiskey/rds-csi-driver/ports/porttest"
)

// On a file system with reflinks copies share extents and are of one instant by
// themselves: the suites once more, there.

func TestOnReflinks(t *testing.T) {
	mount := sharing(t)
	openThere := func(t *testing.T) porttest.Array {
		dir, err := os.MkdirTemp(mount, "array")
		if err != nil {
			t.Fatal(err)
		}
		return openIn(t, dir)
	}
	t.Run("Volumes", func(t *testing.T) { porttest.Volumes(t, openThere) })
	t.Run("Snapshots", func(t *testing.T) { porttest.Snapshots(t, openThere) })
	t.Run("a copy costs next to nothing", func(t *testing.T) {
		a := openThere(t).(*array)
		v := exported(t, a)
		v = must[domain.Volume](t)(a.Volumes().Grow(t.Context(), v, larger(v), domain.DefaultRoom()))
		if err := a.WriteImage(v.Row.Path, 0, bytes.Repeat([]byte("full"), int(64*domain.MiB)/4)); err != nil {
			t.Fatal(err)
		}
		before := freeOn(t, mount)
		must[domain.Snapshot](t)(a.Snapshots().Create(t.Context(), v, snapPlan(t, a, v)))
		if cost := before - freeOn(t, mount); cost > 8*domain.MiB {
			t.Errorf("cost of a snapshot of 64 MiB: got %s, want next to nothing", cost)
		}
	})
}

func larger(v domain.Volume) domain.Volume {
	v.Record.Size, v.Record.Nonce = 64*domain.MiB, "larger"
	return v
}

// freeOn returns what is free once everything is written.
func freeOn(t *testing.T, mount string) domain.Size {
	t.Helper()
	d := must[*os.File](t)(os.Open(mount))
	defer func() { _ = d.Close() }()
	if err := unix.Syncfs(int(d.Fd())); err != nil {
		t.Fatal(err)
	}
	var s unix.Statfs_t
	if err := unix.Fstatfs(int(d.Fd()), &s); err != nil {
		t.Fatal(err)
	}
	return domain.Size(s.Bfree) * domain.Size(s.Bsize)
}

// sharing mounts a file system with reflinks.
func sharing(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("this test mounts a file system: run it as root")
	}
	dir := t.TempDir()
	image, mount := filepath.Join(dir, "image"), filepath.Join(dir, "mount")
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(image, int64(2*domain.GiB)); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(mount, 0o700); err != nil {
		t.Fatal(err)
	}
	run(t, "mkfs.xfs", "-q", "-m", "reflink=1", image)
	run(t, "mount", "-o", "loop", image, mount)
	t.Cleanup(func() { run(t, "umount", mount) })
	return mount
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	out, err := exec.CommandContext(context.Background(), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: got %v, want no error\n%s", name, args, err, out)
	}
}
