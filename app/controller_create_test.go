package app_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"git.srvlab.io/whiskey/rds-csi-driver/adapters/fakerds"
	"git.srvlab.io/whiskey/rds-csi-driver/app"
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// pool is the only pool of an array.
func pool(size domain.Size) []fakerds.PoolConfig {
	return []fakerds.PoolConfig{{Name: "btrfs", Size: size, FileSystem: fakerds.Btrfs}}
}

// fill puts a foreign disk on a pool, so that only left fits besides.
func (s *stand) fill(array domain.ArrayName, name string, left domain.Size) {
	s.t.Helper()
	pools, err := s.rds[array].Pools().List(s.t.Context())
	s.must(err)
	for _, p := range pools {
		if p.Name == name {
			size := domain.Room{Overcommit: 1}.Left(p) - left
			s.must(s.rds[array].AddForeign(fakerds.Disk{
				Slot: "fill-" + name, Path: "/" + name + "/fill.img", Size: size,
			}))
		}
	}
}

// empty takes away what fill put there.
func (s *stand) empty(array domain.ArrayName, name string) {
	s.t.Helper()
	s.must(s.rds[array].RemoveDisk("fill-" + name))
	s.must(os.Remove(filepath.Join(s.dirs[array], name, "fill.img")))
}

func (s *stand) wantCreated(r app.Creation, array domain.ArrayName, pool string) {
	s.t.Helper()
	v, err := s.Create(s.t.Context(), r)
	if err != nil {
		s.t.Errorf("create %s: %v (%s)", r.Name, err, domain.KindOf(err))
		return
	}
	if v.ID != idOf(array, r.Name) || pool != "" && v.Record.Pool != pool {
		s.t.Errorf("created %s on pool %s, want it on array %s, pool %q", v.ID, v.Record.Pool, array, pool)
	}
}

func TestCreateThatIsRepeatedReturnsTheSameVolume(t *testing.T) {
	for _, arrays := range [][]builtArray{nil, twoArrays()} {
		s := newStand(t, arrays...)
		first := s.create(wish("vol", sized(65*domain.MiB+1)))
		again := s.create(wish("vol", sized(65*domain.MiB+1)))
		if again.ID != first.ID || again.Row != first.Row || again.Row.Size != 66*domain.MiB {
			t.Errorf("%d arrays: repeated create returned %+v, want %+v with 66 MiB", len(arrays), again, first)
		}
		s.wantVolumes("vol")
	}
}

func TestCreateOfAnotherVolumeOfThatNameSaysWhatDiffers(t *testing.T) {
	timed := func(c *app.Creation) {
		c.Parameters.Timings, _ = c.Parameters.Timings.With("ctrlLossTmo", "60")
	}
	limited := func(c *app.Creation) { c.Range = domain.SizeRange{Required: 1, Limit: 32 * domain.MiB} }
	for _, arrays := range [][]builtArray{nil, twoArrays()} {
		s := newStand(t, arrays...)
		withSource(s)
		s.create(wish("vol", inPool("btrfs"), onArray("one")))
		for _, c := range []struct {
			name string
			edit func(*app.Creation)
			want string
		}{
			{"a larger one", sized(65 * domain.MiB), "size"},
			{"a smaller one", limited, "size"},
			{"raw block", asBlock, "access"},
			{"another file system", func(c *app.Creation) { c.Access = domain.XFS; c.Range.Required = 0 }, "access"},
			{"another pool", inPool("xfs"), "pool"},
			{"other timings", timed, "timings"},
			{"a copy of a snapshot", restored(snapshotIDOf("one", "snap")), "source"},
			{"a copy of a volume", cloned(idOf("one", "source")), "source"},
		} {
			before := s.on(idOf("one", "vol"))
			_, err := s.Create(t.Context(), wish("vol", c.edit))
			wantError(t, err, domain.Exists, "vol", c.want)
			if after := s.on(before.ID); after.Row != before.Row {
				t.Errorf("%s: the volume is now %+v, want it as it was", c.name, after.Row)
			}
		}
		s.wantVolumes("source", "vol")
	}
}

