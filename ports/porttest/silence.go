package porttest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
	"git.srvlab.io/whiskey/rds-csi-driver/ports"
)

// A verb is one use of a port, to be made on a line that breaks.
type verb struct {
	name  string
	steps int // a writing verb takes that many at least, a reading one none
	// prepare sets the stage. call is made over and over and must in the end
	// have done what check looks for.
	prepare func(r *rack) (call repeated, check func())
}

// A repeated call is the same one each time.
type repeated func(context.Context) error

// runSilence breaks the line of each verb at every moment, with and without a
// reboot of the array behind it, and repeats the call.
func runSilence(t *testing.T, open func(*testing.T) Array, verbs []verb) {
	for _, v := range verbs {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			for _, reboot := range []bool{false, true} {
				v.silent(t, open, "before", Outage{When: Before}, reboot)
				v.silent(t, open, "during", Outage{When: During}, reboot)
				v.silent(t, open, "after", Outage{When: After}, reboot)
				steps := 0
				for steps < mostSteps && v.silent(t, open, fmt.Sprintf("after step %d", steps+1),
					Outage{When: During, Step: steps + 1}, reboot) {
					steps++
				}
				if steps < v.steps || v.steps == 0 && steps > 0 || steps == mostSteps {
					t.Errorf("steps of %s: got %d, want %d at least, none for a read", v.name, steps, v.steps)
				}
			}
		})
	}
}

// silent reports whether the call was cut.
func (v verb) silent(t *testing.T, open func(*testing.T) Array, when string, o Outage, reboot bool) (cut bool) {
	name := "silent " + when
	if reboot {
		name += " and rebooted"
	}
	t.Run(name, func(t *testing.T) {
		r := newRack(t, open)
		call, check := v.prepare(r)
		before := r.world()
		r.Silence(o)
		err := call(r.Context())
		cut = err != nil
		if cut || o.Step == 0 {
			r.kind(err, domain.Unreachable)
		}
		if o.When == Before {
			same(r, "the array", r.world(), before)
		}
		r.Speak()
		if reboot {
			r.must(r.Reboot())
		}
		r.must(call(r.Context()))
		check()
	})
	return cut
}

// runContext ends the context of each verb before it is called, and while the
// array does not answer.
func runContext(t *testing.T, open func(*testing.T) Array, verbs []verb) {
	for _, v := range verbs {
		for when, o := range map[string]Outage{
			"had ended":                      {},
			"ends before the array acts":     {When: Before, Hang: true},
			"ends while the array acts":      {When: During, Hang: true},
			"ends after the array has acted": {When: After, Hang: true},
		} {
			t.Run(v.name+" whose context "+when, func(t *testing.T) {
				t.Parallel()
				v.ended(newRack(t, open), o)
			})
		}
	}
}

func (v verb) ended(r *rack, o Outage) {
	call, check := v.prepare(r)
	before := r.world()
	ctx, cancel := context.WithCancel(r.Context())
	if o.Hang {
		r.Silence(o)
	} else {
		cancel()
	}
	done := make(chan error)
	go func() { done <- call(ctx) }()
	cancel()
	err := <-done
	r.kind(err, domain.Unreachable)
	if !errors.Is(err, context.Canceled) {
		r.Errorf("cause: got %v, want the context's error in the chain", err)
	}
	if !o.Hang || o.When == Before {
		same(r, "the array", r.world(), before)
	}
	r.Speak()
	r.must(call(r.Context()))
	check()
}

func volumeVerbs() []verb {
	return []verb{
		{"create on a pool that copies", 1, func(r *rack) (repeated, func()) { return r.creates(r.facts.Copying) }},
		{"create on a plain pool", 1, func(r *rack) (repeated, func()) { return r.creates(r.facts.Plain) }},
		{"clone", 3, (*rack).clones},
		{"restore", 3, (*rack).restores},
		{"find", 0, (*rack).finds},
		{"find of an absent volume", 0, (*rack).findsNone},
		{"list", 0, (*rack).lists},
		{"grant", 1, (*rack).grants},
		{"last revocation", 2, (*rack).revokes},
		{"grow", 1, (*rack).grows},
		{"delete on a pool that copies", 2, func(r *rack) (repeated, func()) { return r.deletes(r.facts.Copying) }},
		{"delete on a plain pool", 2, func(r *rack) (repeated, func()) { return r.deletes(r.facts.Plain) }},
		{"delete of what has no disk", 1, (*rack).deletesRest},
		{"adopt", 1, (*rack).adopts},
	}
}

