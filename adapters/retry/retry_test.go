package retry_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"git.srvlab.io/whiskey/rds-csi-driver/adapters/retry"
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
	"git.srvlab.io/whiskey/rds-csi-driver/ports"
)

// A scripted array answers each call with the next of its errors; the last
// stays.
type scripted struct {
	errs  []error
	calls []string
}

func (s *scripted) answer(call string) error {
	s.calls = append(s.calls, call)
	err := s.errs[0]
	if len(s.errs) > 1 {
		s.errs = s.errs[1:]
	}
	return err
}

func answered(err error) domain.Volume {
	if err != nil {
		return domain.Volume{}
	}
	return domain.Volume{ID: domain.VolumeID{Slot: "answered"}}
}

type volumes struct{ *scripted }

func (v volumes) Create(_ context.Context, p domain.Plan) (domain.Volume, error) {
	err := v.answer("create " + string(p.ID.Slot))
	return answered(err), err
}
func (v volumes) Find(_ context.Context, id domain.VolumeID) (domain.Volume, error) {
	err := v.answer("find " + string(id.Slot))
	return answered(err), err
}
func (v volumes) List(_ context.Context, p ports.Page) ([]domain.Volume, error) {
	err := v.answer("list " + p.After)
	return []domain.Volume{answered(err)}, err
}
func (v volumes) Update(_ context.Context, old, next domain.Volume) (domain.Volume, error) {
	err := v.answer("update " + string(old.ID.Slot) + " " + string(next.ID.Slot))
	return answered(err), err
}
func (v volumes) Grow(_ context.Context, old, next domain.Volume, room domain.Room) (domain.Volume, error) {
	err := v.answer("grow " + string(old.ID.Slot) + " " + string(next.ID.Slot))
	if room.Reserve != 0.5 {
		return domain.Volume{}, errors.New("room got lost")
	}
	return answered(err), err
}
func (v volumes) Delete(_ context.Context, volume domain.Volume) error {
	return v.answer("delete " + string(volume.ID.Slot))
}
func (v volumes) Adopt(_ context.Context, old, next domain.Volume) (domain.Volume, error) {
	err := v.answer("adopt " + string(old.ID.Slot) + " " + string(next.ID.Slot))
	return answered(err), err
}

type snapshots struct{ *scripted }

func (s snapshots) Create(_ context.Context, source domain.Volume, plan domain.Snapshot) (domain.Snapshot, error) {
	return domain.Snapshot{}, s.answer("create " + string(source.ID.Slot) + " " + plan.ID.Name)
}
func (s snapshots) Find(_ context.Context, id domain.SnapshotID) (domain.Snapshot, error) {
	return domain.Snapshot{}, s.answer("find " + id.Name)
}
func (s snapshots) List(_ context.Context, p ports.Page) ([]domain.Snapshot, error) {
	return nil, s.answer("list " + p.After)
}
func (s snapshots) Delete(_ context.Context, id domain.SnapshotID) error {
	return s.answer("delete " + id.Name)
}

type pools struct{ *scripted }

func (p pools) List(context.Context) ([]domain.Pool, error) { return nil, p.answer("list") }

func silence() error { return domain.Fail(domain.Unreachable, "find", "fast:a", "no answer") }

func at(slot domain.Slot) domain.Volume { return domain.Volume{ID: domain.VolumeID{Slot: slot}} }

// always allows another try at once.
func always(context.Context, int) error { return nil }

func TestEveryMethodIsRepeatedWithItsArguments(t *testing.T) {
	for want, do := range map[string]func(context.Context, *scripted) error{
		"create a": func(ctx context.Context, s *scripted) error {
			_, err := retry.Volumes(volumes{s}, always).Create(ctx, domain.Plan{ID: at("a").ID})
			return err
		},
		"find a": func(ctx context.Context, s *scripted) error {
			_, err := retry.Volumes(volumes{s}, always).Find(ctx, at("a").ID)
			return err
		},
		"list a": func(ctx context.Context, s *scripted) error {
			_, err := retry.Volumes(volumes{s}, always).List(ctx, ports.Page{After: "a"})
			return err
		},
		"update a b": func(ctx context.Context, s *scripted) error {
			_, err := retry.Volumes(volumes{s}, always).Update(ctx, at("a"), at("b"))
			return err
		},
		"grow a b": func(ctx context.Context, s *scripted) error {
			_, err := retry.Volumes(volumes{s}, always).Grow(ctx, at("a"), at("b"), domain.Room{Reserve: 0.5})
			return err
		},
		"delete a": func(ctx context.Context, s *scripted) error {
			return retry.Volumes(volumes{s}, always).Delete(ctx, at("a"))
		},
		"adopt a b": func(ctx context.Context, s *scripted) error {
			_, err := retry.Volumes(volumes{s}, always).Adopt(ctx, at("a"), at("b"))
			return err
		},
		"create a sn": func(ctx context.Context, s *scripted) error {
			plan := domain.Snapshot{ID: domain.SnapshotID{Name: "sn"}}
			_, err := retry.Snapshots(snapshots{s}, always).Create(ctx, at("a"), plan)
			return err
		},
		"find sn": func(ctx context.Context, s *scripted) error {
			_, err := retry.Snapshots(snapshots{s}, always).Find(ctx, domain.SnapshotID{Name: "sn"})
			return err
		},
		"list sn": func(ctx context.Context, s *scripted) error {
			_, err := retry.Snapshots(snapshots{s}, always).List(ctx, ports.Page{After: "sn"})
			return err
		},
		"delete sn": func(ctx context.Context, s *scripted) error {
			return retry.Snapshots(snapshots{s}, always).Delete(ctx, domain.SnapshotID{Name: "sn"})
		},
		"list": func(ctx context.Context, s *scripted) error {
			_, err := retry.Pools(pools{s}, always).List(ctx)
			return err
		},
	} {
		t.Run(want, func(t *testing.T) {
			s := &scripted{errs: []error{silence(), silence(), nil}}
			if err := do(t.Context(), s); err != nil {
				t.Errorf("error %v, want nil", err)
			}
			if !slices.Equal(s.calls, []string{want, want, want}) {
				t.Errorf("calls %q, want %q three times", s.calls, want)
			}
		})
	}
}

