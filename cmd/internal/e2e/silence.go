package e2e

import (
	"context"
	"fmt"
	"slices"
	"testing"

	spec "github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
	"git.srvlab.io/whiskey/rds-csi-driver/ports/porttest"
)

// Silence is the suite of an array that falls silent at any point of a call: the
// call is Unavailable, and the same call made again does what the first should
// have done, by the same driver or by another.
func Silence(t *testing.T, open Open) {
	for _, v := range verbs() {
		t.Run(v.name, func(t *testing.T) {
			w := open(t)
			b := &bench{driver: w.start(t), w: w}
			t.Cleanup(w.Array.Speak)
			for n, met := 1, true; met; n++ {
				met = false
				for _, o := range outages() {
					met = b.silenced(v, n, o) || met
				}
			}
		})
	}
}

// A breakdown is how the array falls silent at a use of a port.
type breakdown struct {
	porttest.Outage
	lasting  bool // until the call is over, else for that use only
	replaced bool // another driver repeats the call
}

func outages() (list []breakdown) {
	for _, when := range []porttest.When{porttest.Before, porttest.During, porttest.After} {
		for _, lasting := range []bool{false, true} {
			for _, replaced := range []bool{false, true} {
				list = append(list, breakdown{porttest.Outage{When: when}, lasting, replaced})
			}
		}
	}
	return list
}

// A bench is where a verb is tried, over and over on one array.
type bench struct {
	*driver
	w     World
	tries int
	name  string // of the try: what it makes is called after it
}

// A verb is a call that must converge.
type verb struct {
	name    string
	prepare prepare
}

// A call asks a driver; made again it is the same.
type call func(context.Context, *driver) error

// A prepare sets the stage for a call, and says what must be so after it.
type prepare func(b *bench) (do call, check func())

// silenced makes the array silent at the nth use of a port and reports whether
// the call came so far.
func (b *bench) silenced(v verb, n int, o breakdown) (met bool) {
	b.t.Helper()
	b.tries++
	b.name = fmt.Sprintf("try-%d", b.tries)
	do, check := v.prepare(b)
	b.line.listen(func(_ context.Context, at int) {
		if at == n {
			met = true
			b.w.Array.Silence(o.Outage)
		}
	}, func(_ context.Context, at int) {
		if at == n && !o.lasting {
			b.w.Array.Speak()
		}
	})
	err := do(b.t.Context(), b.driver)
	b.line.listen(nil, nil)
	b.w.Array.Speak()
	if met {
		b.code(err, codes.Unavailable)
	} else {
		b.must(err)
	}
	d := b.driver
	if o.replaced {
		d = b.w.start(b.t)
		defer d.stop()
	}
	if err := do(b.t.Context(), d); err != nil {
		b.t.Fatalf("use %d, %+v: repeated: %v", n, o, err)
	}
	check()
	if b.t.Failed() {
		b.t.Fatalf("all this with an array silent at use %d, %+v", n, o)
	}
	return met
}

func verbs() []verb {
	return slices.Concat(writes(), reads())
}

// volume makes one for the try.
func (b *bench) volume() (id string) { return b.create(request(b.name, domain.Ext4, b.w.Pool, nil)) }

// only checks that a volume is listed once and as large as that.
func (b *bench) only(id string, size int64) {
	b.t.Helper()
	if n := len(slices.DeleteFunc(b.list(), func(x string) bool { return x != id })); n != 1 {
		b.t.Errorf("%s is listed %d times", id, n)
	}
	got, err := b.ControllerGetVolume(b.t.Context(), &spec.ControllerGetVolumeRequest{VolumeId: id})
	if err != nil || got.GetVolume().GetCapacityBytes() != size {
		b.t.Errorf("%s: got %d bytes and error %v, want %d", id, got.GetVolume().GetCapacityBytes(), err, size)
	}
}

func (b *bench) publishRequest(id string) *spec.ControllerPublishVolumeRequest {
	return &spec.ControllerPublishVolumeRequest{
		VolumeId: id, NodeId: b.id, VolumeCapability: capability(domain.Ext4),
	}
}

