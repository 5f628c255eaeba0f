//go:build root && linux

package filesystem

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
	"git.srvlab.io/whiskey/rds-csi-driver/ports"
)

// newDisk returns an attached image, which prepare may write to before.
func newDisk(t *testing.T, size domain.Size, prepare ...func(image string)) (domain.Device, string) {
	t.Helper()
	needTools(t)
	image := filepath.Join(t.TempDir(), "volume.img")
	must(t, os.WriteFile(image, nil, 0o600))
	must(t, os.Truncate(image, int64(size)))
	for _, p := range prepare {
		p(image)
	}
	nqn := domain.NQN{Prefix: domain.DefaultNQNPrefix, Slot: "csi-test", Epoch: "abcdefgh"}
	return attachImage(t, nqn, image), image
}

// tool runs a command of the test's.
func tool(t *testing.T, name string, args ...string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v: %s", name, args, err, out)
	}
}

func putAt(t *testing.T, image string, at int64, data string) {
	t.Helper()
	f, err := os.OpenFile(image, os.O_WRONLY, 0)
	must(t, err)
	_, err = f.WriteAt([]byte(data), at)
	must(t, errors.Join(err, f.Close()))
}

func getAt(t *testing.T, image string, at int64, n int) string {
	t.Helper()
	f, err := os.Open(image)
	must(t, err)
	data := make([]byte, n)
	_, err = f.ReadAt(data, at)
	must(t, errors.Join(err, f.Close()))
	return string(data)
}

func fingerprint(t *testing.T, image string) [sha256.Size]byte {
	t.Helper()
	data, err := os.ReadFile(image)
	must(t, err)
	return sha256.Sum256(data)
}

// flip changes one byte of an image.
func flip(t *testing.T, image string, at int64) {
	t.Helper()
	putAt(t, image, at, string(getAt(t, image, at, 1)[0]^0xff))
}

// What real tools leave on a disk is recognized, and not a byte of it is changed.
func TestMakeRefusesWhatToolsLeave(t *testing.T) {
	needTools(t, "cryptsetup", "pvcreate", "sgdisk", "sfdisk", "mkswap", "mkfs.ext2")
	for _, c := range []struct {
		name    string
		prepare func(image string)
		want    string
	}{
		{"luks", func(image string) {
			key := filepath.Join(t.TempDir(), "key")
			must(t, os.WriteFile(key, []byte("secret"), 0o600))
			tool(t, "cryptsetup", "luksFormat", "-q", "--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000", image, key)
		}, "crypto_LUKS"},
		{"gpt", func(image string) { tool(t, "sgdisk", "-n", "1:0:0", image) }, "gpt"},
		{"gpt of which only the backup is left", func(image string) {
			tool(t, "sgdisk", "-n", "1:0:0", image)
			putAt(t, image, 0, string(make([]byte, 34*512)))
		}, "gpt"},
		{"dos", func(image string) {
			script := filepath.Join(t.TempDir(), "table")
			must(t, os.WriteFile(script, []byte("sfdisk "+image+" <<< ',,L'"), 0o600))
			tool(t, "bash", script)
		}, "dos"},
		{"swap", func(image string) { tool(t, "mkswap", image) }, "swap"},
		{"ext2", func(image string) { tool(t, "mkfs.ext2", "-q", "-F", image) }, "ext2"},
		{"a damaged ext4", func(image string) {
			tool(t, "mkfs.ext4", "-q", "-F", "-O", "metadata_csum", image)
			flip(t, image, 1024+0x30) // the write time, which only the checksum covers
		}, "ext4"},
		{"a damaged xfs", func(image string) {
			must(t, os.Truncate(image, int64(domain.XFS.Least())))
			tool(t, "mkfs.xfs", "-q", "-f", image)
			flip(t, image, 4)
		}, "xfs"},
		{"a damaged btrfs", func(image string) {
			must(t, os.Truncate(image, int64(domain.Btrfs.Least())))
			tool(t, "mkfs.btrfs", "-q", "-f", image)
			flip(t, image, 65536+0x48)
		}, "btrfs"},
		{"ext4 over swap", func(image string) {
			tool(t, "mkfs.ext4", "-q", "-F", "-b", "4096", image)
			putAt(t, image, 4096-10, "SWAPSPACE2")
		}, "ext4"},
		{"bytes at the start", func(image string) { putAt(t, image, 3<<20, "x") }, "data at byte 3145728"},
		{"a byte at the end", func(image string) { putAt(t, image, 64<<20-1, "x") }, "data at byte 67108863"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, image := newDisk(t, 64*domain.MiB, c.prepare)
			before := fingerprint(t, image)
			for _, a := range []domain.Access{domain.Ext4, domain.XFS, domain.Btrfs} {
				err := NewFilesystems(0).Make(t.Context(), d, ports.Making{Access: a})
				wantKind(t, err, domain.DataAtRisk, c.want)
			}
			if fingerprint(t, image) != before {
				t.Error("got another fingerprint, want every byte as it was")
			}
		})
	}
}

