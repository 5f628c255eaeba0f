package app_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"git.srvlab.io/whiskey/rds-csi-driver/adapters/fakerds"
	"git.srvlab.io/whiskey/rds-csi-driver/app"
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

func TestSnapshotThatIsRepeatedReturnsTheSame(t *testing.T) {
	s := newStand(t)
	v := s.create(wish("vol", inPool("btrfs")))
	first := s.snapshot("snap", v.ID)
	want := domain.Snapshot{
		ID: snapshotIDOf("one", "snap"), Source: v.ID.Slot, Size: v.Row.Size, Content: domain.Blank,
		Created: s.clock.Now(), Pool: "btrfs",
	}
	if first != want {
		t.Errorf("snapshot %+v, want %+v", first, want)
	}
	s.clock.advance(time.Hour)
	s.publish(v.ID, "a", useWriter)
	_, err := s.Expand(t.Context(), v.ID, domain.SizeRange{Required: domain.GiB})
	s.must(err)
	if again := s.snapshot("snap", v.ID); again != first {
		t.Errorf("again %+v, want %+v", again, first)
	}
	if got, err := s.GetSnapshot(t.Context(), first.ID); err != nil || got != first {
		t.Errorf("got %+v, %v, want %+v", got, err, first)
	}
	if later := s.snapshot("later", v.ID); later.Size != domain.GiB || later.Content != domain.Foreign {
		t.Errorf("later %+v, want 1 GiB and foreign: somebody held it", later)
	}
	s.wantSnapshots("snap", "later")
}

// One that was taken is the answer, whatever has become of its source.
func TestSnapshotIsFoundAlsoWhenItCouldNotBeTakenNow(t *testing.T) {
	id := idOf("one", "source")
	edit := func(do func(*fakerds.Disk)) func(*stand) {
		return func(s *stand) { s.must(s.one().Edit(string(id.Slot), do)) }
	}
	for name, spoil := range map[string]func(*stand){
		"the source is gone":       func(s *stand) { s.must(s.Delete(s.t.Context(), id)) },
		"the source is damaged":    edit(func(d *fakerds.Disk) { d.Comment = "" }),
		"the source is of a newer": edit(func(d *fakerds.Disk) { d.Comment = "rds-csi/2/x" }),
		"another array is silent":  func(s *stand) { s.rds["two"].Silence(fakerds.Before) },
		"the source is on its way out": func(s *stand) {
			s.one().Cut(fakerds.Outage{When: fakerds.Before, Op: "delete volume", Calls: 1})
			wantError(s.t, s.Delete(s.t.Context(), id), domain.Unreachable)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStand(t, twoArrays()...)
			s.create(wish("source", inPool("btrfs"), onArray("one")))
			want := s.snapshot("snap", id)
			spoil(s)
			for range 2 {
				if got, err := s.Snapshot(t.Context(), "snap", id); err != nil || got != want {
					t.Errorf("snapshot %+v, %v, want %+v", got, err, want)
				}
				s.Controller = s.replica()
			}
		})
	}
}

func TestSnapshotRefuses(t *testing.T) {
	s := newStand(t, twoArrays()...)
	a := s.create(wish("a", inPool("btrfs"), onArray("one"))).ID
	b := s.create(wish("b", inPool("btrfs"), onArray("one"))).ID
	far := s.create(wish("far", inPool("btrfs"), onArray("two"))).ID
	onXFS := s.create(wish("on-xfs", inPool("xfs"), onArray("one"))).ID
	half := func() domain.VolumeID {
		r := wish("half", cloned(a))
		return s.half(r)
	}()
	s.snapshot("taken", a)
	for _, c := range []struct {
		name   string
		snap   string
		source domain.VolumeID
		want   domain.Kind
		says   string
	}{
		{"a name that another volume's has", "taken", b, domain.Exists, string(a.Slot)},
		{"a name that one on another array has", "taken", far, domain.Exists, string(a.Slot)},
		{"a name that is taken, of a volume that is gone", "taken", idOf("one", "none"), domain.Exists, string(a.Slot)},
		{"a volume that is not there", "new", idOf("one", "none"), domain.NotFound, ""},
		{"a volume that is still being copied", "new", half, domain.Busy, "copied"},
		{"a pool without snapshots", "new", onXFS, domain.Unsupported, "Btrfs"},
	} {
		for range 2 {
			if _, err := s.Snapshot(t.Context(), c.snap, c.source); !domain.Is(err, c.want) {
				t.Errorf("%s: %v (%s), want %s", c.name, err, domain.KindOf(err), c.want)
			} else {
				wantError(t, err, c.want, c.says)
			}
		}
	}
	s.wantSnapshots("taken")

	s.rds["two"].Silence(fakerds.Before)
	_, err := s.Snapshot(t.Context(), "new", a)
	wantError(t, err, domain.Unreachable, "array two") // the name may be taken there
	s.wantSnapshots("taken")
}

