package fakehost_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"git.srvlab.io/whiskey/rds-csi-driver/adapters/fakehost"
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
	"git.srvlab.io/whiskey/rds-csi-driver/ports"
	"git.srvlab.io/whiskey/rds-csi-driver/ports/porttest"
)

// A rig is a host with a target, for tests of what only this adapter does.
type rig struct {
	*fakehost.Host
	target porttest.TargetDir
	dir    string
}

func newRig(t *testing.T, keepsTrying bool) rig {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	check(t, err)
	target := filepath.Join(dir, "target")
	check(t, os.Mkdir(target, 0o700))
	return rig{
		Host: fakehost.New(fakehost.Config{
			TargetDir: target, Prefix: domain.DefaultNQNPrefix, KeepsTrying: keepsTrying,
		}),
		target: porttest.TargetDir(target), dir: dir,
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("got error %v (kind %s), want none", err, domain.KindOf(err))
	}
}

func wantKind(t *testing.T, err error, want domain.Kind) {
	t.Helper()
	if !domain.Is(err, want) {
		t.Errorf("got error %v (kind %s), want kind %s", err, domain.KindOf(err), want)
	}
}

const volumeSize = 16 * domain.MiB

func to(nqn domain.NQN) domain.Target {
	return domain.Target{
		NQN: nqn, Portals: []domain.Portal{{Host: "192.0.2.1", Port: domain.DefaultPort}}, HostNQN: hostNQN, HostID: hostID,
	}
}

// export makes an image and exports it to the host.
func (r rig) export(t *testing.T, name string) domain.NQN {
	t.Helper()
	nqn := domain.NQN{
		Prefix: domain.DefaultNQNPrefix, Slot: domain.ClusterID("rig").Slot(name), Epoch: domain.NewEpoch([5]byte{}),
	}
	check(t, os.WriteFile(r.image(name), nil, 0o600))
	check(t, os.Truncate(r.image(name), int64(volumeSize)))
	check(t, r.target.Export(nqn, r.image(name), hostNQN))
	return nqn
}

func (r rig) image(name string) string { return filepath.Join(r.dir, name+".img") }

// prove returns the device of a connected subsystem.
func (r rig) prove(t *testing.T, nqn domain.NQN) domain.Device {
	t.Helper()
	dev, err := r.Devices().Prove(t.Context(), nqn)
	check(t, err)
	defer func() { check(t, dev.Close()) }()
	return dev.Identity()
}

// mounted exports, connects, formats and mounts volume "a" with a file in it.
func (r rig) mounted(t *testing.T) (nqn domain.NQN, target string) {
	t.Helper()
	nqn, target = r.export(t, "a"), filepath.Join(r.dir, "a")
	check(t, r.Fabric().Connect(t.Context(), to(nqn)))
	dev := r.prove(t, nqn)
	check(t, r.Filesystems().Make(t.Context(), dev, ports.Making{Access: domain.Ext4}))
	check(t, r.Mounts().Mount(t.Context(), ports.Mounting{Device: dev, Access: domain.Ext4, Target: target}))
	check(t, r.WriteFile(t.Context(), filepath.Join(target, "file"), []byte("kept")))
	return nqn, target
}

// states returns what the kernel says of the subsystem's controllers.
func (r rig) states(t *testing.T, nqn domain.NQN) []domain.ControllerState {
	t.Helper()
	list, err := r.Fabric().List(t.Context())
	check(t, err)
	var states []domain.ControllerState
	for _, c := range list {
		if c.NQN == nqn {
			states = append(states, c.State)
		}
	}
	return states
}

func (r rig) wantStates(t *testing.T, nqn domain.NQN, want ...domain.ControllerState) {
	t.Helper()
	if got := r.states(t, nqn); !slices.Equal(got, want) {
		t.Errorf("got controllers %q, want %q", got, want)
	}
}

func (r rig) wantFile(t *testing.T, name, want string) {
	t.Helper()
	got, err := r.ReadFile(t.Context(), name)
	check(t, err)
	if string(got) != want {
		t.Errorf("got %q in %s, want %q", got, name, want)
	}
}

func (r rig) wantHolders(t *testing.T, nqn domain.NQN, want ...string) {
	t.Helper()
	dev, err := r.Devices().Prove(t.Context(), nqn)
	check(t, err)
	defer func() { check(t, dev.Close()) }()
	got, err := dev.Holders(t.Context())
	check(t, err)
	if !slices.Equal(got, want) {
		t.Errorf("got holders %q, want %q", got, want)
	}
}

