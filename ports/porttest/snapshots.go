package porttest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
	"git.srvlab.io/whiskey/rds-csi-driver/ports"
)

// Snapshots runs the contract of ports.Snapshots. open returns an array of its
// own for each test; tests run at once.
func Snapshots(t *testing.T, open func(*testing.T) Array) {
	t.Run("Create", func(t *testing.T) { runRack(t, open, snapshotTests()) })
	t.Run("Create refuses", func(t *testing.T) { runRack(t, open, refusedSnapshotTests()) })
	t.Run("Find and List", func(t *testing.T) { runRack(t, open, readSnapshotTests()) })
	t.Run("Delete", func(t *testing.T) { runRack(t, open, deleteSnapshotTests()) })
	t.Run("Silence", func(t *testing.T) { runSilence(t, open, snapshotVerbs()) })
	t.Run("Context", func(t *testing.T) { runContext(t, open, snapshotVerbs()) })
}

// snapPlan plans a snapshot of v, as v is.
func (r *rack) snapPlan(v domain.Volume, name string) domain.Snapshot {
	r.Helper()
	s, err := v.PlanSnapshot(r.facts.Cluster, name, r.pool(v.Record.Pool))
	r.must(err)
	return s
}

// snapped takes a snapshot of v.
func (r *rack) snapped(v domain.Volume, name string) domain.Snapshot {
	r.Helper()
	s, err := r.Snapshots().Create(r.Context(), v, r.snapPlan(v, name))
	r.must(err)
	return s
}

func (r *rack) restored(s domain.Snapshot, name string) domain.Volume {
	r.Helper()
	return r.create(r.plan(s.Pool, name, s.Size, s.Copied()))
}

func snapshotTests() []rackTest {
	return []rackTest{
		{"a snapshot is what was planned, at the array's time", (*rack).snapshotPlanned},
		{"a snapshot holds all bytes as of its instant", (*rack).snapshotBytes},
		{"a volume that is held and exported can be snapshotted", (*rack).snapshotHeld},
		{"a repeated create returns the first, whatever happened to the source", (*rack).snapshotAgain},
		{"creates of one name at once make one snapshot", (*rack).snapshotRace},
		{"a snapshot outlives its source, and a new volume of that name", (*rack).snapshotOutlives},
	}
}

func (r *rack) snapshotPlanned() {
	v := r.made(r.facts.Copying, "web", 4*mib+4*domain.KiB)
	plan := r.snapPlan(v, "monday")
	// The array's clock shows whole seconds.
	earliest := time.Now().Truncate(time.Second)
	got, err := r.Snapshots().Create(r.Context(), v, plan)
	r.must(err)
	if got.Created.Before(earliest) || got.Created.After(time.Now()) {
		r.Errorf("created: got %v, want between %v and now", got.Created, earliest)
	}
	plan.Created = got.Created
	same(r, "snapshot", got, plan)
	same(r, "content", got.Content, domain.Blank)
	r.must(r.Reboot())
	found, err := r.Snapshots().Find(r.Context(), plan.ID)
	r.must(err)
	same(r, "found", found, got)
}

func (r *rack) snapshotBytes() {
	v := r.writtenTo("web", "one")
	first := r.snapped(v, "first")
	r.write(v.Row.Path, 0, "two")
	r.write(v.Row.Path, 2*mib, "two")
	second := r.snapped(v, "second")
	r.write(v.Row.Path, 0, "six")
	same(r, "content", first.Content, domain.Foreign)
	one, two := r.restored(first, "a"), r.restored(second, "b")
	r.reads(one.Row.Path, 0, "one")
	r.zero(one.Row.Path, 2*mib, 3*mib)
	r.reads(two.Row.Path, 0, "two")
	r.reads(two.Row.Path, 2*mib, "two")
	r.write(one.Row.Path, 0, "new")
	r.reads(r.restored(first, "c").Row.Path, 0, "one")
	r.reads(v.Row.Path, 0, "six")
}

