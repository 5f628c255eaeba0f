package app_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"git.srvlab.io/whiskey/rds-csi-driver/adapters/fakerds"
	"git.srvlab.io/whiskey/rds-csi-driver/app"
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

const standCluster domain.ClusterID = "test-cluster"

// A stand is a controller over arrays of its own, with a wire on the line between
// them.
type stand struct {
	*app.Controller
	t      *testing.T
	dirs   map[domain.ArrayName]string
	rds    map[domain.ArrayName]*fakerds.RDS
	arrays app.Arrays
	wire   *wire
	events *told
	clock  *handClock
}

// A builtArray says how an array of a stand is made. Zero fields have defaults: two
// pools of 10 GiB, "btrfs" and "xfs", that are used to the last byte.
type builtArray struct {
	name     domain.ArrayName
	pools    []fakerds.PoolConfig
	room     domain.Room
	fencing  domain.Fencing
	topology map[string]string
}

// newStand makes a stand of one array called "one", or of those given.
func newStand(t *testing.T, arrays ...builtArray) *stand {
	t.Helper()
	if len(arrays) == 0 {
		arrays = []builtArray{{name: "one"}}
	}
	s := &stand{
		t: t, dirs: map[domain.ArrayName]string{}, rds: map[domain.ArrayName]*fakerds.RDS{},
		wire: &wire{}, events: &told{}, clock: &handClock{now: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)},
	}
	var list []app.Array
	for _, b := range arrays {
		list = append(list, s.build(b))
	}
	var err error
	if s.arrays, err = app.NewArrays(list...); err != nil {
		t.Fatal(err)
	}
	s.Controller = s.replica()
	return s
}

func (s *stand) build(b builtArray) app.Array {
	s.t.Helper()
	if b.pools == nil {
		b.pools = []fakerds.PoolConfig{
			{Name: "btrfs", Size: 10 * domain.GiB, FileSystem: fakerds.Btrfs},
			{Name: "xfs", Size: 10 * domain.GiB, FileSystem: fakerds.XFS},
		}
	}
	if b.room == (domain.Room{}) {
		b.room = domain.Room{Overcommit: 1}
	}
	dir := s.t.TempDir()
	rds, err := fakerds.Open(fakerds.Config{
		Dir: dir, Array: b.name, Cluster: standCluster, Pools: b.pools, Fencing: b.fencing, Now: s.clock.Now, NoSync: true,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		if err := rds.Close(); err != nil {
			s.t.Error(err)
		}
	})
	s.dirs[b.name], s.rds[b.name] = dir, rds
	end := plug{s.wire, rds}
	return app.Array{
		Name:    b.name,
		Volumes: wiredVolumes{rds.Volumes(), end}, Snapshots: wiredSnapshots{rds.Snapshots(), end},
		Pools:   wiredPools{rds.Pools(), end},
		Portals: []domain.Portal{{Host: "10.0.0.1", Port: domain.DefaultPort}},
		Fencing: b.fencing, Room: b.room, Topology: b.topology,
	}
}

// replica returns another controller over the same arrays, that has seen
// nothing yet.
func (s *stand) replica() *app.Controller {
	settings := app.Settings{Cluster: standCluster, Prefix: domain.DefaultNQNPrefix, Now: s.clock.Now}
	return app.NewController(settings, s.arrays, s.events)
}

// one returns the array of a stand that has no other.
func (s *stand) one() *fakerds.RDS { return s.rds["one"] }

// A clock is moved by hand.
type handClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *handClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *handClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// A told recorder keeps events.
type told struct {
	mu     sync.Mutex
	events []domain.Event
}

func (r *told) Record(_ context.Context, e domain.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

// take returns the events since the last take.
func (r *told) take() []domain.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	events := r.events
	r.events = nil
	return events
}

func idOf(array domain.ArrayName, name string) domain.VolumeID {
	return domain.VolumeID{Array: array, Slot: standCluster.Slot(name)}
}

func snapshotIDOf(array domain.ArrayName, name string) domain.SnapshotID {
	return domain.SnapshotID{Array: array, Name: standCluster.SnapshotName(name)}
}

// wish asks for a volume of 64 MiB with ext4, changed by the edits.
func wish(name string, edits ...func(*app.Creation)) app.Creation {
	c := app.Creation{VolumeRequest: domain.VolumeRequest{
		Name: name, Access: domain.Ext4, Range: domain.SizeRange{Required: 64 * domain.MiB},
	}}
	for _, edit := range edits {
		edit(&c)
	}
	return c
}

func sized(size domain.Size) func(*app.Creation) {
	return func(c *app.Creation) { c.Range.Required = size }
}

func inPool(pool string) func(*app.Creation) {
	return func(c *app.Creation) { c.Parameters.Pool = pool }
}

func onArray(array domain.ArrayName) func(*app.Creation) {
	return func(c *app.Creation) { c.Parameters.Array = array }
}

func restored(id domain.SnapshotID) func(*app.Creation) {
	return func(c *app.Creation) {
		c.Source, c.Origin = id.Array, domain.Origin{Kind: domain.FromSnapshot, Name: id.Name}
	}
}

func cloned(id domain.VolumeID) func(*app.Creation) {
	return func(c *app.Creation) {
		c.Source, c.Origin = id.Array, domain.Origin{Kind: domain.FromVolume, Name: string(id.Slot)}
	}
}

func nodeOf(t *testing.T, name string) domain.NodeID {
	t.Helper()
	return installedOn(t, name, "machine-of-"+name)
}

// installedOn is the node of that name whose machine has that id.
func installedOn(t *testing.T, name, machine string) domain.NodeID {
	t.Helper()
	host, err := domain.NewHost(standCluster, name, machine)
	if err != nil {
		t.Fatal(err)
	}
	return host.ID()
}

var (
	useWriter = domain.Use{Access: domain.Ext4, Mode: domain.SingleWriter}
	useReader = domain.Use{Access: domain.Ext4, Mode: domain.MultiReader, ReadOnly: true}
	useMover  = domain.Use{Access: domain.Block, Mode: domain.MultiWriter}
)

func asBlock(c *app.Creation) { c.Access = domain.Block }

// create makes a volume that has to come about.
func (s *stand) create(r app.Creation) domain.Volume {
	s.t.Helper()
	v, err := s.Create(s.t.Context(), r)
	if err != nil {
		s.t.Fatalf("create %s: %v", r.Name, err)
	}
	return v
}

// publish grants a volume, which has to work.
func (s *stand) publish(id domain.VolumeID, to string, use domain.Use) domain.Attachment {
	s.t.Helper()
	a, err := s.Publish(s.t.Context(), id, nodeOf(s.t, to), use)
	if err != nil {
		s.t.Fatalf("publish to %s: %v", to, err)
	}
	return a
}

func (s *stand) unpublish(id domain.VolumeID, from string) {
	s.t.Helper()
	var n domain.NodeID
	if from != "" {
		n = nodeOf(s.t, from)
	}
	if err := s.Unpublish(s.t.Context(), id, n); err != nil {
		s.t.Fatalf("unpublish from %q: %v", from, err)
	}
}

func (s *stand) snapshot(name string, id domain.VolumeID) domain.Snapshot {
	s.t.Helper()
	snap, err := s.Snapshot(s.t.Context(), name, id)
	if err != nil {
		s.t.Fatalf("snapshot %s: %v", name, err)
	}
	return snap
}
