package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// The calls that can hang in the kernel, as they are named in errors and as
// label of a metric.
const (
	callProve    = "prove"
	callSize     = "size"
	callHolders  = "holders"
	callReadOnly = "set read-only"
	callClose    = "close"
	callStats    = "statfs"
	callUnmount  = "unmount"
	callProbe    = "probe"
	callRead     = "read"
	callCheck    = "check"
	callMount    = "mount"
	callGrow     = "grow"
	callBind     = "bind"
)

// stuckCalls returns the names of all calls that are watched.
func stuckCalls() []string {
	return []string{callProve, callSize, callHolders, callReadOnly, callClose, callStats, callUnmount,
		callProbe, callRead, callCheck, callMount, callGrow, callBind}
}

// lastMoment is how long a call that obeys its context may take to return after
// it has ended, before it counts as stuck.
const lastMoment = 100 * time.Millisecond

// errStuck is the error of a call that has not answered in time before.
var errStuck = errors.New("has not answered in time before and still does not")

// A watchdog lets go of calls that hang in the kernel, where no context reaches:
// whoever asked is answered, the worker stays behind until the kernel lets it
// go. At most most workers exist, so that a dead volume asked for every minute
// does not fill the machine with threads.
type watchdog struct {
	most    int
	mu      sync.Mutex
	jobs    map[*job]struct{}
	changed chan struct{} // closed when a job ends or gets stuck
}

// A job is one watched call.
type job struct {
	call, id string
	stuck    bool
}

func newWatchdog(most int) *watchdog {
	return &watchdog{most: most, jobs: make(map[*job]struct{}), changed: make(chan struct{})}
}

// watch returns what do returns, or Unreachable soon after ctx has ended. What a
// worker that was let go returns late goes to late. A call that is stuck on id
// already is not made a second time.
func watch[T any](ctx context.Context, w *watchdog, call, id string, late func(T),
	do func(context.Context) (T, error),
) (result T, err error) {
	j, err := w.begin(ctx, call, id)
	if err != nil {
		return result, err
	}
	return run(ctx, w, j, late, do)
}

// run makes the call of a job that has begun.
func run[T any](ctx context.Context, w *watchdog, j *job, late func(T), do func(context.Context) (T, error)) (T, error) {
	type answer struct {
		result T
		err    error
	}
	answered := make(chan answer, 1)
	go func() {
		result, err := do(ctx)
		if w.end(j) && late != nil {
			late(result)
		}
		answered <- answer{result, err}
	}()
	select {
	case a := <-answered:
		return a.result, a.err
	case <-ctx.Done():
	}
	last := time.NewTimer(lastMoment)
	defer last.Stop()
	select {
	case a := <-answered:
		return a.result, a.err
	case <-last.C:
	}
	if w.leave(j) {
		var none T
		return none, domain.Fail(domain.Unreachable, j.call, j.id, "%s does not answer: %w", j.call, ctx.Err())
	}
	a := <-answered
	return a.result, a.err
}

// do watches a call that returns nothing but an error.
func (w *watchdog) do(ctx context.Context, call, id string, do func(context.Context) error) error {
	_, err := watch(ctx, w, call, id, nil, func(ctx context.Context) (struct{}, error) { return struct{}{}, do(ctx) })
	return err
}

// must makes a call that may not be refused, though the limit be reached.
func (w *watchdog) must(ctx context.Context, call, id string, do func() error) error {
	w.mu.Lock()
	j := w.add(call, id)
	w.mu.Unlock()
	_, err := run(ctx, w, j, nil, func(context.Context) (struct{}, error) { return struct{}{}, do() })
	return err
}

// begin waits until there is a place for one more call.
func (w *watchdog) begin(ctx context.Context, call, id string) (*job, error) {
	for {
		w.mu.Lock()
		if err := w.refuse(call, id); err != nil {
			w.mu.Unlock()
			return nil, err
		}
		if len(w.jobs) < w.most {
			j := w.add(call, id)
			w.mu.Unlock()
			return j, nil
		}
		changed := w.changed
		w.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, domain.Fail(domain.Unreachable, call, id, "%s waits for other calls to end: %w", call, ctx.Err())
		}
	}
}

// refuse says why a call would only get stuck; w is locked.
func (w *watchdog) refuse(call, id string) error {
	stuck := make(map[string]int)
	total := 0
	for j := range w.jobs {
		if !j.stuck {
			continue
		}
		if j.call == call && j.id == id {
			return domain.Fail(domain.Unreachable, call, id, "%s %w", call, errStuck)
		}
		stuck[j.call]++
		total++
	}
	if total < w.most {
		return nil
	}
	var names []string
	for _, name := range slices.Sorted(maps.Keys(stuck)) {
		names = append(names, fmt.Sprintf("%d %s", stuck[name], name))
	}
	return domain.Fail(domain.Unreachable, call, id,
		"%d calls do not answer and no more are made: %s", total, strings.Join(names, ", "))
}

// add and signal need w locked.
func (w *watchdog) add(call, id string) *job {
	j := &job{call: call, id: id}
	w.jobs[j] = struct{}{}
	return j
}

func (w *watchdog) signal() {
	close(w.changed)
	w.changed = make(chan struct{})
}

// end takes a job that has returned off the list. It reports whether the caller
// was gone by then.
func (w *watchdog) end(j *job) (left bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.jobs, j)
	w.signal()
	return j.stuck
}

// leave marks a job as stuck. It reports false if it has returned after all.
func (w *watchdog) leave(j *job) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, running := w.jobs[j]; !running {
		return false
	}
	j.stuck = true
	w.signal()
	return true
}

// count adds the stuck calls to counts.
func (w *watchdog) count(counts map[string]int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for j := range w.jobs {
		if j.stuck {
			counts[j.call]++
		}
	}
}
