package porttest

import (
	"strings"
	"time"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

func adoptTests() []rackTest {
	return []rackTest{
		{"a foreign disk becomes a volume where it lies, its bytes untouched", (*rack).adoptForeign},
		{"a repeated adoption answers as the first did", (*rack).adoptAgain},
		{"an adopted volume can be held, grown and revoked", (*rack).adoptedLife},
		{"a disk whose comment changed is a conflict, an absent one not found", (*rack).adoptStale},
		{"an exported disk, and one that is no file, are invalid", (*rack).adoptUnfit},
		{"a disk that carries any record is invalid", (*rack).adoptRecords},
		{"a record that does not tell what is there is invalid", (*rack).adoptLie},
		{"a disk on a pool that is not mounted or replaced is silence", (*rack).adoptOnSickPool},
	}
}

// foreign adds a disk of somebody's with a text in its image.
func (r *rack) foreign(slot, pool string) domain.Volume {
	r.Helper()
	path := "/" + pool + "/by-hand/" + slot + ".img"
	r.must(r.AddDisk(Disk{Slot: slot, Comment: "made by hand", Size: 5 * mib, Path: path}))
	v := r.found(r.id(slot))
	r.write(v.Row.Path, mib, "somebody's")
	return v
}

// adoption returns v with the record it would get.
func (r *rack) adoption(v domain.Volume, pool string) domain.Volume {
	r.Helper()
	v.Standing = domain.Ours
	v.Record = domain.Record{
		Owner: r.facts.Cluster.Owner(), Name: string(v.ID.Slot), Size: v.Row.Size, Access: domain.Block,
		Pool: pool, PoolUUID: r.pool(pool).UUID, Content: domain.Foreign, State: domain.Ready,
		Origin:  domain.Origin{Kind: domain.Adopted, Name: string(v.ID.Slot)},
		Created: r.now.UTC().Truncate(time.Second), Nonce: r.nonce(),
	}
	return v
}

func (r *rack) adopted(slot, pool string) domain.Volume {
	r.Helper()
	v := r.foreign(slot, pool)
	got, err := r.Volumes().Adopt(r.Context(), v, r.adoption(v, pool))
	r.must(err)
	return got
}

func (r *rack) adoptForeign() {
	for _, pool := range []string{r.facts.Copying, r.facts.Plain} {
		old := r.foreign("old-"+pool, pool)
		next := r.adoption(old, pool)
		got, err := r.Volumes().Adopt(r.Context(), old, next)
		r.must(err)
		same(r, "standing", got.Standing, domain.Ours)
		r.recorded(got, next.Record)
		same(r, "path", got.Row.Path, old.Row.Path)
		same(r, "size", got.Row.Size, old.Row.Size)
		same(r, "found", r.found(old.ID), got)
		r.reads(got.Row.Path, mib, "somebody's")
	}
}

func (r *rack) adoptAgain() {
	old := r.foreign("old-disk", r.facts.Plain)
	next := r.adoption(old, r.facts.Plain)
	first, err := r.Volumes().Adopt(r.Context(), old, next)
	r.must(err)
	r.unchanged(func() {
		again, err := r.Volumes().Adopt(r.Context(), old, next)
		r.must(err)
		same(r, "second answer", again, first)
	})
}

func (r *rack) adoptedLife() {
	v := r.held(r.adopted("old-disk", r.facts.Plain), "node-a")
	r.shows(v)
	v, err := r.Volumes().Grow(r.Context(), v, r.grown(v, 8*mib), room())
	r.must(err)
	r.reads(v.Row.Path, mib, "somebody's")
	r.shows(r.updated(v, r.revoked(v, "")))
}

func (r *rack) refusesAdopt(old, next domain.Volume, want domain.Kind) {
	r.Helper()
	r.unchanged(func() {
		_, err := r.Volumes().Adopt(r.Context(), old, next)
		r.kind(err, want)
	})
}

func (r *rack) adoptStale() {
	old := r.foreign("old-disk", r.facts.Plain)
	r.must(r.Edit(old.ID.Slot, func(d *Disk) { d.Comment = "mine now" }))
	r.refusesAdopt(old, r.adoption(old, r.facts.Plain), domain.Conflict)
	r.must(r.RemoveDisk(old.ID.Slot))
	r.refusesAdopt(old, r.adoption(old, r.facts.Plain), domain.NotFound)
}

func (r *rack) adoptUnfit() {
	old := r.foreign("old-disk", r.facts.Plain)
	next := r.adoption(old, r.facts.Plain)
	r.must(r.Edit(old.ID.Slot, func(d *Disk) { d.Export, d.NQN = true, "nqn.2026-09.com.mikrotik:rds.old" }))
	r.refusesAdopt(old, next, domain.Invalid)
	r.refusesAdopt(r.found(old.ID), next, domain.Invalid)
	r.must(r.Edit(old.ID.Slot, func(d *Disk) { d.Export = false }))
	r.must(r.AddDisk(Disk{Slot: "nvme1", Type: "hardware", Size: domain.GiB}))
	hardware := r.found(r.id("nvme1"))
	r.refusesAdopt(hardware, r.adoption(hardware, r.facts.Plain), domain.Invalid)
}

func (r *rack) adoptRecords() {
	for _, s := range r.addStrangers() {
		v := r.found(r.id(s.disk.Slot))
		pool := strings.Split(v.Row.Path, "/")[1]
		if s.standing != domain.NotOurs || s.name == anotherClusters {
			r.refusesAdopt(v, r.adoption(v, pool), domain.Invalid)
		}
	}
	v := r.made(r.facts.Plain, "web", 4*mib)
	r.refusesAdopt(v, r.adoption(v, r.facts.Plain), domain.Invalid)
}

func (r *rack) adoptLie() {
	old := r.foreign("old-disk", r.facts.Plain)
	for _, edit := range []func(*domain.Record){
		func(x *domain.Record) { x.Content = domain.Blank },
		func(x *domain.Record) { x.Size += mib },
		func(x *domain.Record) { x.Size -= mib },
		func(x *domain.Record) { x.Pool = r.facts.Copying },
		func(x *domain.Record) { x.Origin = domain.Origin{} },
		func(x *domain.Record) { x.Owner = domain.ClusterID("another-cluster").Owner() },
	} {
		next := r.adoption(old, r.facts.Plain)
		edit(&next.Record)
		r.refusesAdopt(old, next, domain.Invalid)
	}
	granted := r.granted(r.adoption(old, r.facts.Plain), "node-a", domain.SingleWriter)
	r.refusesAdopt(old, granted, domain.Invalid)
}

func (r *rack) adoptOnSickPool() {
	old := r.foreign("old-disk", r.facts.Plain)
	next := r.adoption(old, r.facts.Plain)
	for _, fault := range []PoolFault{{Unmounted: true}, {UUID: "another"}} {
		r.must(r.SetPool(r.facts.Plain, fault))
		r.refusesAdopt(old, next, domain.Unreachable)
	}
}

func strangerTests() []rackTest {
	return []rackTest{
		{"no verb changes a disk that is not ours, whatever it is told", (*rack).sparesStrangers},
		{"a record that is damaged while the volume is held is not written", (*rack).sparesDamaged},
	}
}

func (r *rack) sparesStrangers() {
	model := r.made(r.facts.Plain, "model", 4*mib)
	held := r.granted(model, "node-a", domain.SingleWriter).Record
	dying, err := model.Condemn(r.nonce())
	r.must(err)
	for _, s := range r.addStrangers() {
		seen := r.found(r.id(s.disk.Slot))
		spoofed := seen
		spoofed.Standing, spoofed.Record = domain.Ours, model.Record
		for _, v := range []domain.Volume{seen, spoofed} {
			next := spoofed
			next.Record = held
			r.refusesUpdate(v, next, domain.DataAtRisk)
			next.Record = r.touched(model).Record
			r.refusesUpdate(v, next, domain.DataAtRisk)
			r.refusesGrow(v, r.grown(next, 8*mib), domain.DataAtRisk)
			r.refusesDelete(v, domain.DataAtRisk)
			v.Standing, v.Record = domain.Ours, dying.Record
			r.refusesDelete(v, domain.DataAtRisk)
		}
	}
}

func (r *rack) sparesDamaged() {
	v := r.held(r.made(r.facts.Plain, "web", 4*mib), "node-a")
	r.must(r.Edit(v.ID.Slot, func(d *Disk) { d.Comment += " (do not delete)" }))
	same(r, "standing", r.found(v.ID).Standing, domain.Damaged)
	r.refusesUpdate(v, r.revoked(v, ""), domain.DataAtRisk)
	r.refusesDelete(v, domain.DataAtRisk)
	r.refusesGrow(v, r.grown(v, 8*mib), domain.DataAtRisk)
}
