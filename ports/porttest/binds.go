package porttest

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// bind shows source at a new place until the test ends.
func (h Host) bind(t *testing.T, source string, readOnly bool) (target string) {
	t.Helper()
	target = filepath.Join(newDir(t), "bound")
	must(t, h.Mounts.Bind(within(t), source, target, readOnly, nil))
	h.unmountLater(t, target)
	return target
}

func bindCases() []hostCase {
	return []hostCase{
		{"a bound directory shows the same files", func(t *testing.T, h Host) {
			d, source := h.mounted(t, 1, domain.Ext4)
			target := h.bind(t, source, false)
			must(t, h.WriteFile(filepath.Join(source, "there"), []byte("1")))
			h.wantFile(t, filepath.Join(target, "there"), "1")
			must(t, h.WriteFile(filepath.Join(target, "back"), []byte("2")))
			h.wantFile(t, filepath.Join(source, "back"), "2")
			got := h.wantMounted(t, target)
			if got.Number != d.device.Number() || got.Root != "/" || got.ReadOnly || got.DeviceNumber != "" {
				t.Errorf("got mount %+v, want a writable one of %s, its root, and no device node", got, d.device.Number())
			}
		}},
		{"a second bind is fine and adds nothing", func(t *testing.T, h Host) {
			_, source := h.mounted(t, 1, domain.Ext4)
			target := h.bind(t, source, false)
			must(t, h.Mounts.Bind(within(t), source, target, false, nil))
			h.wantMounted(t, target)
		}},
		{"a read-only bind takes no write while its source does", func(t *testing.T, h Host) {
			_, source := h.mounted(t, 1, domain.Ext4)
			target := h.bind(t, source, true)
			must(t, h.Mounts.Bind(within(t), source, target, true, nil))
			if !h.wantMounted(t, target).ReadOnly || h.wantMounted(t, source).ReadOnly {
				t.Errorf("got mounts %+v and %+v, want the first read-only and the second not",
					h.wantMounted(t, target), h.wantMounted(t, source))
			}
			if err := h.WriteFile(filepath.Join(target, "file"), []byte("no")); err == nil {
				t.Error("got no error, want the write to a read-only bind refused")
			}
			must(t, h.WriteFile(filepath.Join(source, "file"), []byte("yes")))
			h.wantFile(t, filepath.Join(target, "file"), "yes")
		}},
		{"another file system bound at the target is Exists", func(t *testing.T, h Host) {
			_, source := h.mounted(t, 1, domain.Ext4)
			_, other := h.mounted(t, 2, domain.Ext4)
			target := h.bind(t, source, false)
			refused(t, h.Mounts.Bind(within(t), other, target, false, nil), domain.Exists)
			refused(t, h.Mounts.Bind(within(t), source, target, true, nil), domain.Exists)
		}},
		{"a source that is not there is not bound", func(t *testing.T, h Host) {
			target := filepath.Join(newDir(t), "bound")
			if err := h.Mounts.Bind(within(t), filepath.Join(newDir(t), "absent"), target, false, nil); err == nil {
				t.Error("got no error, want one")
			}
			h.wantUnmounted(t, target)
		}},
		{"the bind outlives its source", func(t *testing.T, h Host) {
			_, source := h.mounted(t, 1, domain.Ext4)
			must(t, h.WriteFile(filepath.Join(source, "file"), []byte("kept")))
			target := h.bind(t, source, false)
			must(t, h.Mounts.Unmount(within(t), source))
			h.wantFile(t, filepath.Join(target, "file"), "kept")
		}},
		{"a bind with an ended context binds nothing", func(t *testing.T, h Host) {
			_, source := h.mounted(t, 1, domain.Ext4)
			target := filepath.Join(newDir(t), "bound")
			ended(t, func(ctx context.Context) error { return h.Mounts.Bind(ctx, source, target, false, nil) })
			h.wantUnmounted(t, target)
		}},
	}
}