// creates is a create of whatever content; it must make the same volume always.
func creates(source func(b *bench) *spec.VolumeContentSource) prepare {
	return func(b *bench) (call, func()) {
		r, id := request(b.name, domain.Ext4, b.w.Pool, source(b)), ""
		do := func(ctx context.Context, d *driver) error {
			answer, err := d.CreateVolume(ctx, r)
			id = answer.GetVolume().GetVolumeId()
			return err
		}
		return do, func() { b.only(id, volSize) }
	}
}

func (b *bench) copied() string {
	return b.create(request(b.name+"-source", domain.Ext4, b.w.Pool, nil))
}

func writes() []verb {
	return []verb{
		{"create", creates(func(*bench) *spec.VolumeContentSource { return nil })},
		{"clone", creates(func(b *bench) *spec.VolumeContentSource { return fromVolume(b.copied()) })},
		{"restore", creates(func(b *bench) *spec.VolumeContentSource {
			return fromSnapshot(b.snapshot(b.name, b.copied()))
		})},
		{"delete", deletes},
		{"publish", publishes},
		{"unpublish", func(b *bench) (call, func()) { return unpublishes(b, b.id) }},
		{"unpublish from all", func(b *bench) (call, func()) { return unpublishes(b, "") }},
		{"expand", expands},
		{"modify", func(b *bench) (call, func()) {
			id := b.volume()
			return func(ctx context.Context, d *driver) error {
				_, err := d.ControllerModifyVolume(ctx, &spec.ControllerModifyVolumeRequest{
					VolumeId: id, MutableParameters: map[string]string{"reconnectDelay": "7"},
				})
				return err
			}, func() { b.granted(id, "reconnectDelay", "7") }
		}},
		{"snapshot", snapshotted},
		{"delete of a snapshot", unsnapshotted},
	}
}

// granted checks what a publish hands to the node.
func (b *bench) granted(id, key, want string) {
	b.t.Helper()
	answer, err := b.ControllerPublishVolume(b.t.Context(), b.publishRequest(id))
	if got := answer.GetPublishContext()[key]; err != nil || got != want {
		b.t.Errorf("publish: got %s %q and error %v, want %q", key, got, err, want)
	}
}

func deletes(b *bench) (call, func()) {
	id := b.volume()
	do := func(ctx context.Context, d *driver) error {
		_, err := d.DeleteVolume(ctx, &spec.DeleteVolumeRequest{VolumeId: id})
		return err
	}
	return do, func() { b.w.empty(b.t) }
}

func publishes(b *bench) (call, func()) {
	id, nqn := b.volume(), ""
	do := func(ctx context.Context, d *driver) error {
		answer, err := d.ControllerPublishVolume(ctx, b.publishRequest(id))
		nqn = answer.GetPublishContext()["nqn"]
		return err
	}
	return do, func() {
		b.granted(id, "nqn", nqn)
		b.refused(id, codes.FailedPrecondition)
	}
}

// refused checks that another node gets that code.
func (b *bench) refused(id string, want codes.Code) {
	b.t.Helper()
	b.code(b.elsewhere(id, domain.Ext4), want)
}

// elsewhere publishes a volume to a second node.
func (d *driver) elsewhere(id string, a domain.Access) error {
	d.t.Helper()
	other, err := domain.NewHost(d.cluster, "another-node", "another machine")
	d.must(err)
	_, err = d.ControllerPublishVolume(d.t.Context(), &spec.ControllerPublishVolumeRequest{
		VolumeId: id, NodeId: string(other.ID()), VolumeCapability: capability(a),
	})
	return err
}

func unpublishes(b *bench, from string) (call, func()) {
	id := b.volume()
	_, err := b.ControllerPublishVolume(b.t.Context(), b.publishRequest(id))
	b.must(err)
	do := func(ctx context.Context, d *driver) error {
		r := &spec.ControllerUnpublishVolumeRequest{VolumeId: id, NodeId: from}
		_, err := d.ControllerUnpublishVolume(ctx, r)
		return err
	}
	return do, func() { b.refused(id, codes.OK) }
}