func TestProbeOfLVM(t *testing.T) {
	needTools(t, "pvcreate")
	d, _ := newDisk(t, 64*domain.MiB)
	tool(t, "pvcreate", "-q", "--config", "devices { filter=[\"a|.*|\"] use_devicesfile=0 }", d.Path)
	got, err := NewFilesystems(0).Probe(t.Context(), d)
	if err != nil || got.Type != "LVM2_member" {
		t.Errorf("got %+v, %v, want LVM2_member", got, err)
	}
}

// binDir returns a PATH with links to the host's tools, and the scripts given.
func binDir(t *testing.T, scripts map[string]string) {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"blkid", "e2fsck", "mkfs.ext4", "mkfs.xfs", "mkfs.btrfs", "sh", "cat", "sleep"} {
		path, err := exec.LookPath(name)
		must(t, err)
		must(t, os.Symlink(path, filepath.Join(dir, name)))
	}
	for name, script := range scripts {
		must(t, os.Remove(filepath.Join(dir, name)))
		if script != "" {
			must(t, os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script+"\n"), 0o700))
		}
	}
	t.Setenv("PATH", dir)
}

func TestMissingToolsAreNamed(t *testing.T) {
	d, image := newDisk(t, 64*domain.MiB)
	before := fingerprint(t, image)
	for name, want := range map[string]string{"mkfs.ext4": "e2fsprogs", "blkid": "util-linux"} {
		t.Run(name, func(t *testing.T) {
			binDir(t, map[string]string{name: ""})
			err := NewFilesystems(0).Make(t.Context(), d, ports.Making{Access: domain.Ext4})
			wantKind(t, err, domain.Unsupported, name, want)
			wantKind(t, NewFilesystems(0).Ready(t.Context(), domain.Ext4), domain.Unsupported, name, want)
		})
	}
	binDir(t, map[string]string{"blkid": `echo "BusyBox v1.36.1 multi-call binary." >&2; exit 1`})
	_, err := NewFilesystems(0).Probe(t.Context(), d)
	wantKind(t, err, domain.Unsupported, "util-linux")
	err = NewFilesystems(0).Make(t.Context(), d, ports.Making{Access: domain.Ext4})
	wantKind(t, err, domain.Unsupported, "util-linux")
	if fingerprint(t, image) != before {
		t.Error("got another fingerprint, want every byte as it was")
	}
}