func bindDeviceCases() []hostCase {
	return []hostCase{
		{"a bound device node is the device", func(t *testing.T, h Host) {
			d := h.attached(t, 1, volumeSize)
			target, _ := h.showNode(t, d)
			if got, want := h.wantMounted(t, target).DeviceNumber, d.device.Number(); got != want {
				t.Errorf("got device number %q, want %q", got, want)
			}
			must(t, h.WriteDevice(target, []byte("written"), 4096))
			if got := getBytes(t, d.image, 4096, 7); string(got) != "written" {
				t.Errorf("got %q in the image, want %q", got, "written")
			}
			got, err := h.ReadDevice(target, 7, 4096)
			must(t, err)
			if string(got) != "written" {
				t.Errorf("got %q, want %q", got, "written")
			}
		}},
		{"a bound device node adds one mount", func(t *testing.T, h Host) {
			d := h.attached(t, 1, volumeSize)
			other := h.attached(t, 2, volumeSize)
			first, _ := h.showNode(t, other) // whatever the adapter keeps for itself is there now
			before, err := h.Mounts.List(within(t))
			must(t, err)
			target, leave := h.showNode(t, d)
			must(t, h.Mounts.BindDevice(within(t), d.device, target, false))
			h.wantMounted(t, first)
			after, err := h.Mounts.List(within(t))
			must(t, err)
			if got, want := len(after), len(before)+1; got != want {
				t.Errorf("got %d mounts, want %d", got, want)
			}
			leave()
			h.wantUnmounted(t, target)
		}},
		{"another device at the target is Exists", func(t *testing.T, h Host) {
			d, other := h.attached(t, 1, volumeSize), h.attached(t, 2, volumeSize)
			target, _ := h.showNode(t, d)
			refused(t, h.Mounts.BindDevice(within(t), other.device, target, false), domain.Exists)
			if got, want := h.wantMounted(t, target).DeviceNumber, d.device.Number(); got != want {
				t.Errorf("got device number %q, want %q", got, want)
			}
		}},
		{"the file of a bound device node is removed with it", func(t *testing.T, h Host) {
			d := h.attached(t, 1, volumeSize)
			target, _ := h.showNode(t, d)
			must(t, h.Mounts.Unbind(within(t), target))
			wantPath(t, target, false)
			must(t, h.Mounts.Unbind(within(t), target))
		}},
		{"a device bound with an ended context is not bound", func(t *testing.T, h Host) {
			d := h.attached(t, 1, volumeSize)
			target := filepath.Join(newDir(t), "node")
			ended(t, func(ctx context.Context) error { return h.Mounts.BindDevice(ctx, d.device, target, false) })
			h.wantUnmounted(t, target)
		}},
	}
}

func unmountCases() []hostCase {
	return []hostCase{
		{"an unmount keeps the directory, and a second one is fine", func(t *testing.T, h Host) {
			_, target := h.mounted(t, 1, domain.Ext4)
			must(t, h.Mounts.Unmount(within(t), target))
			must(t, h.Mounts.Unmount(within(t), target))
			h.wantUnmounted(t, target)
			wantPath(t, target, true)
		}},
		{"an unmount of nothing is fine", func(t *testing.T, h Host) {
			must(t, h.Mounts.Unmount(within(t), newDir(t)))
			must(t, h.Mounts.Unmount(within(t), filepath.Join(newDir(t), "absent")))
		}},
		{"a mount in use is Busy and stays", func(t *testing.T, h Host) {
			_, target := h.mounted(t, 1, domain.Ext4)
			must(t, h.WriteFile(filepath.Join(target, "file"), []byte("kept")))
			release := h.KeepOpen(t, filepath.Join(target, "file"))
			refused(t, h.Mounts.Unmount(within(t), target), domain.Busy)
			refused(t, h.Mounts.Unbind(within(t), target), domain.Busy)
			h.wantFile(t, filepath.Join(target, "file"), "kept")
			release()
			must(t, h.Mounts.Unmount(within(t), target))
			h.wantUnmounted(t, target)
		}},
		{"an unmount with an ended context says so", func(t *testing.T, h Host) {
			_, target := h.mounted(t, 1, domain.Ext4)
			ended(t, func(ctx context.Context) error { return h.Mounts.Unmount(ctx, target) })
			ended(t, func(ctx context.Context) error { return h.Mounts.Unbind(ctx, target) })
		}},
	}
}

func unbindCases() []hostCase {
	return []hostCase{
		{"an unbind removes the empty directory", func(t *testing.T, h Host) {
			_, source := h.mounted(t, 1, domain.Ext4)
			must(t, h.WriteFile(filepath.Join(source, "file"), []byte("kept")))
			target := h.bind(t, source, false)
			must(t, h.Mounts.Unbind(within(t), target))
			must(t, h.Mounts.Unbind(within(t), target))
			wantPath(t, target, false)
			h.wantFile(t, filepath.Join(source, "file"), "kept")
		}},
		{"an unbind of a directory that is not mounted removes it", func(t *testing.T, h Host) {
			target := newDir(t)
			must(t, h.Mounts.Unbind(within(t), target))
			wantPath(t, target, false)
			must(t, h.Mounts.Unbind(within(t), target))
		}},
		{"an unbind never removes a tree", func(t *testing.T, h Host) {
			target := newDir(t)
			must(t, os.WriteFile(filepath.Join(target, "file"), []byte("kept"), 0o600))
			refused(t, h.Mounts.Unbind(within(t), target), domain.DataAtRisk)
			wantPath(t, filepath.Join(target, "file"), true)
		}},
		{"an unbind leaves what was hidden under the mount", func(t *testing.T, h Host) {
			_, source := h.mounted(t, 1, domain.Ext4)
			target := newDir(t)
			must(t, os.WriteFile(filepath.Join(target, "file"), []byte("kept"), 0o600))
			must(t, h.Mounts.Bind(within(t), source, target, false, nil))
			h.unmountLater(t, target)
			refused(t, h.Mounts.Unbind(within(t), target), domain.DataAtRisk)
			h.wantUnmounted(t, target)
			wantPath(t, filepath.Join(target, "file"), true)
		}},
	}
}
