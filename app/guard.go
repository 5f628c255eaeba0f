package app

import (
	"context"
	"slices"
	"sync"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// A Guard lets one piece of work at a time have a volume. Who comes second is
// Busy at once and asks again: waiting would only queue up retries of the same
// call. The zero Guard is ready to use.
type Guard struct {
	mu   sync.Mutex
	held map[string]*hold
}

type hold struct{ users int }

type guardKey struct{}

// An entry is what a context carries of the keys that its call holds.
type entry struct {
	guard *Guard
	keys  []string
	hold  *hold
}

// Enter takes the keys until leave is called, and longer while an Extend of the
// returned context lasts. Busy if any of them is taken.
func (g *Guard) Enter(ctx context.Context, keys ...string) (_ context.Context, leave func(), err error) {
	keys = slices.Compact(slices.Sorted(slices.Values(keys)))
	h := &hold{}
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, key := range keys {
		if g.held[key] != nil {
			return nil, nil, domain.Fail(domain.Busy, "enter", key, "another call on it is under way, ask again")
		}
	}
	if g.held == nil {
		g.held = make(map[string]*hold)
	}
	for _, key := range keys {
		g.held[key] = h
	}
	e := &entry{guard: g, keys: keys, hold: h}
	return context.WithValue(ctx, guardKey{}, e), e.extend(), nil
}

// Extend keeps what the call of ctx holds until done is called, also after the
// call itself has returned: for work that must not be cut off half-way.
func Extend(ctx context.Context) (done func()) {
	e, ok := ctx.Value(guardKey{}).(*entry)
	if !ok {
		return func() {}
	}
	e.guard.mu.Lock()
	defer e.guard.mu.Unlock()
	return e.extend()
}

// extend counts one more user; the guard is locked.
func (e *entry) extend() (done func()) {
	e.hold.users++
	return sync.OnceFunc(func() {
		e.guard.mu.Lock()
		defer e.guard.mu.Unlock()
		if e.hold.users--; e.hold.users > 0 {
			return
		}
		for _, key := range e.keys {
			delete(e.guard.held, key)
		}
	})
}