func expands(b *bench) (call, func()) {
	id := b.volume()
	do := func(ctx context.Context, d *driver) error {
		_, err := d.ControllerExpandVolume(ctx, &spec.ControllerExpandVolumeRequest{
			VolumeId: id, CapacityRange: &spec.CapacityRange{RequiredBytes: 2 * volSize},
		})
		return err
	}
	return do, func() { b.only(id, 2*volSize) }
}

func snapshotted(b *bench) (call, func()) {
	source, id := b.volume(), ""
	do := func(ctx context.Context, d *driver) error {
		answer, err := d.CreateSnapshot(ctx, &spec.CreateSnapshotRequest{Name: b.name, SourceVolumeId: source})
		id = answer.GetSnapshot().GetSnapshotId()
		return err
	}
	return do, func() { b.snapshots(source, id) }
}

func unsnapshotted(b *bench) (call, func()) {
	source := b.volume()
	id := b.snapshot(b.name, source)
	do := func(ctx context.Context, d *driver) error {
		_, err := d.DeleteSnapshot(ctx, &spec.DeleteSnapshotRequest{SnapshotId: id})
		return err
	}
	return do, func() { b.snapshots(source) }
}

// snapshots checks which ones a volume has.
func (b *bench) snapshots(source string, want ...string) {
	b.t.Helper()
	answer, err := b.ListSnapshots(b.t.Context(), &spec.ListSnapshotsRequest{SourceVolumeId: source})
	b.must(err)
	var got []string
	for _, e := range answer.GetEntries() {
		got = append(got, e.GetSnapshot().GetSnapshotId())
	}
	if !slices.Equal(got, want) {
		b.t.Errorf("%s has snapshots %q, want %q", source, got, want)
	}
}

// read is a verb that changes nothing of a volume with a snapshot.
func read(name string, ask func(ctx context.Context, d *driver, volume, snapshot string) error) verb {
	return verb{name, func(b *bench) (call, func()) {
		volume := b.volume()
		snapshot := b.snapshot(b.name, volume)
		return func(ctx context.Context, d *driver) error { return ask(ctx, d, volume, snapshot) }, func() {}
	}}
}

func reads() []verb {
	return []verb{
		read("get volume", func(ctx context.Context, d *driver, volume, _ string) error {
			_, err := d.ControllerGetVolume(ctx, &spec.ControllerGetVolumeRequest{VolumeId: volume})
			return err
		}),
		read("validate", func(ctx context.Context, d *driver, volume, _ string) error {
			_, err := d.ValidateVolumeCapabilities(ctx, &spec.ValidateVolumeCapabilitiesRequest{
				VolumeId: volume, VolumeCapabilities: []*spec.VolumeCapability{capability(domain.Ext4)},
			})
			return err
		}),
		read("list volumes", func(ctx context.Context, d *driver, _, _ string) error {
			_, err := d.ListVolumes(ctx, &spec.ListVolumesRequest{})
			return err
		}),
		read("list snapshots", func(ctx context.Context, d *driver, _, snapshot string) error {
			_, err := d.ListSnapshots(ctx, &spec.ListSnapshotsRequest{SnapshotId: snapshot})
			return err
		}),
		read("get snapshot", func(ctx context.Context, d *driver, _, snapshot string) error {
			_, err := d.GetSnapshot(ctx, &spec.GetSnapshotRequest{SnapshotId: snapshot})
			return err
		}),
		read("capacity", func(ctx context.Context, d *driver, _, _ string) error {
			_, err := d.GetCapacity(ctx, &spec.GetCapacityRequest{})
			return err
		}),
		read("volume health", func(ctx context.Context, d *driver, volume, _ string) error {
			_, err := d.ControllerGetVolumeHealth(ctx, &spec.ControllerGetVolumeHealthRequest{VolumeId: volume})
			return err
		}),
		read("list volume health", func(ctx context.Context, d *driver, _, _ string) error {
			_, err := d.ControllerListVolumeHealth(ctx, &spec.ControllerListVolumeHealthRequest{})
			return err
		}),
	}
}
