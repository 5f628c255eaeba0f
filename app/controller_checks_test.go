package app_test

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"git.srvlab.io/whiskey/rds-csi-driver/adapters/fakerds"
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// on returns the volume as the array has it, past controller, wire and silence.
func (s *stand) on(id domain.VolumeID) domain.Volume {
	s.t.Helper()
	v, err := s.rds[id.Array].Volumes().Find(s.t.Context(), id)
	if err != nil {
		s.t.Fatalf("on the array: %v", err)
	}
	return v
}

// must fails the test for an error of a preparation.
func (s *stand) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func wantError(t *testing.T, err error, want domain.Kind, words ...string) {
	t.Helper()
	if !domain.Is(err, want) {
		t.Errorf("error %v (%s), want %s", err, domain.KindOf(err), want)
		return
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %q does not say %q", err, w)
		}
	}
}

func wantNoError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("error %v (%s), want none", err, domain.KindOf(err))
	}
}

// wantVolumes demands that the arrays have the volumes of those names and none
// besides, that each is shown as its record says, and that no file lies there
// for which there is no disk or snapshot.
func (s *stand) wantVolumes(names ...string) {
	s.t.Helper()
	want := map[domain.Slot]bool{}
	for _, n := range names {
		want[standCluster.Slot(n)] = true
	}
	have := map[domain.Slot]int{}
	for array, rds := range s.rds {
		disks, err := rds.Disks()
		s.must(err)
		for _, d := range disks {
			have[domain.Slot(d.Slot)]++
			s.wantShown(array, domain.VolumeID{Array: array, Slot: domain.Slot(d.Slot)})
		}
		s.wantNoOrphans(array, disks)
	}
	for slot, n := range have {
		if !want[slot] || n > 1 {
			s.t.Errorf("%d disks have slot %s, want volumes %v and no other", n, slot, names)
		}
	}
	for _, n := range names {
		if have[standCluster.Slot(n)] == 0 {
			s.t.Errorf("volume %s is not there", n)
		}
	}
}

// wantShown demands that the array shows the volume to whom its record says.
func (s *stand) wantShown(array domain.ArrayName, id domain.VolumeID) {
	s.t.Helper()
	a, err := s.arrays.Get(array)
	s.must(err)
	v := s.on(id)
	if want := v.Export(domain.DefaultNQNPrefix, a.Fencing); v.Standing == domain.Ours && v.Row.Export != want {
		s.t.Errorf("%s is shown as %+v, its record says %+v", id, v.Row.Export, want)
	}
	link := filepath.Join(s.rds[array].TargetDir(), v.Row.NQN)
	if _, err := os.Readlink(link); (err == nil) != v.Row.Export.On {
		s.t.Errorf("%s: export is %t, the target directory says %v", id, v.Row.Export.On, err)
	}
}

// wantNoOrphans demands that every file on the pools belongs to a disk or a
// snapshot, and that no mark of a create is left that did not come to its end.
func (s *stand) wantNoOrphans(array domain.ArrayName, disks []fakerds.Disk) {
	s.t.Helper()
	belongs, slots := map[string]bool{}, map[string]bool{}
	for _, d := range disks {
		belongs[d.Path], slots[d.Slot] = true, true
	}
	files, marks := s.files(array)
	for _, f := range slices.Sorted(maps.Keys(files)) {
		_, isSnapshot := domain.ParseEntry(array, filepath.Base(filepath.Dir(f)))
		if !belongs[f] && !isSnapshot {
			s.t.Errorf("array %s: %s is nobody's", array, f)
		}
		delete(belongs, f)
	}
	for f := range belongs {
		s.t.Errorf("array %s: image %s is missing", array, f)
	}
	for _, m := range marks {
		if !slots[filepath.Base(m)] { // else it goes at the first publish
			s.t.Errorf("array %s: mark %s is left", array, m)
		}
	}
}

// files returns the files on the array's pools and the marks of creates.
func (s *stand) files(array domain.ArrayName) (files map[string]bool, marks []string) {
	s.t.Helper()
	files = map[string]bool{}
	dir := s.dirs[array]
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		rel := "/" + strings.TrimPrefix(strings.TrimPrefix(path, dir), "/")
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return err
		case strings.Count(rel, "/") == 1 && strings.HasPrefix(rel, "/."):
			if e.IsDir() {
				return fs.SkipDir
			}
		case e.Type().IsRegular():
			files[rel] = true
		case filepath.Base(filepath.Dir(rel)) == "making":
			marks = append(marks, rel)
		}
		return nil
	})
	s.must(err)
	return files, marks
}

// wantSnapshots demands that the arrays have the snapshots of those names and
// none besides.
func (s *stand) wantSnapshots(names ...string) {
	s.t.Helper()
	var have, want []string
	for array := range s.rds {
		files, _ := s.files(array)
		for f := range files {
			if snap, ok := domain.ParseEntry(array, filepath.Base(filepath.Dir(f))); ok {
				have = append(have, snap.ID.Name)
			}
		}
	}
	for _, n := range names {
		want = append(want, standCluster.SnapshotName(n))
	}
	slices.Sort(have)
	slices.Sort(want)
	if !slices.Equal(have, want) {
		s.t.Errorf("snapshots %v, want %v", have, want)
	}
}

// wantHolders demands that nodes of those names hold the volume, oldest first.
func (s *stand) wantHolders(id domain.VolumeID, names ...string) {
	s.t.Helper()
	var have []string
	for _, n := range s.on(id).Holders() {
		have = append(have, n.Name())
	}
	if !slices.Equal(have, names) {
		s.t.Errorf("%s is held by %v, want %v", id, have, names)
	}
}

// editExport changes the export by hand, the record stays.
func (s *stand) editExport(id domain.VolumeID, on bool, host string) {
	s.t.Helper()
	s.must(s.rds[id.Array].Edit(string(id.Slot), func(d *fakerds.Disk) { d.Export, d.Host = on, host }))
}

// wantVolumesBeside is wantVolumes, leaving out a foreign disk and its image.
func (s *stand) wantVolumesBeside(slot string, names ...string) {
	s.t.Helper()
	for array, rds := range s.rds {
		disks, err := rds.Disks()
		s.must(err)
		for _, d := range disks {
			if d.Slot == slot {
				s.must(rds.RemoveDisk(slot))
				s.must(os.Remove(filepath.Join(s.dirs[array], d.Path)))
			}
		}
	}
	s.wantVolumes(names...)
}
