package porttest

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
	"git.srvlab.io/whiskey/rds-csi-driver/ports"
)

// Filesystems runs the contract of ports.Filesystems. It needs Filesystems,
// Mounts, WriteFile, ReadFile, and Attach and Resized or Fabric, Devices and
// Target.
func Filesystems(t *testing.T, open func(*testing.T) Host) {
	runHost(t, open, probeCases(), makeCases(), checkCases(), growCases(), statsCases())
}

// wantSignature checks what a probe finds.
func (h Host) wantSignature(t *testing.T, d disk, want string) domain.Signature {
	t.Helper()
	got, err := h.Filesystems.Probe(within(t), d.device)
	must(t, err)
	if got.Type != want {
		t.Errorf("got signature %+v, want type %q", got, want)
	}
	return got
}

// misnumbered returns the device as another that took its path would be.
func misnumbered(d domain.Device) domain.Device {
	d.Minor += 1000
	return d
}

// withFileSystem returns an attached disk that carries one.
func (h Host) withFileSystem(t *testing.T, n byte, a domain.Access) disk {
	t.Helper()
	d := h.attached(t, n, sizeFor(a))
	must(t, h.Filesystems.Make(within(t), d.device, ports.Making{Access: a}))
	return d
}

func probeCases() []hostCase {
	cases := []hostCase{
		{"nothing is recognized on zeros", func(t *testing.T, h Host) {
			d := h.attached(t, 1, volumeSize)
			got, err := h.Filesystems.Probe(within(t), d.device)
			must(t, err)
			if got != (domain.Signature{}) {
				t.Errorf("got signature %+v, want the zero one", got)
			}
		}},
		{"nothing is recognized in bytes without a meaning", func(t *testing.T, h Host) {
			image := newImage(t, volumeSize)
			putBytes(t, image, 8*domain.MiB, bytes.Repeat([]byte{0xa5}, 4096))
			h.wantSignature(t, h.attachImage(t, 1, image), "")
		}},
		{"a probe changes nothing", func(t *testing.T, h Host) {
			d := h.attached(t, 1, volumeSize)
			check := unchanged(t, d.image)
			h.wantSignature(t, d, "")
			check()
		}},
		{"a probe that can not read is DataAtRisk", func(t *testing.T, h Host) {
			d := h.attached(t, 1, volumeSize)
			h.failReads(t, d)
			_, err := h.Filesystems.Probe(within(t), d.device)
			refused(t, err, domain.DataAtRisk)
		}},
		{"a probe of a device with another number is DataAtRisk", func(t *testing.T, h Host) {
			d := h.attached(t, 1, volumeSize)
			_, err := h.Filesystems.Probe(within(t), misnumbered(d.device))
			refused(t, err, domain.DataAtRisk)
		}},
		{"a probe of a path that is gone is DataAtRisk", func(t *testing.T, h Host) {
			d := h.attached(t, 1, volumeSize)
			d.device.Path += "-gone"
			_, err := h.Filesystems.Probe(within(t), d.device)
			refused(t, err, domain.DataAtRisk)
		}},
		{"a file system under a partition table is DataAtRisk and both are named", func(t *testing.T, h Host) {
			d := h.withFileSystem(t, 1, domain.Ext4)
			putDOS(t, d.image, sizeFor(domain.Ext4))
			_, err := h.Filesystems.Probe(within(t), h.attachedCopy(t, d).device)
			refused(t, err, domain.DataAtRisk, "ext4", "dos")
		}},
		{"two file systems at once are DataAtRisk and both are named", twoFileSystems},
		{"a probe with an ended context says so", func(t *testing.T, h Host) {
			d := h.attached(t, 1, volumeSize)
			ended(t, func(ctx context.Context) error { _, err := h.Filesystems.Probe(ctx, d.device); return err })
		}},
	}
	for _, f := range foreignDisks() {
		cases = append(cases, hostCase{f.signature + " is recognized", func(t *testing.T, h Host) {
			image := newImage(t, volumeSize)
			f.put(t, image, volumeSize)
			h.wantSignature(t, h.attachImage(t, 1, image), f.signature)
		}})
	}
	return cases
}

