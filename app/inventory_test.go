package app_test

import (
	"context"
	"reflect"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"git.srvlab.io/whiskey/rds-csi-driver/app"
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
	"git.srvlab.io/whiskey/rds-csi-driver/ports"
)

// A listed array answers lists with what it is given, unless it is silent.
type listed struct {
	mu        sync.Mutex
	pools     []domain.Pool
	volumes   []domain.Volume
	snapshots []domain.Snapshot

	silent       bool  // waits for the caller to give up
	snapshotsErr error // of Snapshots.List alone
	asked        int   // rounds
}

// change changes what the array answers from now on.
func (l *listed) change(do func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	do()
}

// answer returns what pick picks, or nothing when ctx has ended.
func answer[T any](ctx context.Context, l *listed, pick func() (T, error)) (got T, err error) {
	var silent bool
	l.change(func() { silent = l.silent; got, err = pick() })
	if silent {
		<-ctx.Done()
		err = domain.Fail(domain.Unreachable, "list", "", "no answer: %w", ctx.Err())
	}
	return got, err
}

type listedPools struct{ *listed }

func (l listedPools) List(ctx context.Context) ([]domain.Pool, error) {
	return answer(ctx, l.listed, func() ([]domain.Pool, error) { l.asked++; return l.pools, nil })
}

type listedVolumes struct {
	ports.Volumes
	*listed
}

func (l listedVolumes) List(ctx context.Context, _ ports.Page) ([]domain.Volume, error) {
	return answer(ctx, l.listed, func() ([]domain.Volume, error) { return l.volumes, nil })
}

type listedSnapshots struct {
	ports.Snapshots
	*listed
}

func (l listedSnapshots) List(ctx context.Context, _ ports.Page) ([]domain.Snapshot, error) {
	return answer(ctx, l.listed, func() ([]domain.Snapshot, error) { return l.snapshots, l.snapshotsErr })
}

func (l *listed) array(name domain.ArrayName) app.Array {
	return app.Array{Name: name, Volumes: listedVolumes{listed: l}, Snapshots: listedSnapshots{listed: l}, Pools: listedPools{l}}
}

// A heard recorder keeps the events.
type heard struct{ events []domain.Event }

func (h *heard) Record(_ context.Context, e domain.Event) { h.events = append(h.events, e) }

// inventory runs an inventory of the arrays, asked each minute, 20 s long at
// most, inside a synctest bubble.
func inventory(t *testing.T, recorder ports.Recorder, list ...app.Array) *app.Inventory {
	t.Helper()
	arrays, err := app.NewArrays(list...)
	if err != nil {
		t.Fatal(err)
	}
	i := app.NewInventory(app.InventorySettings{Every: time.Minute, Timeout: 20 * time.Second}, arrays, recorder)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); i.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	return i
}

// after lets time pass and what it woke settle.
func after(d time.Duration) {
	if d > 0 {
		<-time.After(d)
	}
	synctest.Wait()
}

func volumeOf(slot domain.Slot, size domain.Size, standing domain.Standing, nodes ...domain.NodeID) domain.Volume {
	v := domain.Volume{ID: domain.VolumeID{Array: "fast", Slot: slot}, Standing: standing, Row: domain.Row{Size: size}}
	for _, n := range nodes {
		v.Record.Grants = append(v.Record.Grants, domain.Grant{Node: n})
	}
	return v
}

func TestInventoryCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		left := volumeOf("left", 3*domain.GiB, domain.Ours, "a")
		left.Record.Lingering = true
		array := &listed{
			pools: []domain.Pool{{Name: "pool", Total: domain.TiB}},
			volumes: []domain.Volume{
				volumeOf("free", domain.GiB, domain.Ours),
				volumeOf("shared", 2*domain.GiB, domain.Ours, "a", "b"),
				left,
				volumeOf("newer", 4*domain.GiB, domain.Newer),
				volumeOf("damaged", 5*domain.GiB, domain.Damaged),
			},
			snapshots: []domain.Snapshot{{}, {}},
		}
		i := inventory(t, &heard{}, array.array("fast"))
		after(0)
		got := i.Figures()[0]
		if got.Array != "fast" || !got.Up || got.Err != nil || got.Asked.IsZero() {
			t.Errorf("figures %+v, want an array that is up", got)
		}
		wantVolumes := app.VolumeFigures{
			Taken: got.Volumes.Taken, Volumes: 4, Damaged: 1, Provisioned: 15 * domain.GiB, Attachments: 3, Unfenced: 2,
		}
		if got.Volumes != wantVolumes {
			t.Errorf("volumes %+v, want %+v", got.Volumes, wantVolumes)
		}
		if got.Snapshots.Snapshots != 2 {
			t.Errorf("snapshots %d, want 2", got.Snapshots.Snapshots)
		}
		if !reflect.DeepEqual(got.Pools.Pools, array.pools) {
			t.Errorf("pools %v, want %v", got.Pools.Pools, array.pools)
		}
	})
}

func TestInventoryAsksEachMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		array := &listed{}
		i := inventory(t, &heard{}, array.array("fast"))
		for _, want := range []struct {
			wait   time.Duration
			rounds int
			age    time.Duration
		}{{0, 1, 0}, {59 * time.Second, 1, 59 * time.Second}, {time.Second, 2, 0}, {time.Minute, 3, 0}} {
			after(want.wait)
			if array.asked != want.rounds {
				t.Errorf("%s later: asked %d times, want %d", want.wait, array.asked, want.rounds)
			}
			if age := i.Figures()[0].Age(time.Now()); age != want.age {
				t.Errorf("%s later: age %s, want %s", want.wait, age, want.age)
			}
		}
	})
}

func TestInventoryOfSilentArray(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow, quick := &listed{silent: true}, &listed{volumes: []domain.Volume{volumeOf("one", 1, domain.Ours)}}
		i := inventory(t, &heard{}, slow.array("slow"), quick.array("quick"))
		after(0)
		got := i.Figures()
		if got[0].Array != "quick" || !got[0].Up || got[0].Volumes.Volumes != 1 {
			t.Errorf("quick array %+v, want its figures while the other is waited for", got[0])
		}
		if !got[1].Asked.IsZero() {
			t.Errorf("slow array %+v, want nothing known yet", got[1])
		}
		after(20 * time.Second)
		got = i.Figures()
		if got[1].Asked.IsZero() || got[1].Up || !domain.Is(got[1].Err, domain.Unreachable) {
			t.Errorf("slow array %+v, want down and Unreachable when its time is over", got[1])
		}
		if age := got[1].Age(time.Now()); age != 20*time.Second {
			t.Errorf("age of what was never read %s, want 20s since the start", age)
		}
		if slow.asked != 1 {
			t.Errorf("slow array was asked %d times, want once", slow.asked)
		}
	})
}

func TestInventoryKeepsLastFigures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		array := &listed{volumes: []domain.Volume{volumeOf("one", 1, domain.Ours)}, pools: []domain.Pool{{Name: "pool"}}}
		i := inventory(t, &heard{}, array.array("fast"))
		after(0)
		array.change(func() { array.silent = true })
		after(80 * time.Second)
		got := i.Figures()[0]
		if got.Up || got.Volumes.Volumes != 1 || len(got.Pools.Pools) != 1 {
			t.Errorf("figures %+v, want down with what was known before", got)
		}
		if age := got.Age(time.Now()); age != 80*time.Second {
			t.Errorf("age %s, want 1m20s", age)
		}
		array.change(func() { array.silent = false })
		after(time.Minute)
		if got := i.Figures()[0]; !got.Up || got.Err != nil {
			t.Errorf("figures %+v, want up again", got)
		}
	})
}

func TestInventoryKeepsPartsApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		array := &listed{
			volumes:      []domain.Volume{volumeOf("one", 1, domain.Ours)},
			snapshotsErr: domain.Fail(domain.Unreachable, "list", "pool", "is not mounted"),
		}
		i := inventory(t, &heard{}, array.array("fast"))
		after(70 * time.Second)
		got := i.Figures()[0]
		if !got.Up || !domain.Is(got.Err, domain.Unreachable) || got.Volumes.Volumes != 1 || !got.Snapshots.Taken.IsZero() {
			t.Errorf("figures %+v, want volumes without snapshots", got)
		}
		if age := got.Age(time.Now()); age != 70*time.Second {
			t.Errorf("age %s, want that of the oldest part, 1m10s", age)
		}
	})
}

func TestInventoryTellsOfDamageOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		whole := []domain.Volume{volumeOf("one", 1, domain.Ours)}
		broken := []domain.Volume{volumeOf("one", 1, domain.Damaged)}
		array, events := &listed{volumes: broken}, &heard{}
		inventory(t, events, array.array("fast"))
		event := domain.RecordDamaged{Volume: broken[0].ID}
		after(0)
		for _, round := range []struct {
			volumes []domain.Volume // that the array has after the round
			want    []domain.Event
		}{
			{broken, []domain.Event{event}},
			{whole, []domain.Event{event}},
			{broken, []domain.Event{event}},
			{broken, []domain.Event{event, event}},
		} {
			if !slices.Equal(events.events, round.want) {
				t.Errorf("events %v, want %v", events.events, round.want)
			}
			array.change(func() { array.volumes = round.volumes })
			after(time.Minute)
		}
	})
}

func TestInventoryLeavesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		array := &listed{silent: true}
		arrays, err := app.NewArrays(array.array("fast"))
		if err != nil {
			t.Fatal(err)
		}
		i := app.NewInventory(app.InventorySettings{}, arrays, &heard{})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); i.Run(ctx) }()
		synctest.Wait()
		cancel()
		<-done
		if got := i.Figures()[0]; !got.Asked.IsZero() {
			t.Errorf("figures %+v, want none: the array was not given its time", got)
		}
	})
}
