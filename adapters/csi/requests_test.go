package csi_test

import (
	"slices"
	"strings"
	"testing"

	spec "github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

var (
	mountWriter = &spec.VolumeCapability{
		AccessType: &spec.VolumeCapability_Mount{Mount: &spec.VolumeCapability_MountVolume{FsType: "xfs"}},
		AccessMode: &spec.VolumeCapability_AccessMode{Mode: spec.VolumeCapability_AccessMode_SINGLE_NODE_WRITER},
	}
	blockWriter = &spec.VolumeCapability{
		AccessType: &spec.VolumeCapability_Block{Block: &spec.VolumeCapability_BlockVolume{}},
		AccessMode: &spec.VolumeCapability_AccessMode{Mode: spec.VolumeCapability_AccessMode_SINGLE_NODE_WRITER},
	}
)

const (
	staging = "/var/lib/staging"
	target  = "/var/lib/pods/1/volume"
)

// good returns a request for every RPC that is well-formed and has every field
// that matters, secrets included.
func good() []proto.Message {
	volume, snapshot := newFakeController().volume.ID.String(), newFakeController().snapshot.ID.String()
	secrets := map[string]string{"user": "admin"}
	capability := func() *spec.VolumeCapability { return proto.CloneOf(mountWriter) }
	capabilities := []*spec.VolumeCapability{capability()}
	sizes := &spec.CapacityRange{RequiredBytes: 2 << 30, LimitBytes: 4 << 30}
	context := attachment().Context()
	described := map[string]string{"storage.kubernetes.io/csiProvisionerIdentity": "x"}
	parameters := map[string]string{"pool": "ssd", "csi.storage.k8s.io/pvc/name": "claim"}
	mutable := map[string]string{"nrIOQueues": "8"}
	return []proto.Message{
		&spec.GetPluginInfoRequest{}, &spec.GetPluginCapabilitiesRequest{}, &spec.ProbeRequest{},
		&spec.CreateVolumeRequest{
			Name: "pvc-1", CapacityRange: sizes, VolumeCapabilities: capabilities, Parameters: parameters,
			Secrets: secrets, MutableParameters: mutable, VolumeContentSource: fromSnapshot(snapshot),
			AccessibilityRequirements: &spec.TopologyRequirement{
				Requisite: []*spec.Topology{{Segments: map[string]string{"zone": "1"}}},
			},
		},
		&spec.DeleteVolumeRequest{VolumeId: volume, Secrets: secrets},
		&spec.ControllerPublishVolumeRequest{
			VolumeId: volume, NodeId: string(nodeA()), VolumeCapability: capability(),
			Secrets: secrets, VolumeContext: described,
		},
		&spec.ControllerUnpublishVolumeRequest{VolumeId: volume, NodeId: string(nodeA()), Secrets: secrets},
		&spec.ValidateVolumeCapabilitiesRequest{
			VolumeId: volume, VolumeContext: described, VolumeCapabilities: capabilities, Parameters: parameters,
			Secrets: secrets, MutableParameters: mutable,
		},
		&spec.ListVolumesRequest{MaxEntries: 7, StartingToken: "rds:a"},
		&spec.GetCapacityRequest{
			VolumeCapabilities: capabilities, Parameters: parameters,
			AccessibleTopology: &spec.Topology{Segments: map[string]string{"zone": "1"}},
		},
		&spec.ControllerGetCapabilitiesRequest{},
		&spec.CreateSnapshotRequest{
			SourceVolumeId: volume, Name: "snap-1", Secrets: secrets,
			Parameters: map[string]string{"csi.storage.k8s.io/volumesnapshot/name": "s"},
		},
		&spec.DeleteSnapshotRequest{SnapshotId: snapshot, Secrets: secrets},
		&spec.ListSnapshotsRequest{
			MaxEntries: 7, StartingToken: "rds:a", SourceVolumeId: volume, SnapshotId: snapshot, Secrets: secrets,
		},
		&spec.GetSnapshotRequest{SnapshotId: snapshot, Secrets: secrets},
		&spec.ControllerExpandVolumeRequest{
			VolumeId: volume, CapacityRange: sizes, Secrets: secrets, VolumeCapability: capability(),
		},
		&spec.ControllerGetVolumeRequest{VolumeId: volume},
		&spec.ControllerModifyVolumeRequest{VolumeId: volume, Secrets: secrets, MutableParameters: mutable},
		&spec.ControllerGetVolumeHealthRequest{VolumeId: volume, Secrets: secrets},
		&spec.ControllerListVolumeHealthRequest{MaxEntries: 7, StartingToken: "rds:a", Secrets: secrets},
		&spec.NodeStageVolumeRequest{
			VolumeId: volume, PublishContext: context, StagingTargetPath: staging, VolumeCapability: capability(),
			Secrets: secrets, VolumeContext: described,
		},
		&spec.NodeUnstageVolumeRequest{VolumeId: volume, StagingTargetPath: staging},
		&spec.NodePublishVolumeRequest{
			VolumeId: volume, PublishContext: context, StagingTargetPath: staging, TargetPath: target,
			VolumeCapability: capability(), Secrets: secrets, VolumeContext: described,
		},
		&spec.NodeUnpublishVolumeRequest{VolumeId: volume, TargetPath: target},
		&spec.NodeGetVolumeStatsRequest{VolumeId: volume, VolumePath: target, StagingTargetPath: staging},
		&spec.NodeGetVolumeHealthRequest{VolumeId: volume, VolumePublishPath: target, StagingTargetPath: staging},
		&spec.NodeGetStorageHealthRequest{Secrets: secrets},
		&spec.NodeExpandVolumeRequest{
			VolumeId: volume, VolumePath: target, CapacityRange: sizes, StagingTargetPath: staging,
			VolumeCapability: capability(), Secrets: secrets,
		},
		&spec.NodeGetCapabilitiesRequest{}, &spec.NodeGetInfoRequest{},
	}
}

func fromSnapshot(id string) *spec.VolumeContentSource {
	return &spec.VolumeContentSource{Type: &spec.VolumeContentSource_Snapshot{
		Snapshot: &spec.VolumeContentSource_SnapshotSource{SnapshotId: id},
	}}
}

func fromVolume(id string) *spec.VolumeContentSource {
	return &spec.VolumeContentSource{Type: &spec.VolumeContentSource_Volume{
		Volume: &spec.VolumeContentSource_VolumeSource{VolumeId: id},
	}}
}

// goodOf returns the good request of type R.
func goodOf[R proto.Message]() R {
	for _, m := range good() {
		if r, ok := m.(R); ok {
			return r
		}
	}
	panic("no good request of that type")
}

// rpc returns the name of the RPC that takes the request.
func rpc(m proto.Message) string {
	return strings.TrimSuffix(string(m.ProtoReflect().Descriptor().Name()), "Request")
}

// field returns a field of m by its name in the spec.
func field(t *testing.T, m proto.Message, name string) protoreflect.FieldDescriptor {
	t.Helper()
	f := m.ProtoReflect().Descriptor().Fields().ByName(protoreflect.Name(name))
	if f == nil {
		t.Fatalf("%s has no field %s", rpc(m), name)
	}
	return f
}

// with returns a copy of m with a text field changed.
func with(t *testing.T, m proto.Message, name, value string) proto.Message {
	t.Helper()
	copied := proto.Clone(m)
	copied.ProtoReflect().Set(field(t, m, name), protoreflect.ValueOfString(value))
	return copied
}

// without returns a copy of m with a field left out.
func without(t *testing.T, m proto.Message, name string) proto.Message {
	t.Helper()
	copied := proto.Clone(m)
	copied.ProtoReflect().Clear(field(t, m, name))
	return copied
}

// change returns a good request after do.
func change[R proto.Message](do func(R)) proto.Message {
	r := goodOf[R]()
	do(r)
	return r
}

// reads are the RPCs that change nothing.
func isRead(name string) bool {
	return slices.Contains([]string{
		"GetPluginInfo", "GetPluginCapabilities", "Probe", "ValidateVolumeCapabilities", "ListVolumes", "GetCapacity",
		"ControllerGetCapabilities", "ListSnapshots", "GetSnapshot", "ControllerGetVolume", "ControllerGetVolumeHealth",
		"ControllerListVolumeHealth", "NodeGetVolumeStats", "NodeGetVolumeHealth", "NodeGetStorageHealth",
		"NodeGetCapabilities", "NodeGetInfo",
	}, name)
}
