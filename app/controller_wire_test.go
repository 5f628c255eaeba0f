package app_test

import (
	"context"
	"slices"
	"sync"
	"testing"

	"git.srvlab.io/whiskey/rds-csi-driver/adapters/fakerds"
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
	"git.srvlab.io/whiskey/rds-csi-driver/ports"
)

// A wire hears every use of a port and may meddle with it.
type wire struct {
	mu     sync.Mutex
	heard  []string
	around around
}

// An around stands in for a use of a port. ask asks the array; what it returns
// need not be told.
type around func(ctx context.Context, u use, ask func(context.Context) error) error

// A use is the nth use of a port since listen, with its name as the array has
// it.
type use struct {
	n    int
	call string
	rds  *fakerds.RDS
}

// listen forgets what was heard and lets meddle with what comes; nil only hears.
func (w *wire) listen(meddle around) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.heard, w.around = nil, meddle
}

// pause does something that is not meddled with, then meddles on.
func (w *wire) pause(meddle around, do func()) {
	w.mu.Lock()
	w.around = nil
	w.mu.Unlock()
	do()
	w.mu.Lock()
	w.around = meddle
	w.mu.Unlock()
}

// calls returns what was heard since listen.
func (w *wire) calls() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.heard)
}

func (w *wire) hear(call string) (n int, meddle around) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.heard = append(w.heard, call)
	return len(w.heard), w.around
}

func over[T any](ctx context.Context, p plug, call string, ask func(context.Context) (T, error)) (T, error) {
	var got, none T
	run := func(ctx context.Context) (err error) {
		got, err = ask(ctx)
		return err
	}
	n, meddle := p.wire.hear(call)
	if meddle == nil {
		meddle = func(ctx context.Context, _ use, ask func(context.Context) error) error { return ask(ctx) }
	}
	if err := meddle(ctx, use{n, call, p.rds}, run); err != nil {
		return none, err
	}
	return got, nil
}

// nextCall meddles with the next use of that name only.
func nextCall(call string, meddle func(ctx context.Context, ask func(context.Context) error) error) around {
	var mu sync.Mutex
	done := false
	return func(ctx context.Context, u use, ask func(context.Context) error) error {
		mu.Lock()
		mine := !done && u.call == call
		done = done || mine
		mu.Unlock()
		if !mine {
			return ask(ctx)
		}
		return meddle(ctx, ask)
	}
}

// beforeCall does something before the next use of that name reaches the array.
func beforeCall(call string, do func()) around {
	return nextCall(call, func(ctx context.Context, ask func(context.Context) error) error {
		do()
		return ask(ctx)
	})
}

// late holds the next use of that name back, as a command that is thought lost
// is. land lets it reach the array.
func late(call string) (meddle around, land func() error) {
	var held func() error
	meddle = nextCall(call, func(ctx context.Context, ask func(context.Context) error) error {
		held = func() error { return ask(context.WithoutCancel(ctx)) }
		return noAnswer()
	})
	return meddle, func() error { return held() }
}

func noAnswer() error { return domain.Fail(domain.Unreachable, "test", "", "no answer") }

// wantCalls demands the uses of ports since listen.
func (w *wire) wantCalls(t *testing.T, want ...string) {
	t.Helper()
	if got := w.calls(); !slices.Equal(got, want) {
		t.Errorf("uses of ports %q, want %q", got, want)
	}
}

// A plug is the end of the wire at one array.
type plug struct {
	wire *wire
	rds  *fakerds.RDS
}

type wiredVolumes struct {
	ports.Volumes
	plug
}

func (v wiredVolumes) Create(ctx context.Context, plan domain.Plan) (domain.Volume, error) {
	return over(ctx, v.plug, "create volume", func(ctx context.Context) (domain.Volume, error) {
		return v.Volumes.Create(ctx, plan)
	})
}

func (v wiredVolumes) Find(ctx context.Context, id domain.VolumeID) (domain.Volume, error) {
	return over(ctx, v.plug, "find volume", func(ctx context.Context) (domain.Volume, error) {
		return v.Volumes.Find(ctx, id)
	})
}

func (v wiredVolumes) List(ctx context.Context, page ports.Page) ([]domain.Volume, error) {
	return over(ctx, v.plug, "list volumes", func(ctx context.Context) ([]domain.Volume, error) {
		return v.Volumes.List(ctx, page)
	})
}

func (v wiredVolumes) Update(ctx context.Context, old, next domain.Volume) (domain.Volume, error) {
	return over(ctx, v.plug, "update volume", func(ctx context.Context) (domain.Volume, error) {
		return v.Volumes.Update(ctx, old, next)
	})
}

func (v wiredVolumes) Grow(ctx context.Context, old, next domain.Volume, room domain.Room) (domain.Volume, error) {
	return over(ctx, v.plug, "grow volume", func(ctx context.Context) (domain.Volume, error) {
		return v.Volumes.Grow(ctx, old, next, room)
	})
}

func (v wiredVolumes) Delete(ctx context.Context, gone domain.Volume) error {
	_, err := over(ctx, v.plug, "delete volume", func(ctx context.Context) (struct{}, error) {
		return struct{}{}, v.Volumes.Delete(ctx, gone)
	})
	return err
}

type wiredSnapshots struct {
	ports.Snapshots
	plug
}

func (s wiredSnapshots) Create(ctx context.Context, source domain.Volume, plan domain.Snapshot) (domain.Snapshot, error) {
	return over(ctx, s.plug, "create snapshot", func(ctx context.Context) (domain.Snapshot, error) {
		return s.Snapshots.Create(ctx, source, plan)
	})
}

func (s wiredSnapshots) Find(ctx context.Context, id domain.SnapshotID) (domain.Snapshot, error) {
	return over(ctx, s.plug, "find snapshot", func(ctx context.Context) (domain.Snapshot, error) {
		return s.Snapshots.Find(ctx, id)
	})
}

func (s wiredSnapshots) List(ctx context.Context, page ports.Page) ([]domain.Snapshot, error) {
	return over(ctx, s.plug, "list snapshots", func(ctx context.Context) ([]domain.Snapshot, error) {
		return s.Snapshots.List(ctx, page)
	})
}

func (s wiredSnapshots) Delete(ctx context.Context, id domain.SnapshotID) error {
	_, err := over(ctx, s.plug, "delete snapshot", func(ctx context.Context) (struct{}, error) {
		return struct{}{}, s.Snapshots.Delete(ctx, id)
	})
	return err
}

type wiredPools struct {
	ports.Pools
	plug
}

// List tells no more of a pool than a real array: while it is not mounted nobody
// knows its file system nor what that can do.
func (p wiredPools) List(ctx context.Context) ([]domain.Pool, error) {
	return over(ctx, p.plug, "list pools", func(ctx context.Context) ([]domain.Pool, error) {
		pools, err := p.Pools.List(ctx)
		for i, found := range pools {
			if !found.Mounted {
				pools[i].FileSystem, pools[i].UUID, pools[i].Snapshots, pools[i].Allocates = "", "", false, false
			}
		}
		return pools, err
	})
}