func twoFileSystems(t *testing.T, h Host) {
	d, other := h.withFileSystem(t, 1, domain.XFS), h.withFileSystem(t, 3, domain.Ext4)
	putBytes(t, d.image, domain.KiB, getBytes(t, other.image, domain.KiB, 1024))
	_, err := h.Filesystems.Probe(within(t), h.attachedCopy(t, d).device)
	refused(t, err, domain.DataAtRisk, "ext4", "xfs")
}

func makeCases() []hostCase {
	cases := []hostCase{
		{"nothing is made where reads fail", func(t *testing.T, h Host) {
			d := h.attached(t, 1, sizeFor(domain.Ext4))
			h.failReads(t, d)
			h.refusesToMake(t, d, domain.Ext4)
		}},
		{"nothing is made on a device with another number", func(t *testing.T, h Host) {
			d := h.attached(t, 1, sizeFor(domain.Ext4))
			d.device = misnumbered(d.device)
			h.refusesToMake(t, d, domain.Ext4)
		}},
		{"nothing is made under a file system and a partition table", func(t *testing.T, h Host) {
			d := h.withFileSystem(t, 1, domain.Ext4)
			putDOS(t, d.image, sizeFor(domain.Ext4))
			h.refusesToMake(t, h.attachedCopy(t, d), domain.Ext4)
		}},
		{"nothing is made with a context that has ended", func(t *testing.T, h Host) {
			d := h.attached(t, 1, sizeFor(domain.Ext4))
			check := unchanged(t, d.image)
			ended(t, func(ctx context.Context) error {
				return h.Filesystems.Make(ctx, d.device, ports.Making{Access: domain.Ext4})
			})
			check()
		}},
	}
	for _, f := range foreignDisks() {
		cases = append(cases, eachFileSystem("is not made over "+f.signature,
			func(t *testing.T, h Host, a domain.Access) {
				if a == domain.XFS && f.signature != "crypto_LUKS" {
					return // one is enough of what takes so large an image
				}
				image := newImage(t, sizeFor(a))
				f.put(t, image, sizeFor(a))
				h.refusesToMake(t, h.attachImage(t, 1, image), a)
			})...)
	}
	cases = append(cases, eachFileSystem("is made and recognized", func(t *testing.T, h Host, a domain.Access) {
		d := h.attached(t, 1, sizeFor(a))
		must(t, h.Filesystems.Make(within(t), d.device, ports.Making{Access: a, Label: "rds-test"}))
		got := h.wantSignature(t, d, string(a))
		if got.Label != "rds-test" || got.UUID == "" {
			t.Errorf("got signature %+v, want label %q and a UUID", got, "rds-test")
		}
	})...)
	cases = append(cases, eachFileSystem("is not made twice", func(t *testing.T, h Host, a domain.Access) {
		h.refusesToMake(t, h.withFileSystem(t, 1, a), a)
	})...)
	return append(cases, eachFileSystem("is not made over another file system",
		func(t *testing.T, h Host, a domain.Access) {
			other := domain.Ext4
			if a == other {
				other = domain.Btrfs
			}
			d := h.attached(t, 1, max(sizeFor(a), sizeFor(other)))
			must(t, h.Filesystems.Make(within(t), d.device, ports.Making{Access: other}))
			h.refusesToMake(t, d, a)
		})...)
}

// refusesToMake checks that no file system is made and not a byte is changed.
func (h Host) refusesToMake(t *testing.T, d disk, a domain.Access) {
	t.Helper()
	check := unchanged(t, d.image)
	for range 2 {
		refused(t, h.Filesystems.Make(within(t), d.device, ports.Making{Access: a}), domain.DataAtRisk)
	}
	check()
}