func TestOnlySilenceIsRepeated(t *testing.T) {
	kinds := []domain.Kind{
		domain.Other, domain.Invalid, domain.OutOfRange, domain.NotFound, domain.Exists, domain.InUse, domain.Busy,
		domain.Conflict, domain.Exhausted, domain.Unsupported, domain.DataAtRisk,
	}
	for _, kind := range kinds {
		t.Run(kind.String(), func(t *testing.T) {
			s := &scripted{errs: []error{domain.Fail(kind, "find", "a", "spoken"), nil}}
			_, err := retry.Volumes(volumes{s}, always).Find(t.Context(), at("a").ID)
			if !domain.Is(err, kind) || len(s.calls) != 1 {
				t.Errorf("error %v after %d calls, want %s after one", err, len(s.calls), kind)
			}
		})
	}
	t.Run("an error without a kind", func(t *testing.T) {
		s := &scripted{errs: []error{errors.New("odd"), nil}}
		if err := retry.Volumes(volumes{s}, always).Delete(t.Context(), at("a")); err == nil || len(s.calls) != 1 {
			t.Errorf("error %v after %d calls, want it after one", err, len(s.calls))
		}
	})
	t.Run("silence before a refusal", func(t *testing.T) {
		s := &scripted{errs: []error{silence(), domain.Fail(domain.NotFound, "find", "a", "none"), nil}}
		_, err := retry.Volumes(volumes{s}, always).Find(t.Context(), at("a").ID)
		if !domain.Is(err, domain.NotFound) || len(s.calls) != 2 {
			t.Errorf("error %v after %d calls, want not found after two", err, len(s.calls))
		}
	})
}

func TestResultComesThrough(t *testing.T) {
	s := &scripted{errs: []error{silence(), nil}}
	got, err := retry.Volumes(volumes{s}, always).Find(t.Context(), at("a").ID)
	if err != nil || got.ID.Slot != "answered" {
		t.Errorf("got %v, %v, want the answer of the second try", got.ID, err)
	}
}

func TestPauses(t *testing.T) {
	none, all := func() float64 { return 0 }, func() float64 { return 1 }
	for _, c := range []struct {
		name   string
		wait   retry.Wait
		within time.Duration // the caller's deadline, 0 for none
		tries  int
		took   time.Duration
		stop   error
	}{
		{"they double up to a bound", retry.Backoff(6, time.Second, 5*time.Second, none), 0, 6, 17 * time.Second, retry.ErrEnough},
		{"chance takes at most half", retry.Backoff(4, time.Second, time.Minute, all), 0, 4, 3500 * time.Millisecond, retry.ErrEnough},
		{"no pause for a try that comes too late",
			retry.Backoff(9, time.Second, time.Minute, none), 5 * time.Second, 3, 3 * time.Second, retry.ErrLate},
		{"one try is no repetition", retry.Backoff(1, time.Second, time.Minute, none), 0, 1, 0, retry.ErrEnough},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx := t.Context()
				if c.within > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, c.within)
					defer cancel()
				}
				s, start := &scripted{errs: []error{silence()}}, time.Now()
				_, err := retry.Volumes(volumes{s}, c.wait).Find(ctx, at("a").ID)
				if len(s.calls) != c.tries || time.Since(start) != c.took {
					t.Errorf("%d tries in %s, want %d in %s", len(s.calls), time.Since(start), c.tries, c.took)
				}
				if domain.KindOf(err) != domain.Unreachable || !errors.Is(err, c.stop) {
					t.Errorf("error %v, want unreachable because %v", err, c.stop)
				}
			})
		})
	}
}

func TestDefaultIsShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, start := &scripted{errs: []error{silence()}}, time.Now()
		err := retry.Volumes(volumes{s}, retry.DefaultWait()).Delete(t.Context(), at("a"))
		took := time.Since(start)
		if len(s.calls) != 5 || took < 1500*time.Millisecond || took > 3*time.Second || !domain.Is(err, domain.Unreachable) {
			t.Errorf("%d tries in %s: %v, want 5 in 1.5 to 3 s and unreachable", len(s.calls), took, err)
		}
	})
}

func TestCancelEndsThePause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s, done := &scripted{errs: []error{silence()}}, make(chan error)
		go func() {
			_, err := retry.Volumes(volumes{s}, retry.DefaultWait()).Find(ctx, at("a").ID)
			done <- err
		}()
		synctest.Wait()
		start := time.Now()
		cancel()
		err := <-done
		if !errors.Is(err, context.Canceled) || !domain.Is(err, domain.Unreachable) || time.Since(start) != 0 {
			t.Errorf("error %v after %s, want unreachable and canceled at once", err, time.Since(start))
		}
	})
}

func TestEndedContextIsNotTriedAgain(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := &scripted{errs: []error{silence(), nil}}
	_, err := retry.Volumes(volumes{s}, always).Find(ctx, at("a").ID)
	if !domain.Is(err, domain.Unreachable) || len(s.calls) != 1 {
		t.Errorf("error %v after %d calls, want unreachable after one", err, len(s.calls))
	}
}
