package exposition_test

import (
	"context"
	"log/slog"
	"net"
	"path/filepath"
	"testing"
	"time"

	spec "github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"git.srvlab.io/whiskey/rds-csi-driver/adapters/csi"
	"git.srvlab.io/whiskey/rds-csi-driver/adapters/fakehost"
	"git.srvlab.io/whiskey/rds-csi-driver/adapters/fakerds"
	"git.srvlab.io/whiskey/rds-csi-driver/adapters/observe"
	"git.srvlab.io/whiskey/rds-csi-driver/adapters/telemetry"
	"git.srvlab.io/whiskey/rds-csi-driver/app"
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
	"git.srvlab.io/whiskey/rds-csi-driver/ports"
)

const cluster domain.ClusterID = "test"

// A driver is a whole driver that is measured, on the embedded array and the
// host in memory.
type driver struct {
	t          *testing.T
	measured   *telemetry.Telemetry
	arrays     app.Arrays
	recorder   ports.Recorder
	node       domain.Host
	controller spec.ControllerClient
	nodes      spec.NodeClient
}

func (d *driver) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

// newDriver returns a driver that has done nothing yet.
func newDriver(t *testing.T) *driver {
	t.Helper()
	d, log := &driver{t: t}, slog.New(slog.DiscardHandler)
	var err error
	d.measured, err = telemetry.New(t.Context(), telemetry.Config{
		Metrics: true, Log: log, Build: telemetry.BuildInfo{Version: "v0", Revision: "0", GoVersion: "go0"},
	})
	d.must(err)
	t.Cleanup(func() { d.must(d.measured.Shutdown(context.WithoutCancel(t.Context()))) })
	targets := t.TempDir()
	d.openArray(targets)
	d.recorder, err = telemetry.NewRecorder(d.measured.MeterProvider, log, "fast")
	d.must(err)
	watch, err := observe.New(d.measured.MeterProvider, d.measured.TracerProvider)
	d.must(err)
	settings := app.Settings{Cluster: cluster, Prefix: domain.DefaultNQNPrefix}
	controller := watch.Controller(app.NewController(settings, d.arrays, d.recorder))
	node := app.NewNode(app.NodeSettings{Settings: settings, Host: d.node, UnstageGrace: time.Minute}, hostPorts(targets), d.recorder)
	t.Cleanup(node.Wait)
	d.must(telemetry.Stuck(d.measured.MeterProvider, node.Stuck))
	server, err := csi.New(csi.Settings{
		Name: "rds.csi.srvlab.io", Version: "v0", Cluster: cluster, Prefix: domain.DefaultNQNPrefix, Grace: time.Minute,
		Log: log, Meters: d.measured.MeterProvider, Traces: d.measured.TracerProvider,
	}, controller, watch.Node(node))
	d.must(err)
	d.serve(server)
	return d
}

func (d *driver) openArray(targets string) {
	d.t.Helper()
	rds, err := fakerds.Open(fakerds.Config{Dir: d.t.TempDir(), TargetDir: targets, Array: "fast", Cluster: cluster})
	d.must(err)
	d.t.Cleanup(func() { d.must(rds.Close()) })
	d.arrays, err = app.NewArrays(app.Array{
		Name: "fast", Volumes: rds.Volumes(), Snapshots: buggy{rds.Snapshots()}, Pools: rds.Pools(),
		Portals: []domain.Portal{{Host: "192.0.2.1", Port: domain.DefaultPort}},
		Fencing: domain.FenceByHost, Room: domain.DefaultRoom(),
	})
	d.must(err)
	d.node, err = domain.NewHost(cluster, "worker", "machine")
	d.must(err)
}

// A buggy adapter panics when it is to delete a snapshot.
type buggy struct{ ports.Snapshots }

func (buggy) Delete(context.Context, domain.SnapshotID) error { panic("a bug") }

func hostPorts(targets string) app.HostPorts {
	h := fakehost.New(fakehost.Config{TargetDir: targets, Prefix: domain.DefaultNQNPrefix})
	return app.HostPorts{
		Fabric: h.Fabric(), Devices: h.Devices(), Filesystems: h.Filesystems(), Mounts: h.Mounts(), Hints: h.Hints(),
	}
}

// serve serves on a connection in memory and makes the clients.
func (d *driver) serve(server *csi.Server) {
	d.t.Helper()
	l := bufconn.Listen(1 << 20)
	ctx, stop := context.WithCancel(context.WithoutCancel(d.t.Context()))
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx, l) }()
	conn, err := grpc.NewClient("passthrough:///memory", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }))
	d.must(err)
	d.t.Cleanup(func() {
		d.must(conn.Close())
		stop()
		d.must(<-done)
	})
	d.controller, d.nodes = spec.NewControllerClient(conn), spec.NewNodeClient(conn)
}

