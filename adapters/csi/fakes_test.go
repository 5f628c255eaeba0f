package csi_test

import (
	"context"
	"sync"
	"time"

	"git.srvlab.io/whiskey/rds-csi-driver/adapters/csi"
	"git.srvlab.io/whiskey/rds-csi-driver/app"
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// The use cases are what the services call.
var (
	_ csi.Controller = (*app.Controller)(nil)
	_ csi.Node       = (*app.Node)(nil)
)

// A spy keeps what was called and lets a test answer, wait or fail in between.
type spy struct {
	mu     sync.Mutex
	calls  []any
	during func(ctx context.Context) error
	inside func() // called once, when the next call comes in
}

func (s *spy) called(ctx context.Context, what any) error {
	s.mu.Lock()
	s.calls = append(s.calls, what)
	during, inside := s.during, s.inside
	s.inside = nil
	s.mu.Unlock()
	if inside != nil {
		inside()
	}
	if during == nil {
		return nil
	}
	return during(ctx)
}

// taken returns the calls so far and forgets them.
func (s *spy) taken() []any {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := s.calls
	s.calls = nil
	return calls
}

func (s *spy) meanwhile(do func(ctx context.Context) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.during = do
}

// entered returns a context that ends when the next call comes in.
func (s *spy) entered() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inside = cancel
	return ctx
}

// What the fakes were asked, one type for each method with arguments.
type (
	published struct {
		ID   domain.VolumeID
		Node domain.NodeID
		Use  domain.Use
	}
	unpublished struct {
		ID   domain.VolumeID
		Node domain.NodeID
	}
	supported struct {
		ID         domain.VolumeID
		Uses       []domain.Use
		Parameters domain.Parameters
	}
	listed struct {
		Filter app.SnapshotFilter
		Token  string
		Most   int
	}
	expanded struct {
		ID    domain.VolumeID
		Slot  domain.Slot
		Path  string
		Range domain.SizeRange
	}
	modified struct {
		ID      domain.VolumeID
		Timings domain.Timings
	}
	snapshotted struct {
		Name   string
		Source domain.VolumeID
	}
	at struct {
		Slot            domain.Slot
		Staging, Target string
	}
)

// A fakeController answers with what it is given; sizes are the domain's.
type fakeController struct {
	spy
	arrays     app.Arrays
	volume     domain.Volume
	snapshot   domain.Snapshot
	attachment domain.Attachment
	conditions []domain.Condition
	reason     string
	next       string
}

func newFakeController() *fakeController {
	arrays, err := app.NewArrays(app.Array{Name: "rds"}, app.Array{Name: legacy})
	if err != nil {
		panic(err)
	}
	v := domain.Volume{
		ID:       domain.VolumeID{Array: "rds", Slot: cluster.Slot("pvc-1")},
		Standing: domain.Ours,
		Record: domain.Record{
			Size: domain.GiB, Access: domain.Ext4, State: domain.Ready,
			Grants: []domain.Grant{{Node: nodeA()}},
		},
		Row: domain.Row{Size: domain.GiB},
	}
	return &fakeController{
		arrays: arrays, volume: v, attachment: attachment(), next: "next",
		snapshot: domain.Snapshot{
			ID:     domain.SnapshotID{Array: "rds", Name: cluster.SnapshotName("snap-1")},
			Source: v.ID.Slot, Size: domain.GiB, Created: time.Unix(1_700_000_000, 0),
		},
	}
}

func (f *fakeController) Arrays() app.Arrays { return f.arrays }

func (f *fakeController) Create(ctx context.Context, r app.Creation) (domain.Volume, error) {
	if _, err := r.Range.Choose(r.Access.Least(), domain.DefaultSize); err != nil {
		return domain.Volume{}, err
	}
	return f.volume, f.called(ctx, r)
}

func (f *fakeController) Delete(ctx context.Context, id domain.VolumeID) error {
	return f.called(ctx, id)
}

func (f *fakeController) Publish(
	ctx context.Context, id domain.VolumeID, node domain.NodeID, use domain.Use,
) (domain.Attachment, error) {
	return f.attachment, f.called(ctx, published{id, node, use})
}

func (f *fakeController) Unpublish(ctx context.Context, id domain.VolumeID, node domain.NodeID) error {
	return f.called(ctx, unpublished{id, node})
}

func (f *fakeController) Supports(
	ctx context.Context, id domain.VolumeID, uses []domain.Use, p domain.Parameters,
) (string, error) {
	return f.reason, f.called(ctx, supported{id, uses, p})
}

func (f *fakeController) Get(ctx context.Context, id domain.VolumeID) (domain.Volume, error) {
	return f.volume, f.called(ctx, id)
}

