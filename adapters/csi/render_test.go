package csi_test

import (
	"testing"
	"time"

	spec "github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"git.srvlab.io/whiskey/rds-csi-driver/adapters/csi"
	"git.srvlab.io/whiskey/rds-csi-driver/app"
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// answers checks what the driver answers to req.
func answers(t *testing.T, d *driver, req, want proto.Message) {
	t.Helper()
	got, err := call(t.Context(), d.conn, req)
	if err != nil {
		t.Fatalf("%s: %v", rpc(req), err)
	}
	if !proto.Equal(got, want) {
		t.Errorf("%s: got\n%s\nwant\n%s", rpc(req), prototext.Format(got), prototext.Format(want))
	}
}

func rendered(id string, slot domain.Slot) *spec.Volume {
	return &spec.Volume{
		VolumeId: id, CapacityBytes: 1 << 30,
		VolumeContext: map[string]string{"array": id[:3], "slot": string(slot)},
	}
}

func TestVolumesAreRendered(t *testing.T) {
	slot := cluster.Slot("pvc-1")
	id := "rds:" + string(slot)
	holders := []string{string(nodeA())}
	d := serve(t)
	d.controller.volume.Record.Size = 0 // the array's word counts
	answers(t, d, goodOf[*spec.CreateVolumeRequest](), &spec.CreateVolumeResponse{Volume: rendered(id, slot)})
	answers(t, d, &spec.ControllerGetVolumeRequest{VolumeId: id}, &spec.ControllerGetVolumeResponse{
		Volume: rendered(id, slot), Status: &spec.ControllerGetVolumeResponse_VolumeStatus{PublishedNodeIds: holders},
	})
	answers(t, d, &spec.ListVolumesRequest{}, &spec.ListVolumesResponse{
		Entries: []*spec.ListVolumesResponse_Entry{{Volume: rendered(id, slot)}}, NextToken: "next",
	})
	talkative := serve(t, func(s *csi.Settings) { s.PublishedNodes = true })
	answers(t, talkative, &spec.ListVolumesRequest{}, &spec.ListVolumesResponse{
		Entries: []*spec.ListVolumesResponse_Entry{{
			Volume: rendered(id, slot), Status: &spec.ListVolumesResponse_VolumeStatus{PublishedNodeIds: holders},
		}},
		NextToken: "next",
	})
}

func TestAnAdoptedVolumeGoesByItsSlot(t *testing.T) {
	d := serve(t)
	d.controller.volume.ID = domain.VolumeID{Array: legacy, Slot: "disk1"}
	want := rendered("old", "disk1")
	want.VolumeId = "disk1"
	answers(t, d, &spec.ControllerGetVolumeRequest{VolumeId: "disk1"}, &spec.ControllerGetVolumeResponse{
		Volume: want,
		Status: &spec.ControllerGetVolumeResponse_VolumeStatus{PublishedNodeIds: []string{string(nodeA())}},
	})
	if got, want := d.controller.taken(), d.controller.volume.ID; got[0] != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestACopyNamesItsSource(t *testing.T) {
	d := serve(t)
	slot := d.controller.volume.ID.Slot
	want := rendered("rds:"+string(slot), slot)

	name := cluster.SnapshotName("snap-1")
	d.controller.volume.Record.Origin = domain.Origin{Kind: domain.FromSnapshot, Name: name}
	want.ContentSource = fromSnapshot("rds:" + name)
	answers(t, d, goodOf[*spec.CreateVolumeRequest](), &spec.CreateVolumeResponse{Volume: want})
	got, _ := d.controller.taken()[0].(app.Creation)
	if got.Origin != d.controller.volume.Record.Origin || got.Source != "rds" {
		t.Errorf("got origin %v on %s, want %v on rds", got.Origin, got.Source, d.controller.volume.Record.Origin)
	}

	source := cluster.Slot("pvc-0")
	d.controller.volume.Record.Origin = domain.Origin{Kind: domain.FromVolume, Name: string(source)}
	want.ContentSource = fromVolume("rds:" + string(source))
	clone := change(func(r *spec.CreateVolumeRequest) { r.VolumeContentSource = fromVolume("rds:" + string(source)) })
	answers(t, d, clone, &spec.CreateVolumeResponse{Volume: want})
	got, _ = d.controller.taken()[0].(app.Creation)
	if got.Origin != d.controller.volume.Record.Origin || got.Source != "rds" {
		t.Errorf("got origin %v on %s, want %v on rds", got.Origin, got.Source, d.controller.volume.Record.Origin)
	}
}

func TestTopology(t *testing.T) {
	zone := func(z string) *spec.Topology { return &spec.Topology{Segments: map[string]string{"zone": z}} }
	controller, host := newFakeController(), newFakeNode()
	host.info.Topology = map[string]string{"zone": "1"}
	everywhere := &driver{conn: connect(t, settings(), controller, host)}
	answers(t, everywhere, &spec.NodeGetInfoRequest{}, &spec.NodeGetInfoResponse{
		NodeId: string(nodeA()), MaxVolumesPerNode: 100,
	})

	arrays, err := app.NewArrays(app.Array{Name: "rds", Topology: map[string]string{"zone": "1"}}, app.Array{Name: "two"})
	if err != nil {
		t.Fatal(err)
	}
	controller.arrays = arrays
	d := &driver{conn: connect(t, settings(), controller, host), controller: controller, node: host}
	answers(t, d, &spec.NodeGetInfoRequest{}, &spec.NodeGetInfoResponse{
		NodeId: string(nodeA()), MaxVolumesPerNode: 100, AccessibleTopology: zone("1"),
	})
	slot := controller.volume.ID.Slot
	want := rendered("rds:"+string(slot), slot)
	want.AccessibleTopology = []*spec.Topology{zone("1")}
	req := change(func(r *spec.CreateVolumeRequest) {
		r.AccessibilityRequirements = &spec.TopologyRequirement{
			Requisite: []*spec.Topology{zone("1"), zone("2"), zone("3")},
			Preferred: []*spec.Topology{zone("3"), zone("1")},
		}
	})
	answers(t, d, req, &spec.CreateVolumeResponse{Volume: want})
	var order string
	got, _ := controller.taken()[0].(app.Creation)
	for _, segments := range got.Reachable {
		order += segments["zone"]
	}
	if order != "312" {
		t.Errorf("got zones in order %s, want 312: the preferred first, each once", order)
	}
	controller.volume.ID.Array = "two"
	want = rendered("two:"+string(slot), slot)
	answers(t, d, req, &spec.CreateVolumeResponse{Volume: want})
}

func TestSnapshotsAreRendered(t *testing.T) {
	d := serve(t)
	id := d.controller.snapshot.ID.String()
	want := &spec.Snapshot{
		SnapshotId: id, SourceVolumeId: d.controller.volume.ID.String(), SizeBytes: 1 << 30,
		CreationTime: timestamppb.New(time.Unix(1_700_000_000, 0)), ReadyToUse: true,
	}
	answers(t, d, goodOf[*spec.CreateSnapshotRequest](), &spec.CreateSnapshotResponse{Snapshot: want})
	answers(t, d, &spec.GetSnapshotRequest{SnapshotId: id}, &spec.GetSnapshotResponse{Snapshot: want})
	answers(t, d, &spec.ListSnapshotsRequest{}, &spec.ListSnapshotsResponse{
		Entries: []*spec.ListSnapshotsResponse_Entry{{Snapshot: want}}, NextToken: "next",
	})
}

func TestListsPassTheirPage(t *testing.T) {
	d := serve(t)
	for _, req := range []proto.Message{
		&spec.ListVolumesRequest{MaxEntries: 7, StartingToken: "rds:a"},
		&spec.ListSnapshotsRequest{MaxEntries: 7, StartingToken: "rds:a"},
		&spec.ControllerListVolumeHealthRequest{MaxEntries: 7, StartingToken: "rds:a"},
	} {
		if _, err := call(t.Context(), d.conn, req); err != nil {
			t.Fatal(err)
		}
		want := listed{Token: "rds:a", Most: 7}
		if got := d.controller.taken(); got[0] != want {
			t.Errorf("%s: got %+v, want %+v", rpc(req), got[0], want)
		}
	}
}

func TestPublishAndUnpublish(t *testing.T) {
	d := serve(t)
	id := d.controller.volume.ID
	answers(t, d, goodOf[*spec.ControllerPublishVolumeRequest](), &spec.ControllerPublishVolumeResponse{
		PublishContext: attachment().Context(),
	})
	use := domain.Use{Access: domain.XFS, Mode: domain.SingleWriter}
	if got, want := d.controller.taken()[0], (published{id, nodeA(), use}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	answers(t, d, goodOf[*spec.ControllerUnpublishVolumeRequest](), &spec.ControllerUnpublishVolumeResponse{})
	if got, want := d.controller.taken()[0], (unpublished{id, nodeA()}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	everywhere := &spec.ControllerUnpublishVolumeRequest{VolumeId: id.String()}
	answers(t, d, everywhere, &spec.ControllerUnpublishVolumeResponse{})
	if got, want := d.controller.taken()[0], (unpublished{id, ""}); got != want {
		t.Errorf("without node: got %+v, want %+v", got, want)
	}
}

// TestValidation: what is confirmed is what was understood, so a field of a later
// spec is not in the answer.
func TestValidation(t *testing.T) {
	d := serve(t)
	req := goodOf[*spec.ValidateVolumeCapabilitiesRequest]()
	want := &spec.ValidateVolumeCapabilitiesResponse{Confirmed: &spec.ValidateVolumeCapabilitiesResponse_Confirmed{
		VolumeContext: req.GetVolumeContext(), VolumeCapabilities: []*spec.VolumeCapability{mountWriter},
		Parameters: req.GetParameters(), MutableParameters: req.GetMutableParameters(),
	}}
	req.GetVolumeCapabilities()[0].ProtoReflect().SetUnknown(protoreflect.RawFields{0xf8, 0x07, 0x01}) // field 127
	answers(t, d, req, want)
	d.controller.reason = "it has no legs"
	answers(t, d, req, &spec.ValidateVolumeCapabilitiesResponse{Message: "it has no legs"})
}

func TestSizesAreRendered(t *testing.T) {
	d := serve(t)
	answers(t, d, goodOf[*spec.ControllerExpandVolumeRequest](), &spec.ControllerExpandVolumeResponse{
		CapacityBytes: 2 << 30, NodeExpansionRequired: true,
	})
	answers(t, d, goodOf[*spec.NodeExpandVolumeRequest](), &spec.NodeExpandVolumeResponse{CapacityBytes: 2 << 30})
	answers(t, d, goodOf[*spec.GetCapacityRequest](), &spec.GetCapacityResponse{
		AvailableCapacity: 3 << 30,
		MaximumVolumeSize: wrapperspb.Int64(2 << 30), MinimumVolumeSize: wrapperspb.Int64(1 << 20),
	})
}

func TestStats(t *testing.T) {
	d := serve(t)
	d.node.stats = app.NodeStats{Usage: domain.Usage{
		Total: 10, Used: 4, Available: 5, Inodes: 100, InodesUsed: 40, InodesFree: 60,
	}}
	answers(t, d, goodOf[*spec.NodeGetVolumeStatsRequest](), &spec.NodeGetVolumeStatsResponse{Usage: []*spec.VolumeUsage{
		{Unit: spec.VolumeUsage_BYTES, Total: 10, Used: 4, Available: 5},
		{Unit: spec.VolumeUsage_INODES, Total: 100, Used: 40, Available: 60},
	}})
	d.node.stats = app.NodeStats{Block: true, Usage: domain.Usage{Total: 10}}
	answers(t, d, goodOf[*spec.NodeGetVolumeStatsRequest](), &spec.NodeGetVolumeStatsResponse{Usage: []*spec.VolumeUsage{
		{Unit: spec.VolumeUsage_BYTES, Total: 10},
	}})
}

func TestHealth(t *testing.T) {
	conditions := []domain.Condition{
		domain.NewCondition(domain.Degraded, "PoolDegraded", "slow"),
		domain.NewCondition(domain.Degraded, "PoolDegraded", "slower"),
		domain.NewCondition(domain.Inaccessible, "PoolNotMounted", "gone"),
		domain.NewCondition(domain.DataLoss, "ImageShrunk", "cut"),
		domain.NewCondition(domain.DataLoss, "PoolNotMounted", "gone"),
	}
	d := serve(t)
	d.controller.conditions, d.node.conditions = conditions, conditions
	id := d.controller.volume.ID.String()
	want := &spec.VolumeHealth{VolumeId: id, HealthStatuses: []*spec.VolumeHealth_VolumeHealthEntry{
		{Status: spec.VolumeHealthErrorType_DEGRADED, Reason: "PoolDegraded", Message: "slow"},
		{Status: spec.VolumeHealthErrorType_INACCESSIBLE, Reason: "PoolNotMounted", Message: "gone"},
		{Status: spec.VolumeHealthErrorType_DATA_LOSS, Reason: "ImageShrunk", Message: "cut"},
		{Status: spec.VolumeHealthErrorType_DATA_LOSS, Reason: "PoolNotMounted", Message: "gone"},
	}}
	answers(t, d, &spec.ControllerGetVolumeHealthRequest{VolumeId: id},
		&spec.ControllerGetVolumeHealthResponse{VolumeHealth: want})
	answers(t, d, &spec.NodeGetVolumeHealthRequest{VolumeId: id},
		&spec.NodeGetVolumeHealthResponse{VolumeHealth: want})
	answers(t, d, &spec.ControllerListVolumeHealthRequest{}, &spec.ControllerListVolumeHealthResponse{
		Entries: []*spec.VolumeHealth{want}, NextToken: "next",
	})
	type entry = spec.NodeGetStorageHealthResponse_StorageBackendHealth
	answers(t, d, &spec.NodeGetStorageHealthRequest{}, &spec.NodeGetStorageHealthResponse{BackendHealth: []*entry{
		{Status: spec.StorageHealthErrorType_STORAGE_DEGRADED, Reason: "PoolDegraded", Message: "slow"},
		{Status: spec.StorageHealthErrorType_STORAGE_UNREACHABLE, Reason: "PoolNotMounted", Message: "gone"},
		{Status: spec.StorageHealthErrorType_STORAGE_UNREACHABLE, Reason: "ImageShrunk", Message: "cut"},
	}})
}

// TestTheNodeGetsWhatWasAsked with either form of the handle and paths in one
// spelling.
func TestTheNodeGetsWhatWasAsked(t *testing.T) {
	slot := cluster.Slot("pvc-1")
	use := domain.Use{Access: domain.XFS, Mode: domain.SingleWriter}
	flags := proto.CloneOf(mountWriter)
	flags.GetMount().MountFlags = []string{"noatime"}
	sizes := domain.SizeRange{Required: 2 * domain.GiB, Limit: 4 * domain.GiB}
	for _, row := range []struct {
		req  proto.Message
		want any
	}{
		{change(func(r *spec.NodeUnstageVolumeRequest) { r.StagingTargetPath = "//var/./x/" }), at{slot, "/var/x", ""}},
		{change(func(r *spec.NodeUnstageVolumeRequest) { r.VolumeId = "disk.1" }), at{"disk.1", staging, ""}},
		{goodOf[*spec.NodeUnpublishVolumeRequest](), at{slot, "", target}},
		{goodOf[*spec.NodeGetVolumeStatsRequest](), at{slot, "", target}},
		{goodOf[*spec.NodeGetVolumeHealthRequest](), at{slot, staging, target}},
		{goodOf[*spec.NodeExpandVolumeRequest](), expanded{Slot: slot, Path: target, Range: sizes}},
	} {
		d := serve(t)
		if _, err := call(t.Context(), d.conn, row.req); err != nil {
			t.Fatal(err)
		}
		if got := d.node.taken(); len(got) != 1 || got[0] != row.want {
			t.Errorf("%s: got %+v, want %+v", rpc(row.req), got, row.want)
		}
	}
	d := serve(t)
	for _, req := range []proto.Message{
		change(func(r *spec.NodeStageVolumeRequest) { r.VolumeCapability = flags }),
		change(func(r *spec.NodePublishVolumeRequest) { r.VolumeCapability = flags }),
	} {
		if _, err := call(t.Context(), d.conn, req); err != nil {
			t.Fatal(err)
		}
		switch got := d.node.taken()[0].(type) {
		case app.Staging:
			if got.Use != use || got.Path != staging || len(got.Options) != 1 || got.Options[0] != "noatime" ||
				got.Attachment.Target.NQN != attachment().Target.NQN {
				t.Errorf("got %+v, want the request's", got)
			}
		case app.Publication:
			if got.Use != use || got.Staging != staging || got.Target != target || got.Slot != slot ||
				len(got.Options) != 1 || got.Options[0] != "noatime" || got.Attached.Size != domain.GiB {
				t.Errorf("got %+v, want the request's", got)
			}
		}
	}
}

func TestCreateGetsWhatWasAsked(t *testing.T) {
	d := serve(t)
	req := change(func(r create) { r.VolumeContentSource, r.AccessibilityRequirements = nil, nil })
	if _, err := call(t.Context(), d.conn, req); err != nil {
		t.Fatal(err)
	}
	timings, err := domain.Timings{}.With("nrIOQueues", "8")
	if err != nil {
		t.Fatal(err)
	}
	want := domain.VolumeRequest{
		Name: "pvc-1", Claim: domain.Claim{Name: "claim"}, Access: domain.XFS, Modified: timings,
		Range:      domain.SizeRange{Required: 2 * domain.GiB, Limit: 4 * domain.GiB},
		Parameters: domain.Parameters{Pool: "ssd"},
	}
	got, _ := d.controller.taken()[0].(app.Creation)
	if got.VolumeRequest != want || got.Reachable != nil || got.Source != "" {
		t.Errorf("got %+v, want %+v from anywhere", got, want)
	}
}