func checkCases() []hostCase {
	cases := []hostCase{
		{"a check with an ended context says so", func(t *testing.T, h Host) {
			d := h.withFileSystem(t, 1, domain.Ext4)
			ended(t, func(ctx context.Context) error { return h.Filesystems.Check(ctx, d.device, domain.Ext4) })
		}},
		{"a check of a device with another number is DataAtRisk", func(t *testing.T, h Host) {
			d := h.withFileSystem(t, 1, domain.Ext4)
			refused(t, h.Filesystems.Check(within(t), misnumbered(d.device), domain.Ext4), domain.DataAtRisk)
		}},
	}
	cases = append(cases, eachFileSystem("new or used is found fit", func(t *testing.T, h Host, a domain.Access) {
		d := h.withFileSystem(t, 1, a)
		must(t, h.Filesystems.Check(within(t), d.device, a))
		target := h.mount(t, ports.Mounting{Device: d.device, Access: a})
		must(t, h.WriteFile(filepath.Join(target, "file"), []byte("kept")))
		must(t, h.Mounts.Unmount(within(t), target))
		must(t, h.Filesystems.Check(within(t), d.device, a))
		must(t, h.Filesystems.Check(within(t), d.device, a))
		h.wantFile(t, filepath.Join(h.mount(t, ports.Mounting{Device: d.device, Access: a}), "file"), "kept")
	})...)
	cases = append(cases, eachFileSystem("copied under a mount is fit and loses nothing", crashedCopy)...)
	cases = append(cases, eachFileSystem("on a device that shrank is DataAtRisk and not mounted", shrunk)...)
	return append(cases, eachFileSystem("with errors is DataAtRisk and not repaired",
		func(t *testing.T, h Host, a domain.Access) {
			d := h.withFileSystem(t, 1, a)
			damage(t, d.image)
			d = h.attachedCopy(t, d)
			check := unchanged(t, d.image)
			refused(t, h.Filesystems.Check(within(t), d.device, a), domain.DataAtRisk)
			check()
		})...)
}

// shrunk cuts the end off a file system: the image was lost and made anew, or
// the wrong one is there.
func shrunk(t *testing.T, h Host, a domain.Access) {
	made := h.withFileSystem(t, 1, a)
	image := newImage(t, 0)
	copyImage(t, image, made.image)
	must(t, os.Truncate(image, int64(sizeFor(a)/4*3)))
	d := h.attachImage(t, copyNumber, image)
	check := unchanged(t, image)
	refused(t, h.Filesystems.Check(within(t), d.device, a), domain.DataAtRisk)
	target := filepath.Join(newDir(t), "mount")
	if err := h.Mounts.Mount(within(t), ports.Mounting{Device: d.device, Access: a, Target: target}); err == nil {
		h.unmountLater(t, target)
		t.Error("got no error, want the mount refused")
	}
	check()
}

// damage overwrites where each file system keeps its metadata, and not where it
// is recognized: behind the first superblocks of all three.
func damage(t *testing.T, image string) {
	t.Helper()
	putBytes(t, image, 72*domain.KiB, bytes.Repeat([]byte{0xa5}, int(32*domain.MiB-72*domain.KiB)))
}

// crashedCopy takes an image as a snapshot does, while it is mounted.
func crashedCopy(t *testing.T, h Host, a domain.Access) {
	d := h.withFileSystem(t, 1, a)
	target := h.mount(t, ports.Mounting{Device: d.device, Access: a})
	must(t, h.WriteFile(filepath.Join(target, "file"), []byte("kept")))
	snapshot := disk{image: newImage(t, 0)}
	copyImage(t, snapshot.image, d.image)
	must(t, h.Mounts.Unmount(within(t), target)) // two of one UUID do not mount at once everywhere
	restored := h.attachedCopy(t, snapshot)
	must(t, h.Filesystems.Check(within(t), restored.device, a))
	h.wantFile(t, filepath.Join(h.mount(t, ports.Mounting{Device: restored.device, Access: a}), "file"), "kept")
}

// wantFile checks what a file under a mount holds.
func (h Host) wantFile(t *testing.T, path, want string) {
	t.Helper()
	got, err := h.ReadFile(path)
	must(t, err)
	if string(got) != want {
		t.Errorf("got %q in %s, want %q", got, path, want)
	}
}