func TestSnapshotOnAPoolThatIsNotMounted(t *testing.T) {
	s := newStand(t)
	v := s.create(wish("vol", inPool("btrfs")))
	s.must(s.one().SetPool("btrfs", fakerds.PoolFault{Unmounted: true}))
	_, err := s.Snapshot(t.Context(), "snap", v.ID) // with pools that were seen whole
	wantError(t, err, domain.Unreachable, "not mounted")
	s.clock.advance(time.Minute)
	_, err = s.Snapshot(t.Context(), "snap", v.ID) // with pools as they are
	wantError(t, err, domain.Unreachable, "not mounted")
	s.must(s.one().SetPool("btrfs", fakerds.PoolFault{}))
	s.snapshot("snap", v.ID)
}

func TestSnapshotOfWhatIsPublishedMeanwhileSaysWhatItHolds(t *testing.T) {
	s := newStand(t)
	v := s.create(wish("vol", inPool("btrfs")))
	other := s.replica()
	s.wire.listen(beforeCall("create snapshot", func() {
		s.wire.listen(nil)
		_, err := other.Publish(t.Context(), v.ID, nodeOf(t, "a"), useWriter)
		s.must(err)
	}))
	if got := s.snapshot("snap", v.ID); got.Content != domain.Foreign {
		t.Errorf("content %s, want foreign: it may have been written to", got.Content.Letter())
	}
	s.wantSnapshots("snap")
}

func TestDeleteSnapshotThatIsRepeatedIsFine(t *testing.T) {
	s := newStand(t)
	withSource(s)
	for range 3 {
		wantNoError(t, s.DeleteSnapshot(t.Context(), snapshotIDOf("one", "snap")))
	}
	wantNoError(t, s.DeleteSnapshot(t.Context(), snapshotIDOf("one", "never was")))
	s.wantSnapshots()
	s.must(s.one().SetPool("btrfs", fakerds.PoolFault{Unmounted: true}))
	wantError(t, s.DeleteSnapshot(t.Context(), snapshotIDOf("one", "snap")), domain.Unreachable, "not mounted")
	_, err := s.GetSnapshot(t.Context(), snapshotIDOf("one", "snap"))
	wantError(t, err, domain.Unreachable, "not mounted")
}

func TestSnapshotsAreListedByIDAndBySource(t *testing.T) {
	s := newStand(t, twoArrays()...)
	ids := map[string]domain.VolumeID{}
	for _, array := range []domain.ArrayName{"one", "two"} {
		for _, name := range []string{"x", "y"} {
			v := s.create(wish(name+string(array), inPool("btrfs"), onArray(array)))
			ids[name+string(array)] = v.ID
			for i := range 3 {
				s.snapshot(fmt.Sprintf("%s-%s-%d", name, array, i), v.ID)
			}
		}
	}
	x, y := ids["xone"], ids["yone"]
	some, none := snapshotIDOf("one", "x-one-1"), snapshotIDOf("one", "none")
	for _, c := range []struct {
		name   string
		filter app.SnapshotFilter
		want   int
	}{
		{"all", app.SnapshotFilter{}, 12},
		{"of a source", app.SnapshotFilter{Source: &x}, 3},
		{"of an id", app.SnapshotFilter{ID: &some}, 1},
		{"of an id and its source", app.SnapshotFilter{ID: &some, Source: &x}, 1},
		{"of an id and another source", app.SnapshotFilter{ID: &some, Source: &y}, 0},
		{"of an id that is not there", app.SnapshotFilter{ID: &none}, 0},
	} {
		for most := range 5 {
			list, token := s.pages(c.filter, most)
			if len(list) != c.want || !slices.IsSortedFunc(list, func(a, b domain.Snapshot) int {
				return slices.Compare([]string{string(a.ID.Array), a.ID.Name}, []string{string(b.ID.Array), b.ID.Name})
			}) {
				t.Errorf("%s, %d at a time: %d snapshots, want %d in order", c.name, most, len(list), c.want)
			}
			if token != "" {
				t.Errorf("%s: token %q at the end", c.name, token)
			}
		}
	}
	s.rds["two"].Silence(fakerds.Before)
	_, _, err := s.ListSnapshots(t.Context(), app.SnapshotFilter{}, "", 0)
	wantError(t, err, domain.Unreachable, "array two")
	if list, _ := s.pages(app.SnapshotFilter{Source: &x}, 0); len(list) != 3 {
		t.Errorf("%d snapshots of one array while another is silent, want 3", len(list))
	}
}

// pages lists snapshots, most at a time.
func (s *stand) pages(f app.SnapshotFilter, most int) (all []domain.Snapshot, token string) {
	s.t.Helper()
	for range 20 {
		page, next, err := s.ListSnapshots(s.t.Context(), f, token, most)
		s.must(err)
		if most > 0 && len(page) > most {
			s.t.Errorf("a page of %d, want at most %d", len(page), most)
		}
		all = append(all, page...)
		if token = next; token == "" {
			return all, ""
		}
	}
	return all, token
}
