package app

import (
	"context"
	"errors"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// hang makes a watched call that hangs until release, and gives it up after a
// second.
func hang(t *testing.T, w *watchdog, call, id string) (release func()) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	let := make(chan struct{})
	err := w.do(ctx, call, id, func(context.Context) error { <-let; return nil })
	if !domain.Is(err, domain.Unreachable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want Unreachable with the context's error", err)
	}
	return func() { close(let); synctest.Wait() }
}

func stuckIn(w *watchdog) map[string]int {
	counts := make(map[string]int)
	w.count(counts)
	return counts
}

func TestWatchReturnsWhatTheCallReturns(t *testing.T) {
	w, want := newWatchdog(1), errors.New("refused")
	for range 3 { // each gives its place back
		got, err := watch(t.Context(), w, callSize, "a", nil, func(context.Context) (int, error) { return 7, want })
		if got != 7 || !errors.Is(err, want) {
			t.Errorf("got %d, %v, want 7 and the call's error", got, err)
		}
	}
}

func TestWatchLetsGoOfACallThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatchdog(4)
		began := time.Now()
		release := hang(t, w, callStats, "a")
		if got := time.Since(began); got > time.Second+lastMoment {
			t.Errorf("got an answer after %s, want one when the context ends", got)
		}
		if got, want := stuckIn(w), map[string]int{callStats: 1}; !maps.Equal(got, want) {
			t.Errorf("got %v stuck, want %v", got, want)
		}
		release()
		if got := stuckIn(w); len(got) != 0 {
			t.Errorf("got %v stuck, want none once the kernel has let go", got)
		}
	})
}

func TestWatchWaitsForACallThatObeysItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		own := errors.New("gave up, and cleaned up")
		err := newWatchdog(1).do(ctx, callMount, "a", func(ctx context.Context) error {
			<-ctx.Done()
			<-time.After(lastMoment / 2)
			return own
		})
		if !errors.Is(err, own) {
			t.Errorf("got %v, want the call's own error", err)
		}
	})
}

func TestWatchMakesNoCallThatIsStuckAlready(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatchdog(4)
		release := hang(t, w, callStats, "a")
		made := false
		call := func(context.Context) error { made = true; return nil }
		if err := w.do(t.Context(), callStats, "a", call); !domain.Is(err, domain.Unreachable) || made {
			t.Errorf("got %v (made %t), want Unreachable without a second call", err, made)
		}
		if err := w.do(t.Context(), callStats, "b", call); err != nil || !made {
			t.Errorf("got %v (made %t), want another file system asked", err, made)
		}
		release()
		if err := w.do(t.Context(), callStats, "a", call); err != nil {
			t.Errorf("got %v, want it asked again once it has answered", err)
		}
	})
}

func TestWatchRefusesAtOnceBeyondTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatchdog(2)
		releaseA, releaseB := hang(t, w, callStats, "a"), hang(t, w, callProve, "b")
		began := time.Now()
		err := w.do(t.Context(), callSize, "c", func(context.Context) error { t.Error("called"); return nil })
		if !domain.Is(err, domain.Unreachable) || time.Since(began) != 0 {
			t.Errorf("got %v after %s, want Unreachable at once", err, time.Since(began))
		}
		for _, want := range []string{"1 prove", "1 statfs"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("got %q, want it to name %q", err, want)
			}
		}
		closed := false
		if err := w.must(t.Context(), callClose, "c", func() error { closed = true; return nil }); err != nil || !closed {
			t.Errorf("got %v (closed %t), want a device closed all the same", err, closed)
		}
		releaseA()
		if err := w.do(t.Context(), callSize, "c", func(context.Context) error { return nil }); err != nil {
			t.Errorf("got %v, want a place once one is free", err)
		}
		releaseB()
	})
}

func TestWatchHasAtMostItsLimitUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatchdog(1)
		let, first := make(chan struct{}), make(chan error, 1)
		go func() { first <- w.do(t.Context(), callRead, "a", func(context.Context) error { <-let; return nil }) }()
		synctest.Wait()

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := w.do(ctx, callRead, "b", func(context.Context) error { return nil }); !domain.Is(err, domain.Unreachable) {
			t.Errorf("got %v, want Unreachable after waiting for a place", err)
		}
		second := make(chan error, 1)
		go func() { second <- w.do(t.Context(), callRead, "b", func(context.Context) error { return nil }) }()
		synctest.Wait()
		close(let)
		if err := errors.Join(<-first, <-second); err != nil {
			t.Errorf("got %v, want both done, one after the other", err)
		}
	})
}

func TestWatchGivesALateResultToLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatchdog(1)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		let, late := make(chan struct{}), make(chan int, 1)
		_, err := watch(ctx, w, callProve, "a", func(n int) { late <- n }, func(context.Context) (int, error) { <-let; return 7, nil })
		if !domain.Is(err, domain.Unreachable) {
			t.Errorf("got %v, want Unreachable", err)
		}
		close(let)
		if got := <-late; got != 7 {
			t.Errorf("got %d late, want 7", got)
		}
	})
}