func growCases() []hostCase {
	cases := []hostCase{
		{"a grow of a device with another number is DataAtRisk", func(t *testing.T, h Host) {
			d := h.withFileSystem(t, 1, domain.Ext4)
			target := h.mount(t, ports.Mounting{Device: d.device, Access: domain.Ext4})
			refused(t, h.Filesystems.Grow(within(t), misnumbered(d.device), domain.Ext4, target), domain.DataAtRisk)
		}},
		{"a grow with an ended context says so", func(t *testing.T, h Host) {
			d := h.withFileSystem(t, 1, domain.Ext4)
			target := h.mount(t, ports.Mounting{Device: d.device, Access: domain.Ext4})
			ended(t, func(ctx context.Context) error {
				return h.Filesystems.Grow(ctx, d.device, domain.Ext4, target)
			})
		}},
	}
	return append(cases, eachFileSystem("grows under its mount", func(t *testing.T, h Host, a domain.Access) {
		d := h.withFileSystem(t, 1, a)
		target := h.mount(t, ports.Mounting{Device: d.device, Access: a})
		must(t, h.WriteFile(filepath.Join(target, "file"), []byte("kept")))
		before := h.stats(t, target)
		must(t, h.Filesystems.Grow(within(t), d.device, a, target))
		if got := h.stats(t, target).Total; got != before.Total {
			t.Errorf("got total %d, want %d: the device has not grown", got, before.Total)
		}
		h.grow(t, d, 2*sizeFor(a))
		if word := h.NoGrow[a]; word != "" {
			refused(t, h.Filesystems.Grow(within(t), d.device, a, target), domain.Unsupported, word)
			return
		}
		h.wantGrown(t, d, a, target, before.Total+sizeFor(a)/2)
		h.wantFile(t, filepath.Join(target, "file"), "kept")
		must(t, h.Filesystems.Grow(within(t), d.device, a, target))
	})...)
}

// wantGrown grows until the file system is larger than least: the host may see
// the device's new size a little later.
func (h Host) wantGrown(t *testing.T, d disk, a domain.Access, target string, least domain.Size) {
	t.Helper()
	var got domain.Usage
	ok := eventually(t, func() bool {
		must(t, h.Filesystems.Grow(within(t), d.device, a, target))
		got = h.stats(t, target)
		return got.Total > least
	})
	if !ok {
		t.Errorf("got total %d, want more than %d", got.Total, least)
	}
}

func (h Host) stats(t *testing.T, target string) domain.Usage {
	t.Helper()
	got, err := h.Filesystems.Stats(within(t), target)
	must(t, err)
	return got
}

func statsCases() []hostCase {
	cases := []hostCase{
		{"stats where nothing is mounted are NotFound", func(t *testing.T, h Host) {
			_, err := h.Filesystems.Stats(within(t), newDir(t))
			refused(t, err, domain.NotFound)
			_, err = h.Filesystems.Stats(within(t), filepath.Join(newDir(t), "absent"))
			refused(t, err, domain.NotFound)
		}},
		{"stats after the unmount are NotFound", func(t *testing.T, h Host) {
			d := h.withFileSystem(t, 1, domain.Ext4)
			target := h.mount(t, ports.Mounting{Device: d.device, Access: domain.Ext4})
			must(t, h.Mounts.Unmount(within(t), target))
			_, err := h.Filesystems.Stats(within(t), target)
			refused(t, err, domain.NotFound)
		}},
		{"stats with an ended context say so", func(t *testing.T, h Host) {
			d := h.withFileSystem(t, 1, domain.Ext4)
			target := h.mount(t, ports.Mounting{Device: d.device, Access: domain.Ext4})
			ended(t, func(ctx context.Context) error { _, err := h.Filesystems.Stats(ctx, target); return err })
		}},
	}
	return append(cases, eachFileSystem("says how full it is", func(t *testing.T, h Host, a domain.Access) {
		const written = 4 * domain.MiB
		d := h.withFileSystem(t, 1, a)
		target := h.mount(t, ports.Mounting{Device: d.device, Access: a})
		before := h.stats(t, target)
		if before.Total < sizeFor(a)/2 || before.Total > sizeFor(a) || before.Used+before.Available > before.Total {
			t.Errorf("got %+v, want used and available within a total of about %d", before, sizeFor(a))
		}
		must(t, h.WriteFile(filepath.Join(target, "file"), bytes.Repeat([]byte("data"), int(written)/4)))
		after := h.stats(t, target)
		if got := after.Used - before.Used; got < written || got > 2*written+domain.MiB {
			t.Errorf("got %d bytes more in use, want about %d", got, written)
		}
		if after.Available >= before.Available || after.Total != before.Total {
			t.Errorf("got %+v after %+v, want less available of the same total", after, before)
		}
	})...)
}