func (f *fakeController) List(
	ctx context.Context, token string, most int,
) ([]domain.Volume, string, error) {
	return []domain.Volume{f.volume}, f.next, f.called(ctx, listed{Token: token, Most: most})
}

func (f *fakeController) Capacity(ctx context.Context, q app.CapacityQuery) (app.Capacity, error) {
	return app.Capacity{Available: 3 * domain.GiB, Largest: 2 * domain.GiB, Least: domain.MiB}, f.called(ctx, q)
}

func (f *fakeController) Expand(
	ctx context.Context, id domain.VolumeID, r domain.SizeRange,
) (domain.Volume, error) {
	v, err := f.volume.Resize(r, "nonce")
	if err != nil {
		return domain.Volume{}, err
	}
	v.Row.Size = v.Record.Size
	return v, f.called(ctx, expanded{ID: id, Range: r})
}

func (f *fakeController) Modify(ctx context.Context, id domain.VolumeID, t domain.Timings) error {
	return f.called(ctx, modified{id, t})
}

func (f *fakeController) Health(ctx context.Context, id domain.VolumeID) ([]domain.Condition, error) {
	return f.conditions, f.called(ctx, id)
}

func (f *fakeController) ListHealth(
	ctx context.Context, token string, most int,
) ([]app.VolumeHealth, string, error) {
	list := []app.VolumeHealth{{ID: f.volume.ID, Conditions: f.conditions}}
	return list, f.next, f.called(ctx, listed{Token: token, Most: most})
}

func (f *fakeController) Snapshot(
	ctx context.Context, name string, source domain.VolumeID,
) (domain.Snapshot, error) {
	return f.snapshot, f.called(ctx, snapshotted{name, source})
}

func (f *fakeController) DeleteSnapshot(ctx context.Context, id domain.SnapshotID) error {
	return f.called(ctx, id)
}

func (f *fakeController) GetSnapshot(
	ctx context.Context, id domain.SnapshotID,
) (domain.Snapshot, error) {
	return f.snapshot, f.called(ctx, id)
}

func (f *fakeController) ListSnapshots(
	ctx context.Context, filter app.SnapshotFilter, token string, most int,
) ([]domain.Snapshot, string, error) {
	return []domain.Snapshot{f.snapshot}, f.next, f.called(ctx, listed{filter, token, most})
}

// A fakeNode answers with what it is given.
type fakeNode struct {
	spy
	info       app.NodeInfo
	stats      app.NodeStats
	conditions []domain.Condition
}

func newFakeNode() *fakeNode {
	return &fakeNode{info: app.NodeInfo{ID: nodeA(), MaxVolumes: 100}}
}

func (f *fakeNode) Stage(ctx context.Context, s app.Staging) error { return f.called(ctx, s) }

func (f *fakeNode) Unstage(ctx context.Context, slot domain.Slot, staging string) error {
	return f.called(ctx, at{slot, staging, ""})
}

func (f *fakeNode) Publish(ctx context.Context, p app.Publication) error { return f.called(ctx, p) }

func (f *fakeNode) Unpublish(ctx context.Context, slot domain.Slot, target string) error {
	return f.called(ctx, at{slot, "", target})
}

func (f *fakeNode) Expand(
	ctx context.Context, slot domain.Slot, path string, r domain.SizeRange,
) (domain.Size, error) {
	return 2 * domain.GiB, f.called(ctx, expanded{Slot: slot, Path: path, Range: r})
}

func (f *fakeNode) Stats(ctx context.Context, slot domain.Slot, path string) (app.NodeStats, error) {
	return f.stats, f.called(ctx, at{slot, "", path})
}

func (f *fakeNode) Health(
	ctx context.Context, slot domain.Slot, staging, target string,
) ([]domain.Condition, error) {
	return f.conditions, f.called(ctx, at{slot, staging, target})
}

func (f *fakeNode) StorageHealth(ctx context.Context) ([]domain.Condition, error) {
	return f.conditions, f.called(ctx, "storage health")
}

func (f *fakeNode) Info() app.NodeInfo { return f.info }

func host() domain.Host {
	h, err := domain.NewHost(cluster, "node-a", "machine")
	if err != nil {
		panic(err)
	}
	return h
}

func nodeA() domain.NodeID { return host().ID() }

func attachment() domain.Attachment {
	slot := cluster.Slot("pvc-1")
	return domain.Attachment{
		ID: domain.VolumeID{Array: "rds", Slot: slot},
		Target: domain.Target{
			NQN:     domain.NQN{Prefix: domain.DefaultNQNPrefix, Slot: slot, Epoch: "abcdefgh"},
			Portals: []domain.Portal{{Host: "192.0.2.1", Port: 4420}},
			HostNQN: host().NQN(), HostID: host().UUID.String(), Timings: domain.DefaultTimings(),
		},
		Size: domain.GiB, Format: domain.FormatIfEmpty(),
	}
}
