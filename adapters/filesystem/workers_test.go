package filesystem

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func wantKind(t *testing.T, err error, want domain.Kind, words ...string) {
	t.Helper()
	if !domain.Is(err, want) {
		t.Fatalf("got error %v (kind %s), want kind %s", err, domain.KindOf(err), want)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("got message %q, want it to name %q", err, word)
		}
	}
}

// hang begins a call that the kernel does not end until release.
func hang(t *testing.T, w *workers, key string) (release func()) {
	t.Helper()
	held := make(chan struct{})
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err := await(ctx, w, job{op: "unmount", key: key}, func() (int, error) { <-held; return 0, nil })
	wantKind(t, err, domain.Unreachable)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got error %v, want the context's in its chain", err)
	}
	return func() { close(held) }
}

func TestAwaitReturnsWhatTheCallReturns(t *testing.T) {
	w := newWorkers(1)
	got, err := await(t.Context(), w, job{op: "stats", key: "a"}, func() (int, error) { return 7, nil })
	if got != 7 || err != nil {
		t.Errorf("got %d, %v, want 7", got, err)
	}
	cause := errors.New("disk on fire")
	_, err = await(t.Context(), w, job{op: "stats", id: "vol", key: "a"}, func() (int, error) { return 0, cause })
	wantKind(t, err, domain.Other, "vol", "disk on fire")
	if !errors.Is(err, cause) {
		t.Errorf("got %v, want the cause in its chain", err)
	}
}

func TestAwaitBeginsNothingAfterItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := await(ctx, newWorkers(1), job{key: "a"}, func() (int, error) { t.Error("the call was begun"); return 0, nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v, want context.Canceled", err)
	}
}

func TestHangingCallIsLeftBehindAndCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorkers(2)
		start := time.Now()
		release := hang(t, w, "a")
		if got := time.Since(start); got != time.Second {
			t.Errorf("got an answer after %v, want it at the deadline, 1s", got)
		}
		if got := w.Stuck(); got != 1 {
			t.Errorf("got %d stuck calls, want 1", got)
		}
		release()
		synctest.Wait()
		if got := w.Stuck(); got != 0 {
			t.Errorf("got %d stuck calls, want 0 after it ended", got)
		}
	})
}

func TestCallOnATargetThatHangsIsBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorkers(2)
		release := hang(t, w, "a")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := await(ctx, w, job{op: "unmount", key: "a"}, func() (int, error) { t.Error("a second call was begun"); return 0, nil })
		wantKind(t, err, domain.Busy)
		if got, err := await(t.Context(), w, job{key: "b"}, func() (int, error) { return 1, nil }); got != 1 || err != nil {
			t.Errorf("got %d, %v on another target, want 1", got, err)
		}
		release()
		if got, err := await(t.Context(), w, job{key: "a"}, func() (int, error) { return 1, nil }); got != 1 || err != nil {
			t.Errorf("got %d, %v once the first had ended, want 1", got, err)
		}
	})
}

func TestCallWaitsForAnEarlierOneOnItsTarget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorkers(2)
		release := hang(t, w, "a")
		defer time.AfterFunc(time.Minute, release).Stop()
		start := time.Now()
		_, err := await(t.Context(), w, job{key: "a"}, func() (int, error) { return 0, nil })
		if got := time.Since(start); err != nil || got != time.Minute {
			t.Errorf("got %v after %v, want none after 1m", err, got)
		}
	})
}

func TestHangingCallsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorkers(2)
		first, second := hang(t, w, "a"), hang(t, w, "b")
		_, err := await(t.Context(), w, job{key: "c"}, func() (int, error) { t.Error("a third call was begun"); return 0, nil })
		wantKind(t, err, domain.Unreachable, "2 calls hang")
		first()
		synctest.Wait()
		if _, err := await(t.Context(), w, job{key: "c"}, func() (int, error) { return 0, nil }); err != nil {
			t.Errorf("got error %v once one had ended, want none", err)
		}
		second()
	})
}

func TestCommittedWorkOutlivesItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		c, commit, release := committable(ctx)
		defer release()
		if err := commit(); err != nil {
			t.Fatalf("got error %v, want none in time", err)
		}
		<-ctx.Done()
		synctest.Wait()
		if err := c.Err(); err != nil {
			t.Errorf("got %v for the committed context, want it to go on", err)
		}
	})
}

func TestWorkIsNotCommittedTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		c, commit, release := committable(ctx)
		defer release()
		<-c.Done()
		if err := commit(); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got error %v, want context.DeadlineExceeded", err)
		}
		if err := ending(c); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got ending %v, want context.DeadlineExceeded", err)
		}
	})
}
