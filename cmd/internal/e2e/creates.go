package e2e

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	spec "github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
	"git.srvlab.io/whiskey/rds-csi-driver/ports/porttest"
)

// Creates is the suite of creates that meet each other or whose client gives up:
// they leave the volumes that were acknowledged or that the same name finds
// again, and no others.
func Creates(t *testing.T, open Open) {
	t.Run("identical ones at once make one volume", func(t *testing.T) { identical(t, open(t), 1) })
	t.Run("identical ones at two drivers make one volume", func(t *testing.T) { identical(t, open(t), 2) })
	t.Run("64 of different names at once make 64 volumes", func(t *testing.T) { different(t, open(t)) })
	t.Run("a client that gives up", func(t *testing.T) {
		for _, k := range kinds() {
			t.Run(k.name, func(t *testing.T) { givesUp(t, open(t), k) })
		}
	})
}

// A kind is a way to make a volume, given a pool that can copy.
type kind struct {
	name   string
	source func(d *driver, w World) *spec.VolumeContentSource
}

func kinds() []kind {
	return []kind{
		{"of an empty volume", func(*driver, World) *spec.VolumeContentSource { return nil }},
		{"of a clone", func(d *driver, w World) *spec.VolumeContentSource {
			return fromVolume(d.create(request("source", domain.Ext4, w.Pool, nil)))
		}},
		{"of a restored snapshot", func(d *driver, w World) *spec.VolumeContentSource {
			return fromSnapshot(d.snapshot("snapshot", d.create(request("source", domain.Ext4, w.Pool, nil))))
		}},
	}
}

// identical sends the same create twice at once, name after name. One of the two
// may be told to come again.
func identical(t *testing.T, w World, replicas int) {
	drivers := []*driver{w.start(t)}
	for len(drivers) < replicas {
		drivers = append(drivers, w.start(t))
	}
	d := drivers[0]
	for i, k := range kinds() {
		source := k.source(d, w)
		for round := range 10 {
			before := d.list()
			r := request(fmt.Sprintf("same-%d-%d", i, round), domain.Ext4, w.Pool, source)
			ids := racing(t, drivers, r)
			again := d.create(r)
			ids = slices.Compact(append(ids, again))
			want := slices.Sorted(slices.Values(append(before, again)))
			if len(ids) != 1 || !slices.Equal(d.list(), want) {
				t.Fatalf("%s: two creates gave %q, now there are %q, want %q", k.name, ids, d.list(), want)
			}
		}
	}
}

// racing returns the ids of those of two identical creates that were answered.
func racing(t *testing.T, drivers []*driver, r *spec.CreateVolumeRequest) (ids []string) {
	t.Helper()
	var mu sync.Mutex
	var group sync.WaitGroup
	for i := range 2 {
		d := drivers[i%len(drivers)]
		group.Go(func() {
			answer, err := d.CreateVolume(t.Context(), r)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				ids = append(ids, answer.GetVolume().GetVolumeId())
			case status.Code(err) != codes.Aborted:
				t.Errorf("create: %v, want it to succeed or to be aborted", err)
			}
		})
	}
	group.Wait()
	if len(ids) == 0 {
		t.Error("both of two identical creates were refused")
	}
	return ids
}

func different(t *testing.T, w World) {
	const n = 64
	d := w.start(t)
	ids, group := make([]string, n), sync.WaitGroup{}
	for i := range n {
		group.Go(func() {
			answer, err := d.CreateVolume(t.Context(), request(fmt.Sprintf("pvc-%d", i), domain.Ext4, w.Pool, nil))
			if err != nil {
				t.Errorf("create %d: %v", i, err)
			}
			ids[i] = answer.GetVolume().GetVolumeId()
		})
	}
	group.Wait()
	slices.Sort(ids)
	if got := d.list(); !slices.Equal(got, ids) || len(slices.Compact(got)) != n {
		t.Fatalf("got volumes %q, want %q", got, ids)
	}
	for _, id := range ids {
		group.Go(func() {
			if _, err := d.DeleteVolume(t.Context(), &spec.DeleteVolumeRequest{VolumeId: id}); err != nil {
				t.Errorf("delete %s: %v", id, err)
			}
		})
	}
	group.Wait()
	w.empty(t)
}

