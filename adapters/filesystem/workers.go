package filesystem

import (
	"context"
	"errors"
	"sync"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// defaultStuck is how many calls may hang in the kernel at once.
const defaultStuck = 16

// workers runs calls that the kernel may never end, a dead disk under a mount is
// enough: each in a goroutine of its own, one at a time for each key. A call
// whose caller has left goes on; so many may, and then no new one is begun.
type workers struct {
	most int

	mu    sync.Mutex
	busy  map[string]chan struct{} // closed when the key's call has ended
	stuck int                      // calls whose callers have left
}

func newWorkers(most int) *workers {
	if most <= 0 {
		most = defaultStuck
	}
	return &workers{most: most, busy: map[string]chan struct{}{}}
}

// Stuck returns how many calls go on without their callers.
func (w *workers) Stuck() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stuck
}

// A job is one call: what it is, about which object, and the key that no two
// calls may have at once.
type job struct{ op, id, key string }

// await runs call and returns what it returns, or when ctx ends that it did not
// answer: Unreachable, and the call goes on. Busy if an earlier call with the key
// does not end while ctx lasts.
func await[T any](ctx context.Context, w *workers, j job, call func() (T, error)) (T, error) {
	var none T
	ended, err := w.begin(ctx, j)
	if err != nil {
		return none, err
	}
	type outcome struct {
		value T
		err   error
	}
	result := make(chan outcome, 1)
	var left bool // guarded by w.mu
	go func() {
		value, err := call()
		result <- outcome{value, failed(j.op, j.id, err)}
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.busy, j.key)
		if left {
			w.stuck--
		}
		close(ended)
	}()
	select {
	case r := <-result:
		<-ended // so that a call right after this one finds the key free
		return r.value, r.err
	case <-ctx.Done():
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-ended:
		r := <-result
		return r.value, r.err
	default:
	}
	left = true
	w.stuck++
	return none, domain.Fail(domain.Unreachable, j.op, j.id, "the kernel has not answered yet, %s goes on: %w", j.op, ending(ctx))
}

// begin waits until the key is free and takes it.
func (w *workers) begin(ctx context.Context, j job) (ended chan struct{}, err error) {
	for {
		if ctx.Err() != nil {
			return nil, failed(j.op, j.id, ending(ctx))
		}
		w.mu.Lock()
		earlier, taken := w.busy[j.key]
		if !taken {
			defer w.mu.Unlock()
			if w.stuck >= w.most {
				return nil, domain.Fail(domain.Unreachable, j.op, j.id,
					"%d calls hang in the kernel on this host, no more are begun: look for dead disks", w.stuck)
			}
			ended = make(chan struct{})
			w.busy[j.key] = ended
			return ended, nil
		}
		w.mu.Unlock()
		select {
		case <-earlier:
		case <-ctx.Done():
			return nil, domain.Fail(domain.Busy, j.op, j.id, "an earlier call has not ended: %w", ending(ctx))
		}
	}
}

// committable returns a context that ends with ctx until commit was called, and
// from then on not. commit returns ctx's error if it was too late.
func committable(ctx context.Context) (c context.Context, commit func() error, release func()) {
	c, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	unhook := context.AfterFunc(ctx, func() { cancel(ctx.Err()) })
	commit = func() error {
		if unhook() {
			return nil
		}
		return ctx.Err()
	}
	return c, commit, func() { unhook(); cancel(nil) }
}

// ending returns why ctx ended, as the context package calls it.
func ending(ctx context.Context) error {
	cause := context.Cause(ctx)
	if errors.Is(cause, context.DeadlineExceeded) || errors.Is(cause, context.Canceled) {
		return cause
	}
	return ctx.Err()
}
