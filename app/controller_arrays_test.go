package app_test

import (
	"context"
	"testing"
	"time"

	"git.srvlab.io/whiskey/rds-csi-driver/adapters/fakerds"
	"git.srvlab.io/whiskey/rds-csi-driver/app"
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// unequal are a small and a large array, each with one pool.
func unequal() []builtArray {
	return []builtArray{{name: "small", pools: pool(4 * domain.GiB)}, {name: "large", pools: pool(8 * domain.GiB)}}
}

func zone(name string) map[string]string { return map[string]string{"zone": name} }

func reachable(zones ...string) func(*app.Creation) {
	return func(c *app.Creation) {
		for _, z := range zones {
			c.Reachable = append(c.Reachable, zone(z))
		}
	}
}

func TestArraysOfOneNameAreRefused(t *testing.T) {
	_, err := app.NewArrays(app.Array{Name: "a"}, app.Array{Name: "b"}, app.Array{Name: "a"})
	wantError(t, err, domain.Invalid, "a")
}

func TestCreateGoesWhereMostRoomIs(t *testing.T) {
	s := newStand(t, unequal()...)
	s.wantCreated(wish("a", sized(5*domain.GiB)), "large", "btrfs")
	s.clock.advance(time.Minute)
	s.wantCreated(wish("b"), "small", "btrfs")
	s.wantVolumes("a", "b")
}

func TestCreateAsksEveryArrayFirst(t *testing.T) {
	t.Run("found on any is the answer", func(t *testing.T) {
		s := newStand(t, unequal()...)
		s.wantCreated(wish("vol", onArray("small")), "small", "btrfs")
		s.wantCreated(wish("vol"), "small", "btrfs")
		s.wantVolumes("vol")
	})
	t.Run("found on one is the answer though another is silent", func(t *testing.T) {
		s := newStand(t, unequal()...)
		s.create(wish("vol", onArray("small")))
		s.rds["large"].Silence(fakerds.Before)
		s.wantCreated(wish("vol"), "small", "btrfs")
		s.wantVolumes("vol")
	})
	for _, silent := range []domain.ArrayName{"small", "large"} {
		t.Run("found on none is no answer while one is silent: "+string(silent), func(t *testing.T) {
			s := newStand(t, unequal()...)
			s.rds[silent].Silence(fakerds.Before)
			_, err := s.Create(t.Context(), wish("vol"))
			wantError(t, err, domain.Unreachable, "array "+string(silent))
			s.wantVolumes()
			s.rds[silent].Speak()
			s.wantCreated(wish("vol"), "large", "btrfs")
		})
	}
}

func TestCreateThatNamesItsArrayAsksNoOther(t *testing.T) {
	s := newStand(t, unequal()...)
	source := s.create(wish("source", onArray("small")))
	s.rds["large"].Silence(fakerds.Before)
	s.wantCreated(wish("named", onArray("small")), "small", "btrfs")
	s.wantCreated(wish("clone", cloned(source.ID)), "small", "btrfs")
	s.wantCreated(wish("both", cloned(source.ID), onArray("small")), "small", "btrfs")
	_, err := s.Create(t.Context(), wish("other", cloned(source.ID), onArray("large")))
	wantError(t, err, domain.Invalid, "array", "small")
	_, err = s.Create(t.Context(), wish("nowhere", onArray("nine")))
	wantError(t, err, domain.Unreachable, "nine", "large, small")
	s.rds["large"].Speak()
	s.wantVolumes("source", "named", "clone", "both")
}

// A create whose outcome nobody knows may still land. Its retry must not go
// elsewhere, or there are two volumes of one name.
func TestUnsettledCreateIsRetriedOnTheSameArray(t *testing.T) {
	s := newStand(t, unequal()...)
	meddle, land := late("create volume")
	s.wire.listen(meddle)
	_, err := s.Create(t.Context(), wish("vol"))
	wantError(t, err, domain.Unreachable)

	s.fill("large", "btrfs", domain.GiB)
	s.clock.advance(time.Minute)
	s.wantCreated(wish("another"), "small", "btrfs")
	s.wantCreated(wish("vol"), "large", "btrfs")
	_ = land()
	s.wantVolumesBeside("fill-btrfs", "another", "vol")
}

func TestUnsettledCreateThatIsRefusedLaterStaysWhereItMayLand(t *testing.T) {
	s := newStand(t, unequal()...)
	meddle, land := late("create volume")
	s.wire.listen(meddle)
	_, err := s.Create(t.Context(), wish("vol"))
	wantError(t, err, domain.Unreachable)

	s.wantCreated(wish("another"), "large", "btrfs") // and the pools are seen with room
	s.fill("large", "btrfs", 0)
	for range 3 { // refused by the array, then by its figures
		_, err = s.Create(t.Context(), wish("vol"))
		wantError(t, err, domain.Exhausted)
	}
	s.empty("large", "btrfs")
	_ = land()
	s.wantCreated(wish("vol"), "large", "btrfs")
	s.wantVolumes("another", "vol")
}

// Between asking all arrays and choosing one a second call must not come to
// another choice.
func TestSameCreateWhileTheFirstIsChoosingIsBusy(t *testing.T) {
	s := newStand(t, unequal()...)
	choiceChanges := func() {
		s.fill("large", "btrfs", 0)
		s.clock.advance(time.Minute)
	}
	s.wire.listen(nextCall("find volume", func(ctx context.Context, ask func(context.Context) error) error {
		err := ask(ctx)
		_, second := s.Create(ctx, wish("vol"))
		wantError(t, second, domain.Busy)
		choiceChanges()
		return err
	}))
	s.wantCreated(wish("vol"), "small", "btrfs")
	s.wantVolumesBeside("fill-btrfs", "vol")
}

func TestUnsettledCreateIsForgottenWhenItCanNotLandAnyMore(t *testing.T) {
	s := newStand(t, unequal()...)
	s.rds["large"].Cut(fakerds.Outage{When: fakerds.Before, Op: "create volume", Calls: 1})
	_, err := s.Create(t.Context(), wish("vol"))
	wantError(t, err, domain.Unreachable)
	s.fill("large", "btrfs", 0)
	s.clock.advance(time.Hour)
	s.wantCreated(wish("vol"), "small", "btrfs")
}

func TestCreateThatWasRefusedMayGoElsewhere(t *testing.T) {
	s := newStand(t, unequal()...)
	s.wantCreated(wish("first"), "large", "btrfs")
	s.fill("large", "btrfs", 0) // after the pools were seen
	s.wantCreated(wish("vol"), "small", "btrfs")
}

func TestCreateObeysTopology(t *testing.T) {
	inZones := func() []builtArray {
		return []builtArray{
			{name: "a-array", pools: pool(4 * domain.GiB), topology: zone("a")},
			{name: "b-array", pools: pool(8 * domain.GiB), topology: zone("b")},
			{name: "shared", pools: pool(2 * domain.GiB)},
		}
	}
	for _, c := range []struct {
		name  string
		edits []func(*app.Creation)
		want  domain.ArrayName
	}{
		{"anywhere is where most room is", nil, "b-array"},
		{"the zone that is asked for", []func(*app.Creation){reachable("a")}, "a-array"},
		{"the preferred zone, though another has more room", []func(*app.Creation){reachable("a", "b")}, "a-array"},
		{"the next zone if the volume does not fit", []func(*app.Creation){reachable("a", "b"), sized(6 * domain.GiB)}, "b-array"},
		{"an array that serves every zone", []func(*app.Creation){reachable("c")}, "shared"},
		{"an array that is named", []func(*app.Creation){reachable("a", "b"), onArray("b-array")}, "b-array"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStand(t, inZones()...)
			s.wantCreated(wish("vol", c.edits...), c.want, "")
			s.wantCreated(wish("vol", c.edits...), c.want, "")
			s.wantVolumes("vol")
		})
	}
	t.Run("no array serves the zone", func(t *testing.T) {
		s := newStand(t, inZones()[:2]...)
		_, err := s.Create(t.Context(), wish("vol", reachable("c")))
		wantError(t, err, domain.Exhausted, "accessibility_requirements")
		_, err = s.Create(t.Context(), wish("vol", reachable("a"), onArray("b-array")))
		wantError(t, err, domain.Exhausted, "accessibility_requirements")
		s.wantVolumes()
	})
	t.Run("a segment more than the array's makes no difference", func(t *testing.T) {
		s := newStand(t, inZones()...)
		s.wantCreated(wish("vol", func(c *app.Creation) {
			c.Reachable = []map[string]string{{"zone": "a", "rack": "7"}}
		}), "a-array", "")
	})
}

