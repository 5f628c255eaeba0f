package e2e

import (
	"context"
	"sync"

	"git.srvlab.io/whiskey/rds-csi-driver/app"
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
	"git.srvlab.io/whiskey/rds-csi-driver/ports"
)

// A line lies between a driver and its array. It counts the uses of ports and
// lets a test act around each.
type line struct {
	mu     sync.Mutex
	uses   int
	before func(ctx context.Context, n int)
	after  func(ctx context.Context, n int)
}

// listen counts from nought again and calls before and after around each use;
// either may be nil.
func (l *line) listen(before, after func(ctx context.Context, n int)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.uses, l.before, l.after = 0, before, after
}

// count returns how many uses there were since listen.
func (l *line) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.uses
}

func over[T any](ctx context.Context, l *line, do func() (T, error)) (T, error) {
	l.mu.Lock()
	l.uses++
	n, before, after := l.uses, l.before, l.after
	l.mu.Unlock()
	if before != nil {
		before(ctx, n)
	}
	got, err := do()
	if after != nil {
		after(ctx, n)
	}
	return got, err
}

// run is over for what returns an error only.
func (l *line) run(ctx context.Context, do func() error) error {
	_, err := over(ctx, l, func() (struct{}, error) { return struct{}{}, do() })
	return err
}

// lay returns the array with the line in front of it.
func (l *line) lay(a app.Array) app.Array {
	a.Volumes, a.Snapshots, a.Pools = volumes{a.Volumes, l}, snapshots{a.Snapshots, l}, pools{a.Pools, l}
	return a
}

type volumes struct {
	inner ports.Volumes
	line  *line
}

func (v volumes) Create(ctx context.Context, plan domain.Plan) (domain.Volume, error) {
	return over(ctx, v.line, func() (domain.Volume, error) { return v.inner.Create(ctx, plan) })
}

func (v volumes) Find(ctx context.Context, id domain.VolumeID) (domain.Volume, error) {
	return over(ctx, v.line, func() (domain.Volume, error) { return v.inner.Find(ctx, id) })
}

func (v volumes) List(ctx context.Context, page ports.Page) ([]domain.Volume, error) {
	return over(ctx, v.line, func() ([]domain.Volume, error) { return v.inner.List(ctx, page) })
}

func (v volumes) Update(ctx context.Context, old, next domain.Volume) (domain.Volume, error) {
	return over(ctx, v.line, func() (domain.Volume, error) { return v.inner.Update(ctx, old, next) })
}

func (v volumes) Grow(ctx context.Context, old, next domain.Volume, room domain.Room) (domain.Volume, error) {
	return over(ctx, v.line, func() (domain.Volume, error) { return v.inner.Grow(ctx, old, next, room) })
}

func (v volumes) Delete(ctx context.Context, volume domain.Volume) error {
	return v.line.run(ctx, func() error { return v.inner.Delete(ctx, volume) })
}

func (v volumes) Adopt(ctx context.Context, old, next domain.Volume) (domain.Volume, error) {
	return over(ctx, v.line, func() (domain.Volume, error) { return v.inner.Adopt(ctx, old, next) })
}

type snapshots struct {
	inner ports.Snapshots
	line  *line
}

func (s snapshots) Create(
	ctx context.Context, source domain.Volume, plan domain.Snapshot,
) (domain.Snapshot, error) {
	return over(ctx, s.line, func() (domain.Snapshot, error) { return s.inner.Create(ctx, source, plan) })
}

func (s snapshots) Find(ctx context.Context, id domain.SnapshotID) (domain.Snapshot, error) {
	return over(ctx, s.line, func() (domain.Snapshot, error) { return s.inner.Find(ctx, id) })
}

func (s snapshots) List(ctx context.Context, page ports.Page) ([]domain.Snapshot, error) {
	return over(ctx, s.line, func() ([]domain.Snapshot, error) { return s.inner.List(ctx, page) })
}

func (s snapshots) Delete(ctx context.Context, id domain.SnapshotID) error {
	return s.line.run(ctx, func() error { return s.inner.Delete(ctx, id) })
}

type pools struct {
	inner ports.Pools
	line  *line
}

func (p pools) List(ctx context.Context) ([]domain.Pool, error) {
	return over(ctx, p.line, func() ([]domain.Pool, error) { return p.inner.List(ctx) })
}
