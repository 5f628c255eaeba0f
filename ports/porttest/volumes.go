package porttest

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
	"git.srvlab.io/whiskey/rds-csi-driver/ports"
)

// Volumes runs the contract of ports.Volumes. open returns an array of its own
// for each test; tests run at once.
func Volumes(t *testing.T, open func(*testing.T) Array) {
	t.Run("Create", func(t *testing.T) { runRack(t, open, createTests()) })
	t.Run("Create refuses", func(t *testing.T) { runRack(t, open, refusedCreateTests()) })
	t.Run("Copy", func(t *testing.T) { runRack(t, open, copyTests()) })
	t.Run("Copy refuses", func(t *testing.T) { runRack(t, open, refusedCopyTests()) })
	t.Run("Find and List", func(t *testing.T) { runRack(t, open, readTests()) })
	t.Run("Update", func(t *testing.T) { runRack(t, open, updateTests()) })
	t.Run("Update refuses", func(t *testing.T) { runRack(t, open, refusedUpdateTests()) })
	t.Run("Grow", func(t *testing.T) { runRack(t, open, growTests()) })
	t.Run("Delete", func(t *testing.T) { runRack(t, open, deleteTests()) })
	t.Run("Delete refuses", func(t *testing.T) { runRack(t, open, refusedDeleteTests()) })
	t.Run("Adopt", func(t *testing.T) { runRack(t, open, adoptTests()) })
	t.Run("Strangers", func(t *testing.T) { runRack(t, open, strangerTests()) })
	t.Run("Silence", func(t *testing.T) { runSilence(t, open, volumeVerbs()) })
	t.Run("Context", func(t *testing.T) { runContext(t, open, volumeVerbs()) })
}

const mib = domain.MiB

func createTests() []rackTest {
	return []rackTest{
		{"a new volume has the planned record and size, no export, and reads as zeros", (*rack).createBlank},
		{"a size is kept to the byte", (*rack).createExact},
		{"a repeated create returns the volume as it is by now", (*rack).createAgain},
		{"a create for a taken slot returns what is there and changes nothing", (*rack).createOther},
		{"what has no record of ours is returned, not changed", (*rack).createOverStrangers},
		{"creates of one name at once make one volume", (*rack).createRace},
		{"creates of different names at once make them all", (*rack).createMany},
		{"the last byte of the room can be taken", (*rack).createFits},
		{"overcommit lets more be promised than there is", (*rack).createOvercommitted},
	}
}

func (r *rack) createBlank() {
	for _, pool := range []string{r.facts.Copying, r.facts.Plain} {
		plan := r.blank(pool, "on "+pool, 5*mib)
		got, err := r.Volumes().Create(r.Context(), plan)
		r.must(err)
		same(r, "id", got.ID, plan.ID)
		r.recorded(got, plan.Record)
		same(r, "size", got.Row.Size, plan.Record.Size)
		same(r, "export", got.Row.Export, domain.Export{})
		r.zero(got.Row.Path, 0, got.Row.Size)
		same(r, "found", r.found(plan.ID), got)
	}
	same(r, "exports", r.world().Exports, map[string]Shown{})
}

func (r *rack) createExact() {
	for _, size := range []domain.Size{4 * domain.KiB, 3*mib + 4*domain.KiB, 5*domain.GiB/2 + 12*domain.KiB} {
		for _, pool := range []string{r.facts.Copying, r.facts.Plain} {
			v := r.made(pool, pool+size.String(), size)
			same(r, "size", v.Row.Size, size)
			same(r, "disk", r.disk(v.ID.Slot).Size, size)
		}
	}
}

func (r *rack) createAgain() {
	plan := r.blank(r.facts.Copying, "web", 4*mib)
	first, err := r.Volumes().Create(r.Context(), plan)
	r.must(err)
	again, err := r.Volumes().Create(r.Context(), plan)
	r.must(err)
	same(r, "second answer", again, first)
	held := r.held(first, "node-a")
	again, err = r.Volumes().Create(r.Context(), plan)
	r.must(err)
	same(r, "third answer", again, held)
}

