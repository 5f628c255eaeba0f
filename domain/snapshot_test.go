package domain

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

const snapName = "sn-fq6ub2t5i57o7pchri3wnnbltd"

func TestParseEntry(t *testing.T) {
	id := SnapshotID{Array: "rds1", Name: snapName}
	for entry, want := range map[string]Snapshot{
		snapName + ".csi-x.40000000.f":            {ID: id, Source: "csi-x", Size: GiB, Content: Foreign},
		snapName + ".disk.with.dots.1.b":          {ID: id, Source: "disk.with.dots", Size: 1, Content: Blank},
		snapName + ".a.f.u.7fffffffffffffff.u":    {ID: id, Source: "a.f.u", Size: most, Content: Used},
		snapName + ".csi-x.40000000.":             {},
		snapName + ".csi-x.40000000":              {},
		snapName + ".csi-x.40000000.x":            {},
		snapName + ".csi-x.40000000.F":            {},
		snapName + ".csi-x.040000000.f":           {},
		snapName + ".csi-x.4000000A.f":            {},
		snapName + ".csi-x.0x40.f":                {},
		snapName + ".csi-x.+40.f":                 {},
		snapName + ".csi-x.0.f":                   {},
		snapName + ".csi-x.-1.f":                  {},
		snapName + ".csi-x.8000000000000000.f":    {},
		snapName + ".csi-x..f":                    {},
		snapName + "..40.f":                       {},
		snapName + ".1x.40.f":                     {},
		snapName + ".csi-x/../y.40.f":             {},
		snapName + ".40.f":                        {},
		snapName + ".f":                           {},
		snapName:                                  {},
		strings.ToUpper(snapName) + ".csi-x.40.f": {},
		snapName[:28] + ".csi-x.40.f":             {},
		"csi-qhpjoa4hu6674kowqup7clp6ma.x.40.f":   {},
		"":                                        {},
		".":                                       {},
		"..":                                      {},
	} {
		got, ok := ParseEntry("rds1", entry)
		if ok != (want != Snapshot{}) || (ok && got != want) {
			t.Errorf("%q: got %+v and %t, want %+v", entry, got, ok, want)
		}
	}
}

func TestEntryRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := volumeID().Draw(t, "source")
		want := Snapshot{
			ID:     SnapshotID{Array: id.Array, Name: cluster.SnapshotName(rapid.String().Draw(t, "name"))},
			Source: id.Slot, Size: size().Draw(t, "size"),
			Content: rapid.SampledFrom([]Content{Foreign, Blank, Used}).Draw(t, "content"),
		}
		got, ok := ParseEntry(id.Array, want.Entry())
		if !ok || got != want {
			t.Fatalf("got %+v and %t from %q, want %+v", got, ok, want.Entry(), want)
		}
		if got.SourceID() != id || len(want.Entry()) > 255 {
			t.Fatalf("got source %v of %v, entry of %d bytes", got.SourceID(), id, len(want.Entry()))
		}
	})
}

func TestPlanSnapshot(t *testing.T) {
	adopted := func(v *Volume) { v.Record.Origin.Kind = Adopted }
	xfs := Pool{Name: "pool2", FileSystem: "xfs", Mounted: true}
	v := volume(sizes(GiB, 2*GiB))
	got, err := v.PlanSnapshot(cluster, "pvc-1", btrfs())
	want := Snapshot{ID: SnapshotID{"rds1", snapName}, Source: v.ID.Slot, Size: 2 * GiB, Content: Blank, Pool: "pool1"}
	if err != nil || got != want {
		t.Errorf("got %+v and %v, want %+v", got, err, want)
	}
	if got, err := volume(held("a")).PlanSnapshot(cluster, "s", btrfs()); err != nil || got.Content != Foreign {
		t.Errorf("got %+v and %v, want foreign: somebody may have written", got, err)
	}
	for _, test := range []struct {
		name string
		v    Volume
		pool Pool
		kind Kind
		want string
	}{
		{"a pool that can not", volume(), xfs, Unsupported, "pool pool2 has file system xfs: snapshots need a Btrfs pool"},
		{"an adopted image", volume(adopted), btrfs(), Unsupported, "no subvolume of its own"},
		{"deleting", volume(state(Deleting)), btrfs(), InUse, "being deleted"},
		{"half copied", volume(state(Making)), btrfs(), Busy, "copied"},
		{"damaged", volume(standing(Damaged)), btrfs(), DataAtRisk, "damaged"},
	} {
		_, err := test.v.PlanSnapshot(cluster, "s", test.pool)
		wantKind(t, err, test.kind)
		wantText(t, err, test.want)
	}
}

func TestCopiedSnapshot(t *testing.T) {
	s := Snapshot{ID: SnapshotID{"rds1", snapName}, Source: "csi-x", Size: GiB, Content: Blank, Pool: "pool1"}
	want := Source{Origin: Origin{Kind: FromSnapshot, Name: snapName}, Size: GiB, Content: Blank, Pool: "pool1"}
	if got := s.Copied(); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestCopiedVolume(t *testing.T) {
	v := volume(held("a"), sizes(GiB, 2*GiB))
	want := Source{
		Origin: Origin{Kind: FromVolume, Name: string(v.ID.Slot)}, Size: 2 * GiB, Content: Foreign,
		Access: Block, Pool: "pool1",
	}
	if got, err := v.Copied(Block); err != nil || got != want {
		t.Errorf("got %+v and %v, want %+v", got, err, want)
	}
	if got, err := volume().Copied(Ext4); err != nil || got.Content != Blank {
		t.Errorf("got %+v and %v, want a copy of what nobody held to be blank", got, err)
	}
	for _, test := range []struct {
		name string
		edit func(*Volume)
		as   Access
		kind Kind
	}{
		{"as another file system", made(Ext4, Used), XFS, Invalid},
		{"as block", made(Ext4, Used), Block, Invalid},
		{"of an adopted image", func(v *Volume) { v.Record.Origin.Kind = Adopted }, Ext4, Invalid},
		{"deleting", state(Deleting), Ext4, InUse},
		{"half copied", state(Making), Ext4, Busy},
		{"damaged", standing(Damaged), Ext4, DataAtRisk},
	} {
		got, err := volume(test.edit).Copied(test.as)
		wantKind(t, err, test.kind)
		if got != (Source{}) {
			t.Errorf("%s: got %+v, want nothing", test.name, got)
		}
	}
}
