package porttest

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
	"git.srvlab.io/whiskey/rds-csi-driver/ports"
)

// Mounts runs the contract of ports.Mounts. It needs what Filesystems needs, and
// KeepOpen, WriteDevice, ReadDevice and Foreign.
func Mounts(t *testing.T, open func(*testing.T) Host) {
	runHost(t, open, mountCases(), readOnlyCases(), optionCases(), bindCases(), bindDeviceCases(),
		unmountCases(), unbindCases(), mountListCases())
}

// mountsAt returns the entries of the mount table at target.
func (h Host) mountsAt(t *testing.T, target string) []ports.Mount {
	t.Helper()
	all, err := h.Mounts.List(within(t))
	must(t, err)
	return slices.DeleteFunc(all, func(m ports.Mount) bool { return m.Target != target })
}

// wantMounted returns the one entry at target.
func (h Host) wantMounted(t *testing.T, target string) ports.Mount {
	t.Helper()
	got := h.mountsAt(t, target)
	if len(got) != 1 {
		t.Fatalf("got mounts %+v at %s, want one", got, target)
	}
	return got[0]
}

// wantUnmounted checks that nothing is mounted at target.
func (h Host) wantUnmounted(t *testing.T, target string) {
	t.Helper()
	if got := h.mountsAt(t, target); len(got) != 0 {
		t.Errorf("got mounts %+v at %s, want none", got, target)
	}
}

// wantPath checks whether there is something at path.
func wantPath(t *testing.T, path string, want bool) {
	t.Helper()
	if _, err := os.Lstat(path); (err == nil) != want {
		t.Errorf("got %v for %s, want it there: %t", err, path, want)
	}
}

// mounted returns a disk with a file system that is mounted.
func (h Host) mounted(t *testing.T, n byte, a domain.Access) (d disk, target string) {
	t.Helper()
	d = h.withFileSystem(t, n, a)
	return d, h.mount(t, ports.Mounting{Device: d.device, Access: a})
}

func mountCases() []hostCase {
	cases := []hostCase{
		{"another device at the target is Exists", func(t *testing.T, h Host) {
			d, target := h.mounted(t, 1, domain.Ext4)
			other := h.withFileSystem(t, 2, domain.Ext4)
			err := h.Mounts.Mount(within(t), ports.Mounting{Device: other.device, Access: domain.Ext4, Target: target})
			refused(t, err, domain.Exists)
			if got, want := h.wantMounted(t, target).Number, d.device.Number(); got != want {
				t.Errorf("got device %s, want %s", got, want)
			}
		}},
		{"the same device mounted in another way is Exists", func(t *testing.T, h Host) {
			d, target := h.mounted(t, 1, domain.Ext4)
			m := ports.Mounting{Device: d.device, Access: domain.Ext4, Target: target, ReadOnly: true}
			refused(t, h.Mounts.Mount(within(t), m), domain.Exists)
			if h.wantMounted(t, target).ReadOnly {
				t.Error("got a read-only mount, want it as it was")
			}
		}},
		{"a directory bound at the target is Exists", func(t *testing.T, h Host) {
			_, target := h.mounted(t, 1, domain.Ext4)
			other := h.withFileSystem(t, 2, domain.Ext4)
			bound := h.bind(t, target, false)
			err := h.Mounts.Mount(within(t), ports.Mounting{Device: other.device, Access: domain.Ext4, Target: bound})
			refused(t, err, domain.Exists)
		}},
		{"one file system can be mounted at two places", func(t *testing.T, h Host) {
			d, target := h.mounted(t, 1, domain.Ext4)
			second := h.mount(t, ports.Mounting{Device: d.device, Access: domain.Ext4})
			must(t, h.WriteFile(filepath.Join(target, "file"), []byte("seen")))
			h.wantFile(t, filepath.Join(second, "file"), "seen")
		}},
		{"what is no file system is not mounted", func(t *testing.T, h Host) {
			d := h.attached(t, 1, sizeFor(domain.Ext4))
			target := filepath.Join(newDir(t), "mount")
			if err := h.Mounts.Mount(within(t), ports.Mounting{Device: d.device, Access: domain.Ext4, Target: target}); err == nil {
				t.Error("got no error, want one")
			}
			h.wantUnmounted(t, target)
		}},
		{"a target of odd characters is listed as it is", func(t *testing.T, h Host) {
			d := h.withFileSystem(t, 1, domain.Ext4)
			target := filepath.Join(newDir(t), "a b\\c\"d$e#f%ü")
			h.mount(t, ports.Mounting{Device: d.device, Access: domain.Ext4, Target: target})
			h.wantMounted(t, target)
			must(t, h.Mounts.Unmount(within(t), target))
			h.wantUnmounted(t, target)
		}},
		{"a target behind a symbolic link is the same place", func(t *testing.T, h Host) {
			d, dir := h.withFileSystem(t, 1, domain.Ext4), newDir(t)
			must(t, os.Mkdir(filepath.Join(dir, "real"), 0o700))
			must(t, os.Symlink("real", filepath.Join(dir, "link")))
			m := ports.Mounting{Device: d.device, Access: domain.Ext4, Target: filepath.Join(dir, "link", "mount")}
			h.mount(t, m)
			must(t, h.Mounts.Mount(within(t), m))
			h.wantMounted(t, filepath.Join(dir, "real", "mount"))
			h.stats(t, m.Target)
			must(t, h.Mounts.Unmount(within(t), m.Target))
			h.wantUnmounted(t, filepath.Join(dir, "real", "mount"))
		}},
		{"a mount with an ended context mounts nothing", func(t *testing.T, h Host) {
			d := h.withFileSystem(t, 1, domain.Ext4)
			m := ports.Mounting{Device: d.device, Access: domain.Ext4, Target: filepath.Join(newDir(t), "mount")}
			ended(t, func(ctx context.Context) error { return h.Mounts.Mount(ctx, m) })
			h.wantUnmounted(t, m.Target)
		}},
	}
	return append(cases, eachFileSystem("is mounted, listed and mounted again", mountedAndListed)...)
}