func (r *rack) createOther() {
	v := r.held(r.made(r.facts.Copying, "web", 4*mib), "node-a")
	r.write(v.Row.Path, 0, "mine")
	r.unchanged(func() {
		for _, pool := range []string{r.facts.Copying, r.facts.Plain} {
			got, err := r.Volumes().Create(r.Context(), r.blank(pool, "web", 8*mib))
			r.must(err)
			same(r, "what is there", got, v)
		}
	})
	r.reads(v.Row.Path, 0, "mine")
	gone := r.condemned(r.updated(v, r.revoked(v, "")))
	got, err := r.Volumes().Create(r.Context(), r.blank(r.facts.Copying, "web", 4*mib))
	r.must(err)
	same(r, "volume being deleted", got, gone)
}

func (r *rack) createOverStrangers() {
	for _, s := range r.addStrangers() {
		plan := r.blank(r.facts.Copying, s.name, 4*mib)
		plan.ID = r.id(s.disk.Slot)
		r.unchanged(func() {
			got, err := r.Volumes().Create(r.Context(), plan)
			r.must(err)
			same(r, s.name+": standing", got.Standing, s.standing)
			same(r, s.name+": comment", got.Row.Comment, s.disk.Comment)
		})
	}
}

func (r *rack) createRace() {
	const callers = 8
	var plans [callers]domain.Plan
	for i := range plans {
		plans[i] = r.blank(r.facts.Copying, "web", 4*mib)
	}
	var got [callers]domain.Volume
	var errs [callers]error
	var wg sync.WaitGroup
	for i, plan := range plans {
		wg.Go(func() { got[i], errs[i] = r.Volumes().Create(r.Context(), plan) })
	}
	wg.Wait()
	for i := range got {
		if domain.Is(errs[i], domain.Conflict) {
			continue // it lost: read again
		}
		r.must(errs[i])
		same(r, "what a caller got", got[i], r.found(plans[0].ID))
	}
	same(r, "disks", len(r.world().Disks), 1)
}

func (r *rack) createMany() {
	const count = 24
	var plans [count]domain.Plan
	for i := range plans {
		pool := []string{r.facts.Copying, r.facts.Plain}[i%2]
		plans[i] = r.blank(pool, string(rune('a'+i)), 4*mib)
	}
	var errs [count]error
	var wg sync.WaitGroup
	for i, plan := range plans {
		wg.Go(func() { _, errs[i] = r.Volumes().Create(r.Context(), plan) })
	}
	wg.Wait()
	for i, plan := range plans {
		r.must(errs[i])
		r.recorded(r.found(plan.ID), plan.Record)
	}
}

func (r *rack) createFits() {
	for _, pool := range []string{r.facts.Copying, r.facts.Plain} {
		r.made(pool, "first on "+pool, 3*mib)
		p := r.pool(pool)
		plan := r.blank(pool, "rest of "+pool, 0)
		plan.Room = domain.DefaultRoom()
		left := plan.Room.Left(p)
		plan.Record.Size = left + 1
		r.unchanged(func() {
			_, err := r.Volumes().Create(r.Context(), plan)
			r.kind(err, domain.Exhausted)
		})
		plan.Record.Size = left
		v, err := r.Volumes().Create(r.Context(), plan)
		r.must(err)
		same(r, "size", v.Row.Size, left)
		none := r.withRoom(r.blank(pool, "none for "+pool, 4*domain.KiB), domain.DefaultRoom())
		_, err = r.Volumes().Create(r.Context(), none)
		r.kind(err, domain.Exhausted)
	}
}

func (r *rack) withRoom(p domain.Plan, room domain.Room) domain.Plan {
	p.Room = room
	return p
}