func TestCreateOnWhatCanNotBeAnswered(t *testing.T) {
	comment := func(text string) func(s *stand) {
		return func(s *stand) { s.must(s.one().SetComment(string(standCluster.Slot("vol")), text)) }
	}
	for _, c := range []struct {
		name  string
		spoil func(s *stand)
		want  domain.Kind
		says  string
	}{
		{"its record is broken", comment("rds-csi/1/owner=x"), domain.DataAtRisk, "damaged"},
		{"its record is of a newer driver", comment("rds-csi/2/x=y"), domain.DataAtRisk, "newer"},
		{"its record is missing", comment(""), domain.DataAtRisk, "damaged"},
		{"it is being deleted", func(s *stand) {
			s.wire.listen(nextCall("delete volume", func(context.Context, func(context.Context) error) error { return noAnswer() }))
			wantError(s.t, s.Delete(s.t.Context(), idOf("one", "vol")), domain.Unreachable)
		}, domain.Busy, "being deleted"},
	} {
		for _, arrays := range [][]builtArray{nil, twoArrays()} {
			s := newStand(t, arrays...)
			s.create(wish("vol", onArray("one")))
			c.spoil(s)
			before := s.on(idOf("one", "vol"))
			_, err := s.Create(t.Context(), wish("vol"))
			wantError(t, err, c.want, c.says)
			if after := s.on(before.ID); after.Row != before.Row {
				t.Errorf("%s: the disk is now %+v, want it as it was", c.name, after.Row)
			}
			s.wantVolumes("vol")
		}
	}
}

func TestCreateOverWhatDeleteLeftIsRefusedUntilItIsDeleted(t *testing.T) {
	for _, pool := range []string{"btrfs", "xfs"} {
		s := newStand(t)
		v := s.create(wish("vol", inPool(pool)))
		s.publish(v.ID, "a", useWriter)
		s.unpublish(v.ID, "a")
		s.must(s.one().RemoveDisk(string(v.ID.Slot))) // by hand; the image stays
		_, err := s.Create(t.Context(), wish("vol", inPool(pool)))
		wantError(t, err, domain.DataAtRisk, "delete")
		if files, _ := s.files("one"); !files[v.Row.Path] {
			t.Errorf("%s: the refused create removed %s", pool, v.Row.Path)
		}
		wantNoError(t, s.Delete(t.Context(), v.ID))
		s.wantVolumes()
		s.wantCreated(wish("vol", inPool(pool)), "one", pool)
		s.wantVolumes("vol")
	}
}

func TestCreateOnANamedPool(t *testing.T) {
	s := newStand(t)
	s.wantCreated(wish("b", inPool("btrfs")), "one", "btrfs")
	s.wantCreated(wish("x", inPool("xfs")), "one", "xfs")
	_, err := s.Create(t.Context(), wish("none", inPool("nvme")))
	wantError(t, err, domain.Invalid, "pool", "btrfs", "xfs")
	s.must(s.one().SetPool("btrfs", fakerds.PoolFault{Unmounted: true}))
	_, err = s.Create(t.Context(), wish("down", inPool("btrfs")))
	wantError(t, err, domain.Unreachable, "btrfs")
	s.clock.advance(time.Minute)
	_, err = s.Create(t.Context(), wish("down", inPool("btrfs")))
	wantError(t, err, domain.Unreachable, "not mounted")
	s.wantCreated(wish("up"), "one", "xfs")
	s.wantVolumes("b", "x", "up")
}