// blkid ends with 2 also where it could not read. What it says of an unreadable
// disk is not believed, and neither is a blkid that finds nothing in a file
// system.
func TestBlkidIsNotBelievedAlone(t *testing.T) {
	d, _ := newDisk(t, 64*domain.MiB, func(image string) { tool(t, "mkfs.ext4", "-q", "-F", image) })
	binDir(t, map[string]string{"blkid": `[ "$1" = -V ] && echo "blkid from util-linux 2.38 (libblkid 2.38)"; exit 2`})
	_, err := NewFilesystems(0).Probe(t.Context(), d)
	wantKind(t, err, domain.DataAtRisk, "ext4")

	d, image := newDisk(t, 64*domain.MiB)
	got, err := NewFilesystems(0).Probe(t.Context(), d)
	if err != nil || got != (domain.Signature{}) {
		t.Errorf("got %+v, %v of zeros, want nothing", got, err)
	}
	must(t, os.Truncate(image, 32<<20)) // the end can not be read
	_, err = NewFilesystems(0).Probe(t.Context(), d)
	wantKind(t, err, domain.DataAtRisk, "can not be read")
}

// mkfs goes on when its caller's time is over, with nobody to hear it.
func TestMkfsIsNotEnded(t *testing.T) {
	d, _ := newDisk(t, 64*domain.MiB)
	mkfs, err := exec.LookPath("mkfs.ext4")
	must(t, err)
	fifo := filepath.Join(t.TempDir(), "fifo")
	must(t, unix.Mkfifo(fifo, 0o600))
	binDir(t, map[string]string{"mkfs.ext4": fmt.Sprintf("cat %s; echo words; exec %s \"$@\"", fifo, mkfs)})
	ctx, cancel := context.WithCancel(t.Context())
	made := make(chan error, 1)
	f := NewFilesystems(0)
	go func() { made <- f.Make(ctx, d, ports.Making{Access: domain.Ext4}) }()
	gate, err := os.OpenFile(fifo, os.O_WRONLY, 0) // opens when mkfs runs
	must(t, err)
	cancel()
	select {
	case err := <-made:
		t.Fatalf("got %v when the context ended, want mkfs to go on", err)
	default:
	}
	must(t, gate.Close())
	must(t, <-made)
	got, err := f.Probe(t.Context(), d)
	if err != nil || got.Type != "ext4" {
		t.Errorf("got %+v, %v, want a whole ext4", got, err)
	}
}

func TestMkfsThatFailsSaysWhy(t *testing.T) {
	d, _ := newDisk(t, 64*domain.MiB) // too small for xfs
	err := NewFilesystems(0).Make(t.Context(), d, ports.Making{Access: domain.XFS})
	wantKind(t, err, domain.Other, "mkfs.xfs", "300MB")
}

// A call that hangs returns when its context ends, and the next one on the
// device is Busy.
func TestHangingToolIsLeftBehind(t *testing.T) {
	d, _ := newDisk(t, 64*domain.MiB)
	fifo := filepath.Join(t.TempDir(), "fifo")
	must(t, unix.Mkfifo(fifo, 0o600))
	binDir(t, map[string]string{"blkid": fmt.Sprintf("trap '' TERM; echo > %s; cat %s", fifo, fifo)})
	t.Cleanup(func() { // lets blkid go when the test has failed
		if gate, err := os.OpenFile(fifo, os.O_WRONLY|unix.O_NONBLOCK, 0); err == nil {
			_ = gate.Close()
		}
	})
	f := NewFilesystems(0)
	ctx, cancel := context.WithCancel(t.Context())
	probed := make(chan error, 1)
	go func() { _, err := f.Probe(ctx, d); probed <- err }()
	_, err := os.ReadFile(fifo) // written when blkid runs
	must(t, err)
	cancel()
	err = <-probed
	wantKind(t, err, domain.Unreachable)
	if !errors.Is(err, context.Canceled) || f.Stuck() != 1 {
		t.Errorf("got %v and %d stuck, want context.Canceled and 1", err, f.Stuck())
	}
	must(t, os.WriteFile(fifo, nil, 0o600)) // lets blkid go
	_, err = await(t.Context(), f.workers, onDevice("wait", d), func() (int, error) { return f.Stuck(), nil })
	must(t, err)
	if got := f.Stuck(); got != 0 {
		t.Errorf("got %d stuck calls once it had ended, want 0", got)
	}
}

