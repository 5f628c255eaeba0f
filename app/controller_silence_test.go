package app_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"git.srvlab.io/whiskey/rds-csi-driver/adapters/fakerds"
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// A silence falls on one use of a port, or from one on.
type silence struct {
	at      int // which use
	when    fakerds.When
	step    int  // of a silence During
	lasting bool // until the array speaks again, else for this use only
}

func (x silence) String() string {
	when := map[fakerds.When]string{fakerds.Before: "before", fakerds.During: "during", fakerds.After: "after"}[x.when]
	text := fmt.Sprintf("silent %s use %d", when, x.at)
	if x.step > 0 {
		text += fmt.Sprintf(" after step %d", x.step)
	}
	if x.lasting {
		text += " and from then on"
	}
	return text
}

// fall makes the array silent; met tells whether it was noticed.
func (x silence) fall(hang bool, met *bool) around {
	return func(ctx context.Context, u use, ask func(context.Context) error) error {
		if u.n != x.at {
			return ask(ctx)
		}
		calls := 1
		if x.lasting {
			calls = 0
		}
		u.rds.Cut(fakerds.Outage{When: x.when, Step: x.step, Calls: calls, Hang: hang})
		err := ask(ctx)
		*met = domain.Is(err, domain.Unreachable)
		return err
	}
}

// A trial is a use case as it went with somebody meddling.
type trial struct {
	*stand
	uses int   // of ports
	met  bool  // the silence was noticed
	err  error // of the use case
}

// try runs the use case on a fresh stand; when it returns nobody meddles any
// more. With hang silent arrays hang until the caller gives up.
func (c useCase) try(t *testing.T, warm, hang bool, meddle func(met *bool) around) trial {
	t.Helper()
	r := trial{stand: c.stand(t, warm)}
	r.wire.listen(meddle(&r.met))
	ctx, giveUp := context.WithCancel(t.Context())
	defer giveUp()
	done := make(chan error)
	go func() { done <- c.act(ctx, r.stand) }()
	synctest.Wait() // it is done, or hangs on a silent array
	if hang {
		giveUp()
	}
	r.err = <-done
	r.uses = len(r.wire.calls())
	r.wire.listen(nil)
	for _, rds := range r.rds {
		rds.Speak()
	}
	return r
}

// again repeats the use case, undisturbed.
func (c useCase) again(r trial, x silence) {
	r.t.Helper()
	if err := c.act(r.t.Context(), r.stand); err != nil {
		r.t.Fatalf("%s: repeated: %v (%s)", x, err, domain.KindOf(err))
	}
	c.check(r.stand)
	if r.t.Failed() {
		r.t.Fatalf("all this with the array %s", x)
	}
}

// each hands every silence that the use case can meet to do, in a bubble of its
// own. do returns whether it was met.
func (c useCase) each(t *testing.T, warm bool, do func(t *testing.T, x silence) (met bool)) {
	t.Helper()
	for at := 1; at <= c.uses(t, warm); at++ {
		for _, x := range []silence{
			{at: at, when: fakerds.Before}, {at: at, when: fakerds.Before, lasting: true},
			{at: at, when: fakerds.After}, {at: at, when: fakerds.After, lasting: true},
		} {
			synctest.Test(t, func(t *testing.T) {
				if !do(t, x) {
					t.Errorf("%s: nobody noticed", x)
				}
			})
		}
		for step, met := 1, true; met; step++ {
			synctest.Test(t, func(t *testing.T) {
				met = do(t, silence{at: at, when: fakerds.During, step: step})
			})
		}
	}
}

// uses counts the uses of ports of a run that nothing disturbs.
func (c useCase) uses(t *testing.T, warm bool) (n int) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := c.try(t, warm, false, func(*bool) around { return nil })
		wantNoError(t, r.err)
		n = r.uses
		c.again(r, silence{})
	})
	if n == 0 {
		t.Fatal("no port was used")
	}
	return n
}

// Both a controller that has seen the volume and one that has not meet silence.
// The first repeats the call itself; the second was replaced meanwhile.
func TestSilenceAnywhereIsUnreachableAndTheRepeatConverges(t *testing.T) {
	for _, c := range useCases() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.each(t, true, func(t *testing.T, x silence) bool {
				r := c.silenced(t, true, x)
				c.again(r, x)
				return r.met
			})
		})
		if len(c.arrays) > 1 {
			continue // on which array a create was tried is remembered in the process
		}
		t.Run(c.name+", elsewhere", func(t *testing.T) {
			t.Parallel()
			c.each(t, false, func(t *testing.T, x silence) bool {
				if x.lasting {
					return true // who starts anew does not know for how long it was
				}
				r := c.silenced(t, false, x)
				r.Controller = r.replica()
				c.again(r, x)
				return r.met
			})
		})
	}
}

func (c useCase) silenced(t *testing.T, warm bool, x silence) trial {
	t.Helper()
	r := c.try(t, warm, false, func(met *bool) around { return x.fall(false, met) })
	switch {
	case r.err == nil && c.goesOn:
	case r.met && !domain.Is(r.err, domain.Unreachable):
		t.Errorf("%s: error %v (%s), want unreachable", x, r.err, domain.KindOf(r.err))
	case !r.met && r.err != nil:
		t.Errorf("%s: error %v though the array answered", x, r.err)
	}
	return r
}

func TestClientThatGivesUpOnASilentArrayGetsItsOwnError(t *testing.T) {
	for _, c := range useCases() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.each(t, true, func(t *testing.T, x silence) bool {
				if x.lasting {
					return true // it hangs at the first use, there is no second
				}
				r := c.try(t, true, true, func(met *bool) around { return x.fall(true, met) })
				said := errors.Is(r.err, context.Canceled) && domain.Is(r.err, domain.Unreachable)
				if r.met && !said && (r.err != nil || !c.goesOn) {
					t.Errorf("%s: error %v (%s), want unreachable with the context's", x, r.err, domain.KindOf(r.err))
				}
				c.again(r, x)
				return r.met
			})
		})
	}
}

func TestClientThatGivesUpBetweenTwoUsesOfAnArray(t *testing.T) {
	for _, c := range useCases() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for at := 1; at <= c.uses(t, true); at++ {
				synctest.Test(t, func(t *testing.T) {
					s := c.stand(t, true)
					ctx, giveUp := context.WithCancel(t.Context())
					defer giveUp()
					s.wire.listen(func(ctx context.Context, u use, ask func(context.Context) error) error {
						if u.n == at {
							giveUp()
						}
						return ask(ctx)
					})
					if err := c.act(ctx, s); !errors.Is(err, context.Canceled) && !c.goesOn {
						t.Errorf("gave up before use %d: error %v, want the context's", at, err)
					}
					s.wire.listen(nil)
					c.again(trial{stand: s}, silence{at: at})
				})
			}
		})
	}
}

// What an orchestrator gives up for good is found again by its name alone: a
// delete of the id that the name has leaves nothing.
func TestWhatACutCreateLeftIsSweptByDelete(t *testing.T) {
	for _, c := range useCases() {
		if c.makes == "" {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.each(t, true, func(t *testing.T, x silence) bool {
				if x.lasting {
					return true
				}
				r := c.try(t, true, false, func(met *bool) around { return x.fall(false, met) })
				for array := range r.rds {
					if err := r.Delete(t.Context(), idOf(array, c.makes)); err != nil {
						t.Fatalf("%s: delete: %v", x, err)
					}
				}
				r.wantVolumes(c.others...)
				return r.met
			})
		})
	}
}
