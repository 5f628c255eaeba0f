package app_test

import (
	"context"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"git.srvlab.io/whiskey/rds-csi-driver/adapters/fakehost"
	"git.srvlab.io/whiskey/rds-csi-driver/app"
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// A member is a node of a cluster, on a host of its own.
type member struct {
	*app.Node
	kernel *fakehost.Host
	name   string
	dir    string
}

// join adds a node to the cluster of a stand's array.
func (s *stand) join(name string) member {
	s.t.Helper()
	self, err := domain.NewHost(standCluster, name, "machine-of-"+name)
	must(s.t, err)
	kernel := fakehost.New(fakehost.Config{
		TargetDir: filepath.Join(s.dirs["one"], ".targets"), Prefix: domain.DefaultNQNPrefix, KeepsTrying: true,
	})
	settings := app.NodeSettings{
		Settings: app.Settings{Cluster: standCluster, Prefix: domain.DefaultNQNPrefix, Now: s.clock.Now},
		Host:     self, UnstageGrace: rigGrace,
	}
	node := app.NewNode(settings, app.HostPorts{
		Fabric: kernel.Fabric(), Devices: kernel.Devices(), Filesystems: kernel.Filesystems(),
		Mounts: kernel.Mounts(), Hints: kernel.Hints(),
	}, s.events)
	return member{Node: node, kernel: kernel, name: name, dir: s.t.TempDir()}
}

func (m member) staging() string { return filepath.Join(m.dir, "staging") }

func (m member) file() string { return filepath.Join(m.staging(), "file") }

// stage stages with the deadline of an orchestrator.
func (m member) stage(ctx context.Context, a domain.Attachment, use domain.Use) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return m.Stage(ctx, app.Staging{Attachment: a, Use: use, Path: m.staging()})
}

// wantFile checks what a workload on the node reads.
func (m member) wantFile(t *testing.T, want string) {
	t.Helper()
	got, err := m.kernel.ReadFile(t.Context(), m.file())
	must(t, err)
	if string(got) != want {
		t.Errorf("got %q on %s, want %q", got, m.name, want)
	}
}

func TestAVolumeMovesWhileItsNodeIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t)
		a, b := s.join("a"), s.join("b")
		v := s.create(wish("data"))
		first := s.publish(v.ID, "a", useWriter)
		must(t, a.stage(t.Context(), first, useWriter))
		must(t, a.kernel.WriteFile(t.Context(), a.file(), []byte("one")))

		// While a holds it, b gets neither a grant nor in with a's.
		_, err := s.Publish(t.Context(), v.ID, nodeOf(t, "b"), useWriter)
		wantKind(t, err, domain.InUse)
		wantKind(t, b.stage(t.Context(), first, useWriter), domain.Invalid)

		// a is cut off and the orchestrator gives it up.
		a.kernel.Lose(first.Target.NQN)
		wantKind(t, a.Unstage(t.Context(), v.ID.Slot, a.staging()), domain.Unreachable)
		s.unpublish(v.ID, "a")
		second := s.publish(v.ID, "b", useWriter)
		must(t, b.stage(t.Context(), second, useWriter))
		b.wantFile(t, "one")
		must(t, b.kernel.WriteFile(t.Context(), b.file(), []byte("two")))

		// a comes back: its epoch never does.
		a.kernel.Regain(first.Target.NQN)
		began := time.Now()
		must(t, s.eventually(func(ctx context.Context) error { return a.Unstage(ctx, v.ID.Slot, a.staging()) }))
		if got := time.Since(began); got < rigGrace-time.Second {
			t.Errorf("got it off a after %s, want %s", got, rigGrace)
		}
		b.wantFile(t, "two")

		// And it moves home in good order.
		must(t, b.Unstage(t.Context(), v.ID.Slot, b.staging()))
		s.unpublish(v.ID, "b")
		must(t, a.stage(t.Context(), s.publish(v.ID, "a", useWriter), useWriter))
		a.wantFile(t, "two")
		must(t, a.Unstage(t.Context(), v.ID.Slot, a.staging()))
		s.unpublish(v.ID, "a")
		must(t, s.Delete(t.Context(), v.ID))
	})
}

func TestAVolumeComesBackToANodeThatNeverUnstagedIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t)
		a, b := s.join("a"), s.join("b")
		v := s.create(wish("data"))
		must(t, a.stage(t.Context(), s.publish(v.ID, "a", useWriter), useWriter))
		s.unpublish(v.ID, "a") // by force
		must(t, b.stage(t.Context(), s.publish(v.ID, "b", useWriter), useWriter))
		must(t, b.kernel.WriteFile(t.Context(), b.file(), []byte("b's")))
		must(t, b.Unstage(t.Context(), v.ID.Slot, b.staging()))
		s.unpublish(v.ID, "b")

		again := s.publish(v.ID, "a", useWriter)
		must(t, s.eventually(func(ctx context.Context) error { return a.stage(ctx, again, useWriter) }))
		a.wantFile(t, "b's")
	})
}

// eventually calls as an orchestrator does: again, with a clock that goes on.
func (s *stand) eventually(call func(context.Context) error) (err error) {
	for range 10 {
		ctx, cancel := context.WithTimeout(s.t.Context(), patience)
		began := time.Now()
		err = call(ctx)
		cancel()
		s.clock.advance(time.Since(began))
		if err == nil {
			return nil
		}
	}
	return err
}

func TestARestoredVolumeIsGrownAndNeverFormatted(t *testing.T) {
	s := newStand(t)
	a := s.join("a")
	v := s.create(wish("data", inPool("btrfs")))
	must(t, a.stage(t.Context(), s.publish(v.ID, "a", useWriter), useWriter))
	must(t, a.kernel.WriteFile(t.Context(), a.file(), []byte("one")))
	must(t, a.Unstage(t.Context(), v.ID.Slot, a.staging()))
	s.unpublish(v.ID, "a")

	restored := s.create(wish("restored", sized(128*domain.MiB), restored(s.snapshot("snap", v.ID).ID)))
	grant := s.publish(restored.ID, "a", useWriter)
	if grant.Format != domain.FormatNever() {
		t.Errorf("got format %s, want never", grant.Format)
	}
	must(t, a.stage(t.Context(), grant, useWriter))
	a.wantFile(t, "one")
	stats, err := a.Stats(t.Context(), restored.ID.Slot, a.staging())
	must(t, err)
	if stats.Usage.Total <= 64*domain.MiB {
		t.Errorf("got a file system of %s, want it to fill 128 MiB", stats.Usage.Total)
	}
}