func TestCheckReplaysAndRepairsWhatIsSafe(t *testing.T) {
	needTools(t, "debugfs", "dumpe2fs")
	d, image := newDisk(t, 64*domain.MiB, func(image string) {
		tool(t, "mkfs.ext4", "-q", "-F", image)
		tool(t, "debugfs", "-w", "-R", "ssv state 2", image)             // errors were seen
		tool(t, "debugfs", "-w", "-R", "ssv free_blocks_count 7", image) // a count is wrong
	})
	must(t, NewFilesystems(0).Check(t.Context(), d, domain.Ext4))
	tool(t, "e2fsck", "-n", "-f", image)
	if got := getAt(t, image, 1024+0x3a, 1); got != "\x01" {
		t.Errorf("got state %q, want 1, clean", got)
	}
}

func TestCheckOfWhatNeedsADecisionIsDataAtRisk(t *testing.T) {
	needTools(t, "debugfs")
	d, _ := newDisk(t, 64*domain.MiB, func(image string) {
		tool(t, "mkfs.ext4", "-q", "-F", image)
		tool(t, "debugfs", "-w", "-R", "ssv state 2", image)
		tool(t, "debugfs", "-w", "-R", "mkdir /a", image)
		tool(t, "debugfs", "-w", "-R", "sif /a mode 0", image)
	})
	wantKind(t, NewFilesystems(0).Check(t.Context(), d, domain.Ext4), domain.DataAtRisk, "e2fsck")
}

// A process that died while it had the device read-only does not make it so for
// ever.
func TestCheckTakesTheReadOnlyFlagOff(t *testing.T) {
	d, _ := newDisk(t, 64*domain.MiB)
	f, m := NewFilesystems(0), NewMounts(0)
	must(t, f.Make(t.Context(), d, ports.Making{Access: domain.Ext4}))
	p, err := pin(d, 0)
	must(t, err)
	must(t, errors.Join(p.setReadOnly(1), p.Close()))
	must(t, f.Check(t.Context(), d, domain.Ext4))
	if readOnlyFlag(t, d) {
		t.Error("got a read-only device, want a writable one")
	}
	mountAt(t, m, ports.Mounting{Device: d, Access: domain.Ext4, Target: filepath.Join(t.TempDir(), "mount")})
}

func TestCheckOfAHeldDeviceIsInUse(t *testing.T) {
	for _, a := range []domain.Access{domain.Ext4, domain.XFS, domain.Btrfs} {
		t.Run(string(a), func(t *testing.T) {
			d, _ := newDisk(t, max(a.Least(), 64*domain.MiB))
			f := NewFilesystems(0)
			must(t, f.Make(t.Context(), d, ports.Making{Access: a}))
			held, err := os.OpenFile(d.Path, os.O_RDONLY|unix.O_EXCL, 0)
			must(t, err)
			wantKind(t, f.Check(t.Context(), d, a), domain.InUse)
			must(t, held.Close())
			must(t, f.Check(t.Context(), d, a))
		})
	}
}

func TestCheckOfAnotherFileSystemIsDataAtRisk(t *testing.T) {
	d, image := newDisk(t, 64*domain.MiB)
	f := NewFilesystems(0)
	must(t, f.Make(t.Context(), d, ports.Making{Access: domain.Ext4}))
	before := fingerprint(t, image)
	for _, a := range []domain.Access{domain.XFS, domain.Btrfs} {
		wantKind(t, f.Check(t.Context(), d, a), domain.DataAtRisk)
	}
	if fingerprint(t, image) != before {
		t.Error("got another fingerprint, want every byte as it was")
	}
}