func (r *rack) snapshotHeld() {
	v := r.held(r.made(r.facts.Copying, "web", 4*mib), "node-a")
	r.write(v.Row.Path, 0, "live")
	s := r.snapped(v, "monday")
	r.shows(v)
	r.reads(r.restored(s, "copy").Row.Path, 0, "live")
}

func (r *rack) snapshotAgain() {
	v := r.writtenTo("web", "text")
	plan := r.snapPlan(v, "monday")
	first, err := r.Snapshots().Create(r.Context(), v, plan)
	r.must(err)
	again := func() {
		r.Helper()
		r.unchanged(func() {
			got, err := r.Snapshots().Create(r.Context(), v, plan)
			r.must(err)
			same(r, "second answer", got, first)
		})
	}
	again()
	now, err := r.Volumes().Grow(r.Context(), v, r.grown(v, 8*mib), room())
	r.must(err)
	again()
	r.must(r.Volumes().Delete(r.Context(), r.condemned(now)))
	again()
	r.reads(r.restored(first, "copy").Row.Path, 0, "text")
}

func (r *rack) snapshotRace() {
	const callers = 6
	v := r.writtenTo("web", "text")
	plan := r.snapPlan(v, "monday")
	var got [callers]domain.Snapshot
	var errs [callers]error
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() { got[i], errs[i] = r.Snapshots().Create(r.Context(), v, plan) })
	}
	wg.Wait()
	for i := range callers {
		r.must(errs[i])
		same(r, "what a caller got", got[i], got[0])
	}
	list, err := r.Snapshots().List(r.Context(), ports.Page{})
	r.must(err)
	same(r, "list", list, got[:1])
}

func (r *rack) snapshotOutlives() {
	v := r.writtenTo("web", "old")
	s := r.snapped(v, "monday")
	r.must(r.Volumes().Delete(r.Context(), r.condemned(v)))
	r.write(r.made(r.facts.Copying, "web", 6*mib).Row.Path, 0, "new")
	got, err := r.Snapshots().Find(r.Context(), s.ID)
	r.must(err)
	same(r, "snapshot", got, s)
	r.reads(r.restored(s, "copy").Row.Path, 0, "old")
}

func refusedSnapshotTests() []rackTest {
	return []rackTest{
		{"a name taken by a snapshot of another volume exists", (*rack).snapshotTaken},
		{"an absent source is not found", func(r *rack) {
			v := r.made(r.facts.Copying, "web", 4*mib)
			r.must(r.RemoveDisk(v.ID.Slot))
			r.refusesSnapshot(v, r.snapPlan(v, "monday"), domain.NotFound)
		}},
		{"a source whose record changed is a conflict", (*rack).snapshotStale},
		{"a source whose record changes meanwhile is a conflict and no snapshot stays", (*rack).snapshotMeanwhile},
		{"a plan for another volume or pool is invalid", (*rack).snapshotMisplanned},
		{"a source that is not ours is data at risk", func(r *rack) {
			v := r.made(r.facts.Copying, "web", 4*mib)
			r.must(r.Edit(v.ID.Slot, func(d *Disk) { d.Comment = "" }))
			r.refusesSnapshot(v, r.snapPlan(v, "monday"), domain.DataAtRisk)
		}},
		{"a pool without snapshots is unsupported", func(r *rack) {
			v := r.made(r.facts.Plain, "web", 4*mib)
			plan := domain.Snapshot{
				ID:     domain.SnapshotID{Array: r.facts.Name, Name: r.facts.Cluster.SnapshotName("monday")},
				Source: v.ID.Slot, Size: v.Row.Size, Content: v.CopyContent(), Pool: r.facts.Plain,
			}
			r.refusesSnapshot(v, plan, domain.Unsupported)
		}},
		{"an adopted image is unsupported", func(r *rack) {
			v := r.adopted("old-disk", r.facts.Copying)
			plan := r.snapPlan(r.made(r.facts.Copying, "web", v.Row.Size), "monday")
			plan.Source, plan.Content = v.ID.Slot, v.CopyContent()
			r.refusesSnapshot(v, plan, domain.Unsupported)
		}},
		{"a pool that is not mounted or replaced is silence", (*rack).snapshotOnSickPool},
	}
}