// A volume that is there is the answer, whatever has happened to what it would
// need if it were to be made now.
func TestCreateFindsItsVolumeAlsoWhenItCouldNotBeMadeNow(t *testing.T) {
	btrfs, snap := idOf("one", "source"), snapshotIDOf("one", "snap")
	degraded := func(s *stand) { s.must(s.one().SetPool("btrfs", fakerds.PoolFault{State: "degraded"})) }
	unmounted := func(s *stand) { s.must(s.one().SetPool("btrfs", fakerds.PoolFault{Unmounted: true})) }
	for _, c := range []struct {
		name  string
		wish  app.Creation
		spoil func(s *stand)
	}{
		{"the snapshot is gone", wish("vol", restored(snap)), func(s *stand) { s.must(s.DeleteSnapshot(s.t.Context(), snap)) }},
		{"the cloned volume is gone", wish("vol", cloned(btrfs)), func(s *stand) { s.must(s.Delete(s.t.Context(), btrfs)) }},
		{"no room is left", wish("vol"), func(s *stand) { s.fill("one", "btrfs", 0); s.fill("one", "xfs", 0) }},
		{"no room is left for a copy", wish("vol", cloned(btrfs)), func(s *stand) { s.fill("one", "btrfs", 0) }},
		{"the pool is degraded", wish("vol", inPool("btrfs")), degraded},
		{"the pool is degraded and it is a copy", wish("vol", restored(snap)), degraded},
		{"the pool is not mounted", wish("vol", inPool("btrfs")), unmounted},
		{"the pool is not mounted and it is a copy", wish("vol", cloned(btrfs)), unmounted},
	} {
		for _, arrays := range [][]builtArray{nil, twoArrays()} {
			t.Run(c.name, func(t *testing.T) {
				s := newStand(t, arrays...)
				withSource(s)
				r := c.wish
				if r.Source == "" {
					onArray("one")(&r)
				}
				want := s.create(r)
				c.spoil(s)
				s.clock.advance(time.Minute)
				for _, controller := range []*app.Controller{s.Controller, s.replica()} {
					got, err := controller.Create(t.Context(), c.wish)
					if err != nil || got.ID != want.ID {
						t.Errorf("create: %v, %v, want %s", got.ID, err, want.ID)
					}
				}
			})
		}
	}
}

func TestCopyOfWhatIsNotThere(t *testing.T) {
	s := newStand(t)
	s.create(wish("onxfs", inPool("xfs")))
	making := s.create(wish("half", inPool("btrfs")))
	for _, c := range []struct {
		name string
		wish app.Creation
		want domain.Kind
		says string
	}{
		{"no such snapshot", wish("vol", restored(snapshotIDOf("one", "none"))), domain.NotFound, ""},
		{"no such volume", wish("vol", cloned(idOf("one", "none"))), domain.NotFound, ""},
		{"source on an array that is not configured", wish("vol", cloned(idOf("nine", "none"))), domain.Unreachable, "nine"},
		{"source on a pool without copies", wish("vol", cloned(idOf("one", "onxfs"))), domain.Invalid, "volume_content_source"},
		{"another file system", wish("vol", cloned(making.ID), func(c *app.Creation) { c.Access = domain.XFS }), domain.Invalid, "capability"},
		{"another array", wish("vol", cloned(making.ID), onArray("two")), domain.Invalid, "array"},
		{"another pool", wish("vol", cloned(making.ID), inPool("xfs")), domain.Invalid, "pool"},
		{"smaller", wish("vol", cloned(making.ID), sized(domain.MiB)), domain.OutOfRange, "capacity_range"},
	} {
		_, err := s.Create(t.Context(), c.wish)
		wantError(t, err, c.want, c.says)
		if t.Failed() {
			t.Fatal(c.name)
		}
	}
	s.wantVolumes("onxfs", "half")
}

// half makes a copy that is there and not whole: the line to the array was cut
// when its disk had been added.
func (s *stand) half(r app.Creation) domain.VolumeID {
	s.t.Helper()
	id := idOf(r.Source, r.Name)
	for step := 1; ; step++ {
		s.rds[r.Source].Cut(fakerds.Outage{When: fakerds.During, Step: step, Op: "create volume", Calls: 1})
		_, err := s.Create(s.t.Context(), r)
		wantError(s.t, err, domain.Unreachable)
		if v, err := s.rds[r.Source].Volumes().Find(s.t.Context(), id); err == nil && v.Record.State == domain.Making {
			return id
		}
		s.must(s.Delete(s.t.Context(), id))
	}
}