func TestVolumeOfAnArrayThatIsNotConfiguredIsNotGone(t *testing.T) {
	s := newStand(t)
	id, snap := idOf("nine", "vol"), snapshotIDOf("nine", "snap")
	for name, act := range map[string]func(context.Context) error{
		"delete":    func(ctx context.Context) error { return s.Delete(ctx, id) },
		"unpublish": func(ctx context.Context) error { return s.Unpublish(ctx, id, nodeOf(t, "a")) },
		"publish": func(ctx context.Context) error {
			_, err := s.Publish(ctx, id, nodeOf(t, "a"), useWriter)
			return err
		},
		"get":      func(ctx context.Context) error { _, err := s.Get(ctx, id); return err },
		"health":   func(ctx context.Context) error { _, err := s.Health(ctx, id); return err },
		"supports": func(ctx context.Context) error { _, err := s.Supports(ctx, id, nil, domain.Parameters{}); return err },
		"expand": func(ctx context.Context) error {
			_, err := s.Expand(ctx, id, domain.SizeRange{Required: 1})
			return err
		},
		"modify":          func(ctx context.Context) error { return s.Modify(ctx, id, domain.DefaultTimings()) },
		"snapshot":        func(ctx context.Context) error { _, err := s.Snapshot(ctx, "snap", id); return err },
		"get snapshot":    func(ctx context.Context) error { _, err := s.GetSnapshot(ctx, snap); return err },
		"delete snapshot": func(ctx context.Context) error { return s.DeleteSnapshot(ctx, snap) },
		"list by id": func(ctx context.Context) error {
			_, _, err := s.ListSnapshots(ctx, app.SnapshotFilter{ID: &snap}, "", 0)
			return err
		},
		"list by source": func(ctx context.Context) error {
			_, _, err := s.ListSnapshots(ctx, app.SnapshotFilter{Source: &id}, "", 0)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			wantError(t, act(t.Context()), domain.Unreachable, "nine")
		})
	}
}

