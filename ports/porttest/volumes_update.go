package porttest

import (
	"fmt"
	"strings"
	"sync"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

func updateTests() []rackTest {
	return []rackTest{
		{"a grant is exported to its host alone, under its epoch", (*rack).exportGrant},
		{"several holders open the filter, the last one closes it", (*rack).exportShared},
		{"the last revocation switches the export off and keeps the name", (*rack).exportRevoked},
		{"the export is off before the record says so", (*rack).offFirst},
		{"a new term of holding has a new name and the old one is not shown", (*rack).newEpoch},
		{"a repeated update answers as the first did", (*rack).updateAgain},
		{"of updates that race from one record exactly one wins", (*rack).updateRace},
		{"an export that was changed by hand is set right", (*rack).exportRepaired},
		{"a volume is revoked while its pool is not mounted", (*rack).revokeWithoutPool},
		{"an exported volume is shown again after a reboot", (*rack).exportAfterReboot},
	}
}

// shows checks that the array shows exactly the volume's export.
func (r *rack) shows(v domain.Volume) {
	r.Helper()
	want := v.Export(r.facts.Prefix, r.facts.Fencing)
	same(r, "export of the row", v.Row.Export, want)
	same(r, "name of the row", v.Row.NQN, want.NQN.String())
	same(r, "found", r.found(v.ID), v)
	d := r.disk(v.ID.Slot)
	same(r, "disk", []any{d.Export, d.NQN, d.Host, d.Comment}, []any{want.On, want.NQN.String(), want.Host, v.Row.Comment})
	shown := map[string]Shown{}
	if want.On {
		shown[want.NQN.String()] = Shown{Path: v.Row.Path, Host: want.Host}
	}
	same(r, "exports", r.world().Exports, shown)
}

func (r *rack) exportGrant() {
	v := r.made(r.facts.Plain, "web", 4*mib)
	next := r.granted(v, "node-a", domain.SingleWriter)
	got := r.updated(v, next)
	r.recorded(got, next.Record)
	r.shows(got)
	if r.facts.Fencing == domain.FenceByHost {
		same(r, "host", got.Row.Export.Host, r.node("node-a").HostNQN())
	}
}

func (r *rack) exportShared() {
	v := r.made(r.facts.Plain, "vm", 4*mib)
	one := r.updated(v, r.granted(v, "node-a", domain.MultiWriter))
	two := r.updated(one, r.granted(one, "node-b", domain.MultiWriter))
	r.shows(two)
	same(r, "host while shared", two.Row.Export.Host, "")
	same(r, "name while shared", two.Row.NQN, one.Row.NQN)
	left := r.updated(two, r.revoked(two, "node-a"))
	r.shows(left)
	same(r, "name of who is left", left.Row.NQN, one.Row.NQN)
}

func (r *rack) exportRevoked() {
	held := r.held(r.made(r.facts.Plain, "web", 4*mib), "node-a")
	free := r.updated(held, r.revoked(held, "node-a"))
	r.shows(free)
	same(r, "export", free.Row.Export.On, false)
	same(r, "name", free.Row.NQN, held.Row.NQN)
}

func (r *rack) offFirst() {
	held := r.held(r.made(r.facts.Plain, "web", 4*mib), "node-a")
	ran := false
	r.Meanwhile(1, func() {
		ran = true
		shown, err := r.Exports()
		if err != nil || len(shown) != 0 {
			r.Errorf("exports after the first step: got %v, %v, want none", shown, err)
		}
		v, err := r.Volumes().Find(r.Context(), held.ID)
		if err != nil || v.Row.Comment != held.Row.Comment {
			r.Errorf("record after the first step: got %q, %v, want the old one", v.Row.Comment, err)
		}
	})
	r.updated(held, r.revoked(held, "node-a"))
	same(r, "export off is a step of its own", ran, true)

	held = r.held(r.found(held.ID), "node-b")
	late := r.touched(held)
	r.Meanwhile(1, func() {
		if _, err := r.Volumes().Update(r.Context(), held, late); err != nil {
			r.Errorf("update meanwhile: got %v, want no error", err)
		}
	})
	_, err := r.Volumes().Update(r.Context(), held, r.revoked(held, "node-b"))
	r.kind(err, domain.Conflict)
	r.recorded(r.found(held.ID), late.Record)
}

func (r *rack) newEpoch() {
	first := r.held(r.made(r.facts.Plain, "web", 4*mib), "node-a")
	second := r.held(r.updated(first, r.revoked(first, "")), "node-a")
	r.shows(second)
	if second.Row.NQN == first.Row.NQN {
		r.Errorf("name: got %s again, want a new one", second.Row.NQN)
	}
}

func (r *rack) updateAgain() {
	v := r.made(r.facts.Plain, "web", 4*mib)
	held := r.granted(v, "node-a", domain.SingleWriter)
	first := r.updated(v, held)
	r.unchanged(func() { same(r, "second answer", r.updated(v, held), first) })
	free := r.revoked(first, "node-a")
	second := r.updated(first, free)
	r.unchanged(func() { same(r, "second answer", r.updated(first, free), second) })
}

func (r *rack) updateRace() {
	const callers = 8
	v := r.made(r.facts.Plain, "web", 4*mib)
	var nexts, got [callers]domain.Volume
	var errs [callers]error
	for i := range nexts {
		nexts[i] = r.granted(v, fmt.Sprintf("node-%d", i), domain.SingleWriter)
	}
	var wg sync.WaitGroup
	for i, next := range nexts {
		wg.Go(func() { got[i], errs[i] = r.Volumes().Update(r.Context(), v, next) })
	}
	wg.Wait()
	var winners []domain.Volume
	for i, err := range errs {
		if err == nil {
			r.recorded(got[i], nexts[i].Record)
			winners = append(winners, got[i])
			continue
		}
		r.kind(err, domain.Conflict)
	}
	if len(winners) != 1 {
		r.Fatalf("winners: got %d, want 1", len(winners))
	}
	r.shows(winners[0])
}

func (r *rack) exportRepaired() {
	for i, edit := range []func(*Disk){
		func(d *Disk) { d.Export = false },
		func(d *Disk) { d.Host = "" },
		func(d *Disk) { d.Host = "nqn.2014-08.org.nvmexpress:uuid:somebody" },
		func(d *Disk) { d.NQN = "nqn.2000-02.com.mikrotik:somebody" },
	} {
		held := r.held(r.made(r.facts.Plain, fmt.Sprintf("web%d", i), 4*mib), "node-a")
		r.must(r.Edit(held.ID.Slot, edit))
		r.shows(r.updated(held, held))
		r.updated(held, r.revoked(held, ""))
	}
}

func (r *rack) revokeWithoutPool() {
	held := r.held(r.made(r.facts.Plain, "web", 4*mib), "node-a")
	for _, fault := range []PoolFault{{Unmounted: true}, {UUID: "another"}, {ReadOnly: true}} {
		r.must(r.SetPool(r.facts.Plain, fault))
		free := r.updated(held, r.revoked(held, ""))
		r.shows(free)
		r.must(r.SetPool(r.facts.Plain, PoolFault{}))
		held = r.held(free, "node-a")
	}
}

func (r *rack) exportAfterReboot() {
	held := r.held(r.made(r.facts.Plain, "web", 4*mib), "node-a")
	r.must(r.Reboot())
	r.shows(held)
	free := r.updated(held, r.revoked(held, ""))
	r.must(r.Reboot())
	r.shows(free)
}

func refusedUpdateTests() []rackTest {
	return []rackTest{
		{"a stale record is a conflict and changes nothing", (*rack).updateStale},
		{"an absent volume is not found", func(r *rack) {
			v := r.made(r.facts.Plain, "web", 4*mib)
			r.must(r.RemoveDisk(v.ID.Slot))
			r.refusesUpdate(v, r.touched(v), domain.NotFound)
		}},
		{"another size is invalid", func(r *rack) {
			v := r.made(r.facts.Plain, "web", 4*mib)
			r.refusesUpdate(v, r.grown(v, 8*mib), domain.Invalid)
		}},
		{"a record that would not be ours is invalid", func(r *rack) {
			v := r.made(r.facts.Plain, "web", 4*mib)
			next := r.touched(v)
			next.Record.Owner = domain.ClusterID("another-cluster").Owner()
			r.refusesUpdate(v, next, domain.Invalid)
		}},
		{"a grant on a copy that is not whole is invalid", func(r *rack) {
			v := r.made(r.facts.Plain, "web", 4*mib)
			next := r.granted(v, "node-a", domain.SingleWriter)
			next.Record.State = domain.Making
			r.refusesUpdate(v, next, domain.Invalid)
		}},
		{"a record that is too long is exhausted and changes nothing", (*rack).updateTooLong},
		{"an image that is not proved is not exported", (*rack).exportUnproved},
	}
}

func (r *rack) refusesUpdate(old, next domain.Volume, want domain.Kind) {
	r.Helper()
	r.unchanged(func() {
		_, err := r.Volumes().Update(r.Context(), old, next)
		r.kind(err, want)
	})
}

func (r *rack) updateStale() {
	old := r.made(r.facts.Plain, "web", 4*mib)
	held := r.held(old, "node-a")
	r.refusesUpdate(old, r.granted(old, "node-b", domain.SingleWriter), domain.Conflict)
	r.refusesUpdate(old, r.touched(old), domain.Conflict)
	condemned, err := old.Condemn(r.nonce())
	r.must(err)
	r.refusesUpdate(old, condemned, domain.Conflict)
	free := r.updated(held, r.revoked(held, ""))
	// What was under way while it was revoked does not land.
	r.refusesUpdate(old, r.granted(old, "node-b", domain.SingleWriter), domain.Conflict)
	r.refusesUpdate(held, r.touched(held), domain.Conflict)
	again := r.updated(free, r.touched(free))
	r.refusesUpdate(free, r.granted(free, "node-b", domain.SingleWriter), domain.Conflict)
	r.recorded(r.found(old.ID), again.Record)
}

func (r *rack) updateTooLong() {
	v := r.made(r.facts.Plain, "web", 4*mib)
	for i := 0; ; i++ {
		next := r.granted(v, strings.Repeat(string(rune('a'+i)), 120), domain.MultiReader)
		if _, err := next.Record.Encode(); err != nil {
			r.refusesUpdate(v, next, domain.Exhausted)
			return
		}
		v = r.updated(v, next)
	}
}

func (r *rack) exportUnproved() {
	v := r.made(r.facts.Plain, "web", 4*mib)
	next := r.granted(v, "node-a", domain.SingleWriter)
	for _, x := range []struct {
		fault PoolFault
		want  domain.Kind
	}{{PoolFault{Unmounted: true}, domain.Unreachable}, {PoolFault{UUID: "another"}, domain.DataAtRisk}} {
		r.must(r.SetPool(r.facts.Plain, x.fault))
		r.refusesUpdate(v, next, x.want)
		r.must(r.SetPool(r.facts.Plain, PoolFault{}))
	}
	r.must(r.Edit(v.ID.Slot, func(d *Disk) { d.Size -= domain.Size(512) }))
	r.refusesUpdate(v, next, domain.DataAtRisk)
	r.must(r.Edit(v.ID.Slot, func(d *Disk) { d.Size = v.Row.Size; d.Mounted = []string{"web-part1"} }))
	r.refusesUpdate(v, next, domain.DataAtRisk)
	r.must(r.Edit(v.ID.Slot, func(d *Disk) { d.Mounted = nil }))
	held := r.updated(v, next)
	r.shows(held)
	// One that is exported already is proved as well.
	r.must(r.SetPool(r.facts.Plain, PoolFault{UUID: "another"}))
	r.refusesUpdate(held, r.touched(held), domain.DataAtRisk)
}
