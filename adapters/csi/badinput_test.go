package csi_test

import (
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
				long := strings.Repeat("x", 4097)
				values.Set(protoreflect.ValueOfString("key").MapKey(), protoreflect.ValueOfString(long))
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
			half := strings.Repeat("x", 2049)
			r.VolumeCapabilities[0].GetMount().MountFlags = []string{half, half}
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