func (r *rack) createOvercommitted() {
	half := r.pool(r.facts.Copying).Total/2 + mib
	twice := domain.Room{Overcommit: 2}
	for _, name := range []string{"a", "b", "c"} {
		_, err := r.Volumes().Create(r.Context(), r.withRoom(r.blank(r.facts.Copying, name, half), twice))
		r.must(err)
	}
	_, err := r.Volumes().Create(r.Context(), r.withRoom(r.blank(r.facts.Copying, "d", half), twice))
	r.kind(err, domain.Exhausted)
	half = r.pool(r.facts.Plain).Total/2 + mib
	_, err = r.Volumes().Create(r.Context(), r.withRoom(r.blank(r.facts.Plain, "e", half), twice))
	r.must(err)
	_, err = r.Volumes().Create(r.Context(), r.withRoom(r.blank(r.facts.Plain, "f", half), twice))
	r.kind(err, domain.Exhausted) // what is allocated at once can not be promised twice
}

func refusedCreateTests() []rackTest {
	return []rackTest{
		{"an image without a disk is data at risk and stays", (*rack).createOverImage},
		{"an image that was ever exported is not taken for the rest of a create", (*rack).createOverExported},
		{"a pool that is not mounted, replaced or read-only is silence", (*rack).createOnSickPool},
		{"a pool that others have filled is exhausted", (*rack).createOnFullPool},
		{"a slot that is not of our shape is invalid", func(r *rack) {
			plan := r.blank(r.facts.Copying, "web", 4*mib)
			plan.ID.Slot = "snapshots"
			r.refusesCreate(plan, domain.Invalid)
		}},
		{"a pool that is not configured is invalid", func(r *rack) {
			plan := r.blank(r.facts.Copying, "web", 4*mib)
			plan.Record.Pool = "elsewhere"
			r.refusesCreate(plan, domain.Invalid)
		}},
		{"a record that would not be ours is invalid", func(r *rack) {
			plan := r.blank(r.facts.Copying, "web", 4*mib)
			plan.Record.Owner = domain.ClusterID("another-cluster").Owner()
			r.refusesCreate(plan, domain.Invalid)
		}},
	}
}

func (r *rack) refusesCreate(plan domain.Plan, want domain.Kind) {
	r.Helper()
	r.unchanged(func() {
		_, err := r.Volumes().Create(r.Context(), plan)
		r.kind(err, want)
	})
}

func (r *rack) createOverImage() {
	for _, pool := range []string{r.facts.Copying, r.facts.Plain} {
		v := r.made(pool, "on "+pool, 4*mib)
		r.write(v.Row.Path, mib, "precious")
		r.must(r.RemoveDisk(v.ID.Slot))
		for _, other := range []string{r.facts.Copying, r.facts.Plain} {
			r.refusesCreate(r.blank(other, "on "+pool, 4*mib), domain.DataAtRisk)
		}
		r.must(r.Reboot())
		r.refusesCreate(r.blank(pool, "on "+pool, 4*mib), domain.DataAtRisk)
		r.reads(v.Row.Path, mib, "precious")
		r.must(r.Volumes().Delete(r.Context(), domain.Volume{ID: v.ID}))
		v = r.made(pool, "on "+pool, 4*mib)
		r.zero(v.Row.Path, 0, v.Row.Size)
	}
}

// createOverExported cuts creates after each step, gives what they made to a node
// without creating again, and lets the disk be removed by hand.
func (r *rack) createOverExported() {
	seen := 0
	for step := 1; ; step++ {
		r.bounded(step)
		plan := r.blank(r.facts.Copying, fmt.Sprintf("web%d", step), 4*mib)
		r.cutAt = step
		if r.cutCreate(plan) == nil {
			break
		}
		v, err := r.Volumes().Find(r.Context(), plan.ID)
		if err != nil {
			continue
		}
		seen++
		v = r.held(v, "node-a")
		r.write(v.Row.Path, 0, "precious")
		r.must(r.RemoveDisk(v.ID.Slot))
		r.refusesCreate(plan, domain.DataAtRisk)
		r.reads(v.Row.Path, 0, "precious")
	}
	if seen == 0 {
		r.Error("creates cut off that made a disk: got none, want one at least")
	}
}

func (r *rack) createOnSickPool() {
	for _, pool := range []string{r.facts.Copying, r.facts.Plain} {
		plan := r.blank(pool, "on "+pool, 4*mib)
		for _, fault := range []PoolFault{{Unmounted: true}, {UUID: "another"}, {ReadOnly: true}} {
			r.must(r.SetPool(pool, fault))
			r.refusesCreate(plan, domain.Unreachable)
		}
		r.must(r.SetPool(pool, PoolFault{}))
		_, err := r.Volumes().Create(r.Context(), plan)
		r.must(err)
	}
}