// hangs checks that a call waits until its context ends.
func hangs(t *testing.T, call func(ctx context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	start := time.Now()
	err := call(ctx)
	if took := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || took < time.Minute {
		t.Errorf("got error %v after %s, want the deadline's after a minute", err, took)
	}
}

func TestReadsAndWritesWaitForASilentTarget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, false)
		nqn, target := r.mounted(t)
		file := filepath.Join(target, "file")
		check(t, r.target.Silence(true))
		r.wantStates(t, nqn, domain.Connecting)
		hangs(t, func(ctx context.Context) error { return r.WriteFile(ctx, file, []byte("lost")) })
		hangs(t, func(ctx context.Context) error { _, err := r.ReadFile(ctx, file); return err })
		hangs(t, func(ctx context.Context) error { _, err := r.Filesystems().Stats(ctx, target); return err })
		dev := r.prove(t, nqn)
		hangs(t, func(ctx context.Context) error { _, err := r.Filesystems().Probe(ctx, dev); return err })

		written := make(chan error)
		go func() { written <- r.WriteFile(t.Context(), file, []byte("late")) }()
		synctest.Wait()
		wantKind(t, r.Mounts().Unmount(t.Context(), target), domain.Busy)
		check(t, r.target.Silence(false))
		check(t, <-written)
		r.wantStates(t, nqn, domain.Live)
		r.wantFile(t, file, "late")
	})
}

func TestAnUnmountWaitsForALostTarget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, false)
		nqn, target := r.mounted(t)
		r.Lose(nqn)
		hangs(t, func(ctx context.Context) error { return r.Mounts().Unmount(ctx, target) })
		if got := r.Mounted(r.dir); len(got) != 0 {
			t.Errorf("got mounts %q, want none: the kernel takes the entry away first", got)
		}
		r.wantHolders(t, nqn, "exclusive open")
		wantKind(t, r.Fabric().Disconnect(t.Context(), nqn, hostNQN), domain.InUse)

		r.Regain(nqn)
		r.wantHolders(t, nqn)
		dev := r.prove(t, nqn)
		check(t, r.Mounts().Mount(t.Context(), ports.Mounting{Device: dev, Access: domain.Ext4, Target: target}))
		r.wantFile(t, filepath.Join(target, "file"), "kept")
	})
}

func TestAbandoningALostDeviceEndsItsUnmount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, false)
		nqn, target := r.mounted(t)
		r.Lose(nqn)
		unmounted := make(chan error)
		go func() { unmounted <- r.Mounts().Unmount(t.Context(), target) }()
		synctest.Wait()
		check(t, r.Fabric().Abandon(t.Context(), nqn, hostNQN))
		check(t, <-unmounted)
		r.wantStates(t, nqn)
	})
}

func TestAReadOnlyUnmountNeedsNoTarget(t *testing.T) {
	r := newRig(t, false)
	nqn, target := r.mounted(t)
	check(t, r.Mounts().Unmount(t.Context(), target))
	m := ports.Mounting{Device: r.prove(t, nqn), Access: domain.Ext4, Target: target, ReadOnly: true}
	check(t, r.Mounts().Mount(t.Context(), m))
	r.Lose(nqn)
	check(t, r.Mounts().Unmount(t.Context(), target))
	check(t, r.Fabric().Disconnect(t.Context(), nqn, hostNQN))
}

func TestALostTargetAnswersNothing(t *testing.T) {
	r := newRig(t, false)
	nqn, other := r.export(t, "a"), r.export(t, "b")
	r.Lose(nqn)
	wantKind(t, r.Fabric().Connect(t.Context(), to(nqn)), domain.Unreachable)
	_, err := r.Fabric().Admits(t.Context(), to(nqn))
	wantKind(t, err, domain.Unreachable)
	check(t, r.Fabric().Connect(t.Context(), to(other)))
	r.Regain(nqn)
	check(t, r.Fabric().Connect(t.Context(), to(nqn)))
	r.Lose(nqn)
	wantKind(t, r.Fabric().Connect(t.Context(), to(nqn)), domain.Unreachable)
	wantKind(t, r.Fabric().Rescan(t.Context(), nqn), domain.Unreachable)
	r.wantStates(t, nqn, domain.Connecting)
	r.wantStates(t, other, domain.Live)
}