// givesUp lets the client give up at every point of a create: around each use of
// the array, within one, and wherever a race leads to.
func givesUp(t *testing.T, w World, k kind) {
	d := w.start(t)
	source := k.source(d, w)
	others := d.list()
	for _, p := range points(d, request("undisturbed", domain.Ext4, w.Pool, source)) {
		t.Run(p.name, func(t *testing.T) {
			d := *d
			d.t = t
			r := request(p.name, domain.Ext4, w.Pool, source)
			answer, err := d.abandoned(w, r, p)
			seen := d.list()
			id := d.create(r)
			if got := answer.GetVolume().GetVolumeId(); err == nil && got != id {
				t.Errorf("%s was acknowledged, the same name gives %s", got, id)
			}
			want := slices.Sorted(slices.Values(append(slices.Clone(others), id)))
			if slices.ContainsFunc(seen, func(s string) bool { return !slices.Contains(want, s) }) {
				t.Errorf("was left: %q, want only what the same name finds again: %q", seen, want)
			}
			if got := d.list(); !slices.Equal(got, want) {
				t.Errorf("got %q after the repeat, want %q", got, want)
			}
			d.remove(id)
			if got := d.list(); !slices.Equal(got, others) {
				t.Errorf("got %q after the delete, want %q", got, others)
			}
		})
	}
	if source.GetSnapshot() != nil {
		d.removeSnapshot(source.GetSnapshot().GetSnapshotId())
	}
	for _, id := range others {
		d.remove(id)
	}
	w.empty(t)
}

// A point is where a client gives up: before or after a use of the array, or
// when the array is silent after a step of a call, half of it done.
type point struct {
	name      string
	use, step int
	after     bool
	late      bool // the driver learns of it at any time later, not at once
}

// points returns all of them, by what an undisturbed create uses.
func points(d *driver, r *spec.CreateVolumeRequest) (list []point) {
	d.line.listen(nil, nil)
	id := d.create(r)
	uses := d.line.count()
	d.remove(id)
	for n := 1; n <= uses; n++ {
		for _, late := range []bool{false, true} {
			list = append(list,
				point{name: fmt.Sprintf("before use %d, late %t", n, late), use: n, late: late},
				point{name: fmt.Sprintf("after use %d, late %t", n, late), use: n, after: true, late: late})
		}
	}
	const steps = 6 // more than a create has; what is beyond is never reached
	for step := 1; step <= steps; step++ {
		list = append(list, point{name: fmt.Sprintf("silent after step %d", step), step: step})
	}
	return list
}

// abandoned makes a create whose client gives up at the point.
func (d *driver) abandoned(
	w World, r *spec.CreateVolumeRequest, p point,
) (*spec.CreateVolumeResponse, error) {
	d.t.Helper()
	client, giveUp := context.WithCancel(d.t.Context())
	defer giveUp()
	act := func(ctx context.Context, n int) {
		if n != p.use {
			return
		}
		giveUp()
		if !p.late {
			<-ctx.Done() // the driver's own
		}
	}
	switch {
	case p.step > 0:
		w.Array.Silence(porttest.Outage{When: porttest.During, Step: p.step, Hang: true})
		defer w.Array.Speak()
		patience, end := context.WithTimeout(client, 50*time.Millisecond)
		defer end()
		client = patience
	case p.after:
		d.line.listen(nil, act)
	default:
		d.line.listen(act, nil)
	}
	defer d.line.listen(nil, nil)
	answer, err := d.CreateVolume(client, r)
	want := codes.Canceled
	if p.step > 0 {
		want = codes.DeadlineExceeded
	}
	if err != nil {
		d.code(err, want)
	}
	return answer, err
}
