package app_test

import (
	"os"
	"path/filepath"
	"testing"

	"git.srvlab.io/whiskey/rds-csi-driver/adapters/fakerds"
	"git.srvlab.io/whiskey/rds-csi-driver/app"
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

func TestDeleteOfWhatIsHeldNamesTheNodes(t *testing.T) {
	s := newStand(t)
	v := s.create(wish("vol", asBlock))
	s.publish(v.ID, "a", useMover)
	s.publish(v.ID, "b", useMover)
	before := s.on(v.ID)
	for range 2 {
		wantError(t, s.Delete(t.Context(), v.ID), domain.InUse, "a, b", "unpublish")
		s.Controller = s.replica()
	}
	if after := s.on(v.ID); after.Row != before.Row {
		t.Errorf("row %+v, want it as it was", after.Row)
	}
	s.wantVolumes("vol")
}

func TestDeleteLeavesWhatIsNotOurs(t *testing.T) {
	other, err := domain.Record{
		Owner: domain.ClusterID("other-cluster").Owner(), Size: domain.MiB, Access: domain.Ext4, Pool: "btrfs",
		State: domain.Ready, Nonce: "x",
	}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	for name, comment := range map[string]string{
		"damaged": "rds-csi/1/owner", "newer": "rds-csi/2/x", "without a record": "", "of another cluster": other,
	} {
		for _, exported := range []bool{false, true} {
			s := newStand(t)
			v := s.create(wish("vol"))
			if exported {
				s.publish(v.ID, "a", useWriter)
			}
			s.must(s.one().SetComment(string(v.ID.Slot), comment))
			before := s.on(v.ID)
			for range 2 {
				if err := s.Delete(t.Context(), v.ID); !domain.Is(err, domain.DataAtRisk) {
					t.Errorf("%s, exported %t: %v, want data at risk", name, exported, err)
				}
			}
			if after := s.on(v.ID); after.Row != before.Row {
				t.Errorf("%s: row %+v, want it as it was", name, after.Row)
			}
			if files, _ := s.files("one"); !files[v.Row.Path] {
				t.Errorf("%s: its image is gone", name)
			}
		}
	}
}

func TestDeleteThatIsRepeatedIsFine(t *testing.T) {
	s := newStand(t)
	v := s.create(wish("vol"))
	for range 3 {
		wantNoError(t, s.Delete(t.Context(), v.ID))
	}
	wantNoError(t, s.Delete(t.Context(), idOf("one", "never was")))
	s.wantVolumes()
}

func TestDeleteDoesNotCallGoneWhatMayLieOnAPoolThatIsNotMounted(t *testing.T) {
	s := newStand(t)
	v := s.create(wish("vol", inPool("xfs")))
	for _, id := range []domain.VolumeID{v.ID, idOf("one", "never was")} {
		s.must(s.one().SetPool("xfs", fakerds.PoolFault{Unmounted: true}))
		wantError(t, s.Delete(t.Context(), id), domain.Unreachable, "not mounted")
		s.must(s.one().SetPool("xfs", fakerds.PoolFault{}))
		wantNoError(t, s.Delete(t.Context(), id))
	}
	s.wantVolumes()
}

func TestDeleteGoesOnWhenTheRecordChangesUnderIt(t *testing.T) {
	s := newStand(t)
	v := s.create(wish("vol"))
	other := s.replica()
	s.wire.listen(beforeCall("delete volume", func() {
		s.wire.listen(nil)
		s.must(other.Unpublish(t.Context(), v.ID, nodeOf(t, "a"))) // writes a nonce
	}))
	wantNoError(t, s.Delete(t.Context(), v.ID))
	s.wantVolumes()
}

func TestSnapshotsAndCopiesOutliveWhatTheyWereMadeFrom(t *testing.T) {
	s := newStand(t)
	withSource(s)
	s.create(wish("copy", cloned(idOf("one", "source"))))
	s.create(wish("back", restored(snapshotIDOf("one", "snap"))))
	wantNoError(t, s.Delete(t.Context(), idOf("one", "source")))
	s.wantVolumes("copy", "back")
	s.wantSnapshots("snap")
	s.create(wish("again", restored(snapshotIDOf("one", "snap"))))
	wantNoError(t, s.DeleteSnapshot(t.Context(), snapshotIDOf("one", "snap")))
	s.wantVolumes("copy", "back", "again")
	s.wantSnapshots()
}

// What a copy holds is what its source held, and writing to one does not reach
// the other.
func TestCopiesHoldTheBytesOfTheirSource(t *testing.T) {
	s := newStand(t)
	v := s.create(wish("source", inPool("btrfs")))
	s.publish(v.ID, "a", useWriter)
	s.write(v.ID, "first")
	s.snapshot("snap", v.ID)
	s.write(v.ID, "other")
	clone := s.create(wish("clone", cloned(v.ID), sized(96*domain.MiB)))
	back := s.create(wish("back", restored(snapshotIDOf("one", "snap"))))
	s.write(v.ID, "later")
	for id, want := range map[domain.VolumeID]string{v.ID: "later", clone.ID: "other", back.ID: "first"} {
		if got := s.read(id); got != want {
			t.Errorf("%s holds %q, want %q", id, got, want)
		}
	}
}

const written = 5 // bytes that write and read use

func (s *stand) write(id domain.VolumeID, text string) {
	s.t.Helper()
	f := s.image(id)
	_, err := f.WriteAt([]byte(text[:written]), int64(domain.MiB))
	s.must(err)
	s.must(f.Close())
}

func (s *stand) read(id domain.VolumeID) string {
	s.t.Helper()
	f := s.image(id)
	b := make([]byte, written)
	_, err := f.ReadAt(b, int64(domain.MiB))
	s.must(err)
	s.must(f.Close())
	return string(b)
}

func (s *stand) image(id domain.VolumeID) *os.File {
	s.t.Helper()
	f, err := s.rds[id.Array].Image(string(id.Slot))
	s.must(err)
	return f
}

func TestExpandComparesWithTheArray(t *testing.T) {
	const MiB = domain.MiB
	for _, c := range []struct {
		name  string
		asked domain.SizeRange
		want  domain.Size // 0: refused
		kind  domain.Kind
	}{
		{"larger", domain.SizeRange{Required: 100 * MiB}, 100 * MiB, 0},
		{"larger, rounded up to whole MiB", domain.SizeRange{Required: 100*MiB + 1}, 101 * MiB, 0},
		{"larger, up to the limit", domain.SizeRange{Required: 100 * MiB, Limit: 100 * MiB}, 100 * MiB, 0},
		{"as large as it is", domain.SizeRange{Required: 64 * MiB}, 64 * MiB, 0},
		{"smaller stays as it is", domain.SizeRange{Required: MiB}, 64 * MiB, 0},
		{"smaller with a limit below what there is", domain.SizeRange{Required: MiB, Limit: 63 * MiB}, 0, domain.OutOfRange},
		{"a limit alone", domain.SizeRange{Limit: 65 * MiB}, 64 * MiB, 0},
		{"more than there is", domain.SizeRange{Required: 11 * domain.GiB}, 0, domain.Exhausted},
	} {
		for _, warm := range []bool{true, false} {
			t.Run(c.name+", "+map[bool]string{true: "seen", false: "unseen"}[warm], func(t *testing.T) {
				s := newStand(t)
				id := s.create(wish("vol")).ID
				s.publish(id, "a", useWriter)
				before := s.on(id)
				for range 2 { // repeated
					if !warm {
						s.Controller = s.replica()
					}
					v, err := s.Expand(t.Context(), id, c.asked)
					if c.want == 0 {
						wantError(t, err, c.kind)
						continue
					}
					wantNoError(t, err)
					if v.Row.Size != c.want || v.Record.Size != c.want {
						t.Errorf("row %s, record %s, want %s", v.Row.Size, v.Record.Size, c.want)
					}
				}
				after := s.on(id)
				if c.want == 0 && after.Row != before.Row {
					t.Errorf("row %+v, want it as it was", after.Row)
				}
				if after.Row.Export != before.Row.Export {
					t.Errorf("export %+v, want %+v", after.Row.Export, before.Row.Export)
				}
				s.wantVolumes("vol")
			})
		}
	}
}

func TestExpandOnTheArrayRefuses(t *testing.T) {
	edit := func(do func(*fakerds.Disk)) func(*stand, domain.VolumeID) {
		return func(s *stand, id domain.VolumeID) { s.must(s.one().Edit(string(id.Slot), do)) }
	}
	for _, c := range []struct {
		name  string
		spoil func(*stand, domain.VolumeID)
		want  domain.Kind
	}{
		{"a damaged volume", edit(func(d *fakerds.Disk) { d.Comment = "" }), domain.DataAtRisk},
		{"an image that has shrunk", edit(func(d *fakerds.Disk) { d.Size = domain.MiB }), domain.DataAtRisk},
		{"a pool that was replaced", func(s *stand, id domain.VolumeID) {
			s.must(s.one().SetPool(s.on(id).Record.Pool, fakerds.PoolFault{UUID: "other"}))
		}, domain.DataAtRisk},
		{"what is being deleted", func(s *stand, id domain.VolumeID) {
			s.one().Cut(fakerds.Outage{When: fakerds.Before, Op: "delete volume", Calls: 1})
			wantError(s.t, s.Delete(s.t.Context(), id), domain.Unreachable)
		}, domain.InUse},
	} {
		s := newStand(t)
		id := s.create(wish("vol")).ID
		c.spoil(s, id)
		before := s.on(id)
		for range 2 {
			if _, err := s.Expand(t.Context(), id, domain.SizeRange{Required: domain.GiB}); !domain.Is(err, c.want) {
				t.Errorf("%s: %v, want %s", c.name, err, c.want)
			}
		}
		if after := s.on(id); after.Row != before.Row {
			t.Errorf("%s: row %+v, want it as it was", c.name, after.Row)
		}
	}
}

func TestModifyLaysTimingsOverThoseOfBefore(t *testing.T) {
	with := func(t *testing.T, base domain.Timings, key, value string) domain.Timings {
		t.Helper()
		timings, err := base.With(key, value)
		if err != nil {
			t.Fatal(err)
		}
		return timings
	}
	s := newStand(t)
	v := s.create(wish("vol", func(c *app.Creation) { c.Parameters.Timings = with(t, domain.Timings{}, "keepAliveTmo", "9") }))
	loss, delay := with(t, domain.Timings{}, "ctrlLossTmo", "60"), with(t, domain.Timings{}, "reconnectDelay", "3")
	wantNoError(t, s.Modify(t.Context(), v.ID, loss))
	wantNoError(t, s.Modify(t.Context(), v.ID, delay))
	before := s.on(v.ID)
	if want := delay.Over(loss); before.Record.Modified != want {
		t.Errorf("modified %v, want %v", before.Record.Modified.Pairs(), want.Pairs())
	}
	wantNoError(t, s.Modify(t.Context(), v.ID, delay))
	if after := s.on(v.ID); after.Row != before.Row {
		t.Error("what is there already was written again")
	}
	got := s.publish(v.ID, "a", useWriter).Target.Timings
	want := delay.Over(loss).Over(before.Record.Parameters.Timings.Over(domain.DefaultTimings()))
	if got != want {
		t.Errorf("the grant has %v, want %v", got.Pairs(), want.Pairs())
	}
	// The parameters stay as created: the same create finds the same volume.
	s.create(wish("vol", func(c *app.Creation) { c.Parameters.Timings = with(t, domain.Timings{}, "keepAliveTmo", "9") }))
}

func TestSupportsSaysWhatDoesNotFit(t *testing.T) {
	s := newStand(t)
	v := s.create(wish("vol", inPool("btrfs")))
	for _, c := range []struct {
		name string
		uses []domain.Use
		p    domain.Parameters
		want bool
	}{
		{"as made", []domain.Use{useWriter, useReader}, domain.Parameters{Pool: "btrfs", Array: "one"}, true},
		{"nothing in particular", nil, domain.Parameters{}, true},
		{"raw block", []domain.Use{useMover}, domain.Parameters{}, false},
		{"another pool", nil, domain.Parameters{Pool: "xfs"}, false},
		{"another array", nil, domain.Parameters{Array: "two"}, false},
	} {
		reason, err := s.Supports(t.Context(), v.ID, c.uses, c.p)
		if err != nil || (reason == "") != c.want {
			t.Errorf("%s: %q, %v, want supported: %t", c.name, reason, err, c.want)
		}
	}
	_, err := s.Supports(t.Context(), idOf("one", "none"), nil, domain.Parameters{})
	wantError(t, err, domain.NotFound)
}

// A sweep goes by the name alone, and finds what lies on any pool.
func TestDeleteSweepsEveryPool(t *testing.T) {
	s := newStand(t)
	v := s.create(wish("vol", inPool("xfs")))
	s.must(s.one().RemoveDisk(string(v.ID.Slot)))
	s.create(wish("other", inPool("xfs")))
	wantNoError(t, s.Delete(t.Context(), v.ID))
	if _, err := os.Stat(filepath.Join(s.dirs["one"], v.Row.Path)); !os.IsNotExist(err) {
		t.Errorf("the image: %v, want it gone", err)
	}
	s.wantVolumes("other")
}
