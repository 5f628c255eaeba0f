package porttest

import (
	"fmt"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

func deleteTests() []rackTest {
	return []rackTest{
		{"a deleted volume leaves neither disk nor image nor place, and its room is free", (*rack).deleteWhole},
		{"a repeated delete is content", (*rack).deleteAgain},
		{"a volume that never was is content", func(r *rack) {
			r.must(r.Volumes().Delete(r.Context(), domain.Volume{ID: r.id(string(r.facts.Cluster.Slot("nobody")))}))
		}},
		{"what a delete or create that was cut off left goes without its disk", (*rack).deleteRest},
		{"an image without a disk is removed from every pool", (*rack).deleteOrphan},
		{"snapshots and copies of a deleted volume stay", (*rack).deleteSource},
		{"a slot called like one of our directories takes nothing with it", (*rack).deleteDirectories},
		{"an adopted image is removed where it lies", (*rack).deleteAdopted},
		{"an adopted image that another disk uses stays", (*rack).deleteShared},
	}
}

func (r *rack) deleteWhole() {
	for _, pool := range []string{r.facts.Copying, r.facts.Plain} {
		before := r.pool(pool)
		keep := r.made(pool, "keep "+pool, 4*mib)
		r.write(keep.Row.Path, 0, "kept")
		v := r.held(r.made(pool, "on "+pool, 8*mib), "node-a")
		r.write(v.Row.Path, 0, "gone")
		v = r.condemned(r.updated(v, r.revoked(v, "")))
		same(r, "state", v.Record.State, domain.Deleting)
		r.must(r.Volumes().Delete(r.Context(), v))
		r.gone(v.ID)
		same(r, "another volume", r.found(keep.ID), keep)
		r.reads(keep.Row.Path, 0, "kept")
		r.must(r.Volumes().Delete(r.Context(), r.condemned(keep)))
		same(r, "pool", r.pool(pool), before)
		v = r.made(pool, "on "+pool, 8*mib)
		r.zero(v.Row.Path, 0, v.Row.Size)
	}
}

func (r *rack) deleteAgain() {
	v := r.condemned(r.made(r.facts.Copying, "web", 4*mib))
	r.must(r.Volumes().Delete(r.Context(), v))
	r.unchanged(func() {
		r.must(r.Volumes().Delete(r.Context(), v))
		r.must(r.Volumes().Delete(r.Context(), domain.Volume{ID: v.ID}))
	})
}

// deleteRest cuts creates and deletes after each step and deletes what is there
// as the application does: by what it finds.
func (r *rack) deleteRest() {
	for _, pool := range []string{r.facts.Copying, r.facts.Plain} {
		r.restOf(pool+" create", func(name string) (domain.VolumeID, error) {
			plan := r.blank(pool, name, 4*mib)
			return plan.ID, r.cutCreate(plan)
		})
		r.restOf(pool+" delete", func(name string) (domain.VolumeID, error) {
			v := r.condemned(r.made(pool, name, 4*mib))
			return v.ID, r.cut(func() error { return r.Volumes().Delete(r.Context(), v) })
		})
	}
	source := r.writtenTo("source", "text")
	r.restOf("copy", func(name string) (domain.VolumeID, error) {
		plan := r.clone(source, name, 6*mib)
		return plan.ID, r.cutCreate(plan)
	})
}

// restOf cuts do after its first step, its second and so on.
func (r *rack) restOf(what string, do func(name string) (domain.VolumeID, error)) {
	r.Helper()
	for step := 1; ; step++ {
		r.bounded(step)
		r.cutAt = step
		id, err := do(fmt.Sprintf("%s %d", what, step))
		if err == nil {
			if step == 1 {
				r.Fatalf("%s: got no step, want one at least", what)
			}
			return
		}
		r.kind(err, domain.Unreachable)
		v, err := r.Volumes().Find(r.Context(), id)
		switch {
		case err != nil:
			r.kind(err, domain.NotFound)
			v = domain.Volume{ID: id}
		case v.Record.State != domain.Deleting:
			v = r.condemned(v)
		}
		r.must(r.Volumes().Delete(r.Context(), v))
		r.gone(id)
	}
}

// cut runs do on a line that is cut after the step that is on.
func (r *rack) cut(do func() error) error {
	r.Silence(Outage{When: During, Step: r.cutAt})
	defer r.Speak()
	return do()
}

func (r *rack) cutCreate(plan domain.Plan) error {
	return r.cut(func() error {
		_, err := r.Volumes().Create(r.Context(), plan)
		return err
	})
}

func (r *rack) deleteOrphan() {
	for _, pool := range []string{r.facts.Copying, r.facts.Plain} {
		v := r.made(pool, "on "+pool, 4*mib)
		r.must(r.RemoveDisk(v.ID.Slot))
		r.must(r.Volumes().Delete(r.Context(), domain.Volume{ID: v.ID}))
		r.gone(v.ID)
	}
}

func (r *rack) deleteSource() {
	v := r.writtenTo("web", "text")
	s := r.snapped(v, "monday")
	clone := r.create(r.clone(v, "clone", 4*mib))
	r.must(r.Volumes().Delete(r.Context(), r.condemned(v)))
	r.gone(v.ID)
	r.must(r.Volumes().Delete(r.Context(), domain.Volume{ID: v.ID}))
	got, err := r.Snapshots().Find(r.Context(), s.ID)
	r.must(err)
	same(r, "snapshot", got, s)
	r.reads(clone.Row.Path, 0, "text")
	plan := r.plan(s.Pool, "restore", 4*mib, s.Copied())
	r.whole(r.create(plan), plan, "text")
}

func (r *rack) deleteDirectories() {
	v := r.writtenTo("web", "text")
	s := r.snapped(v, "monday")
	r.unchanged(func() {
		for _, slot := range []string{"snapshots", "making", "volume.img", "a", string(s.ID.Name), s.Entry()} {
			r.must(r.Volumes().Delete(r.Context(), domain.Volume{ID: r.id(slot)}))
		}
	})
}

func (r *rack) deleteAdopted() {
	for _, pool := range []string{r.facts.Copying, r.facts.Plain} {
		v := r.adopted("old-"+pool, pool)
		path := v.Row.Path
		r.must(r.Volumes().Delete(r.Context(), r.condemned(v)))
		r.gone(v.ID)
		for _, p := range r.world().Paths {
			if p == path {
				r.Errorf("image: got %s, want none", path)
			}
		}
	}
}

func (r *rack) deleteShared() {
	v := r.adopted("old-disk", r.facts.Plain)
	r.write(v.Row.Path, 0, "shared")
	r.must(r.AddDisk(Disk{Slot: "other-disk", Path: v.Row.Path, Size: v.Row.Size}))
	r.must(r.Volumes().Delete(r.Context(), r.condemned(v)))
	r.reads(v.Row.Path, 0, "shared")
	same(r, "the other disk", r.disk("other-disk").Path, v.Row.Path)
}

func refusedDeleteTests() []rackTest {
	return []rackTest{
		{"a volume that is not in state deleting is invalid", (*rack).deleteReady},
		{"an exported volume is invalid", func(r *rack) {
			v := r.condemned(r.made(r.facts.Plain, "web", 4*mib))
			r.must(r.Edit(v.ID.Slot, func(d *Disk) { d.Export, d.NQN = true, "nqn.2000-02.com.mikrotik:by-hand" }))
			r.refusesDelete(r.found(v.ID), domain.Invalid)
		}},
		{"a stale record is a conflict", func(r *rack) {
			old := r.condemned(r.made(r.facts.Plain, "web", 4*mib))
			r.updated(old, r.touched(old))
			r.refusesDelete(old, domain.Conflict)
		}},
		{"a volume of no standing that has a disk is a conflict", func(r *rack) {
			v := r.condemned(r.made(r.facts.Plain, "web", 4*mib))
			r.refusesDelete(domain.Volume{ID: v.ID}, domain.Conflict)
		}},
		{"a late delete does not hit a newer volume of that name", (*rack).deleteLate},
		{"a pool that is not mounted is silence, with a disk and without", (*rack).deleteOnSickPool},
		{"nothing is gone while a pool that could hold it is not mounted", (*rack).deleteAbsentOnSickPool},
		{"a place that another disk uses is data at risk", (*rack).deleteUsed},
		{"what is left of an adopted volume is not removed", (*rack).deleteAdoptedRest},
		{"a volume that is made while an older one is removed keeps its image", (*rack).deleteMeanwhile},
	}
}

func (r *rack) refusesDelete(v domain.Volume, want domain.Kind) {
	r.Helper()
	r.unchanged(func() { r.kind(r.Volumes().Delete(r.Context(), v), want) })
}

func (r *rack) deleteReady() {
	v := r.made(r.facts.Plain, "web", 4*mib)
	r.refusesDelete(v, domain.Invalid)
	lying := v
	lying.Record.State = domain.Deleting
	r.refusesDelete(lying, domain.Invalid)
	r.refusesDelete(r.held(v, "node-a"), domain.Invalid)
}

func (r *rack) deleteLate() {
	old := r.condemned(r.made(r.facts.Plain, "web", 4*mib))
	r.must(r.Volumes().Delete(r.Context(), old))
	v := r.made(r.facts.Plain, "web", 4*mib)
	r.refusesDelete(old, domain.Conflict)
	r.refusesDelete(domain.Volume{ID: old.ID}, domain.Conflict)
	r.condemned(v)
	r.refusesDelete(old, domain.Conflict)
}

func (r *rack) deleteOnSickPool() {
	for _, pool := range []string{r.facts.Copying, r.facts.Plain} {
		v := r.condemned(r.made(pool, "on "+pool, 4*mib))
		for _, fault := range []PoolFault{{Unmounted: true}, {UUID: "another"}, {ReadOnly: true}} {
			r.must(r.SetPool(pool, fault))
			r.refusesDelete(v, domain.Unreachable)
		}
		r.must(r.SetPool(pool, PoolFault{}))
		r.must(r.RemoveDisk(v.ID.Slot))
		for _, fault := range []PoolFault{{Unmounted: true}, {ReadOnly: true}} {
			r.must(r.SetPool(pool, fault))
			r.refusesDelete(v, domain.Unreachable)
			r.refusesDelete(domain.Volume{ID: v.ID}, domain.Unreachable)
		}
		r.must(r.SetPool(pool, PoolFault{}))
		r.must(r.Volumes().Delete(r.Context(), v))
		r.gone(v.ID)
	}
}

func (r *rack) deleteAbsentOnSickPool() {
	v := r.condemned(r.made(r.facts.Plain, "web", 4*mib))
	r.must(r.Volumes().Delete(r.Context(), v))
	for _, pool := range []string{r.facts.Copying, r.facts.Plain} {
		r.must(r.SetPool(pool, PoolFault{Unmounted: true}))
		r.refusesDelete(v, domain.Unreachable)
		r.refusesDelete(domain.Volume{ID: v.ID}, domain.Unreachable)
		r.must(r.SetPool(pool, PoolFault{}))
	}
	r.must(r.Volumes().Delete(r.Context(), v))
}

func (r *rack) deleteUsed() {
	for _, pool := range []string{r.facts.Copying, r.facts.Plain} {
		v := r.condemned(r.made(pool, "on "+pool, 4*mib))
		r.must(r.AddDisk(Disk{Slot: "user-of-" + pool, Path: v.Row.Path, Size: v.Row.Size}))
		r.refusesDelete(v, domain.DataAtRisk)
		r.must(r.RemoveDisk(v.ID.Slot))
		r.refusesDelete(v, domain.DataAtRisk)
		r.refusesDelete(domain.Volume{ID: v.ID}, domain.DataAtRisk)
	}
}

func (r *rack) deleteAdoptedRest() {
	v := r.condemned(r.adopted("old-disk", r.facts.Plain))
	r.write(v.Row.Path, 0, "left")
	r.must(r.RemoveDisk(v.ID.Slot))
	r.refusesDelete(v, domain.DataAtRisk)
	r.unchanged(func() { r.must(r.Volumes().Delete(r.Context(), domain.Volume{ID: v.ID})) })
	r.reads(v.Row.Path, 0, "left")
}

// deleteMeanwhile makes a volume between any two steps of the removal of what an
// older one of that name left.
func (r *rack) deleteMeanwhile() {
	ran := true
	for step := 1; ran; step++ {
		r.bounded(step)
		ran = false
		name := fmt.Sprintf("web%d", step)
		old := r.made(r.facts.Copying, name, 4*mib)
		r.must(r.RemoveDisk(old.ID.Slot))
		plan := r.blank(r.facts.Copying, name, 4*mib)
		r.Meanwhile(step, func() {
			ran = true
			_, err := r.Volumes().Create(r.Context(), plan)
			if err != nil && !domain.Is(err, domain.DataAtRisk) {
				r.Errorf("create meanwhile: got %v, want no error, or data at risk while the old image is there", err)
			}
		})
		err := r.Volumes().Delete(r.Context(), domain.Volume{ID: old.ID})
		r.Meanwhile(0, nil)
		if err != nil && !domain.Is(err, domain.Conflict) {
			r.kind(err, domain.DataAtRisk)
		}
		v, err := r.Volumes().Find(r.Context(), old.ID)
		if err != nil {
			r.kind(err, domain.NotFound)
			continue
		}
		r.zero(v.Row.Path, 0, v.Row.Size)
		r.held(v, "node-a")
	}
}