func (r *rack) refusesSnapshot(v domain.Volume, plan domain.Snapshot, want domain.Kind) {
	r.Helper()
	r.unchanged(func() {
		_, err := r.Snapshots().Create(r.Context(), v, plan)
		r.kind(err, want)
	})
}

func (r *rack) snapshotTaken() {
	r.snapped(r.made(r.facts.Copying, "web", 4*mib), "monday")
	v := r.made(r.facts.Copying, "db", 4*mib)
	r.refusesSnapshot(v, r.snapPlan(v, "monday"), domain.Exists)
}

func (r *rack) snapshotStale() {
	v := r.made(r.facts.Copying, "web", 4*mib)
	plan := r.snapPlan(v, "monday") // of a blank volume
	held := r.held(v, "node-a")
	r.refusesSnapshot(v, plan, domain.Conflict)
	r.refusesSnapshot(held, plan, domain.Conflict) // the plan's content is not the volume's any more
}

func (r *rack) snapshotMeanwhile() {
	ran := 0
	for step := 1; ran == step-1; step++ {
		r.bounded(step)
		v := r.made(r.facts.Copying, fmt.Sprintf("web%d", step), 4*mib)
		plan := r.snapPlan(v, fmt.Sprintf("monday%d", step))
		r.Meanwhile(step, func() {
			ran++
			if _, err := r.Volumes().Update(r.Context(), v, r.granted(v, "node-a", domain.SingleWriter)); err != nil {
				r.Errorf("grant meanwhile: got %v, want no error", err)
			}
			if err := r.WriteImage(v.Row.Path, 0, []byte("data")); err != nil {
				r.Errorf("write meanwhile: got %v, want no error", err)
			}
		})
		_, err := r.Snapshots().Create(r.Context(), v, plan)
		r.Meanwhile(0, nil)
		if ran < step {
			r.must(err)
			break
		}
		r.kind(err, domain.Conflict)
		_, err = r.Snapshots().Find(r.Context(), plan.ID)
		r.kind(err, domain.NotFound)
	}
	if ran == 0 {
		r.Error("steps: got none, want the snapshot at least")
	}
}

func (r *rack) snapshotMisplanned() {
	v, other := r.made(r.facts.Copying, "web", 4*mib), r.made(r.facts.Copying, "db", 4*mib)
	r.refusesSnapshot(v, r.snapPlan(other, "monday"), domain.Invalid)
	plan := r.snapPlan(v, "monday")
	plan.Pool = r.facts.Plain
	r.refusesSnapshot(v, plan, domain.Invalid)
	plan = r.snapPlan(v, "monday")
	plan.Size += mib
	r.refusesSnapshot(v, plan, domain.Conflict)
}

func (r *rack) snapshotOnSickPool() {
	v := r.made(r.facts.Copying, "web", 4*mib)
	plan := r.snapPlan(v, "monday")
	for _, fault := range []PoolFault{{Unmounted: true}, {UUID: "another"}, {ReadOnly: true}} {
		r.must(r.SetPool(r.facts.Copying, fault))
		r.refusesSnapshot(v, plan, domain.Unreachable)
	}
}

func readSnapshotTests() []rackTest {
	return []rackTest{
		{"an absent snapshot is not found, and its delete is content", func(r *rack) {
			nobody := domain.SnapshotID{Array: r.facts.Name, Name: r.facts.Cluster.SnapshotName("nobody")}
			_, err := r.Snapshots().Find(r.Context(), nobody)
			r.kind(err, domain.NotFound)
			r.must(r.Snapshots().Delete(r.Context(), nobody))
		}},
		{"pages put together are the list, by name", (*rack).listSnapshots},
		{"while a pool that could hold it is not mounted nothing is said of an absent one", (*rack).readSnapshotsOnSickPool},
	}
}