func (r *rack) createOnFullPool() {
	for _, pool := range []string{r.facts.Copying, r.facts.Plain} {
		plan := r.withRoom(r.blank(pool, "on "+pool, 4*mib), domain.DefaultRoom())
		r.must(r.SetPool(pool, PoolFault{Taken: r.pool(pool).Total}))
		r.refusesCreate(plan, domain.Exhausted)
	}
}

func readTests() []rackTest {
	return []rackTest{
		{"an absent volume is not found", func(r *rack) {
			_, err := r.Volumes().Find(r.Context(), r.id("nobody"))
			r.kind(err, domain.NotFound)
		}},
		{"a disk is found whatever its standing", (*rack).findStrangers},
		{"a list has what carries a record of ours, or should, by slot", (*rack).listStanding},
		{"pages put together are the list", (*rack).listPages},
		{"a reboot changes nothing", (*rack).surviveReboot},
	}
}

func (r *rack) findStrangers() {
	for _, s := range r.addStrangers() {
		v := r.found(r.id(s.disk.Slot))
		same(r, s.name+": standing", v.Standing, s.standing)
		same(r, s.name+": record", v.Record, domain.Record{})
		same(r, s.name+": row", v.Row, domain.Row{
			Comment: s.disk.Comment, Size: s.disk.Size, Path: r.disk(v.ID.Slot).Path, NQN: s.disk.NQN,
			Export: domain.Export{On: s.disk.Export, Host: s.disk.Host},
		})
	}
}

// population makes volumes, strangers among them, and returns what a list must
// show.
func (r *rack) population() []domain.Volume {
	r.Helper()
	var want []domain.Volume
	for _, s := range r.addStrangers() {
		if s.standing != domain.NotOurs {
			want = append(want, r.found(r.id(s.disk.Slot)))
		}
	}
	for _, name := range []string{"web", "db", "queue", "mail"} {
		want = append(want, r.made(r.facts.Copying, name, 4*mib))
	}
	slices.SortFunc(want, func(a, b domain.Volume) int {
		if a.ID.Slot < b.ID.Slot {
			return -1
		}
		return 1
	})
	return want
}

func (r *rack) list(page ports.Page) []domain.Volume {
	r.Helper()
	list, err := r.Volumes().List(r.Context(), page)
	r.must(err)
	return list
}

func (r *rack) listStanding() {
	same(r, "list of an empty array", len(r.list(ports.Page{})), 0)
	want := r.population()
	same(r, "list", r.list(ports.Page{}), want)
	same(r, "long page", r.list(ports.Page{Most: 1000}), want)
}

func (r *rack) listPages() {
	want := r.population()
	for most := 1; most <= len(want); most++ {
		var got []domain.Volume
		for after := ""; ; after = string(got[len(got)-1].ID.Slot) {
			r.bounded(len(got))
			page := r.list(ports.Page{After: after, Most: most})
			if len(page) == 0 {
				break
			}
			if len(page) > most {
				r.Fatalf("page: got %d entries, want at most %d", len(page), most)
			}
			got = append(got, page...)
		}
		same(r, "pages", got, want)
	}
	between := string(want[1].ID.Slot) + "-and-a-bit"
	same(r, "after a name that is not there", r.list(ports.Page{After: between}), want[2:])
	same(r, "after the last", len(r.list(ports.Page{After: "zzz"})), 0)
}

func (r *rack) surviveReboot() {
	want := r.population()
	for i, v := range want {
		if v.Standing == domain.Ours {
			want[i] = r.held(v, "node-a")
			r.write(want[i].Row.Path, 0, "text of "+v.Record.Name)
		}
	}
	r.unchanged(func() { r.must(r.Reboot()) })
	same(r, "list", r.list(ports.Page{}), want)
	for _, v := range want {
		if v.Standing == domain.Ours {
			r.reads(v.Row.Path, 0, "text of "+v.Record.Name)
		}
	}
}