// live does once everything that moves a metric.
func (d *driver) live() {
	d.t.Helper()
	ctx := d.t.Context()
	first := d.create("first", nil)
	d.attachAndLeave(first)
	snapshot, err := d.controller.CreateSnapshot(ctx, &spec.CreateSnapshotRequest{Name: "first", SourceVolumeId: first})
	d.must(err)
	d.create("restored", &spec.VolumeContentSource{Type: &spec.VolumeContentSource_Snapshot{
		Snapshot: &spec.VolumeContentSource_SnapshotSource{SnapshotId: snapshot.GetSnapshot().GetSnapshotId()},
	}})
	cloned := d.create("cloned", &spec.VolumeContentSource{Type: &spec.VolumeContentSource_Volume{
		Volume: &spec.VolumeContentSource_VolumeSource{VolumeId: first},
	}})
	_, err = d.controller.ControllerExpandVolume(ctx, &spec.ControllerExpandVolumeRequest{
		VolumeId: cloned, CapacityRange: &spec.CapacityRange{RequiredBytes: int64(2 * domain.GiB)},
	})
	d.must(err)
	_, err = d.controller.DeleteVolume(ctx, &spec.DeleteVolumeRequest{VolumeId: cloned})
	d.must(err)
	_, err = d.controller.DeleteSnapshot(ctx, &spec.DeleteSnapshotRequest{SnapshotId: snapshot.GetSnapshot().GetSnapshotId()})
	if status.Code(err) != codes.Internal {
		d.t.Fatalf("delete of a snapshot by a buggy adapter: %v, want Internal", err)
	}
	d.recorder.Record(ctx, domain.FormatRefused{Reason: domain.RefusedSignature})
	d.takeStock()
}

func capability() *spec.VolumeCapability {
	return &spec.VolumeCapability{
		AccessType: &spec.VolumeCapability_Mount{Mount: &spec.VolumeCapability_MountVolume{FsType: "ext4"}},
		AccessMode: &spec.VolumeCapability_AccessMode{Mode: spec.VolumeCapability_AccessMode_SINGLE_NODE_WRITER},
	}
}

func (d *driver) create(name string, source *spec.VolumeContentSource) (id string) {
	d.t.Helper()
	answer, err := d.controller.CreateVolume(d.t.Context(), &spec.CreateVolumeRequest{
		Name: name, CapacityRange: &spec.CapacityRange{RequiredBytes: int64(domain.GiB)}, Parameters: map[string]string{"pool": "btrfs"},
		VolumeCapabilities: []*spec.VolumeCapability{capability()}, VolumeContentSource: source,
	})
	d.must(err)
	return answer.GetVolume().GetVolumeId()
}

// attachAndLeave takes a volume to a workload and back, and lets another node
// ask for it meanwhile.
func (d *driver) attachAndLeave(id string) {
	d.t.Helper()
	ctx, staging, target := d.t.Context(), d.t.TempDir(), filepath.Join(d.t.TempDir(), "target")
	publish := &spec.ControllerPublishVolumeRequest{
		VolumeId: id, NodeId: string(d.node.ID()), VolumeCapability: capability(),
	}
	granted, err := d.controller.ControllerPublishVolume(ctx, publish)
	d.must(err)
	other, err := domain.NewHost(cluster, "other", "machine")
	d.must(err)
	_, err = d.controller.ControllerPublishVolume(ctx, &spec.ControllerPublishVolumeRequest{
		VolumeId: id, NodeId: string(other.ID()), VolumeCapability: capability(),
	})
	if status.Code(err) != codes.FailedPrecondition {
		d.t.Fatalf("publish to another node: %v, want FailedPrecondition", err)
	}
	_, err = d.nodes.NodeStageVolume(ctx, &spec.NodeStageVolumeRequest{
		VolumeId: id, PublishContext: granted.GetPublishContext(), StagingTargetPath: staging, VolumeCapability: capability(),
	})
	d.must(err)
	_, err = d.nodes.NodePublishVolume(ctx, &spec.NodePublishVolumeRequest{
		VolumeId: id, PublishContext: granted.GetPublishContext(), StagingTargetPath: staging, TargetPath: target,
		VolumeCapability: capability(),
	})
	d.must(err)
	_, err = d.nodes.NodeUnpublishVolume(ctx, &spec.NodeUnpublishVolumeRequest{VolumeId: id, TargetPath: target})
	d.must(err)
	_, err = d.nodes.NodeUnstageVolume(ctx, &spec.NodeUnstageVolumeRequest{VolumeId: id, StagingTargetPath: staging})
	d.must(err)
	_, err = d.controller.ControllerUnpublishVolume(ctx, &spec.ControllerUnpublishVolumeRequest{
		VolumeId: id, NodeId: string(d.node.ID()),
	})
	d.must(err)
}

// A bell rings each time the pools are listed.
type bell struct {
	ports.Pools
	rung chan struct{}
}

func (b bell) List(ctx context.Context) ([]domain.Pool, error) {
	select {
	case b.rung <- struct{}{}:
	case <-ctx.Done():
	}
	return b.Pools.List(ctx)
}

// takeStock runs an inventory until one round is over, which is when the second
// begins, and reports its figures.
func (d *driver) takeStock() {
	d.t.Helper()
	array := d.arrays.All()[0]
	rung := make(chan struct{})
	array.Pools = bell{array.Pools, rung}
	arrays, err := app.NewArrays(array)
	d.must(err)
	inventory := app.NewInventory(app.InventorySettings{Every: time.Millisecond, Timeout: time.Minute}, arrays, d.recorder)
	d.must(telemetry.Arrays(d.measured.MeterProvider, inventory.Figures))
	ctx, cancel := context.WithCancel(d.t.Context())
	done := make(chan struct{})
	go func() { defer close(done); inventory.Run(ctx) }()
	<-rung
	<-rung
	cancel()
	<-done
}