func mountedAndListed(t *testing.T, h Host, a domain.Access) {
	d := h.withFileSystem(t, 1, a)
	m := ports.Mounting{Device: d.device, Access: a, Target: filepath.Join(newDir(t), "mount")}
	h.mount(t, m)
	want := ports.Mount{Target: m.Target, Number: d.device.Number(), Access: string(a), Root: "/"}
	if got := h.wantMounted(t, m.Target); got != want {
		t.Errorf("got mount %+v, want %+v", got, want)
	}
	must(t, h.WriteFile(filepath.Join(m.Target, "file"), []byte("kept")))
	must(t, h.Mounts.Mount(within(t), m))
	h.wantMounted(t, m.Target)
	must(t, h.Mounts.Unmount(within(t), m.Target))
	h.wantUnmounted(t, m.Target)
	h.mount(t, m)
	h.wantFile(t, filepath.Join(m.Target, "file"), "kept")
}

func readOnlyCases() []hostCase {
	cases := eachFileSystem("mounted read-only takes no write and gives none", func(t *testing.T, h Host, a domain.Access) {
		d, target := h.mounted(t, 1, a)
		must(t, h.WriteFile(filepath.Join(target, "file"), []byte("kept")))
		must(t, h.Mounts.Unmount(within(t), target))
		check := unchanged(t, d.image)
		m := ports.Mounting{Device: d.device, Access: a, Target: target, ReadOnly: true}
		h.mount(t, m)
		must(t, h.Mounts.Mount(within(t), m))
		if !h.wantMounted(t, target).ReadOnly {
			t.Error("got a writable mount, want a read-only one")
		}
		h.wantFile(t, filepath.Join(target, "file"), "kept")
		if err := h.WriteFile(filepath.Join(target, "other"), []byte("refused")); err == nil {
			t.Error("got no error, want the write to a read-only mount refused")
		}
		must(t, h.Mounts.Unmount(within(t), target))
		check()
	})
	return append(cases, eachFileSystem("copied under a mount keeps its log through a read-only mount",
		func(t *testing.T, h Host, a domain.Access) {
			d, target := h.mounted(t, 1, a)
			must(t, h.WriteFile(filepath.Join(target, "file"), []byte("kept")))
			snapshot := disk{image: newImage(t, 0)}
			copyImage(t, snapshot.image, d.image)
			must(t, h.Mounts.Unmount(within(t), target))
			restored := h.attachedCopy(t, snapshot)
			check := unchanged(t, restored.image)
			second := h.mount(t, ports.Mounting{Device: restored.device, Access: a, ReadOnly: true})
			must(t, h.Mounts.Unmount(within(t), second))
			check()
		})...)
}

func optionCases() []hostCase {
	var cases []hostCase
	for _, option := range []string{"no-such-option", "noatime,remount", "bind", "loop"} {
		cases = append(cases, hostCase{"option " + option + " is Invalid and named", func(t *testing.T, h Host) {
			d, target := h.mounted(t, 1, domain.Ext4)
			m := ports.Mounting{
				Device: d.device, Access: domain.Ext4, Target: filepath.Join(newDir(t), "mount"),
				Options: []string{"noatime", option},
			}
			refused(t, h.Mounts.Mount(within(t), m), domain.Invalid, option)
			h.wantUnmounted(t, m.Target)
			refused(t, h.Mounts.Bind(within(t), target, m.Target, false, m.Options), domain.Invalid, option)
			h.wantUnmounted(t, m.Target)
		}})
	}
	return append(cases, hostCase{"option noatime is taken", func(t *testing.T, h Host) {
		d := h.withFileSystem(t, 1, domain.Ext4)
		target := h.mount(t, ports.Mounting{Device: d.device, Access: domain.Ext4, Options: []string{"noatime"}})
		bound := filepath.Join(newDir(t), "bound")
		must(t, h.Mounts.Bind(within(t), target, bound, false, []string{"noatime"}))
		h.unmountLater(t, bound)
		h.wantMounted(t, bound)
	}})
}

func mountListCases() []hostCase {
	return []hostCase{
		{"what others mounted is not touched", func(t *testing.T, h Host) {
			intact := h.Foreign(t)
			_, target := h.mounted(t, 1, domain.Ext4)
			must(t, h.Mounts.Unmount(within(t), target))
			must(t, h.Mounts.Unbind(within(t), target))
			must(t, intact())
		}},
		{"a list with an ended context says so", func(t *testing.T, h Host) {
			ended(t, func(ctx context.Context) error { _, err := h.Mounts.List(ctx); return err })
		}},
	}
}
