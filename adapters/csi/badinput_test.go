package csi_test

import (
	"math"
	"strings"
	"testing"

	spec "github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// refused checks that the driver refuses req with the code and a message that
// says all of says, and that no use case heard of it.
func refused(t *testing.T, d *driver, req proto.Message, code codes.Code, says ...string) {
	t.Helper()
	_, err := call(t.Context(), d.conn, req)
	if got := status.Code(err); got != code {
		t.Errorf("%s: got code %s (%v), want %s", rpc(req), got, err, code)
	}
	for _, word := range says {
		if got := status.Convert(err).Message(); !strings.Contains(got, word) {
			t.Errorf("%s: got message %q, want it to say %q", rpc(req), got, word)
		}
	}
	if calls := append(d.controller.taken(), d.node.taken()...); len(calls) > 0 {
		t.Errorf("%s: the use case was called with %+v, want no call", rpc(req), calls)
	}
}

func TestEveryRPCTakesItsGoodRequest(t *testing.T) {
	d := serve(t)
	asked := map[protoreflect.FullName]bool{}
	for _, req := range good() {
		if _, err := call(t.Context(), d.conn, req); err != nil {
			t.Errorf("%s: got %v, want an answer", rpc(req), err)
		}
		asked[req.ProtoReflect().Descriptor().FullName()] = true
	}
	for request := range methods() {
		if !asked[request] {
			t.Errorf("no good request tries the RPC of %s", request)
		}
	}
}

func TestEveryRequiredFieldIsMissed(t *testing.T) {
	required := map[string][]string{
		"CreateVolume":               {"name", "volume_capabilities"},
		"DeleteVolume":               {"volume_id"},
		"ControllerPublishVolume":    {"volume_id", "node_id", "volume_capability"},
		"ControllerUnpublishVolume":  {"volume_id"},
		"ValidateVolumeCapabilities": {"volume_id", "volume_capabilities"},
		"ControllerGetVolume":        {"volume_id"},
		"ControllerExpandVolume":     {"volume_id", "capacity_range"},
		"ControllerModifyVolume":     {"volume_id", "mutable_parameters"},
		"ControllerGetVolumeHealth":  {"volume_id"},
		"CreateSnapshot":             {"name", "source_volume_id"},
		"DeleteSnapshot":             {"snapshot_id"},
		"GetSnapshot":                {"snapshot_id"},
		"NodeStageVolume":            {"volume_id", "staging_target_path", "volume_capability", "publish_context"},
		"NodeUnstageVolume":          {"volume_id", "staging_target_path"},
		"NodePublishVolume":          {"volume_id", "target_path", "volume_capability", "publish_context"},
		"NodeUnpublishVolume":        {"volume_id", "target_path"},
		"NodeGetVolumeStats":         {"volume_id", "volume_path"},
		"NodeExpandVolume":           {"volume_id", "volume_path"},
		"NodeGetVolumeHealth":        {"volume_id"},
	}
	d := serve(t)
	for _, req := range good() {
		fields := required[rpc(req)]
		for _, name := range fields {
			refused(t, d, without(t, req, name), codes.InvalidArgument, name)
		}
		if len(fields) > 0 {
			// A nil request travels as an empty one.
			empty := req.ProtoReflect().Type().Zero().Interface()
			refused(t, d, empty, codes.InvalidArgument, "is missing")
		}
		delete(required, rpc(req))
	}
	for name := range required {
		t.Errorf("%s is no RPC", name)
	}
}

func TestPublishWithoutStagingIsAPrecondition(t *testing.T) {
	req := without(t, goodOf[*spec.NodePublishVolumeRequest](), "staging_target_path")
	refused(t, serve(t), req, codes.FailedPrecondition, "staging_target_path")
}

// TestEveryFieldHasALimit makes each text, map and list of each request longer
// than the spec allows, nested ones too.
func TestEveryFieldHasALimit(t *testing.T) {
	d := serve(t)
	for _, req := range good() {
		message := req.ProtoReflect()
		for i := range message.Descriptor().Fields().Len() {
			f := message.Descriptor().Fields().Get(i)
			long := proto.Clone(req)
			switch {
			case f.IsMap():
				values := long.ProtoReflect().Mutable(f).Map()
				values.Set(protoreflect.ValueOfString("key").MapKey(), protoreflect.ValueOfString(strings.Repeat("x", 4097)))
			case f.Kind() == protoreflect.StringKind:
				n := 129
				if strings.HasSuffix(string(f.Name()), "_path") {
					n = 4096
				} else if f.Name() == "node_id" {
					n = 257
				}
				long.ProtoReflect().Set(f, protoreflect.ValueOfString("/"+strings.Repeat("x", n-1)))
			default:
				continue
			}
			refused(t, d, long, codes.InvalidArgument, string(f.Name()), "at most")
		}
	}
	nested := []struct {
		says string
		req  proto.Message
	}{
		{"volume_capabilities.mount.mount_flags", change(func(r *spec.CreateVolumeRequest) {
			r.VolumeCapabilities[0].GetMount().MountFlags = []string{strings.Repeat("x", 2048), strings.Repeat("y", 2049)}
		})},
		{"volume_capability.mount.fs_type", change(func(r *spec.NodeStageVolumeRequest) {
			r.VolumeCapability.GetMount().FsType = strings.Repeat("x", 129)
		})},
		{"volume_content_source.snapshot.snapshot_id", change(func(r *spec.CreateVolumeRequest) {
			r.VolumeContentSource = fromSnapshot(strings.Repeat("x", 129))
		})},
		{"accessibility_requirements.requisite.segments", change(func(r *spec.CreateVolumeRequest) {
			r.AccessibilityRequirements.Requisite[0].Segments["zone"] = strings.Repeat("x", 4097)
		})},
	}
	for _, row := range nested {
		refused(t, d, row.req, codes.InvalidArgument, row.says, "at most")
	}
}

func TestWhatIsAsLongAsAllowedPasses(t *testing.T) {
	d := serve(t)
	long := strings.Repeat("x", 127)
	for _, req := range []proto.Message{
		change(func(r *spec.CreateVolumeRequest) { r.Name = "é" + long[1:] }),
		change(func(r *spec.CreateSnapshotRequest) { r.Name = "x" + long }),
		change(func(r *spec.DeleteVolumeRequest) { r.VolumeId = "x" + long }),
		change(func(r *spec.NodeUnstageVolumeRequest) { r.StagingTargetPath = "/" + strings.Repeat("x", 4094) }),
		change(func(r *spec.NodeStageVolumeRequest) {
			r.VolumeCapability.GetMount().MountFlags = []string{strings.Repeat("x", 4096)}
		}),
	} {
		if _, err := call(t.Context(), d.conn, req); err != nil {
			t.Errorf("%s: got %v, want an answer", rpc(req), err)
		}
	}
}

func TestBadValuesAreRefusedByName(t *testing.T) {
	const invalid = codes.InvalidArgument
	type (
		create   = spec.CreateVolumeRequest
		publish  = spec.ControllerPublishVolumeRequest
		validate = spec.ValidateVolumeCapabilitiesRequest
		expand   = spec.ControllerExpandVolumeRequest
		modify   = spec.ControllerModifyVolumeRequest
		stage    = spec.NodeStageVolumeRequest
		show     = spec.NodePublishVolumeRequest
		grow     = spec.NodeExpandVolumeRequest
	)
	unsupported := func(mode spec.VolumeCapability_AccessMode_Mode) *spec.VolumeCapability {
		c := proto.CloneOf(mountWriter)
		c.AccessMode.Mode = mode
		return c
	}
	fs := func(name string) *spec.VolumeCapability {
		c := proto.CloneOf(mountWriter)
		c.GetMount().FsType = name
		return c
	}
	noType := &spec.VolumeCapability{AccessMode: mountWriter.GetAccessMode()}
	noMode := &spec.VolumeCapability{AccessType: mountWriter.GetAccessType()}
	group := proto.CloneOf(mountWriter)
	group.GetMount().VolumeMountGroup = "1000"
	emptyFlag := proto.CloneOf(mountWriter)
	emptyFlag.GetMount().MountFlags = []string{"noatime", ""}
	nulFlag := proto.CloneOf(mountWriter)
	nulFlag.GetMount().MountFlags = []string{"noatime\x00rw"}
	list := func(c ...*spec.VolumeCapability) []*spec.VolumeCapability { return c }
	sizes := func(required, limit int64) *spec.CapacityRange {
		return &spec.CapacityRange{RequiredBytes: required, LimitBytes: limit}
	}
	for _, row := range []struct {
		name string
		req  proto.Message
		code codes.Code
		says string
	}{
		{"create, negative size", change(func(r *create) { r.CapacityRange = sizes(-1, 0) }), invalid, "capacity_range.required_bytes"},
		{"create, negative limit", change(func(r *create) { r.CapacityRange = sizes(0, -1) }), invalid, "capacity_range.limit_bytes"},
		{"create, smallest size", change(func(r *create) { r.CapacityRange = sizes(math.MinInt64, 0) }), invalid, "required_bytes"},
		{"create, size above limit", change(func(r *create) { r.CapacityRange = sizes(2, 1) }), invalid, "limit_bytes"},
		{"create, size that overflows", change(func(r *create) { r.CapacityRange = sizes(math.MaxInt64, 0) }), codes.OutOfRange, "required_bytes"},
		{"create, limit below the least", change(func(r *create) { r.CapacityRange = sizes(0, 4096) }), codes.OutOfRange, "limit_bytes"},
		{"create, unknown parameter", change(func(r *create) { r.Parameters = map[string]string{"colour": "red"} }), invalid, `parameter "colour"`},
		{"create, parameter of an older driver", change(func(r *create) { r.Parameters = map[string]string{"volumePath": "/x"} }), invalid, "allowed are array, pool"},
		{"create, bad array", change(func(r *create) { r.Parameters = map[string]string{"array": "A'; /quit"} }), invalid, "array"},
		{"create, bad pool", change(func(r *create) { r.Parameters = map[string]string{"pool": "../x"} }), invalid, "pool"},
		{"create, bad timing", change(func(r *create) { r.Parameters = map[string]string{"nrIOQueues": "0"} }), invalid, "nrIOQueues"},
		{"create, bad migration", change(func(r *create) { r.Parameters = map[string]string{"migration": "kubevirt"} }), invalid, "migration"},
		{"create, mutable pool", change(func(r *create) { r.MutableParameters = map[string]string{"pool": "ssd"} }), invalid, `mutable_parameter "pool"`},
		{"create, empty source", change(func(r *create) { r.VolumeContentSource = &spec.VolumeContentSource{} }), invalid, "volume_content_source"},
		{"create, source snapshot without id", change(func(r *create) { r.VolumeContentSource = fromSnapshot("") }), invalid, "volume_content_source.snapshot.snapshot_id"},
		{"create, source volume without id", change(func(r *create) { r.VolumeContentSource = fromVolume("") }), invalid, "volume_content_source.volume.volume_id"},
		{"create, malformed source snapshot", change(func(r *create) { r.VolumeContentSource = fromSnapshot("x") }), codes.NotFound, "volume_content_source.snapshot.snapshot_id"},
		{"create, malformed source volume", change(func(r *create) { r.VolumeContentSource = fromVolume("a:b:c") }), codes.NotFound, "volume_content_source.volume.volume_id"},
		{"create, unknown file system", change(func(r *create) { r.VolumeCapabilities = list(fs("ntfs")) }), invalid, `fs_type "ntfs"`},
		{"create, file system in capitals", change(func(r *create) { r.VolumeCapabilities = list(fs("EXT4")) }), invalid, "ext4, xfs and btrfs"},
		{"create, mixed access types", change(func(r *create) { r.VolumeCapabilities = list(mountWriter, blockWriter) }), invalid, "volume_capabilities"},
		{"create, mixed file systems", change(func(r *create) { r.VolumeCapabilities = list(mountWriter, fs("btrfs")) }), invalid, "fs_type"},
		{"create, no access type", change(func(r *create) { r.VolumeCapabilities = list(noType) }), invalid, "access_type"},
		{"create, no access mode", change(func(r *create) { r.VolumeCapabilities = list(noMode) }), invalid, "access_mode"},
		{"create, nil capability", change(func(r *create) { r.VolumeCapabilities = list(nil) }), invalid, "access_type"},
		{"create, good and bad capability", change(func(r *create) { r.VolumeCapabilities = list(mountWriter, noMode) }), invalid, "access_mode"},
		{"create, mount group", change(func(r *create) { r.VolumeCapabilities = list(group) }), invalid, "volume_mount_group"},
		{"create, empty mount flag", change(func(r *create) { r.VolumeCapabilities = list(emptyFlag) }), invalid, "mount_flags"},

		{"publish, node of no shape of ours", change(func(r *publish) { r.NodeId = "node-a" }), codes.NotFound, "node_id"},
		{"publish, mode of the future", change(func(r *publish) { r.VolumeCapability = unsupported(99) }), invalid, "access_mode"},
		{"publish, no access type", change(func(r *publish) { r.VolumeCapability = noType }), invalid, "volume_capability.access_type"},
		{"unpublish, node of no shape of ours", change(func(r *spec.ControllerUnpublishVolumeRequest) { r.NodeId = "node-a" }), codes.NotFound, "node_id"},
		{"validate, unknown file system", change(func(r *validate) { r.VolumeCapabilities = list(fs("vfat")) }), invalid, "fs_type"},
		{"validate, mixed access types", change(func(r *validate) { r.VolumeCapabilities = list(blockWriter, mountWriter) }), invalid, "volume_capabilities"},
		{"validate, unknown parameter", change(func(r *validate) { r.Parameters["colour"] = "red" }), invalid, `"colour"`},
		{"validate, unknown mutable parameter", change(func(r *validate) { r.MutableParameters["colour"] = "red" }), invalid, `"colour"`},
		{"capacity, unknown file system", change(func(r *spec.GetCapacityRequest) { r.VolumeCapabilities = list(fs("zfs")) }), invalid, "fs_type"},
		{"capacity, mixed access types", change(func(r *spec.GetCapacityRequest) { r.VolumeCapabilities = list(mountWriter, blockWriter) }), invalid, "volume_capabilities"},
		{"capacity, unknown parameter", change(func(r *spec.GetCapacityRequest) { r.Parameters["colour"] = "red" }), invalid, `"colour"`},
		{"list, negative entries", change(func(r *spec.ListVolumesRequest) { r.MaxEntries = -1 }), invalid, "max_entries"},
		{"list snapshots, negative entries", change(func(r *spec.ListSnapshotsRequest) { r.MaxEntries = math.MinInt32 }), invalid, "max_entries"},
		{"list health, negative entries", change(func(r *spec.ControllerListVolumeHealthRequest) { r.MaxEntries = -1 }), invalid, "max_entries"},
		{"expand, negative size", change(func(r *expand) { r.CapacityRange = sizes(-1, 0) }), invalid, "required_bytes"},
		{"expand, empty range", change(func(r *expand) { r.CapacityRange = sizes(0, 0) }), invalid, "capacity_range"},
		{"expand, size that overflows", change(func(r *expand) { r.CapacityRange = sizes(math.MaxInt64, 0) }), codes.OutOfRange, "required_bytes"},
		{"expand, limit below the size", change(func(r *expand) { r.CapacityRange = sizes(0, 1) }), codes.OutOfRange, "limit_bytes"},
		{"expand, bad capability", change(func(r *expand) { r.VolumeCapability = noType }), invalid, "volume_capability"},
		{"modify, unknown parameter", change(func(r *modify) { r.MutableParameters = map[string]string{"colour": "red"} }), invalid, `"colour"`},
		{"modify, bad timing", change(func(r *modify) { r.MutableParameters = map[string]string{"queueSize": "many"} }), invalid, "queueSize"},
		{"snapshot, unknown parameter", change(func(r *spec.CreateSnapshotRequest) { r.Parameters["pool"] = "ssd" }), invalid, `"pool"`},

		{"stage, relative path", change(func(r *stage) { r.StagingTargetPath = "var/x" }), invalid, "staging_target_path"},
		{"stage, path with NUL", change(func(r *stage) { r.StagingTargetPath = "/var/\x00x" }), invalid, "staging_target_path"},
		{"stage, path upwards", change(func(r *stage) { r.StagingTargetPath = "/var/../etc" }), invalid, "staging_target_path"},
		{"stage, mount flag with NUL", change(func(r *stage) { r.VolumeCapability = nulFlag }), invalid, "mount_flags"},
		{"stage, unknown file system", change(func(r *stage) { r.VolumeCapability = fs("ext3") }), invalid, "volume_capability.mount"},
		{"stage, context without nqn", change(func(r *stage) { delete(r.PublishContext, "nqn") }), invalid, "publish_context.nqn"},
		{"stage, context with bad size", change(func(r *stage) { r.PublishContext["size"] = "-1" }), invalid, "publish_context"},
		{"stage, context of another volume", change(func(r *stage) { r.VolumeId = "rds:" + string(cluster.Slot("pvc-2")) }), invalid, "publish_context"},
		{"stage, context of another array", change(func(r *stage) { r.VolumeId = "other:" + string(cluster.Slot("pvc-1")) }), invalid, "publish_context"},
		{"unstage, relative path", change(func(r *spec.NodeUnstageVolumeRequest) { r.StagingTargetPath = "." }), invalid, "staging_target_path"},
		{"show, relative target", change(func(r *show) { r.TargetPath = "x" }), invalid, "target_path"},
		{"show, relative staging", change(func(r *show) { r.StagingTargetPath = "x" }), invalid, "staging_target_path"},
		{"show, mode not served", change(func(r *show) { r.VolumeCapability = unsupported(4) }), invalid, "access_mode"},
		{"hide, relative target", change(func(r *spec.NodeUnpublishVolumeRequest) { r.TargetPath = "x" }), invalid, "target_path"},
		{"stats, volume is at no relative path", change(func(r *spec.NodeGetVolumeStatsRequest) { r.VolumePath = "x" }), codes.NotFound, "volume_path"},
		{"stats, relative staging", change(func(r *spec.NodeGetVolumeStatsRequest) { r.StagingTargetPath = "x" }), invalid, "staging_target_path"},
		{"grow, volume is at no relative path", change(func(r *grow) { r.VolumePath = "x" }), codes.NotFound, "volume_path"},
		{"grow, negative size", change(func(r *grow) { r.CapacityRange = sizes(-1, 0) }), invalid, "required_bytes"},
		{"grow, bad capability", change(func(r *grow) { r.VolumeCapability = noMode }), invalid, "access_mode"},
		{"health, relative path", change(func(r *spec.NodeGetVolumeHealthRequest) { r.VolumePublishPath = "x" }), invalid, "volume_publish_path"},
		{"health, relative staging", change(func(r *spec.NodeGetVolumeHealthRequest) { r.StagingTargetPath = "x" }), invalid, "staging_target_path"},
	} {
		t.Run(row.name, func(t *testing.T) { refused(t, serve(t), row.req, row.code, row.says) })
	}
}
