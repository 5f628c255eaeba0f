package fakehost_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"git.srvlab.io/whiskey/rds-csi-driver/adapters/fakehost"
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
	"git.srvlab.io/whiskey/rds-csi-driver/ports"
)

func TestHostsShareATargetAndFilesTravelInTheImage(t *testing.T) {
	r := newRig(t, false)
	nqn, target := r.mounted(t)
	other := rig{
		Host: fakehost.New(fakehost.Config{
			TargetDir: filepath.Join(r.dir, "target"), Prefix: domain.DefaultNQNPrefix,
		}),
		target: r.target, dir: r.dir,
	}
	second := to(nqn)
	second.HostNQN = "nqn.2014-08.org.nvmexpress:uuid:another"
	wantKind(t, other.Fabric().Connect(t.Context(), second), domain.Unreachable)

	snapshot := other.export(t, "snapshot")
	data, err := os.ReadFile(r.image("a"))
	check(t, err)
	check(t, os.WriteFile(r.image("snapshot"), data, 0o600))
	check(t, r.WriteFile(t.Context(), filepath.Join(target, "file"), []byte("changed")))
	check(t, other.Fabric().Connect(t.Context(), to(snapshot)))
	restored := filepath.Join(r.dir, "restored")
	dev := other.prove(t, snapshot)
	check(t, other.Filesystems().Check(t.Context(), dev, domain.Ext4))
	check(t, other.Mounts().Mount(t.Context(), ports.Mounting{Device: dev, Access: domain.Ext4, Target: restored}))
	other.wantFile(t, filepath.Join(restored, "file"), "kept")
	r.wantFile(t, filepath.Join(target, "file"), "changed")
	if _, err := r.ReadFile(t.Context(), filepath.Join(restored, "file")); err == nil {
		t.Error("got the file of another host's mount, want an error")
	}
}

func TestAWipedStartLeavesACopyOfTheSuperblock(t *testing.T) {
	for _, a := range []domain.Access{domain.Ext4, domain.XFS, domain.Btrfs} {
		t.Run(string(a), func(t *testing.T) {
			r := newRig(t, false)
			nqn, size := r.export(t, "a"), max(a.Least(), volumeSize)
			check(t, os.Truncate(r.image("a"), int64(size)))
			check(t, r.Fabric().Connect(t.Context(), to(nqn)))
			dev, err := r.Devices().Prove(t.Context(), nqn)
			check(t, err)
			defer func() { check(t, dev.Close()) }()
			check(t, r.Filesystems().Make(t.Context(), dev.Identity(), ports.Making{Access: a}))
			check(t, r.WriteDevice(t.Context(), dev.Identity().Path, make([]byte, 4*domain.MiB), 0))

			got, err := r.Filesystems().Probe(t.Context(), dev.Identity())
			check(t, err)
			if got != (domain.Signature{}) {
				t.Errorf("got signature %+v, want none", got)
			}
			quick, whole := domain.MustBeZero(size, domain.ProofQuick), domain.MustBeZero(size, domain.ProofWhole)
			if _, found, err := dev.FirstData(t.Context(), quick); found || err != nil {
				t.Errorf("got data %t (error %v) on the quick look, want none", found, err)
			}
			if _, found, err := dev.FirstData(t.Context(), whole); !found || err != nil {
				t.Errorf("got data %t (error %v) on the whole look, want the copy found", found, err)
			}
		})
	}
}

func TestAFileSystemIsAsLargeAsItSays(t *testing.T) {
	r := newRig(t, false)
	_, target := r.mounted(t)
	usage, err := r.Filesystems().Stats(t.Context(), target)
	check(t, err)
	big := bytes.Repeat([]byte("x"), 5<<20)
	var written int
	for ; err == nil; written++ {
		err = r.WriteFile(t.Context(), filepath.Join(target, strconv.Itoa(written)), big)
	}
	if room := int(usage.Available) / len(big); written-1 > room || written-1 < room-1 {
		t.Errorf("got %d files of 5 MiB into %s, want about %d and then no space", written-1, usage.Available, room)
	}
	r.wantFile(t, filepath.Join(target, "file"), "kept")
	r.wantFile(t, filepath.Join(target, "0"), string(big))
	check(t, r.WriteFile(t.Context(), filepath.Join(target, "0"), []byte("small")))
	check(t, r.WriteFile(t.Context(), filepath.Join(target, "file"), big))
	r.wantFile(t, filepath.Join(target, "0"), "small")
}

func TestADirectoryOfTheHostIsBoundToo(t *testing.T) {
	r := newRig(t, false)
	source, target := filepath.Join(r.dir, "unstaged"), filepath.Join(r.dir, "published")
	check(t, os.Mkdir(source, 0o700))
	check(t, r.Mounts().Bind(t.Context(), source, target, false, nil))
	check(t, r.WriteFile(t.Context(), filepath.Join(target, "file"), []byte("astray")))
	got, err := os.ReadFile(filepath.Join(source, "file"))
	check(t, err)
	if string(got) != "astray" {
		t.Errorf("got %q, want %q: Linux binds a staging path that is not mounted", got, "astray")
	}
	if got, want := r.mounts(t, target).Access, "hostfs"; got != want {
		t.Errorf("got file system %s, want %s", got, want)
	}
}

func TestAReadOnlyBindOfADeviceNodeStopsNoWrite(t *testing.T) {
	r := newRig(t, false)
	nqn := r.export(t, "a")
	check(t, r.Fabric().Connect(t.Context(), to(nqn)))
	bound := filepath.Join(r.dir, "node")
	check(t, r.Mounts().BindDevice(t.Context(), r.prove(t, nqn), bound, true))
	check(t, r.WriteDevice(t.Context(), bound, []byte("written"), 0))
}

func TestManyVolumesAtOnce(t *testing.T) {
	r := newRig(t, false)
	done := make(chan error)
	for i := range 8 {
		name := strconv.Itoa(i)
		nqn := r.export(t, name)
		go func() { done <- r.life(t, nqn, filepath.Join(r.dir, name)) }()
	}
	for range 8 {
		check(t, <-done)
	}
	if got := r.Mounted(r.dir); len(got) != 0 {
		t.Errorf("got mounts %q, want none left", got)
	}
}

// life takes a volume through everything and back.
func (r rig) life(t *testing.T, nqn domain.NQN, target string) error {
	ctx := t.Context()
	if err := r.Fabric().Connect(ctx, to(nqn)); err != nil {
		return err
	}
	dev, err := r.Devices().Prove(ctx, nqn)
	if err != nil {
		return err
	}
	for _, step := range []func() error{
		func() error { return r.Filesystems().Make(ctx, dev.Identity(), ports.Making{Access: domain.Ext4}) },
		func() error {
			return r.Mounts().Mount(ctx, ports.Mounting{Device: dev.Identity(), Access: domain.Ext4, Target: target})
		},
		func() error { return r.WriteFile(ctx, filepath.Join(target, "file"), []byte(nqn.String())) },
		func() error { _, err := r.ReadFile(ctx, filepath.Join(target, "file")); return err },
		func() error { return r.Mounts().Unbind(ctx, target) },
		func() error { return r.Fabric().Disconnect(ctx, nqn, hostNQN) },
		dev.Close,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}