func TestGrowOfWhatIsNotMountedThereIsNotFound(t *testing.T) {
	d, _ := newDisk(t, 64*domain.MiB)
	f := NewFilesystems(0)
	must(t, f.Make(t.Context(), d, ports.Making{Access: domain.Ext4}))
	for _, target := range []string{t.TempDir(), "/proc"} {
		wantKind(t, f.Grow(t.Context(), d, domain.Ext4, target), domain.NotFound)
	}
}

func TestSmallBtrfsSaysWhyItDoesNotGrow(t *testing.T) {
	d, image := newDisk(t, domain.Btrfs.Least())
	f, m := NewFilesystems(0), NewMounts(0)
	must(t, f.Make(t.Context(), d, ports.Making{Access: domain.Btrfs}))
	target := filepath.Join(t.TempDir(), "mount")
	mountAt(t, m, ports.Mounting{Device: d, Access: domain.Btrfs, Target: target})
	must(t, os.Truncate(image, 200<<20))
	resized(t, d)
	wantKind(t, f.Grow(t.Context(), d, domain.Btrfs, target), domain.Unsupported, "256 MiB")
}

// mountAt mounts until the test ends.
func mountAt(t *testing.T, m *Mounts, a ports.Mounting) {
	t.Helper()
	must(t, m.Mount(t.Context(), a))
	t.Cleanup(func() { must(t, m.Unmount(context.WithoutCancel(t.Context()), a.Target)) })
}

// ext4 frees files that were deleted while open when it is mounted, even
// read-only and without its journal. Not here.
func TestReadOnlyMountOfADirtyCopyWritesNothing(t *testing.T) {
	d, image := newDisk(t, 64*domain.MiB)
	f, m := NewFilesystems(0), NewMounts(0)
	must(t, f.Make(t.Context(), d, ports.Making{Access: domain.Ext4}))
	target := filepath.Join(t.TempDir(), "mount")
	mountAt(t, m, ports.Mounting{Device: d, Access: domain.Ext4, Target: target})
	file, err := os.Create(filepath.Join(target, "deleted"))
	must(t, err)
	_, err = file.Write(bytes.Repeat([]byte("x"), 1<<20))
	must(t, errors.Join(err, file.Sync(), os.Remove(file.Name())))
	freeze(t, target) // brings everything to its place, the list of such files too
	copied, err := os.ReadFile(image)
	must(t, errors.Join(err, file.Close()))

	c, copyImage := newDisk(t, 64*domain.MiB, func(image string) { must(t, os.WriteFile(image, copied, 0o600)) })
	if getAt(t, copyImage, 1024+0xe8, 4) == "\x00\x00\x00\x00" {
		t.Fatal("got no list of deleted files in the copy, want one: the test proves nothing")
	}
	before := fingerprint(t, copyImage)
	second := filepath.Join(t.TempDir(), "mount")
	mountAt(t, m, ports.Mounting{Device: c, Access: domain.Ext4, Target: second, ReadOnly: true})
	must(t, m.Unmount(t.Context(), second))
	if fingerprint(t, copyImage) != before {
		t.Error("got another fingerprint after a read-only mount, want every byte as it was")
	}
	if got := readOnlyFlag(t, c); got {
		t.Error("got a read-only device after the unmount, want it as it was")
	}
}

func freeze(t *testing.T, dir string) {
	t.Helper()
	const fiFreeze, fiThaw = 0xc0045877, 0xc0045878
	f, err := os.Open(dir)
	must(t, err)
	must(t, unix.IoctlSetInt(int(f.Fd()), fiFreeze, 0))
	must(t, errors.Join(unix.IoctlSetInt(int(f.Fd()), fiThaw, 0), f.Close()))
}

func readOnlyFlag(t *testing.T, d domain.Device) bool {
	t.Helper()
	text, err := os.ReadFile("/sys/dev/block/" + d.Number() + "/ro")
	must(t, err)
	return strings.TrimSpace(string(text)) == "1"
}
