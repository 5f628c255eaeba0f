package e2e

import (
	"context"
	"log/slog"
	"net"
	"slices"
	"testing"
	"time"

	spec "github.com/container-storage-interface/spec/lib/go/csi"
	meters "go.opentelemetry.io/otel/metric/noop"
	traces "go.opentelemetry.io/otel/trace/noop"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"git.srvlab.io/whiskey/rds-csi-driver/adapters/csi"
	"git.srvlab.io/whiskey/rds-csi-driver/app"
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

const (
	mib     = 1 << 20
	volSize = 512 * mib // room for the smallest xfs
)

// A driver is a whole driver that serves, and its client.
type driver struct {
	spec.ControllerClient
	spec.NodeClient
	t       *testing.T
	cluster domain.ClusterID
	line    *line
	id      string // of its node
	stop    func()
}

// start starts a driver in the world.
func (w World) start(t *testing.T) *driver {
	t.Helper()
	d := &driver{t: t, cluster: w.Cluster, line: &line{}}
	array, err := w.Array.Client()
	d.must(err)
	arrays, err := app.NewArrays(d.line.lay(array))
	d.must(err)
	settings := app.Settings{Cluster: w.Cluster, Prefix: w.Prefix}
	own := app.NodeSettings{Settings: settings, Host: w.Self, UnstageGrace: time.Minute}
	node := app.NewNode(own, w.Host(), deaf{})
	server, err := csi.New(csi.Settings{
		Name: "rds.csi.srvlab.io", Version: "v0", Cluster: w.Cluster, Prefix: w.Prefix, Grace: time.Minute,
		Log: slog.New(slog.DiscardHandler), Meters: meters.NewMeterProvider(), Traces: traces.NewTracerProvider(),
	}, app.NewController(settings, arrays, deaf{}), node)
	d.must(err)
	stop := d.serve(server)
	stopped := false
	d.stop = func() {
		if !stopped {
			stopped = true
			stop()
			node.Wait()
		}
	}
	t.Cleanup(d.stop)
	d.id = string(node.Info().ID)
	return d
}

// serve serves on a connection in memory and makes the clients.
func (d *driver) serve(server *csi.Server) (stop func()) {
	d.t.Helper()
	l := bufconn.Listen(1 << 20)
	ctx, end := context.WithCancel(context.WithoutCancel(d.t.Context()))
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx, l) }()
	dial := func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }
	conn, err := grpc.NewClient("passthrough:///memory",
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithContextDialer(dial))
	d.must(err)
	d.ControllerClient, d.NodeClient = spec.NewControllerClient(conn), spec.NewNodeClient(conn)
	return func() {
		if err := conn.Close(); err != nil {
			d.t.Error(err)
		}
		end()
		if err := <-served; err != nil {
			d.t.Error(err)
		}
	}
}

// A deaf recorder is told of events and does nothing.
type deaf struct{}

func (deaf) Record(context.Context, domain.Event) {}

func (d *driver) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d *driver) code(err error, want codes.Code) {
	d.t.Helper()
	if got := status.Code(err); got != want {
		d.t.Fatalf("got %v (%v), want code %s", err, got, want)
	}
}

// capability is that of a file system, or of raw block, with one writer.
func capability(a domain.Access) *spec.VolumeCapability {
	c := &spec.VolumeCapability{
		AccessMode: &spec.VolumeCapability_AccessMode{Mode: spec.VolumeCapability_AccessMode_SINGLE_NODE_WRITER},
		AccessType: &spec.VolumeCapability_Mount{Mount: &spec.VolumeCapability_MountVolume{FsType: string(a)}},
	}
	if a == domain.Block {
		c.AccessType = &spec.VolumeCapability_Block{Block: &spec.VolumeCapability_BlockVolume{}}
	}
	return c
}

// request asks for a volume on a pool.
func request(
	name string, a domain.Access, pool string, source *spec.VolumeContentSource,
) *spec.CreateVolumeRequest {
	return &spec.CreateVolumeRequest{
		Name: name, CapacityRange: &spec.CapacityRange{RequiredBytes: volSize},
		VolumeCapabilities: []*spec.VolumeCapability{capability(a)},
		Parameters:         map[string]string{"pool": pool}, VolumeContentSource: source,
	}
}

func fromVolume(id string) *spec.VolumeContentSource {
	return &spec.VolumeContentSource{Type: &spec.VolumeContentSource_Volume{
		Volume: &spec.VolumeContentSource_VolumeSource{VolumeId: id},
	}}
}

func fromSnapshot(id string) *spec.VolumeContentSource {
	return &spec.VolumeContentSource{Type: &spec.VolumeContentSource_Snapshot{
		Snapshot: &spec.VolumeContentSource_SnapshotSource{SnapshotId: id},
	}}
}

// settled makes a call until no other of its volume is under way.
func (d *driver) settled(call func() error) error {
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	for {
		err := call()
		if status.Code(err) != codes.Aborted {
			return err
		}
		select {
		case <-again.C:
		case <-d.t.Context().Done():
			return err
		}
	}
}

// create returns the id of the volume.
func (d *driver) create(r *spec.CreateVolumeRequest) (id string) {
	d.t.Helper()
	d.must(d.settled(func() error {
		answer, err := d.CreateVolume(d.t.Context(), r)
		id = answer.GetVolume().GetVolumeId()
		return err
	}))
	return id
}

func (d *driver) remove(id string) {
	d.t.Helper()
	d.must(d.settled(func() error {
		_, err := d.DeleteVolume(d.t.Context(), &spec.DeleteVolumeRequest{VolumeId: id})
		return err
	}))
}

func (d *driver) removeSnapshot(id string) {
	d.t.Helper()
	_, err := d.DeleteSnapshot(d.t.Context(), &spec.DeleteSnapshotRequest{SnapshotId: id})
	d.must(err)
}

func (d *driver) snapshot(name, volume string) (id string) {
	d.t.Helper()
	r := &spec.CreateSnapshotRequest{Name: name, SourceVolumeId: volume}
	answer, err := d.CreateSnapshot(d.t.Context(), r)
	d.must(err)
	return answer.GetSnapshot().GetSnapshotId()
}

// list returns the ids of all volumes, sorted, read in pages.
func (d *driver) list() (ids []string) {
	d.t.Helper()
	for token := ""; ; {
		page, err := d.ListVolumes(d.t.Context(), &spec.ListVolumesRequest{MaxEntries: 10, StartingToken: token})
		d.must(err)
		for _, e := range page.GetEntries() {
			ids = append(ids, e.GetVolume().GetVolumeId())
		}
		if token = page.GetNextToken(); token == "" {
			slices.Sort(ids)
			return ids
		}
	}
}

// empty checks that the array holds nothing at all.
func (w World) empty(t *testing.T) {
	t.Helper()
	rest, err := w.Array.Rest()
	if err != nil {
		t.Fatal(err)
	}
	if len(rest) > 0 {
		t.Errorf("left on the array: %q", rest)
	}
}
