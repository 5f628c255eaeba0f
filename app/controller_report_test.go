package app_test

import (
	"fmt"
	"slices"
	"testing"

	"git.srvlab.io/whiskey/rds-csi-driver/adapters/fakerds"
	"git.srvlab.io/whiskey/rds-csi-driver/app"
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

func TestVolumesAreListedAcrossArrays(t *testing.T) {
	s := newStand(t, twoArrays()...)
	for i := range 5 {
		s.create(wish(fmt.Sprintf("a%d", i), onArray("one")))
		s.create(wish(fmt.Sprintf("b%d", i), onArray("two")))
	}
	damaged := idOf("one", "a3")
	s.must(s.one().SetComment(string(damaged.Slot), ""))
	s.must(s.one().AddForeign(fakerds.Disk{Slot: "foreign", Size: domain.MiB}))
	whole, next, err := s.List(t.Context(), "", 0)
	if err != nil || next != "" || len(whole) != 10 {
		t.Fatalf("listed %d, %q, %v, want 10 volumes, the damaged one too", len(whole), next, err)
	}
	for most := 1; most < 12; most++ {
		var all []domain.Volume
		for token, first := "", true; first || token != ""; first = false {
			page, next, err := s.List(t.Context(), token, most)
			if err != nil || len(page) > most || next != "" && len(page) != most {
				t.Fatalf("page after %q: %d, %q, %v, want %d", token, len(page), next, err, most)
			}
			all, token = append(all, page...), next
		}
		if !slices.EqualFunc(all, whole, func(a, b domain.Volume) bool { return a.ID == b.ID }) {
			t.Errorf("%d at a time: %d volumes, want the same as at once", most, len(all))
		}
	}
}

func TestTokenOutlivesWhatItNames(t *testing.T) {
	s := newStand(t, twoArrays()...)
	for i := range 4 {
		s.create(wish(fmt.Sprintf("v%d", i), onArray([]domain.ArrayName{"one", "two"}[i/2])))
	}
	whole, _, err := s.List(t.Context(), "", 0)
	s.must(err)
	_, token, err := s.List(t.Context(), "", 2)
	s.must(err)
	s.must(s.Delete(t.Context(), whole[1].ID))
	for _, c := range []*app.Controller{s.Controller, s.replica()} {
		rest, next, err := c.List(t.Context(), token, 0)
		if err != nil || next != "" || len(rest) != 2 || rest[0].ID != whole[2].ID {
			t.Errorf("rest %v, %q, %v, want the last two", rest, next, err)
		}
	}
	for _, bad := range []string{"x", "nine:" + string(whole[0].ID.Slot), ":", string(whole[0].ID.Slot)} {
		_, _, err := s.List(t.Context(), bad, 0)
		wantError(t, err, domain.Conflict, "starting_token")
		_, _, err = s.ListSnapshots(t.Context(), app.SnapshotFilter{}, bad, 0)
		wantError(t, err, domain.Conflict, "starting_token")
		_, _, err = s.ListHealth(t.Context(), bad, 0)
		wantError(t, err, domain.Conflict, "starting_token")
	}
}

func TestPartialListIsNeverAnAnswer(t *testing.T) {
	for _, silent := range []domain.ArrayName{"one", "two"} {
		s := newStand(t, twoArrays()...)
		s.create(wish("a", onArray("one")))
		s.create(wish("b", onArray("two")))
		s.rds[silent].Silence(fakerds.Before)
		_, _, err := s.List(t.Context(), "", 0)
		wantError(t, err, domain.Unreachable, "array "+string(silent))
		_, _, err = s.ListHealth(t.Context(), "", 0)
		wantError(t, err, domain.Unreachable, "array "+string(silent))
	}
}

func TestCapacity(t *testing.T) {
	const GiB = domain.GiB
	s := newStand(t,
		builtArray{name: "a", pools: []fakerds.PoolConfig{
			{Name: "p", Size: 4 * GiB, FileSystem: fakerds.Btrfs}, {Name: "q", Size: 2*GiB + 1, FileSystem: fakerds.XFS},
		}, topology: zone("a")},
		builtArray{name: "b", pools: []fakerds.PoolConfig{{Name: "p", Size: 8 * GiB, FileSystem: fakerds.Btrfs}}, topology: zone("b")},
	)
	s.create(wish("vol", sized(GiB), onArray("a"), inPool("p")))
	for _, c := range []struct {
		name  string
		query app.CapacityQuery
		want  app.Capacity
	}{
		{"all", app.CapacityQuery{}, app.Capacity{Available: 13 * GiB, Largest: 8 * GiB, Least: 4 * domain.KiB}},
		{"an array", app.CapacityQuery{Parameters: domain.Parameters{Array: "a"}}, app.Capacity{Available: 5 * GiB, Largest: 3 * GiB, Least: 4 * domain.KiB}},
		{"a pool", app.CapacityQuery{Parameters: domain.Parameters{Pool: "p"}}, app.Capacity{Available: 11 * GiB, Largest: 8 * GiB, Least: 4 * domain.KiB}},
		{"a zone", app.CapacityQuery{Reachable: zone("a")}, app.Capacity{Available: 5 * GiB, Largest: 3 * GiB, Least: 4 * domain.KiB}},
		{"a zone without an array", app.CapacityQuery{Reachable: zone("c")}, app.Capacity{Least: 4 * domain.KiB}},
		{"a pool that is not there", app.CapacityQuery{Parameters: domain.Parameters{Pool: "x"}}, app.Capacity{Least: 4 * domain.KiB}},
		{"a file system", app.CapacityQuery{Access: domain.XFS}, app.Capacity{Available: 13 * GiB, Largest: 8 * GiB, Least: 300 * domain.MiB}},
	} {
		if got, err := s.Capacity(t.Context(), c.query); err != nil || got != c.want {
			t.Errorf("%s: %+v, %v, want %+v", c.name, got, err, c.want)
		}
	}
	_, err := s.Capacity(t.Context(), app.CapacityQuery{Parameters: domain.Parameters{Array: "nine"}})
	wantError(t, err, domain.Unreachable, "nine")

	s.must(s.rds["a"].SetPool("p", fakerds.PoolFault{Unmounted: true}))
	s.must(s.rds["b"].SetPool("p", fakerds.PoolFault{State: "degraded"}))
	if got, err := s.Capacity(t.Context(), app.CapacityQuery{}); err != nil || got.Available != 2*GiB {
		t.Errorf("with sick pools %+v, %v, want what the whole one has", got, err)
	}
}

func TestCapacityIsOfTheArraysThatAnswer(t *testing.T) {
	s := newStand(t, unequal()...)
	s.rds["large"].Silence(fakerds.Before)
	got, err := s.Capacity(t.Context(), app.CapacityQuery{})
	if want := 4 * domain.GiB; err != nil || got.Available != want || got.Largest != want {
		t.Errorf("capacity %+v, %v, want %s of the one that answers", got, err, want)
	}
	_, err = s.Capacity(t.Context(), app.CapacityQuery{Parameters: domain.Parameters{Array: "large"}})
	wantError(t, err, domain.Unreachable, "large")
	s.rds["small"].Silence(fakerds.Before)
	_, err = s.Capacity(t.Context(), app.CapacityQuery{})
	wantError(t, err, domain.Unreachable, "large", "small")
}

// What can be made is what capacity says, to the last MiB.
func TestCapacityIsWhatCreateTakes(t *testing.T) {
	for _, room := range []domain.Room{{Overcommit: 1}, domain.DefaultRoom(), {Overcommit: 2, Reserve: 0.1}} {
		s := newStand(t, builtArray{name: "one", pools: pool(3*domain.GiB + 12345), room: room})
		s.create(wish("vol"))
		got, err := s.Capacity(t.Context(), app.CapacityQuery{})
		s.must(err)
		_, err = s.Create(t.Context(), wish("more", sized(got.Largest+1)))
		wantError(t, err, domain.Exhausted)
		s.wantCreated(wish("most", sized(got.Largest)), "one", "btrfs")
	}
}

func TestHealthSaysWhatIsWrongNow(t *testing.T) {
	edit := func(do func(*fakerds.Disk)) func(*stand, domain.VolumeID) {
		return func(s *stand, id domain.VolumeID) { s.must(s.one().Edit(string(id.Slot), do)) }
	}
	fault := func(f fakerds.PoolFault) func(*stand, domain.VolumeID) {
		return func(s *stand, _ domain.VolumeID) { s.must(s.one().SetPool("btrfs", f)) }
	}
	for _, c := range []struct {
		name   string
		spoil  func(*stand, domain.VolumeID)
		reason string
		status domain.HealthStatus
	}{
		{"nothing", func(*stand, domain.VolumeID) {}, "", 0},
		{"damaged", edit(func(d *fakerds.Disk) { d.Comment = "x" }), "RecordDamaged", domain.Inaccessible},
		{"newer", edit(func(d *fakerds.Disk) { d.Comment = "rds-csi/2/x" }), "RecordNewer", domain.Degraded},
		{"pool not mounted", fault(fakerds.PoolFault{Unmounted: true}), "PoolNotMounted", domain.Inaccessible},
		{"pool replaced", fault(fakerds.PoolFault{UUID: "x"}), "PoolReplaced", domain.DataLoss},
		{"pool degraded", fault(fakerds.PoolFault{State: "degraded"}), "PoolDegraded", domain.Degraded},
		{"image shrunk", edit(func(d *fakerds.Disk) { d.Size = domain.MiB }), "ImageShrunk", domain.DataLoss},
		{"export off", edit(func(d *fakerds.Disk) { d.Export = false }), "ExportWrong", domain.Inaccessible},
		{"export left", func(s *stand, id domain.VolumeID) {
			s.unpublish(id, "a")
			s.editExport(id, true, "")
		}, "ExportLeft", domain.Degraded},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStand(t)
			other := s.create(wish("other", inPool("xfs")))
			id := s.create(wish("vol", inPool("btrfs"))).ID
			s.publish(id, "a", useWriter)
			c.spoil(s, id) // pools were seen whole a moment ago
			got, err := s.Health(t.Context(), id)
			wantNoError(t, err)
			list, next, err := s.ListHealth(t.Context(), "", 1)
			wantNoError(t, err)
			if c.reason == "" {
				if len(got) > 0 || len(list) > 0 || next != "" {
					t.Errorf("conditions %v, listed %v, want none", got, list)
				}
				return
			}
			if len(got) != 1 || got[0].Reason != c.reason || got[0].Status != c.status || len(got[0].Message) > 128 {
				t.Errorf("conditions %+v, want %s", got, c.reason)
			}
			if len(list) != 1 || list[0].ID != id || !slices.Equal(list[0].Conditions, got) || next != "" {
				t.Errorf("listed %+v, %q, want the same of %s", list, next, id)
			}
			if got, err := s.Health(t.Context(), other.ID); err != nil || len(got) > 0 {
				t.Errorf("conditions of another volume %v, %v, want none", got, err)
			}
		})
	}
}

func TestHealthIsListedInPages(t *testing.T) {
	s := newStand(t, twoArrays()...)
	var want []domain.VolumeID
	for i := range 12 {
		v := s.create(wish(fmt.Sprintf("v%d", i), onArray([]domain.ArrayName{"one", "two"}[i%2])))
		if i%3 == 0 {
			s.must(s.rds[v.ID.Array].SetComment(string(v.ID.Slot), ""))
			want = append(want, v.ID)
		}
	}
	for most := range 6 {
		var got []domain.VolumeID
		for token, first := "", true; first || token != ""; first = false {
			page, next, err := s.ListHealth(t.Context(), token, most)
			if err != nil || most > 0 && len(page) > most {
				t.Fatalf("page after %q: %v, %v", token, page, err)
			}
			for _, h := range page {
				got = append(got, h.ID)
			}
			token = next
		}
		if len(got) != len(want) {
			t.Errorf("%d at a time: %v, want %v in some order", most, got, want)
		}
		for _, id := range want {
			if !slices.Contains(got, id) {
				t.Errorf("%d at a time: %s is missing", most, id)
			}
		}
	}
	_, err := s.Health(t.Context(), idOf("one", "none"))
	wantError(t, err, domain.NotFound)
}
