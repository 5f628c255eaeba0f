package app_test

import (
	"context"
	"testing"

	"git.srvlab.io/whiskey/rds-csi-driver/app"
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// A useCase is one thing that an orchestrator asks of a controller.
type useCase struct {
	name   string
	arrays []builtArray
	setup  func(s *stand) // on arrays that are there
	act    func(ctx context.Context, s *stand) error
	check  func(s *stand) // what holds once act has succeeded

	makes  string   // the volume that act makes, if any
	others []string // those that setup made
	goesOn bool     // what it asks for is there: not every silence keeps it from saying so
}

func (c useCase) stand(t *testing.T, warm bool) *stand {
	t.Helper()
	s := newStand(t, c.arrays...)
	if c.setup != nil {
		c.setup(s)
	}
	if !warm {
		s.Controller = s.replica()
	}
	s.events.take()
	return s
}

func twoArrays() []builtArray { return []builtArray{{name: "one"}, {name: "two"}} }

func useCases() []useCase {
	var list []useCase
	for _, part := range [][]useCase{creations(), grants(), changes(), snapshotting(), readings()} {
		list = append(list, part...)
	}
	return list
}

func creating(r app.Creation) func(context.Context, *stand) error {
	return func(ctx context.Context, s *stand) error {
		v, err := s.Create(ctx, r)
		if err == nil && (v.ID.Slot != standCluster.Slot(r.Name) || v.Record.State != domain.Ready) {
			s.t.Errorf("created %+v, want a ready volume of that name", v)
		}
		return err
	}
}

// withSource makes volume "source", used once, and its snapshot "snap".
func withSource(s *stand) {
	v := s.create(wish("source", inPool("btrfs")))
	s.publish(v.ID, "a", useWriter)
	s.unpublish(v.ID, "a")
	s.snapshot("snap", v.ID)
}

func creations() []useCase {
	bigger := sized(96 * domain.MiB)
	made := func(names ...string) func(*stand) {
		return func(s *stand) { s.t.Helper(); s.wantVolumes(names...) }
	}
	return []useCase{
		{
			name: "create on btrfs", act: creating(wish("new", inPool("btrfs"))), check: made("new"), makes: "new",
		}, {
			name: "create on xfs", act: creating(wish("new", inPool("xfs"))), check: made("new"), makes: "new",
		}, {
			name: "create on any pool", act: creating(wish("new")), check: made("new"), makes: "new",
		}, {
			name: "create what is there", setup: func(s *stand) { s.create(wish("new")) },
			act: creating(wish("new")), check: made("new"), makes: "new", goesOn: true,
		}, {
			name: "create on one of two arrays", arrays: twoArrays(),
			act: creating(wish("new")), check: made("new"), makes: "new",
		}, {
			name: "create what one of two arrays has", arrays: twoArrays(),
			setup: func(s *stand) { s.create(wish("new", onArray("two"))) },
			act:   creating(wish("new")), check: made("new"), makes: "new", goesOn: true,
		}, {
			name: "restore and grow", setup: withSource, others: []string{"source"},
			act: creating(wish("new", bigger, restored(snapshotIDOf("one", "snap")))), check: made("source", "new"), makes: "new",
		}, {
			name: "clone and grow", setup: withSource, others: []string{"source"},
			act: creating(wish("new", bigger, cloned(idOf("one", "source")))), check: made("source", "new"), makes: "new",
		}, {
			name: "clone on one of two arrays", arrays: twoArrays(), setup: func(s *stand) {
				s.create(wish("source", inPool("btrfs"), onArray("one")))
			}, others: []string{"source"},
			act: creating(wish("new", cloned(idOf("one", "source")))), check: made("source", "new"), makes: "new",
		},
	}
}

func grants() []useCase {
	id := idOf("one", "vol")
	made := func(edits ...func(*app.Creation)) func(*stand) {
		return func(s *stand) { s.create(wish("vol", edits...)) }
	}
	publishing := func(to string, u domain.Use) func(context.Context, *stand) error {
		return func(ctx context.Context, s *stand) error {
			a, err := s.Publish(ctx, id, nodeOf(s.t, to), u)
			if err == nil && (a.ID != id || a.Target.HostNQN != nodeOf(s.t, to).HostNQN() || a.Size != 64*domain.MiB) {
				s.t.Errorf("attachment %+v is not of %s for %s", a, id, to)
			}
			return err
		}
	}
	unpublishing := func(from string) func(context.Context, *stand) error {
		return func(ctx context.Context, s *stand) error {
			if from == "" {
				return s.Unpublish(ctx, id, "")
			}
			return s.Unpublish(ctx, id, nodeOf(s.t, from))
		}
	}
	heldBy := func(names ...string) func(*stand) {
		return func(s *stand) { s.t.Helper(); s.wantVolumes("vol"); s.wantHolders(id, names...) }
	}
	return []useCase{
		{name: "publish", setup: made(), act: publishing("a", useWriter), check: heldBy("a")},
		{name: "publish to a second node", setup: func(s *stand) {
			s.create(wish("vol", asBlock))
			s.publish(id, "a", useMover)
		}, act: publishing("b", useMover), check: heldBy("a", "b")},
		{name: "publish what is wrongly exported", setup: func(s *stand) {
			s.create(wish("vol"))
			s.publish(id, "a", useWriter)
			s.editExport(id, false, "")
		}, act: publishing("a", useWriter), check: heldBy("a")},
		{name: "unpublish", setup: func(s *stand) {
			s.create(wish("vol"))
			s.publish(id, "a", useWriter)
		}, act: unpublishing("a"), check: heldBy()},
		{name: "unpublish one of two", setup: func(s *stand) {
			s.create(wish("vol", asBlock))
			s.publish(id, "a", useMover)
			s.publish(id, "b", useMover)
		}, act: unpublishing("a"), check: heldBy("b")},
		{name: "unpublish all", setup: func(s *stand) {
			s.create(wish("vol", asBlock))
			s.publish(id, "a", useMover)
			s.publish(id, "b", useMover)
		}, act: unpublishing(""), check: heldBy()},
		{name: "unpublish who does not hold it", setup: made(), act: unpublishing("a"), check: heldBy()},
		{name: "unpublish an absent volume", act: unpublishing("a"), check: func(s *stand) { s.wantVolumes() }},
	}
}

func changes() []useCase {
	id := idOf("one", "vol")
	deleting := func(ctx context.Context, s *stand) error { return s.Delete(ctx, id) }
	gone := func(s *stand) { s.t.Helper(); s.wantVolumes() }
	timings := domain.DefaultTimings()
	return []useCase{
		{name: "delete on btrfs", setup: func(s *stand) {
			s.create(wish("vol", inPool("btrfs")))
			s.publish(id, "a", useWriter)
			s.unpublish(id, "a")
		}, act: deleting, check: gone},
		{name: "delete on xfs", setup: func(s *stand) { s.create(wish("vol", inPool("xfs"))) }, act: deleting, check: gone},
		{name: "delete an absent volume", act: deleting, check: gone},
		{name: "expand", setup: func(s *stand) {
			s.create(wish("vol"))
			s.publish(id, "a", useWriter)
		}, act: func(ctx context.Context, s *stand) error {
			v, err := s.Expand(ctx, id, domain.SizeRange{Required: 100 * domain.MiB})
			if err == nil && v.Row.Size != 100*domain.MiB {
				s.t.Errorf("expanded to %s, want 100 MiB", v.Row.Size)
			}
			return err
		}, check: func(s *stand) {
			s.wantVolumes("vol")
			if v := s.on(id); v.Row.Size != 100*domain.MiB || v.Record.Size != 100*domain.MiB {
				s.t.Errorf("row %s, record %s, want 100 MiB", v.Row.Size, v.Record.Size)
			}
		}},
		{name: "modify", setup: func(s *stand) { s.create(wish("vol")) }, act: func(ctx context.Context, s *stand) error {
			return s.Modify(ctx, id, timings)
		}, check: func(s *stand) {
			s.wantVolumes("vol")
			if v := s.on(id); v.Record.Modified != timings {
				s.t.Errorf("modified timings %v, want %v", v.Record.Modified.Pairs(), timings.Pairs())
			}
		}},
	}
}

func snapshotting() []useCase {
	taking := func(ctx context.Context, s *stand) error {
		snap, err := s.Snapshot(ctx, "snap", idOf("one", "source"))
		if err == nil && (snap.ID != snapshotIDOf("one", "snap") || snap.Created.IsZero()) {
			s.t.Errorf("snapshot %+v, want one of that name with a time", snap)
		}
		return err
	}
	source := func(s *stand) { s.create(wish("source", inPool("btrfs"), onArray("one"))) }
	taken := func(s *stand) { s.t.Helper(); s.wantVolumes("source"); s.wantSnapshots("snap") }
	return []useCase{
		{name: "snapshot", setup: source, act: taking, check: taken},
		{name: "snapshot on one of two arrays", arrays: twoArrays(), setup: source, act: taking, check: taken},
		{name: "snapshot whose source is gone", setup: func(s *stand) {
			source(s)
			s.snapshot("snap", idOf("one", "source"))
			s.must(s.Delete(s.t.Context(), idOf("one", "source")))
		}, act: taking, check: func(s *stand) { s.wantVolumes(); s.wantSnapshots("snap") }, goesOn: true},
		{name: "delete snapshot", setup: withSource, act: func(ctx context.Context, s *stand) error {
			return s.DeleteSnapshot(ctx, snapshotIDOf("one", "snap"))
		}, check: func(s *stand) { s.wantVolumes("source"); s.wantSnapshots() }},
	}
}

// readings are the use cases that change nothing.
func readings() []useCase {
	id := idOf("one", "source")
	snap := snapshotIDOf("one", "snap")
	as := func(name string, act func(ctx context.Context, s *stand) error) useCase {
		return useCase{
			name: name, setup: withSource, act: act,
			check: func(s *stand) { s.t.Helper(); s.wantVolumes("source"); s.wantSnapshots("snap") },
		}
	}
	return []useCase{
		as("get", func(ctx context.Context, s *stand) error { _, err := s.Get(ctx, id); return err }),
		as("supports", func(ctx context.Context, s *stand) error {
			reason, err := s.Supports(ctx, id, []domain.Use{useWriter}, domain.Parameters{Pool: "btrfs"})
			if reason != "" {
				s.t.Errorf("not supported: %s", reason)
			}
			return err
		}),
		as("list", func(ctx context.Context, s *stand) error {
			got, next, err := s.List(ctx, "", 0)
			if err == nil && (len(got) != 1 || next != "") {
				s.t.Errorf("listed %v and %q, want the one volume", got, next)
			}
			return err
		}),
		as("capacity", func(ctx context.Context, s *stand) error {
			_, err := s.Capacity(ctx, app.CapacityQuery{})
			return err
		}),
		as("health", func(ctx context.Context, s *stand) error {
			got, err := s.Health(ctx, id)
			if len(got) > 0 {
				s.t.Errorf("conditions %v, want none", got)
			}
			return err
		}),
		as("list health", func(ctx context.Context, s *stand) error {
			_, _, err := s.ListHealth(ctx, "", 0)
			return err
		}),
		as("get snapshot", func(ctx context.Context, s *stand) error {
			_, err := s.GetSnapshot(ctx, snap)
			return err
		}),
		as("list snapshots", func(ctx context.Context, s *stand) error {
			_, _, err := s.ListSnapshots(ctx, app.SnapshotFilter{}, "", 0)
			return err
		}),
		as("list the snapshot of an id", func(ctx context.Context, s *stand) error {
			got, _, err := s.ListSnapshots(ctx, app.SnapshotFilter{ID: &snap, Source: &id}, "", 0)
			if err == nil && len(got) != 1 {
				s.t.Errorf("listed %v, want the one snapshot", got)
			}
			return err
		}),
	}
}