func TestAWithdrawnExportTakesTheDeviceFromUnderItsMount(t *testing.T) {
	r := newRig(t, false)
	nqn, target := r.mounted(t)
	check(t, r.target.Withdraw(nqn))
	r.wantStates(t, nqn)
	if err := r.WriteFile(t.Context(), filepath.Join(target, "file"), []byte("lost")); err == nil {
		t.Error("got no error, want one: the device is gone")
	}
	_, err := r.Filesystems().Stats(t.Context(), target)
	wantKind(t, err, domain.Unreachable)

	old := r.mounts(t, target).Number
	check(t, r.target.Export(nqn, r.image("a"), hostNQN))
	check(t, r.Fabric().Connect(t.Context(), to(nqn)))
	dev := r.prove(t, nqn)
	if dev.Number() == old {
		t.Errorf("got number %s again, want another: the corpse has it", old)
	}
	err = r.Mounts().Mount(t.Context(), ports.Mounting{Device: dev, Access: domain.Ext4, Target: target})
	wantKind(t, err, domain.Exists)
	check(t, r.Mounts().Unmount(t.Context(), target))
	check(t, r.Mounts().Mount(t.Context(), ports.Mounting{Device: dev, Access: domain.Ext4, Target: target}))
	r.wantFile(t, filepath.Join(target, "file"), "kept")
}

// mounts returns the one mount at target.
func (r rig) mounts(t *testing.T, target string) ports.Mount {
	t.Helper()
	all, err := r.Mounts().List(t.Context())
	check(t, err)
	i := slices.IndexFunc(all, func(m ports.Mount) bool { return m.Target == target })
	if i < 0 {
		t.Fatalf("got mounts %+v, want one at %s", all, target)
	}
	return all[i]
}

func TestAnOldKernelKeepsTryingWhatIsRefused(t *testing.T) {
	r := newRig(t, true)
	nqn, target := r.mounted(t)
	check(t, r.target.Withdraw(nqn))
	r.wantStates(t, nqn, domain.Connecting)
	got, err := r.Fabric().Admits(t.Context(), to(nqn))
	check(t, err)
	if got {
		t.Error("got admits true, want false")
	}
	check(t, r.target.Export(nqn, r.image("a"), hostNQN))
	r.wantStates(t, nqn, domain.Live)
	r.wantFile(t, filepath.Join(target, "file"), "kept")
}

func TestAClosedFilterTellsAtTheReconnect(t *testing.T) {
	r := newRig(t, false)
	nqn, target := r.mounted(t)
	check(t, r.target.Export(nqn, r.image("a"), "nqn.2014-08.org.nvmexpress:uuid:another"))
	r.wantStates(t, nqn, domain.Live)
	r.wantFile(t, filepath.Join(target, "file"), "kept")
	r.Lose(nqn)
	r.wantStates(t, nqn, domain.Connecting)
	r.Regain(nqn)
	r.wantStates(t, nqn)
}

func TestNumbersMove(t *testing.T) {
	r := newRig(t, false)
	a, b := r.export(t, "a"), r.export(t, "b")
	check(t, r.Fabric().Connect(t.Context(), to(a)))
	check(t, r.Fabric().Connect(t.Context(), to(b)))
	first, second := r.prove(t, a), r.prove(t, b)
	bound := filepath.Join(r.dir, "node")
	check(t, r.Mounts().BindDevice(t.Context(), second, bound, false))
	check(t, r.Fabric().Disconnect(t.Context(), a, hostNQN))
	check(t, r.Fabric().Abandon(t.Context(), b, hostNQN))

	check(t, r.Fabric().Connect(t.Context(), to(b)))
	check(t, r.Fabric().Connect(t.Context(), to(a)))
	if got := r.prove(t, b); got.Path != first.Path || got.Number() != first.Number() {
		t.Errorf("got device %+v, want the number that %+v had", got, first)
	}
	check(t, r.WriteDevice(t.Context(), bound, []byte("stray"), 4096))
	got, err := os.ReadFile(r.image("a"))
	check(t, err)
	if string(got[4096:4101]) != "stray" {
		t.Error("got the write elsewhere, want it on the device that has the bound number now")
	}
	_, err = r.Filesystems().Probe(t.Context(), second)
	wantKind(t, err, domain.DataAtRisk)
}