func (r *rack) snapList(page ports.Page) []domain.Snapshot {
	r.Helper()
	list, err := r.Snapshots().List(r.Context(), page)
	r.must(err)
	return list
}

func (r *rack) listSnapshots() {
	same(r, "list of an empty array", len(r.snapList(ports.Page{})), 0)
	want := map[string]domain.Snapshot{}
	for _, name := range []string{"web", "db"} {
		v := r.made(r.facts.Copying, name, 4*mib)
		for _, day := range []string{"monday", "tuesday", "friday"} {
			s := r.snapped(v, name+day)
			want[s.ID.Name] = s
		}
	}
	all := r.snapList(ports.Page{})
	same(r, "length", len(all), len(want))
	for i, s := range all {
		same(r, "entry", s, want[s.ID.Name])
		if i > 0 && all[i-1].ID.Name >= s.ID.Name {
			r.Errorf("order: got %s before %s", all[i-1].ID.Name, s.ID.Name)
		}
	}
	for most := 1; most <= len(all)+1; most++ {
		var got []domain.Snapshot
		for after := ""; ; after = got[len(got)-1].ID.Name {
			r.bounded(len(got))
			page := r.snapList(ports.Page{After: after, Most: most})
			if len(page) == 0 {
				break
			}
			got = append(got, page...)
		}
		same(r, "pages", got, all)
	}
}

func (r *rack) readSnapshotsOnSickPool() {
	s := r.snapped(r.made(r.facts.Copying, "web", 4*mib), "monday")
	r.must(r.SetPool(r.facts.Plain, PoolFault{Unmounted: true})) // can not hold any
	same(r, "list", r.snapList(ports.Page{}), []domain.Snapshot{s})
	r.must(r.SetPool(r.facts.Copying, PoolFault{Unmounted: true}))
	r.unchanged(func() {
		_, err := r.Snapshots().List(r.Context(), ports.Page{})
		r.kind(err, domain.Unreachable)
		_, err = r.Snapshots().Find(r.Context(), s.ID)
		r.kind(err, domain.Unreachable)
		r.kind(r.Snapshots().Delete(r.Context(), s.ID), domain.Unreachable)
	})
}

func deleteSnapshotTests() []rackTest {
	return []rackTest{
		{"a deleted snapshot is gone, again is content, and its copies and source stay", (*rack).deleteSnapshot},
		{"its name can be used again", func(r *rack) {
			v := r.writtenTo("web", "one")
			r.must(r.Snapshots().Delete(r.Context(), r.snapped(v, "monday").ID))
			r.write(v.Row.Path, 0, "two")
			r.reads(r.restored(r.snapped(v, "monday"), "copy").Row.Path, 0, "two")
		}},
	}
}

func (r *rack) deleteSnapshot() {
	v := r.writtenTo("web", "text")
	before := r.world()
	keep := r.snapped(v, "tuesday")
	s := r.snapped(v, "monday")
	c := r.restored(s, "copy")
	r.must(r.Snapshots().Delete(r.Context(), s.ID))
	_, err := r.Snapshots().Find(r.Context(), s.ID)
	r.kind(err, domain.NotFound)
	r.unchanged(func() { r.must(r.Snapshots().Delete(r.Context(), s.ID)) })
	same(r, "list", r.snapList(ports.Page{}), []domain.Snapshot{keep})
	r.reads(c.Row.Path, 0, "text")
	r.reads(v.Row.Path, 0, "text")
	r.must(r.Snapshots().Delete(r.Context(), keep.ID))
	r.must(r.Volumes().Delete(r.Context(), r.condemned(c)))
	same(r, "disks", r.world().Disks, before.Disks)
}
