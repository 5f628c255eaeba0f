package domain_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

const snapName = "sn-fq6ub2t5i57o7pchri3wnnbltd"

func TestParseEntry(t *testing.T) {
	id := domain.SnapshotID{Array: "rds1", Name: snapName}
	for entry, want := range map[string]domain.Snapshot{
		snapName + ".csi-x.40000000.f":            {ID: id, Source: "csi-x", Size: domain.GiB, Content: domain.Foreign},
		snapName + ".disk.with.dots.1.b":          {ID: id, Source: "disk.with.dots", Size: 1, Content: domain.Blank},
		snapName + ".a.f.u.7fffffffffffffff.u":    {ID: id, Source: "a.f.u", Size: most, Content: domain.Used},
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
		got, ok := domain.ParseEntry("rds1", entry)
		if ok != (want != domain.Snapshot{}) || (ok && got != want) {
			t.Errorf("%q: got %+v and %t, want %+v", entry, got, ok, want)
		}
	}
}

func TestEntryRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := volumeID().Draw(t, "source")
		want := domain.Snapshot{
			ID:     domain.SnapshotID{Array: id.Array, Name: cluster.SnapshotName(rapid.String().Draw(t, "name"))},
			Source: id.Slot, Size: size().Draw(t, "size"),
			Content: rapid.SampledFrom([]domain.Content{domain.Foreign, domain.Blank, domain.Used}).Draw(t, "content"),
		}
		got, ok := domain.ParseEntry(id.Array, want.Entry())
		if !ok || got != want {
			t.Fatalf("got %+v and %t from %q, want %+v", got, ok, want.Entry(), want)
		}
		if got.SourceID() != id || len(want.Entry()) > 255 {
			t.Fatalf("got source %v of %v, entry of %d bytes", got.SourceID(), id, len(want.Entry()))
		}
	})
}

func TestPlanSnapshot(t *testing.T) {
	adopted := func(v *domain.Volume) { v.Record.Origin.Kind = domain.Adopted }
	xfs := domain.Pool{Name: "pool2", FileSystem: "xfs", Mounted: true}
	v := volume(sizes(domain.GiB, 2*domain.GiB))
	got, err := v.PlanSnapshot(cluster, "pvc-1", btrfs())
	want := domain.Snapshot{ID: domain.SnapshotID{Array: "rds1", Name: snapName}, Source: v.ID.Slot, Size: 2 * domain.GiB, Content: domain.Blank, Pool: "pool1"}
	if err != nil || got != want {
		t.Errorf("got %+v and %v, want %+v", got, err, want)
	}
	if got, err := volume(held("a")).PlanSnapshot(cluster, "s", btrfs()); err != nil || got.Content != domain.Foreign {
		t.Errorf("got %+v and %v, want foreign: somebody may have written", got, err)
	}
	for _, test := range []struct {
		name string
		v    domain.Volume
		pool domain.Pool
		kind domain.Kind
		want string
	}{
		{"a pool that can not", volume(), xfs, domain.Unsupported, "pool pool2 has file system xfs: snapshots need a Btrfs pool"},
		{"an adopted image", volume(adopted), btrfs(), domain.Unsupported, "no subvolume of its own"},
		{"deleting", volume(state(domain.Deleting)), btrfs(), domain.InUse, "being deleted"},
		{"half copied", volume(state(domain.Making)), btrfs(), domain.Busy, "copied"},
		{"damaged", volume(standing(domain.Damaged)), btrfs(), domain.DataAtRisk, "damaged"},
	} {
		_, err := test.v.PlanSnapshot(cluster, "s", test.pool)
		wantKind(t, err, test.kind)
		wantText(t, err, test.want)
	}
}

func TestCopiedSnapshot(t *testing.T) {
	s := domain.Snapshot{ID: domain.SnapshotID{Array: "rds1", Name: snapName}, Source: "csi-x", Size: domain.GiB, Content: domain.Blank, Pool: "pool1"}
	want := domain.Source{Origin: domain.Origin{Kind: domain.FromSnapshot, Name: snapName}, Size: domain.GiB, Content: domain.Blank, Pool: "pool1"}
	if got := s.Copied(); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestCopiedVolume(t *testing.T) {
	v := volume(held("a"), sizes(domain.GiB, 2*domain.GiB))
	want := domain.Source{
		Origin: domain.Origin{Kind: domain.FromVolume, Name: string(v.ID.Slot)}, Size: 2 * domain.GiB, Content: domain.Foreign,
		Access: domain.Block, Pool: "pool1",
	}
	if got, err := v.Copied(domain.Block); err != nil || got != want {
		t.Errorf("got %+v and %v, want %+v", got, err, want)
	}
	if got, err := volume().Copied(domain.Ext4); err != nil || got.Content != domain.Blank {
		t.Errorf("got %+v and %v, want a copy of what nobody held to be blank", got, err)
	}
	for _, test := range []struct {
		name string
		edit func(*domain.Volume)
		as   domain.Access
		kind domain.Kind
	}{
		{"as another file system", made(domain.Ext4, domain.Used), domain.XFS, domain.Invalid},
		{"as block", made(domain.Ext4, domain.Used), domain.Block, domain.Invalid},
		{"of an adopted image", func(v *domain.Volume) { v.Record.Origin.Kind = domain.Adopted }, domain.Ext4, domain.Invalid},
		{"deleting", state(domain.Deleting), domain.Ext4, domain.InUse},
		{"half copied", state(domain.Making), domain.Ext4, domain.Busy},
		{"damaged", standing(domain.Damaged), domain.Ext4, domain.DataAtRisk},
	} {
		got, err := volume(test.edit).Copied(test.as)
		wantKind(t, err, test.kind)
		if got != (domain.Source{}) {
			t.Errorf("%s: got %+v, want nothing", test.name, got)
		}
	}
}
