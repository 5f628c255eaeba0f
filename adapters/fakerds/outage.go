package fakerds

import (
	"context"
	"errors"
	"sync"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// A When says at which moment of a call the array falls silent.
type When uint8

// The moments. The caller sees Unreachable in each and can not tell them apart.
const (
	Before When = iota // nothing has happened
	During             // part of the effect has happened, as when the line is cut
	After              // everything has happened, the reply is lost
)

// An Outage is a silence of the array.
type Outage struct {
	When When
	// Op is the operation that meets it, as it stands in the errors ("create
	// volume"); "" for any.
	Op string
	// Step is how many steps of a call happen in a silence During; calls of
	// fewer steps are answered. 0: the first step, and a call without steps is
	// not answered either.
	Step int
	// Calls is how many calls meet it; 0: all until Speak.
	Calls int
	// Hang makes a call wait for its context instead of failing at once.
	Hang bool
}

// An outages is the switch. It has a lock of its own, so that it can be thrown
// while a call is under way.
type outages struct {
	mu        sync.Mutex
	armed     bool
	outage    Outage
	meanwhile func()
	atStep    int
}

// Silence makes the array silent for every call until Speak.
func (r *RDS) Silence(when When) { r.Cut(Outage{When: when}) }

// SilenceNext makes the array silent for the next call only.
func (r *RDS) SilenceNext(when When) { r.Cut(Outage{When: when, Calls: 1}) }

// Cut makes the array silent as o says. It replaces an earlier silence.
func (r *RDS) Cut(o Outage) {
	r.outages.mu.Lock()
	defer r.outages.mu.Unlock()
	r.outages.armed, r.outages.outage = true, o
}

// Speak ends a silence.
func (r *RDS) Speak() {
	r.outages.mu.Lock()
	defer r.outages.mu.Unlock()
	r.outages.armed = false
}

// Meanwhile runs do once, after the given step of the next call that gets so
// far: what another session does between two commands of one line. do may use
// the array. A nil do disarms it.
func (r *RDS) Meanwhile(step int, do func()) {
	r.outages.mu.Lock()
	defer r.outages.mu.Unlock()
	r.outages.atStep, r.outages.meanwhile = step, do
}

// take returns the outage that a call of op meets.
func (o *outages) take(op string) (Outage, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.armed || o.outage.Op != "" && o.outage.Op != op {
		return Outage{}, false
	}
	if o.outage.Calls > 0 {
		o.outage.Calls--
		o.armed = o.outage.Calls > 0
	}
	return o.outage, true
}

// interlude returns what is to happen after the step, if anything.
func (o *outages) interlude(step int) func() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.meanwhile == nil || o.atStep != step {
		return nil
	}
	do := o.meanwhile
	o.meanwhile = nil
	return do
}

// errCut ends a call in the middle. What has happened stays.
var errCut = errors.New("the line was cut")

// A call is one use of a port: one line on a real array.
type call struct {
	rds    *RDS
	op, id string
	outage Outage
	silent bool // meets the outage
	steps  int
}

// do runs work as one call and sees to the outage.
func do[T any](ctx context.Context, r *RDS, op, id string, work func(*call) (T, error)) (T, error) {
	var none T
	c := &call{rds: r, op: op, id: id}
	if err := ctx.Err(); err != nil {
		return none, c.fail(domain.Unreachable, "not asked: %w", err)
	}
	c.outage, c.silent = r.outages.take(op)
	if c.silent && c.outage.When == Before {
		return none, c.mute(ctx)
	}
	if err := r.lock(ctx); err != nil {
		return none, c.fail(domain.Unreachable, "no answer: %w", err)
	}
	result, err := func() (T, error) {
		defer r.unlock() // also from a panic, or every later call would hang
		return work(c)
	}()
	lost := c.silent && (c.outage.When == After || c.outage.When == During && c.outage.Step == 0)
	if lost || errors.Is(err, errCut) {
		return none, c.mute(ctx)
	}
	return result, err
}

// mute is the answer of a silent array.
func (c *call) mute(ctx context.Context) error {
	if !c.outage.Hang {
		return c.fail(domain.Unreachable, "array %s does not answer", c.rds.cfg.Array)
	}
	<-ctx.Done()
	return c.fail(domain.Unreachable, "array %s does not answer: %w", c.rds.cfg.Array, ctx.Err())
}

// step says that one more command of the line has taken effect. Here the line
// may be cut, and others may run theirs: whoever calls it reads the state again.
func (c *call) step(name string) error {
	c.steps++
	if err := c.point(name); err != nil {
		return err
	}
	if c.silent && c.outage.When == During && c.steps == max(1, c.outage.Step) {
		return errCut
	}
	if do := c.rds.outages.interlude(c.steps); do != nil {
		c.rds.unlock()
		do()
		return c.rds.relock()
	}
	return nil
}

// point is where the process may die in a test: what is in memory is lost.
func (c *call) point(name string) error {
	if c.rds.dies != nil && c.rds.dies(c.op+": "+name) {
		c.rds.closed = true
		return c.fail(domain.Unreachable, "the process died: %s", name)
	}
	return nil
}

func (c *call) fail(kind domain.Kind, format string, args ...any) error {
	return domain.Fail(kind, c.op, c.id, format, args...)
}

// broken is an error of the machine below: no space, or an unsettled outcome.
func (c *call) broken(err error) error {
	if isFull(err) {
		return c.fail(domain.Exhausted, "the disk under the array is full: %w", err)
	}
	return c.fail(domain.Unreachable, "the array's own disk: %w", err)
}
