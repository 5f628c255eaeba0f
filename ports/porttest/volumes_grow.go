package porttest

import (
	"sync"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

func growTests() []rackTest {
	return []rackTest{
		{"a volume grows to the byte, keeps its bytes and reads as zeros behind them", (*rack).growKeeps},
		{"an exported volume grows and stays exported", (*rack).growHeld},
		{"a repeated grow answers as the first did", (*rack).growAgain},
		{"a smaller size or another export is invalid", (*rack).growRefused},
		{"a stale record is a conflict, an absent volume not found", (*rack).growStale},
		{"only the difference must fit, and what does not is exhausted", (*rack).growFits},
		{"an image that is not proved is not grown", (*rack).growUnproved},
		{"of grows that race from one record exactly one wins", (*rack).growRace},
	}
}

func (r *rack) growKeeps() {
	for _, pool := range []string{r.facts.Copying, r.facts.Plain} {
		v := r.made(pool, "on "+pool, 4*mib)
		r.write(v.Row.Path, 4*mib-4, "last")
		for _, size := range []domain.Size{6*mib + 4*domain.KiB, 6*mib + 8*domain.KiB} {
			next := r.grown(v, size)
			got, err := r.Volumes().Grow(r.Context(), v, next, room())
			r.must(err)
			r.recorded(got, next.Record)
			same(r, "size", got.Row.Size, size)
			same(r, "found", r.found(v.ID), got)
			r.reads(v.Row.Path, 4*mib-4, "last")
			r.zero(v.Row.Path, 4*mib, size)
			v = got
		}
	}
}

func (r *rack) growHeld() {
	v := r.held(r.made(r.facts.Plain, "web", 4*mib), "node-a")
	got, err := r.Volumes().Grow(r.Context(), v, r.grown(v, 8*mib), room())
	r.must(err)
	same(r, "size", got.Row.Size, 8*mib)
	r.shows(got)
}

func (r *rack) growAgain() {
	v := r.made(r.facts.Plain, "web", 4*mib)
	next := r.grown(v, 8*mib)
	first, err := r.Volumes().Grow(r.Context(), v, next, room())
	r.must(err)
	r.unchanged(func() {
		again, err := r.Volumes().Grow(r.Context(), v, next, room())
		r.must(err)
		same(r, "second answer", again, first)
	})
}

func (r *rack) refusesGrow(old, next domain.Volume, want domain.Kind) {
	r.Helper()
	r.unchanged(func() {
		_, err := r.Volumes().Grow(r.Context(), old, next, room())
		r.kind(err, want)
	})
}

func (r *rack) growRefused() {
	v := r.made(r.facts.Plain, "web", 4*mib)
	r.refusesGrow(v, r.grown(v, 4*mib-1), domain.Invalid)
	granted := r.granted(v, "node-a", domain.SingleWriter)
	r.refusesGrow(v, r.grown(granted, 8*mib), domain.Invalid)
	r.must(r.Edit(v.ID.Slot, func(d *Disk) { d.Size = 6 * mib }))
	r.refusesGrow(r.found(v.ID), r.grown(v, 5*mib), domain.Invalid)
}

func (r *rack) growStale() {
	v := r.made(r.facts.Plain, "web", 4*mib)
	now := r.updated(v, r.touched(v))
	r.refusesGrow(v, r.grown(v, 8*mib), domain.Conflict)
	r.must(r.RemoveDisk(v.ID.Slot))
	r.refusesGrow(now, r.grown(now, 8*mib), domain.NotFound)
}

func (r *rack) growFits() {
	for _, pool := range []string{r.facts.Copying, r.facts.Plain} {
		v := r.made(pool, "on "+pool, 4*mib)
		all := 4*mib + room().Left(r.pool(pool))
		r.refusesGrow(v, r.grown(v, all+1), domain.Exhausted)
		got, err := r.Volumes().Grow(r.Context(), v, r.grown(v, all), room())
		r.must(err)
		same(r, "size", got.Row.Size, all)
	}
}

func (r *rack) growUnproved() {
	v := r.made(r.facts.Plain, "web", 4*mib)
	for _, x := range []struct {
		fault PoolFault
		want  domain.Kind
	}{
		{PoolFault{Unmounted: true}, domain.Unreachable},
		{PoolFault{ReadOnly: true}, domain.Unreachable},
		{PoolFault{UUID: "another"}, domain.DataAtRisk},
	} {
		r.must(r.SetPool(r.facts.Plain, x.fault))
		r.refusesGrow(v, r.grown(v, 8*mib), x.want)
	}
	r.must(r.SetPool(r.facts.Plain, PoolFault{}))
	r.must(r.Edit(v.ID.Slot, func(d *Disk) { d.Size = mib }))
	r.refusesGrow(v, r.grown(v, 8*mib), domain.DataAtRisk)
}

func (r *rack) growRace() {
	const callers = 8
	v := r.made(r.facts.Plain, "web", 4*mib)
	var nexts [callers]domain.Volume
	var errs [callers]error
	for i := range nexts {
		nexts[i] = r.grown(v, domain.Size(5+i)*mib)
	}
	var wg sync.WaitGroup
	for i, next := range nexts {
		wg.Go(func() { _, errs[i] = r.Volumes().Grow(r.Context(), v, next, room()) })
	}
	wg.Wait()
	winners := 0
	for i, err := range errs {
		if err == nil {
			winners++
			got := r.found(v.ID)
			r.recorded(got, nexts[i].Record)
			same(r, "size", got.Row.Size, nexts[i].Record.Size)
			continue
		}
		r.kind(err, domain.Conflict)
	}
	same(r, "winners", winners, 1)
}
