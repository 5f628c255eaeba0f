package porttest

import (
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

func copyTests() []rackTest {
	return []rackTest{
		{"a clone holds the source's bytes and neither sees later writes of the other", (*rack).cloneBytes},
		{"a restore holds the bytes as of the snapshot", (*rack).restoreBytes},
		{"a larger copy reads as zeros behind the source's bytes", (*rack).copyGrown},
		{"a copy of a volume that nobody held is blank", (*rack).copyBlank},
		{"a volume that is held and exported can be copied", (*rack).copyHeld},
		{"a repeated copy returns the first, whatever happened to the source", (*rack).copyAgain},
		{"a copy that was cut off is made whole by the next create", (*rack).copyCutOff},
		{"a copy that is not whole is not completed for another request", (*rack).copyOfAnother},
		{"a copy that is not whole is completed although its source is gone", (*rack).copyWithoutSource},
		{"a source that is granted while it is copied never makes a blank copy with data", (*rack).copyWhileGranted},
	}
}

// writtenTo returns a volume of 4 MiB that a node has written to at both ends.
func (r *rack) writtenTo(name, text string) domain.Volume {
	r.Helper()
	v := r.held(r.made(r.facts.Copying, name, 4*mib), "node-a")
	r.write(v.Row.Path, 0, text)
	r.write(v.Row.Path, v.Row.Size-domain.Size(len(text)), text)
	return r.updated(v, r.revoked(v, ""))
}

func (r *rack) create(plan domain.Plan) domain.Volume {
	r.Helper()
	v, err := r.Volumes().Create(r.Context(), plan)
	r.must(err)
	return v
}

// whole checks a finished copy with the text at both ends of the source.
func (r *rack) whole(v domain.Volume, plan domain.Plan, text string) {
	r.Helper()
	want := plan.Record
	want.State, want.Nonce = domain.Ready, v.Record.Nonce
	r.recorded(v, want)
	same(r, "size", v.Row.Size, plan.Record.Size)
	same(r, "export", v.Row.Export, domain.Export{})
	n := domain.Size(len(text))
	r.reads(v.Row.Path, 0, text)
	r.reads(v.Row.Path, plan.SourceSize-n, text)
	r.zero(v.Row.Path, n, plan.SourceSize-n)
	r.zero(v.Row.Path, plan.SourceSize, v.Row.Size)
}

func (r *rack) cloneBytes() {
	source := r.writtenTo("web", "before")
	plan := r.clone(source, "copy", 4*mib)
	v := r.create(plan)
	r.whole(v, plan, "before")
	same(r, "content", v.Record.Content, domain.Foreign)
	r.write(source.Row.Path, 0, "SOURCE")
	r.write(v.Row.Path, 2*mib, "COPY")
	r.reads(v.Row.Path, 0, "before")
	r.zero(source.Row.Path, 2*mib, 3*mib)
	r.must(r.Volumes().Delete(r.Context(), r.condemned(source)))
	r.reads(v.Row.Path, 0, "before")
}

func (r *rack) restoreBytes() {
	source := r.writtenTo("web", "before")
	s := r.snapped(source, "monday")
	r.write(source.Row.Path, 0, "AFTER!")
	plan := r.plan(s.Pool, "copy", 4*mib, s.Copied())
	r.whole(r.create(plan), plan, "before")
}

func (r *rack) copyGrown() {
	source := r.writtenTo("web", "text")
	s := r.snapped(source, "monday")
	for _, plan := range []domain.Plan{
		r.clone(source, "clone", 7*mib+4*domain.KiB),
		r.plan(s.Pool, "restore", 9*mib, s.Copied()),
	} {
		r.whole(r.create(plan), plan, "text")
	}
}

func (r *rack) copyBlank() {
	source := r.made(r.facts.Copying, "web", 4*mib)
	s := r.snapped(source, "monday")
	for _, plan := range []domain.Plan{r.clone(source, "clone", 4*mib), r.plan(s.Pool, "restore", 4*mib, s.Copied())} {
		v := r.create(plan)
		same(r, "content", v.Record.Content, domain.Blank)
		r.zero(v.Row.Path, 0, v.Row.Size)
	}
}

func (r *rack) copyHeld() {
	source := r.held(r.made(r.facts.Copying, "web", 4*mib), "node-a")
	r.write(source.Row.Path, 0, "live")
	v := r.create(r.clone(source, "copy", 4*mib))
	r.reads(v.Row.Path, 0, "live")
	same(r, "source", r.found(source.ID), source)
	same(r, "exports", len(r.world().Exports), 1)
}

func (r *rack) copyAgain() {
	source := r.writtenTo("web", "text")
	plan := r.clone(source, "copy", 4*mib)
	v := r.create(plan)
	r.write(source.Row.Path, 0, "TEXT")
	same(r, "second answer", r.create(plan), v)
	r.must(r.Volumes().Delete(r.Context(), r.condemned(source)))
	same(r, "answer without a source", r.create(plan), v)
	r.reads(v.Row.Path, 0, "text")
}

// cutOff makes a create of plan be cut after each of its steps in turn, lets
// check look at what is there, and returns how many steps there are.
func (r *rack) eachCut(plan func() domain.Plan, check func(domain.Plan)) {
	r.Helper()
	for step := 1; ; step++ {
		r.bounded(step)
		p := plan()
		r.Silence(Outage{When: During, Step: step})
		_, err := r.Volumes().Create(r.Context(), p)
		r.Speak()
		if err == nil {
			if step < 3 {
				r.Fatalf("a copy: got %d steps, want the copy, the disk and the record at least", step-1)
			}
			return
		}
		r.kind(err, domain.Unreachable)
		check(p)
	}
}

func (r *rack) copyCutOff() {
	source := r.writtenTo("web", "text")
	n := 0
	plan := func() domain.Plan { n++; return r.clone(source, "copy"+string(rune('a'+n)), 6*mib) }
	r.eachCut(plan, func(p domain.Plan) {
		half, err := r.Volumes().Find(r.Context(), p.ID)
		switch {
		case err != nil:
			r.kind(err, domain.NotFound)
		case half.Record.State == domain.Ready:
			r.whole(half, p, "text")
		}
		again := r.clone(source, "copy"+string(rune('a'+n)), 6*mib) // with another nonce
		r.whole(r.create(again), again, "text")
	})
}

func (r *rack) copyOfAnother() {
	source := r.writtenTo("web", "text")
	other := r.writtenTo("db", "else")
	n, seen := 0, 0
	plan := func() domain.Plan { n++; return r.clone(source, "copy"+string(rune('a'+n)), 6*mib) }
	r.eachCut(plan, func(p domain.Plan) {
		half, err := r.Volumes().Find(r.Context(), p.ID)
		if err != nil || half.Record.State != domain.Making {
			return
		}
		seen++
		name := "copy" + string(rune('a'+n))
		r.unchanged(func() {
			same(r, "what is there", r.create(r.clone(other, name, 6*mib)), half)
			same(r, "what is there", r.create(r.blank(r.facts.Copying, name, 6*mib)), half)
		})
	})
	if seen == 0 {
		r.Error("copies cut off: got none in state making, want at least one")
	}
}

func (r *rack) copyWithoutSource() {
	source := r.writtenTo("web", "text")
	n := 0
	plan := func() domain.Plan {
		n++
		s := r.snapped(source, "snapshot"+string(rune('a'+n)))
		return r.plan(s.Pool, "copy"+string(rune('a'+n)), 6*mib, s.Copied())
	}
	r.eachCut(plan, func(p domain.Plan) {
		_, err := r.Volumes().Find(r.Context(), p.ID)
		r.must(r.Snapshots().Delete(r.Context(), domain.SnapshotID{Array: r.facts.Name, Name: p.Record.Origin.Name}))
		v, again := r.Volumes().Create(r.Context(), p)
		if err != nil {
			r.kind(again, domain.NotFound) // it had not come far enough
			r.must(r.Volumes().Delete(r.Context(), domain.Volume{ID: p.ID}))
			r.gone(p.ID)
			return
		}
		r.must(again)
		r.whole(v, p, "text")
	})
}

// copyWhileGranted lets a node write to the source between any two steps of a
// clone that was planned as blank: a blank copy with data would be formatted.
func (r *rack) copyWhileGranted() {
	ran := true
	for step := 1; ran; step++ {
		r.bounded(step)
		ran = false
		source := r.made(r.facts.Copying, "source"+string(rune('a'+step)), 4*mib)
		plan := r.clone(source, "copy"+string(rune('a'+step)), 4*mib)
		r.Meanwhile(step, func() {
			ran = true
			next := r.granted(source, "node-a", domain.SingleWriter)
			if _, err := r.Volumes().Update(r.Context(), source, next); err != nil {
				r.Errorf("grant meanwhile: got %v, want no error", err)
			}
			if err := r.WriteImage(source.Row.Path, 0, []byte("data")); err != nil {
				r.Errorf("write meanwhile: got %v, want no error", err)
			}
		})
		v, err := r.Volumes().Create(r.Context(), plan)
		r.Meanwhile(0, nil)
		if err != nil {
			r.kind(err, domain.Conflict)
			r.gone(plan.ID)
			v = r.create(r.clone(r.found(source.ID), "copy"+string(rune('a'+step)), 4*mib))
		}
		if v.Record.Content == domain.Blank {
			r.zero(v.Row.Path, 0, v.Row.Size)
		} else {
			r.reads(v.Row.Path, 0, "data")
		}
	}
}

func refusedCopyTests() []rackTest {
	return []rackTest{
		{"a copy of an absent source is not found", (*rack).copyOfNothing},
		{"a copy of a source that changed since it was read is a conflict", (*rack).copyOfChanged},
		{"a pool without snapshots can not copy", (*rack).copyOnPlain},
		{"a source outside a subvolume of its own can not be copied", (*rack).copyOfAdopted},
		{"a copy that does not fit is exhausted", (*rack).copyTooLarge},
		{"a copy from a pool that is not mounted is silence", (*rack).copyOnSickPool},
	}
}

func (r *rack) copyOfNothing() {
	source := r.made(r.facts.Copying, "web", 4*mib)
	s := r.snapped(source, "monday")
	plans := []domain.Plan{r.clone(source, "clone", 4*mib), r.plan(s.Pool, "restore", 4*mib, s.Copied())}
	r.must(r.Snapshots().Delete(r.Context(), s.ID))
	r.must(r.Volumes().Delete(r.Context(), r.condemned(source)))
	for _, plan := range plans {
		r.refusesCreate(plan, domain.NotFound)
	}
}

func (r *rack) copyOfChanged() {
	source := r.made(r.facts.Copying, "web", 4*mib)
	blank, larger := r.clone(source, "a", 4*mib), r.clone(source, "b", 8*mib)
	v, err := r.Volumes().Grow(r.Context(), source, r.grown(source, 6*mib), room())
	r.must(err)
	r.refusesCreate(larger, domain.Conflict)
	r.refusesCreate(blank, domain.Conflict)
	blank = r.clone(v, "a", 6*mib)
	r.held(v, "node-a")
	r.refusesCreate(blank, domain.Conflict)
	s := r.snapped(r.made(r.facts.Copying, "db", 4*mib), "monday")
	plan := r.plan(s.Pool, "c", 8*mib, s.Copied())
	plan.SourceSize = 5 * mib
	r.refusesCreate(plan, domain.Conflict)
}

func (r *rack) copyOnPlain() {
	plain := r.made(r.facts.Plain, "web", 4*mib)
	r.refusesCreate(r.clone(plain, "copy", 4*mib), domain.Unsupported)
	s := r.snapped(r.made(r.facts.Copying, "db", 4*mib), "monday")
	r.refusesCreate(r.plan(r.facts.Plain, "copy", 4*mib, s.Copied()), domain.Unsupported)
}

func (r *rack) copyOfAdopted() {
	v := r.adopted("old-disk", r.facts.Copying)
	source := domain.Source{
		Origin: domain.Origin{Kind: domain.FromVolume, Name: string(v.ID.Slot)},
		Size:   v.Row.Size, Content: v.CopyContent(), Access: domain.Block, Pool: v.Record.Pool,
	}
	r.refusesCreate(r.plan(v.Record.Pool, "copy", v.Row.Size, source), domain.Unsupported)
}

func (r *rack) copyTooLarge() {
	source := r.made(r.facts.Copying, "web", 4*mib)
	plan := r.clone(source, "copy", 8*mib)
	plan.Record.Size = room().Left(r.pool(r.facts.Copying)) + 1
	r.refusesCreate(plan, domain.Exhausted)
}

func (r *rack) copyOnSickPool() {
	source := r.made(r.facts.Copying, "web", 4*mib)
	s := r.snapped(source, "monday")
	plans := []domain.Plan{r.clone(source, "clone", 4*mib), r.plan(s.Pool, "restore", 4*mib, s.Copied())}
	for _, fault := range []PoolFault{{Unmounted: true}, {UUID: "another"}, {ReadOnly: true}} {
		r.must(r.SetPool(r.facts.Copying, fault))
		for _, plan := range plans {
			r.refusesCreate(plan, domain.Unreachable)
		}
	}
}