func (r *rack) creates(pool string) (call repeated, check func()) {
	plan := r.blank(pool, "web", 4*mib)
	call = func(ctx context.Context) error {
		_, err := r.Volumes().Create(ctx, plan)
		return err
	}
	return call, func() {
		v := r.found(plan.ID)
		r.recorded(v, plan.Record)
		same(r, "size", v.Row.Size, plan.Record.Size)
		same(r, "export", v.Row.Export, domain.Export{})
		r.zero(v.Row.Path, 0, v.Row.Size)
		same(r, "disks", len(r.world().Disks), 1)
	}
}

func (r *rack) copies(plan domain.Plan) (call repeated, check func()) {
	call = func(ctx context.Context) error {
		_, err := r.Volumes().Create(ctx, plan)
		return err
	}
	return call, func() { r.whole(r.found(plan.ID), plan, "text") }
}

func (r *rack) clones() (call repeated, check func()) {
	return r.copies(r.clone(r.writtenTo("web", "text"), "copy", 6*mib))
}

func (r *rack) restores() (call repeated, check func()) {
	s := r.snapped(r.writtenTo("web", "text"), "monday")
	return r.copies(r.plan(s.Pool, "copy", 6*mib, s.Copied()))
}

func (r *rack) finds() (call repeated, check func()) {
	v := r.made(r.facts.Plain, "web", 4*mib)
	return func(ctx context.Context) error {
		got, err := r.Volumes().Find(ctx, v.ID)
		if err == nil {
			same(r, "volume", got, v)
		}
		return err
	}, func() {}
}

// findsNone is content with NotFound, but not while the array is silent.
func (r *rack) findsNone() (call repeated, check func()) {
	return func(ctx context.Context) error {
		_, err := r.Volumes().Find(ctx, r.id("nobody"))
		if domain.Is(err, domain.NotFound) {
			return nil
		}
		return err
	}, func() {}
}

func (r *rack) lists() (call repeated, check func()) {
	want := []domain.Volume{r.made(r.facts.Plain, "web", 4*mib)}
	return func(ctx context.Context) error {
		got, err := r.Volumes().List(ctx, ports.Page{})
		if err == nil {
			same(r, "list", got, want)
		} else {
			same(r, "list without an answer", len(got), 0)
		}
		return err
	}, func() {}
}

func (r *rack) updates(old, next domain.Volume) (call repeated, check func()) {
	call = func(ctx context.Context) error {
		_, err := r.Volumes().Update(ctx, old, next)
		return err
	}
	return call, func() {
		got := r.found(old.ID)
		r.recorded(got, next.Record)
		r.shows(got)
	}
}

func (r *rack) grants() (call repeated, check func()) {
	v := r.made(r.facts.Copying, "web", 4*mib)
	return r.updates(v, r.granted(v, "node-a", domain.SingleWriter))
}

func (r *rack) revokes() (call repeated, check func()) {
	v := r.held(r.made(r.facts.Copying, "web", 4*mib), "node-a")
	return r.updates(v, r.revoked(v, "node-a"))
}

func (r *rack) grows() (call repeated, check func()) {
	v := r.held(r.made(r.facts.Plain, "web", 4*mib), "node-a")
	r.write(v.Row.Path, 0, "text")
	next := r.grown(v, 8*mib)
	call = func(ctx context.Context) error {
		_, err := r.Volumes().Grow(ctx, v, next, room())
		return err
	}
	return call, func() {
		got := r.found(v.ID)
		r.recorded(got, next.Record)
		same(r, "size", got.Row.Size, 8*mib)
		r.reads(got.Row.Path, 0, "text")
		r.zero(got.Row.Path, 4*mib, 8*mib)
		r.shows(got)
	}
}

func (r *rack) deletes(pool string) (call repeated, check func()) {
	before := r.pool(pool)
	v := r.condemned(r.made(pool, "web", 4*mib))
	call = func(ctx context.Context) error { return r.Volumes().Delete(ctx, v) }
	return call, func() {
		r.gone(v.ID)
		same(r, "pool", r.pool(pool), before)
	}
}

func (r *rack) deletesRest() (call repeated, check func()) {
	v := r.made(r.facts.Copying, "web", 4*mib)
	r.must(r.RemoveDisk(v.ID.Slot))
	call = func(ctx context.Context) error { return r.Volumes().Delete(ctx, domain.Volume{ID: v.ID}) }
	return call, func() { r.gone(v.ID) }
}

func (r *rack) adopts() (call repeated, check func()) {
	old := r.foreign("old-disk", r.facts.Plain)
	next := r.adoption(old, r.facts.Plain)
	call = func(ctx context.Context) error {
		_, err := r.Volumes().Adopt(ctx, old, next)
		return err
	}
	return call, func() { r.recorded(r.found(old.ID), next.Record) }
}
