package app

import (
	"context"
	"errors"
	"sync"
	"time"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
	"git.srvlab.io/whiskey/rds-csi-driver/ports"
)

// Figures are what was last learned about one array: numbers for people and
// alarms. No decision rests on them.
type Figures struct {
	Array domain.ArrayName
	Asked time.Time // when the last round ended; zero: none has
	Up    bool      // the array answered in it
	Err   error     // what went wrong in it, if anything did

	// Each part keeps what was read when that last succeeded. One whose Taken is
	// zero was never read: it knows nothing, which is not the same as none.
	Pools     PoolFigures
	Volumes   VolumeFigures
	Snapshots SnapshotFigures

	start time.Time
}

// PoolFigures are an array's pools.
type PoolFigures struct {
	Taken time.Time
	Pools []domain.Pool
}

// VolumeFigures count an array's volumes.
type VolumeFigures struct {
	Taken       time.Time
	Volumes     int // readable: by us, or by a newer driver
	Damaged     int // in our place, without a readable record; not in Volumes
	Provisioned domain.Size
	Attachments int // grants
	Unfenced    int // volumes that a host without a grant of its own could write
}

// SnapshotFigures count an array's snapshots.
type SnapshotFigures struct {
	Taken     time.Time
	Snapshots int
}

// Age returns how old the oldest of the figures is. What was never read counts
// from the start of the inventory, so that an array which never answers ages.
func (f Figures) Age(now time.Time) time.Duration {
	oldest := now
	for _, taken := range []time.Time{f.Pools.Taken, f.Volumes.Taken, f.Snapshots.Taken} {
		if taken.IsZero() {
			taken = f.start
		}
		if taken.Before(oldest) {
			oldest = taken
		}
	}
	return now.Sub(oldest)
}

// InventorySettings say how often arrays are asked.
type InventorySettings struct {
	Every   time.Duration    // 0: 60 s
	Timeout time.Duration    // of one round with one array; 0: half of Every
	Now     func() time.Time // nil: time.Now
}

func (s InventorySettings) complete() InventorySettings {
	if s.Every <= 0 {
		s.Every = time.Minute
	}
	if s.Timeout <= 0 {
		s.Timeout = s.Every / 2
	}
	if s.Now == nil {
		s.Now = time.Now
	}
	return s
}

// An Inventory asks every array at times what it holds, so that whoever wants
// to look (a scrape, a status page) never has to ask an array. The arrays are
// asked apart: a slow one delays no other.
type Inventory struct {
	settings InventorySettings
	recorder ports.Recorder
	arrays   []Array

	mu      sync.Mutex
	figures []Figures // in the order of arrays
}

// NewInventory returns an inventory of the arrays that knows nothing yet.
func NewInventory(s InventorySettings, arrays Arrays, recorder ports.Recorder) *Inventory {
	i := &Inventory{settings: s.complete(), recorder: recorder, arrays: arrays.All()}
	start := i.settings.Now()
	for _, a := range i.arrays {
		i.figures = append(i.figures, Figures{Array: a.Name, start: start})
	}
	return i
}

// Figures returns what is known, by the arrays' names. It asks nobody.
func (i *Inventory) Figures() []Figures {
	i.mu.Lock()
	defer i.mu.Unlock()
	return append([]Figures(nil), i.figures...)
}

// Run asks at once and then at every interval until ctx ends. It returns when
// nothing of it runs any more.
func (i *Inventory) Run(ctx context.Context) {
	var arrays sync.WaitGroup
	for n := range i.arrays {
		arrays.Go(func() { i.watch(ctx, n) })
	}
	arrays.Wait()
}

func (i *Inventory) watch(ctx context.Context, n int) {
	tick := time.NewTicker(i.settings.Every)
	defer tick.Stop()
	damaged := map[domain.VolumeID]bool{}
	for {
		damaged = i.round(ctx, n, damaged)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// round asks one array and keeps what it says. damaged are the volumes that
// were seen to be damaged before; those seen now are returned.
func (i *Inventory) round(ctx context.Context, n int, damaged map[domain.VolumeID]bool) map[domain.VolumeID]bool {
	asking, cancel := context.WithTimeout(ctx, i.settings.Timeout)
	defer cancel()
	array := i.arrays[n]
	next := i.figure(n)
	pools, err := array.Pools.List(asking)
	next.Up, next.Err = err == nil, err
	if err == nil {
		next.Pools = PoolFigures{Taken: i.settings.Now(), Pools: pools}
		var seen map[domain.VolumeID]bool
		if seen, next.Err = i.contents(asking, array, &next); seen != nil {
			i.report(ctx, seen, damaged)
			damaged = seen
		}
	}
	if ctx.Err() != nil {
		return damaged // we are leaving: the array is not to blame for it
	}
	next.Asked = i.settings.Now()
	i.mu.Lock()
	defer i.mu.Unlock()
	i.figures[n] = next
	return damaged
}

func (i *Inventory) figure(n int) Figures {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.figures[n]
}

// contents reads volumes and snapshots into f. Each is kept if the other can
// not be read: a pool that is not mounted hides snapshots, for one. damaged is
// nil if the volumes could not be read.
func (i *Inventory) contents(ctx context.Context, a Array, f *Figures) (damaged map[domain.VolumeID]bool, err error) {
	volumes, volumesErr := a.Volumes.List(ctx, ports.Page{})
	if volumesErr == nil {
		f.Volumes, damaged = countVolumes(volumes)
		f.Volumes.Taken = i.settings.Now()
	}
	snapshots, snapshotsErr := a.Snapshots.List(ctx, ports.Page{})
	if snapshotsErr == nil {
		f.Snapshots = SnapshotFigures{Taken: i.settings.Now(), Snapshots: len(snapshots)}
	}
	return damaged, errors.Join(volumesErr, snapshotsErr)
}

func countVolumes(list []domain.Volume) (VolumeFigures, map[domain.VolumeID]bool) {
	f := VolumeFigures{}
	damaged := map[domain.VolumeID]bool{}
	for _, v := range list {
		f.Provisioned += v.Row.Size
		if v.Standing == domain.Damaged {
			f.Damaged++
			damaged[v.ID] = true
			continue
		}
		f.Volumes++
		f.Attachments += len(v.Record.Grants)
		if v.Unfenced() {
			f.Unfenced++
		}
	}
	return f, damaged
}

// report tells of each damaged volume once, and again if it was whole between.
func (i *Inventory) report(ctx context.Context, damaged, before map[domain.VolumeID]bool) {
	for id := range damaged {
		if !before[id] {
			i.recorder.Record(ctx, domain.RecordDamaged{Volume: id})
		}
	}
}
