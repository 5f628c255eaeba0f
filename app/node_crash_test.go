package app_test

import (
	"fmt"
	"testing"
	"testing/synctest"

	"git.srvlab.io/whiskey/rds-csi-driver/app"
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// A crash is one way in which a step of a call goes wrong.
type crash struct {
	name string
	arm  func(tap *tap, step int)
	dies bool // the process ends there: nothing it does later has an effect
}

func crashes() []crash {
	lost := kind(domain.Unreachable)
	at := func(hit bool) error {
		if hit {
			return lost
		}
		return nil
	}
	return []crash{
		{name: "a step that fails", arm: func(tap *tap, step int) {
			tap.arm(func(n int, _ string) error { return at(n == step) }, nil)
		}},
		{name: "a step whose answer is lost", arm: func(tap *tap, step int) {
			tap.arm(nil, func(n int, _ string) error { return at(n == step) })
		}},
		{name: "a process that dies before a step", dies: true, arm: func(tap *tap, step int) {
			tap.arm(func(n int, _ string) error { return at(n >= step) }, nil)
		}},
		{name: "a process that dies after a step", dies: true, arm: func(tap *tap, step int) {
			tap.arm(func(n int, _ string) error { return at(n > step) }, func(n int, _ string) error { return at(n == step) })
		}},
	}
}

// A usage is a call that is broken at each of its steps in turn.
type usage struct {
	name    string
	prepare func(r *rig) vol
	call    func(r *rig, v vol) error
	done    func(r *rig, v vol) // checks what the call is for
}

func usages() []usage {
	blank := func(r *rig) vol { return r.volume("a") }
	full := func(r *rig) vol {
		v := r.volume("a")
		holding(domain.Ext4)(r, v)
		return never(v)
	}
	mounted := func(r *rig, v vol) {
		r.Helper()
		if got := r.mountAt(v.staging.Path); got.ReadOnly != v.staging.Use.ReadOnly {
			r.Errorf("got mount %+v, want it read-only: %t", got, v.staging.Use.ReadOnly)
		}
		r.wantLeft(1, 1)
	}
	kept := func(r *rig, v vol) {
		r.Helper()
		mounted(r, v)
		got, err := r.kernel.ReadFile(r.Context(), v.staging.Path+"/file")
		must(r.T, err)
		if string(got) != "somebody's" {
			r.Errorf("got %q, want the file as it was", got)
		}
	}
	staged := func(prepare func(r *rig) vol) func(*rig) vol {
		return func(r *rig) vol { r.Helper(); return r.staged(prepare(r)) }
	}
	asBlock := func(r *rig) vol { return block(r.volume("a")) }
	pod := func(do func(*rig, vol, string) error) func(*rig, vol) error {
		return func(r *rig, v vol) error { return do(r, v, v.target("pod")) }
	}
	left := func(controllers, mounts int) func(*rig, vol) {
		return func(r *rig, _ vol) { r.Helper(); r.wantLeft(controllers, mounts) }
	}
	return []usage{
		{"stage blank", blank, (*rig).stage, mounted},
		{"stage a file system", full, (*rig).stage, kept},
		{"stage for a reader", func(r *rig) vol { return reader(full(r)) }, (*rig).stage, kept},
		{"stage raw block", asBlock, (*rig).stage, left(1, 0)},
		{"stage raw block for a reader", func(r *rig) vol { return r.volume("a").as(domain.Block, domain.MultiReader, true) },
			(*rig).stage, left(1, 0)},
		{"stage again", staged(full), (*rig).stage, kept},
		{"stage over an old epoch", func(r *rig) vol { return r.overlap(r.staged(full(r))) }, (*rig).stage, kept},
		{"stage over a refused epoch", func(r *rig) vol { return r.next(r.staged(full(r))) }, (*rig).stage, kept},
		{"publish", staged(full), pod((*rig).publish), left(1, 2)},
		{"publish raw block", staged(asBlock), pod((*rig).publish), left(1, 1)},
		{"unpublish", func(r *rig) vol {
			v := r.staged(full(r))
			must(r.T, r.publish(v, v.target("pod")))
			return v
		}, pod((*rig).unpublish), left(1, 1)},
		{"expand", func(r *rig) vol { v := r.staged(full(r)); r.sized(v, 2*rigSize); return v },
			func(r *rig, v vol) error { _, err := r.expand(v, v.staging.Path, 2*rigSize, 0); return err },
			func(r *rig, v vol) {
				kept(r, v)
				if got := r.total(v); got <= rigSize {
					r.Errorf("got a file system of %s, want it grown", got)
				}
			}},
		{"unstage", staged(full), (*rig).unstage, left(0, 0)},
		{"unstage raw block", staged(asBlock), (*rig).unstage, left(0, 0)},
		{"unstage a refused volume", func(r *rig) vol { v := r.staged(full(r)); r.withdraw(v); return v }, (*rig).unstage, left(0, 0)},
	}
}

func TestEveryCallConvergesAfterACrashAtAnyStep(t *testing.T) {
	for _, u := range usages() {
		for _, c := range crashes() {
			t.Run(u.name+", "+c.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					for step := 1; u.broken(t, c, step); step++ {
						if step > 200 {
							t.Fatal("got no end of steps")
						}
					}
				})
			})
		}
	}
}

// broken breaks the call at a step and sees that it converges when it is
// repeated. It reports false once the call has less steps than that.
func (u usage) broken(t *testing.T, c crash, step int) bool {
	t.Helper()
	r := newRig(t)
	v := u.prepare(r)
	controllers, mounts := len(r.controllers()), len(r.mounts())
	noGrace := func(s *app.NodeSettings) { s.UnstageGrace = 0 } // waiting has tests of its own
	r.tap = &tap{}
	r.restart(noGrace)
	c.arm(r.tap, step)
	err := u.call(r, v)
	r.node.Wait()
	hit := len(r.tap.made()) >= step
	r.tap.arm(nil, nil)
	where := fmt.Sprintf("step %d of %v, which got %v", step, r.tap.made(), err)
	if hit && !c.dies && err != nil {
		if now := len(r.controllers()) + len(r.mounts()); now > controllers+mounts {
			t.Errorf("%s: got %+v and %+v left behind, want what was there before", where, r.controllers(), r.mounts())
		}
	}
	if c.dies {
		r.restart(noGrace)
	}
	for range 2 {
		if err := u.call(r, v); err != nil {
			t.Fatalf("%s: got %v when it was repeated, want no error", where, err)
		}
		u.done(r, v)
	}
	must(t, r.unpublish(v, v.target("pod")))
	must(t, r.unstage(v))
	r.wantNothingLeft()
	if t.Failed() {
		t.Fatalf("%s", where)
	}
	return hit
}
