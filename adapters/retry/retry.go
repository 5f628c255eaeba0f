// Package retry repeats calls to an array that nobody answered, and no others:
// any other kind of error means that the array has spoken. That a repeated call
// does no harm is the law of the ports.
//
// The caller's deadline bounds the whole of it. Without one a call ends after
// the number of tries that its Wait allows; DefaultWait allows 5, with at most 3
// seconds between the first and the last beside what the tries take themselves.
package retry

import (
	"context"
	"fmt"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
	"git.srvlab.io/whiskey/rds-csi-driver/ports"
)

// call runs do until the array has spoken or wait gives up. The last error is
// returned, and why it was the last.
func call[T any](ctx context.Context, wait Wait, do func() (T, error)) (T, error) {
	for tries := 1; ; tries++ {
		got, err := do()
		if !domain.Is(err, domain.Unreachable) || ctx.Err() != nil {
			return got, err
		}
		if stop := wait(ctx, tries); stop != nil {
			return got, fmt.Errorf("%w, tried %d times: %w", err, tries, stop)
		}
	}
}

// run is call for what returns an error only.
func run(ctx context.Context, wait Wait, do func() error) error {
	_, err := call(ctx, wait, func() (struct{}, error) { return struct{}{}, do() })
	return err
}

// Volumes returns v with unanswered calls repeated.
func Volumes(v ports.Volumes, wait Wait) ports.Volumes { return volumes{v, wait} }

type volumes struct {
	inner ports.Volumes
	wait  Wait
}

func (v volumes) Create(ctx context.Context, plan domain.Plan) (domain.Volume, error) {
	return call(ctx, v.wait, func() (domain.Volume, error) { return v.inner.Create(ctx, plan) })
}

func (v volumes) Find(ctx context.Context, id domain.VolumeID) (domain.Volume, error) {
	return call(ctx, v.wait, func() (domain.Volume, error) { return v.inner.Find(ctx, id) })
}

func (v volumes) List(ctx context.Context, page ports.Page) ([]domain.Volume, error) {
	return call(ctx, v.wait, func() ([]domain.Volume, error) { return v.inner.List(ctx, page) })
}

func (v volumes) Update(ctx context.Context, old, next domain.Volume) (domain.Volume, error) {
	return call(ctx, v.wait, func() (domain.Volume, error) { return v.inner.Update(ctx, old, next) })
}

func (v volumes) Grow(ctx context.Context, old, next domain.Volume, room domain.Room) (domain.Volume, error) {
	return call(ctx, v.wait, func() (domain.Volume, error) { return v.inner.Grow(ctx, old, next, room) })
}

func (v volumes) Delete(ctx context.Context, volume domain.Volume) error {
	return run(ctx, v.wait, func() error { return v.inner.Delete(ctx, volume) })
}

func (v volumes) Adopt(ctx context.Context, old, next domain.Volume) (domain.Volume, error) {
	return call(ctx, v.wait, func() (domain.Volume, error) { return v.inner.Adopt(ctx, old, next) })
}

// Snapshots returns s with unanswered calls repeated.
func Snapshots(s ports.Snapshots, wait Wait) ports.Snapshots { return snapshots{s, wait} }

type snapshots struct {
	inner ports.Snapshots
	wait  Wait
}

func (s snapshots) Create(ctx context.Context, source domain.Volume, plan domain.Snapshot) (domain.Snapshot, error) {
	return call(ctx, s.wait, func() (domain.Snapshot, error) { return s.inner.Create(ctx, source, plan) })
}

func (s snapshots) Find(ctx context.Context, id domain.SnapshotID) (domain.Snapshot, error) {
	return call(ctx, s.wait, func() (domain.Snapshot, error) { return s.inner.Find(ctx, id) })
}

func (s snapshots) List(ctx context.Context, page ports.Page) ([]domain.Snapshot, error) {
	return call(ctx, s.wait, func() ([]domain.Snapshot, error) { return s.inner.List(ctx, page) })
}

func (s snapshots) Delete(ctx context.Context, id domain.SnapshotID) error {
	return run(ctx, s.wait, func() error { return s.inner.Delete(ctx, id) })
}

// Pools returns p with unanswered calls repeated.
func Pools(p ports.Pools, wait Wait) ports.Pools { return pools{p, wait} }

type pools struct {
	inner ports.Pools
	wait  Wait
}

func (p pools) List(ctx context.Context) ([]domain.Pool, error) {
	return call(ctx, p.wait, func() ([]domain.Pool, error) { return p.inner.List(ctx) })
}