func TestMalformedIDIsAnAbsentThing(t *testing.T) {
	s := newStand(t)
	var id domain.VolumeID
	var snap domain.SnapshotID
	wantNoError(t, s.Delete(t.Context(), id))
	wantNoError(t, s.Unpublish(t.Context(), id, nodeOf(t, "a")))
	wantNoError(t, s.DeleteSnapshot(t.Context(), snap))
	list, next, err := s.ListSnapshots(t.Context(), app.SnapshotFilter{ID: &snap}, "", 0)
	if len(list) > 0 || next != "" || err != nil {
		t.Errorf("snapshots of no id: %v, %q, %v, want none", list, next, err)
	}
	list, next, err = s.ListSnapshots(t.Context(), app.SnapshotFilter{Source: &id}, "", 0)
	if len(list) > 0 || next != "" || err != nil {
		t.Errorf("snapshots of no source: %v, %q, %v, want none", list, next, err)
	}
	_, err = s.Publish(t.Context(), id, nodeOf(t, "a"), useWriter)
	wantError(t, err, domain.NotFound)
	_, err = s.Get(t.Context(), id)
	wantError(t, err, domain.NotFound)
	_, err = s.Expand(t.Context(), id, domain.SizeRange{Required: 1})
	wantError(t, err, domain.NotFound)
	wantError(t, s.Modify(t.Context(), id, domain.DefaultTimings()), domain.NotFound)
	_, err = s.Snapshot(t.Context(), "snap", id)
	wantError(t, err, domain.NotFound)
	_, err = s.GetSnapshot(t.Context(), snap)
	wantError(t, err, domain.NotFound)
	_, err = s.Supports(t.Context(), id, nil, domain.Parameters{})
	wantError(t, err, domain.NotFound)
	_, err = s.Health(t.Context(), id)
	wantError(t, err, domain.NotFound)
	if calls := s.wire.calls(); len(calls) > 0 {
		t.Errorf("the array was asked %q about nothing", calls)
	}
}
