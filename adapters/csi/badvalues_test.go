package csi_test

import (
	"math"
	"testing"

	spec "github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// A bad is a way to spoil a good request.
type bad[R proto.Message] struct {
	name  string
	spoil func(R)
	code  codes.Code
	says  string
}

func refusesAll[R proto.Message](t *testing.T, list []bad[R]) {
	t.Helper()
	d := serve(t)
	for _, row := range list {
		t.Run(row.name, func(t *testing.T) { refused(t, d, change(row.spoil), row.code, row.says) })
	}
}

const (
	invalid    = codes.InvalidArgument
	outOfRange = codes.OutOfRange
	notFound   = codes.NotFound
)

type (
	create = *spec.CreateVolumeRequest
	stage  = *spec.NodeStageVolumeRequest
	show   = *spec.NodePublishVolumeRequest
)

func sizes(required, limit int64) *spec.CapacityRange {
	return &spec.CapacityRange{RequiredBytes: required, LimitBytes: limit}
}

func capabilities(list ...*spec.VolumeCapability) []*spec.VolumeCapability { return list }

// mount returns a file system capability after change.
func mount(change func(*spec.VolumeCapability, *spec.VolumeCapability_MountVolume)) *spec.VolumeCapability {
	c := proto.CloneOf(mountWriter)
	change(c, c.GetMount())
	return c
}

func withFileSystem(name string) *spec.VolumeCapability {
	return mount(func(_ *spec.VolumeCapability, m *spec.VolumeCapability_MountVolume) { m.FsType = name })
}

func withFlags(flags ...string) *spec.VolumeCapability {
	return mount(func(_ *spec.VolumeCapability, m *spec.VolumeCapability_MountVolume) { m.MountFlags = flags })
}

func withGroup(group string) *spec.VolumeCapability {
	return mount(func(_ *spec.VolumeCapability, m *spec.VolumeCapability_MountVolume) { m.VolumeMountGroup = group })
}

func withoutType() *spec.VolumeCapability {
	return mount(func(c *spec.VolumeCapability, _ *spec.VolumeCapability_MountVolume) { c.AccessType = nil })
}

func withMode(mode *spec.VolumeCapability_AccessMode) *spec.VolumeCapability {
	return mount(func(c *spec.VolumeCapability, _ *spec.VolumeCapability_MountVolume) { c.AccessMode = mode })
}

func parameter(key, value string) map[string]string { return map[string]string{key: value} }

func TestCreateRefusesBadSizes(t *testing.T) {
	refusesAll(t, []bad[create]{
		{"negative size", func(r create) { r.CapacityRange = sizes(-1, 0) }, invalid, "capacity_range.required_bytes"},
		{"negative limit", func(r create) { r.CapacityRange = sizes(0, -1) }, invalid, "capacity_range.limit_bytes"},
		{"least number", func(r create) { r.CapacityRange = sizes(math.MinInt64, 0) }, invalid, "required_bytes"},
		{"size above limit", func(r create) { r.CapacityRange = sizes(2, 1) }, invalid, "limit_bytes"},
		{"overflow", func(r create) { r.CapacityRange = sizes(math.MaxInt64, 0) }, outOfRange, "required_bytes"},
		{"limit below the least", func(r create) { r.CapacityRange = sizes(0, 4096) }, outOfRange, "limit_bytes"},
	})
}

func TestCreateRefusesBadParameters(t *testing.T) {
	refusesAll(t, []bad[create]{
		{"unknown", func(r create) { r.Parameters = parameter("fish", "red") }, invalid, `parameter "fish"`},
		{"of an older driver", func(r create) { r.Parameters = parameter("volumePath", "/x") }, invalid, "allowed are"},
		{"array with quotes", func(r create) { r.Parameters = parameter("array", "A'; /quit") }, invalid, "array"},
		{"pool with slashes", func(r create) { r.Parameters = parameter("pool", "../x") }, invalid, "pool"},
		{"timing out of range", func(r create) { r.Parameters = parameter("nrIOQueues", "0") }, invalid, "nrIOQueues"},
		{"migration not there", func(r create) { r.Parameters = parameter("migration", "kubevirt") }, invalid, "migration"},
		{"mutable pool", func(r create) { r.MutableParameters = parameter("pool", "ssd") }, invalid, `mutable_parameter`},
	})
}

func TestCreateRefusesBadSources(t *testing.T) {
	const (
		field    = "volume_content_source"
		snapshot = field + ".snapshot.snapshot_id"
		volume   = field + ".volume.volume_id"
	)
	refusesAll(t, []bad[create]{
		{"empty", func(r create) { r.VolumeContentSource = &spec.VolumeContentSource{} }, invalid, field},
		{"snapshot without id", func(r create) { r.VolumeContentSource = fromSnapshot("") }, invalid, snapshot},
		{"volume without id", func(r create) { r.VolumeContentSource = fromVolume("") }, invalid, volume},
		{"malformed snapshot", func(r create) { r.VolumeContentSource = fromSnapshot("x") }, notFound, snapshot},
		{"malformed volume", func(r create) { r.VolumeContentSource = fromVolume("a:b:c") }, notFound, volume},
	})
}

func TestCapabilitiesAreRefused(t *testing.T) {
	lists := []struct {
		name string
		list []*spec.VolumeCapability
		says string
	}{
		{"unknown file system", capabilities(withFileSystem("ntfs")), `fs_type "ntfs"`},
		{"file system in capitals", capabilities(withFileSystem("EXT4")), "ext4, xfs and btrfs"},
		{"mixed access types", capabilities(mountWriter, blockWriter), "volume_capabilities"},
		{"mixed access types, block first", capabilities(blockWriter, mountWriter), "volume_capabilities"},
		{"mixed file systems", capabilities(mountWriter, withFileSystem("btrfs")), "fs_type"},
		{"no access type", capabilities(withoutType()), "access_type"},
		{"no access mode", capabilities(withMode(nil)), "access_mode"},
		{"mode of the future", capabilities(withMode(&spec.VolumeCapability_AccessMode{Mode: 99})), "access_mode"},
		{"nil", capabilities(nil), "access_type"},
		{"good and bad", capabilities(mountWriter, withMode(nil)), "access_mode"},
		{"mount group", capabilities(withGroup("1000")), "volume_mount_group"},
		{"empty mount flag", capabilities(withFlags("noatime", "")), "mount_flags"},
		{"mount flag with NUL", capabilities(withFlags("noatime\x00rw")), "mount_flags"},
	}
	d := serve(t)
	for _, row := range lists {
		t.Run(row.name, func(t *testing.T) {
			for _, req := range capabilityRequests(row.list...) {
				refused(t, d, req, invalid, "volume_capabilit", row.says)
			}
		})
	}
}

func TestPublishRefusesANodeThatIsNotOurs(t *testing.T) {
	d, ours := serve(t), string(nodeA())
	publish, unpublish := goodOf[*spec.ControllerPublishVolumeRequest](), goodOf[*spec.ControllerUnpublishVolumeRequest]()
	for _, id := range []string{"node-a", "node-a.", ours + "x", ours[len("node-a"):], ours[1:] + "\n"} {
		refused(t, d, with(t, publish, "node_id", id), notFound, "node_id")
		refused(t, d, with(t, unpublish, "node_id", id), notFound, "node_id")
	}
}

func TestTheControllerRefusesBadValues(t *testing.T) {
	type (
		validate = *spec.ValidateVolumeCapabilitiesRequest
		capacity = *spec.GetCapacityRequest
		expand   = *spec.ControllerExpandVolumeRequest
		modify   = *spec.ControllerModifyVolumeRequest
	)
	refusesAll(t, []bad[validate]{
		{"validate, unknown parameter", func(r validate) { r.Parameters["fish"] = "red" }, invalid, `"fish"`},
		{"validate, unknown mutable one", func(r validate) { r.MutableParameters["fish"] = "red" }, invalid, `"fish"`},
	})
	refusesAll(t, []bad[capacity]{
		{"capacity, unknown parameter", func(r capacity) { r.Parameters["fish"] = "red" }, invalid, `"fish"`},
	})
	refusesAll(t, []bad[expand]{
		{"expand, negative size", func(r expand) { r.CapacityRange = sizes(-1, 0) }, invalid, "required_bytes"},
		{"expand, empty range", func(r expand) { r.CapacityRange = sizes(0, 0) }, invalid, "capacity_range"},
		{"expand, overflow", func(r expand) { r.CapacityRange = sizes(math.MaxInt64, 0) }, outOfRange, "required_bytes"},
		{"expand, limit below size", func(r expand) { r.CapacityRange = sizes(0, 1) }, outOfRange, "limit_bytes"},
	})
	refusesAll(t, []bad[modify]{
		{"modify, unknown", func(r modify) { r.MutableParameters = parameter("fish", "red") }, invalid, `"fish"`},
		{"modify, bad timing", func(r modify) { r.MutableParameters = parameter("queueSize", "many") }, invalid, "queueSize"},
	})
	type snapshot = *spec.CreateSnapshotRequest
	refusesAll(t, []bad[snapshot]{
		{"snapshot, unknown parameter", func(r snapshot) { r.Parameters["pool"] = "ssd" }, invalid, `"pool"`},
	})
}

func TestListsRefuseNegativeEntries(t *testing.T) {
	d := serve(t)
	for _, req := range []proto.Message{
		&spec.ListVolumesRequest{MaxEntries: -1}, &spec.ListSnapshotsRequest{MaxEntries: math.MinInt32},
		&spec.ControllerListVolumeHealthRequest{MaxEntries: -1},
	} {
		refused(t, d, req, invalid, "max_entries -")
	}
}

func TestTheNodeRefusesBadPaths(t *testing.T) {
	d := serve(t)
	for _, req := range good() {
		fields := req.ProtoReflect().Descriptor().Fields()
		for _, name := range []string{"staging_target_path", "target_path", "volume_publish_path", "volume_path"} {
			if fields.ByName(protoreflect.Name(name)) == nil {
				continue
			}
			for _, path := range []string{"/var/\x00x", "/var/../etc", "/.."} {
				refused(t, d, with(t, req, name, path), invalid, name)
			}
			// The spec wants NotFound for a volume that is not at volume_path.
			code := map[bool]codes.Code{true: codes.NotFound, false: invalid}[name == "volume_path"]
			for _, path := range []string{"x", "var/lib", "./x", "~"} {
				refused(t, d, with(t, req, name, path), code, name)
			}
		}
	}
}

func TestTheNodeRefusesBadContexts(t *testing.T) {
	elsewhere := "other:" + string(cluster.Slot("pvc-1"))
	another := "rds:" + string(cluster.Slot("pvc-2"))
	refusesAll(t, []bad[stage]{
		{"without nqn", func(r stage) { r.PublishContext["nqn"] = "" }, invalid, "publish_context.nqn"},
		{"nqn of another prefix", func(r stage) { r.PublishContext["nqn"] = "nqn.2014-08.org:x" }, invalid, "nqn"},
		{"bad size", func(r stage) { r.PublishContext["size"] = "-1" }, invalid, "publish_context"},
		{"of another volume", func(r stage) { r.VolumeId = another }, invalid, "publish_context"},
		{"of another array", func(r stage) { r.VolumeId = elsewhere }, invalid, "publish_context"},
	})
	refusesAll(t, []bad[show]{
		{"of another bare slot", func(r show) { r.VolumeId = "disk1" }, invalid, "publish_context"},
		{"bad format", func(r show) { r.PublishContext["format"] = "yes" }, invalid, "publish_context"},
	})
	type grow = *spec.NodeExpandVolumeRequest
	refusesAll(t, []bad[grow]{
		{"grow, negative size", func(r grow) { r.CapacityRange = sizes(-1, 0) }, invalid, "required_bytes"},
		{"grow, negative limit", func(r grow) { r.CapacityRange = sizes(0, math.MinInt64) }, invalid, "limit_bytes"},
	})
}