func TestCopyThatWasLeftHalfMadeIsCompleted(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(s *stand)
	}{
		{"as it was", func(*stand) {}},
		{"with its source gone", func(s *stand) { s.must(s.DeleteSnapshot(s.t.Context(), snapshotIDOf("one", "snap"))) }},
	} {
		for _, arrays := range [][]builtArray{nil, twoArrays()} {
			t.Run(c.name, func(t *testing.T) {
				s := newStand(t, arrays...)
				withSource(s)
				r := wish("vol", restored(snapshotIDOf("one", "snap")), sized(96*domain.MiB))
				id := s.half(r)
				nonce := s.on(id).Record.Nonce
				_, err := s.Publish(t.Context(), id, nodeOf(t, "a"), useWriter)
				wantError(t, err, domain.Busy)
				c.spoil(s)
				v, err := s.Create(t.Context(), r)
				wantNoError(t, err)
				if v.ID != id || v.Record.State != domain.Ready || v.Row.Size != 96*domain.MiB || v.Record.Content != domain.Foreign {
					t.Errorf("completed %+v, want it ready, with 96 MiB and foreign content", v)
				}
				if v.Record.Nonce == nonce {
					t.Errorf("nonce %s was not drawn anew", nonce)
				}
				s.publish(id, "a", useWriter)
			})
		}
	}
}

func TestRefusalForRoomSaysWhatIsNeededAndLeft(t *testing.T) {
	s := newStand(t, builtArray{name: "one", pools: pool(domain.GiB), room: domain.DefaultRoom()})
	s.create(wish("a", sized(900*domain.MiB)))
	_, err := s.Create(t.Context(), wish("b", sized(100*domain.MiB)))
	// 5 % of 1 GiB are 53687092 bytes, rounded up
	wantError(t, err, domain.Exhausted, "104857600", "76336332")
	s.wantVolumes("a")
	s.wantCreated(wish("c", sized(72*domain.MiB)), "one", "btrfs")
}

// What was seen of the pools lately chooses; it does not refuse.
func TestPoolsSeenLatelyDoNotRefuse(t *testing.T) {
	for _, c := range []struct {
		name    string
		spoil   func(s *stand)
		restore func(s *stand)
		want    domain.Kind
		wish    app.Creation
	}{
		{
			"there was no room", func(s *stand) { s.fill("one", "btrfs", 0) }, func(s *stand) { s.empty("one", "btrfs") },
			domain.Exhausted, wish("vol"),
		}, {
			"the pool was not mounted", func(s *stand) { s.must(s.one().SetPool("btrfs", fakerds.PoolFault{Unmounted: true})) },
			func(s *stand) { s.must(s.one().SetPool("btrfs", fakerds.PoolFault{})) },
			domain.Unreachable, wish("vol"),
		}, {
			"the pool was not mounted and it is a copy",
			func(s *stand) { s.must(s.one().SetPool("btrfs", fakerds.PoolFault{Unmounted: true})) },
			func(s *stand) { s.must(s.one().SetPool("btrfs", fakerds.PoolFault{})) },
			domain.Unreachable, wish("vol", cloned(idOf("one", "source"))),
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStand(t, builtArray{name: "one", pools: pool(domain.GiB)})
			s.create(wish("source"))
			c.spoil(s)
			s.clock.advance(time.Minute)
			_, err := s.Create(t.Context(), c.wish)
			wantError(t, err, c.want)
			c.restore(s)
			s.wantCreated(c.wish, "one", "btrfs")
		})
	}
}

func TestPoolThatFilledUpMeanwhileIsNotTheOnlyOneTried(t *testing.T) {
	s := newStand(t, builtArray{name: "one", pools: []fakerds.PoolConfig{
		{Name: "large", Size: 10 * domain.GiB, FileSystem: fakerds.Btrfs},
		{Name: "small", Size: domain.GiB, FileSystem: fakerds.Btrfs},
	}})
	s.wantCreated(wish("first"), "one", "large")
	s.fill("one", "large", 0) // by somebody else
	s.wantCreated(wish("second"), "one", "small")
	s.wantVolumesBeside("fill-large", "first", "second")
}
