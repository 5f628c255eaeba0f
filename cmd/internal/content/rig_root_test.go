//go:build root && linux

package content

import (
	"context"
	"crypto/sha256"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"git.srvlab.io/whiskey/rds-csi-driver/adapters/loop"
	"git.srvlab.io/whiskey/rds-csi-driver/adapters/telemetry"
	"git.srvlab.io/whiskey/rds-csi-driver/cmd/internal/config"
	"git.srvlab.io/whiskey/rds-csi-driver/cmd/internal/wiring"
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// A rig is a whole driver on loop devices, asked over its socket.
type rig struct {
	*testing.T
	controller csi.ControllerClient
	node       csi.NodeClient
	nodeID     string
	dir        string
}

func newRig(t *testing.T) *rig {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("loop devices and mounts need root")
	}
	dir, err := os.MkdirTemp("", "content") // short: a socket path has 108 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	c, err := config.Load(config.Flags{
		Endpoint: "unix://" + dir + "/csi.sock", SocketMode: "0600", Controller: true, Node: true, NodeID: "node-1",
		DriverName: "rds.csi.srvlab.io", Array: "embedded", DataDir: dir + "/array", RunDir: dir + "/run",
		Fabric: config.Loop, UnstageGrace: time.Second, ArrayInterval: time.Minute, LogLevel: "info", LogFormat: "text",
	}, nil, config.Host{Root: true})
	if err != nil {
		t.Fatal(err)
	}
	d, err := wiring.New(t.Context(), c, telemetry.BuildInfo{Version: "test"}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- d.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	conn, err := grpc.NewClient(c.Endpoint, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithAuthority("localhost"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &rig{
		T: t, controller: csi.NewControllerClient(conn), node: csi.NewNodeClient(conn), nodeID: d.NodeID(), dir: dir,
	}
}

// must fails the test if a step that only prepares it does.
func must[T any](answer T, err error) func(*rig) T {
	return func(r *rig) T {
		r.Helper()
		if err != nil {
			r.Fatal(err)
		}
		return answer
	}
}

func capability(fsType string) *csi.VolumeCapability {
	return &csi.VolumeCapability{
		AccessType: &csi.VolumeCapability_Mount{Mount: &csi.VolumeCapability_MountVolume{FsType: fsType}},
		AccessMode: &csi.VolumeCapability_AccessMode{Mode: csi.VolumeCapability_AccessMode_SINGLE_NODE_WRITER},
	}
}

const volumeSize = 512 << 20

// A volume is one that was made for a test and what publishing it said.
type volume struct {
	rig     *rig
	id      string
	fsType  string
	context map[string]string
}

// create makes a volume; source is nil for an empty one.
func (r *rig) create(name, fsType string, source *csi.VolumeContentSource) *volume {
	r.Helper()
	answer := must(r.controller.CreateVolume(r.Context(), &csi.CreateVolumeRequest{
		Name: name, CapacityRange: &csi.CapacityRange{RequiredBytes: volumeSize},
		VolumeCapabilities: []*csi.VolumeCapability{capability(fsType)}, VolumeContentSource: source,
		Parameters: map[string]string{"pool": "btrfs"},
	}))(r)
	v := &volume{rig: r, id: answer.GetVolume().GetVolumeId(), fsType: fsType}
	r.Cleanup(v.remove)
	return v
}

func (v *volume) publish() {
	v.rig.Helper()
	v.context = must(v.rig.controller.ControllerPublishVolume(v.rig.Context(), &csi.ControllerPublishVolumeRequest{
		VolumeId: v.id, NodeId: v.rig.nodeID, VolumeCapability: capability(v.fsType),
	}))(v.rig).GetPublishContext()
}

func (v *volume) unpublish() {
	v.rig.Helper()
	must(v.rig.controller.ControllerUnpublishVolume(v.rig.Context(), &csi.ControllerUnpublishVolumeRequest{
		VolumeId: v.id, NodeId: v.rig.nodeID,
	}))(v.rig)
}

func (v *volume) staging() string {
	return filepath.Join(v.rig.dir, "staging", strings.ReplaceAll(v.id, ":", "-"))
}

func (v *volume) stage() error {
	if err := os.MkdirAll(v.staging(), 0o750); err != nil {
		return err
	}
	_, err := v.rig.node.NodeStageVolume(v.rig.Context(), &csi.NodeStageVolumeRequest{
		VolumeId: v.id, PublishContext: v.context, StagingTargetPath: v.staging(), VolumeCapability: capability(v.fsType),
	})
	return err
}

func (v *volume) unstage(ctx context.Context) error {
	_, err := v.rig.node.NodeUnstageVolume(ctx, &csi.NodeUnstageVolumeRequest{
		VolumeId: v.id, StagingTargetPath: v.staging(),
	})
	return err
}

// remove takes the volume down, whatever a test has done to it.
func (v *volume) remove() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := v.unstage(ctx); err != nil {
		v.rig.Error(err)
	}
	_, err := v.rig.controller.ControllerUnpublishVolume(ctx, &csi.ControllerUnpublishVolumeRequest{VolumeId: v.id})
	if err == nil {
		_, err = v.rig.controller.DeleteVolume(ctx, &csi.DeleteVolumeRequest{VolumeId: v.id})
	}
	if err != nil {
		v.rig.Error(err)
	}
}

func (v *volume) link() string {
	return filepath.Join(v.rig.dir, "array", "target", v.context["nqn"])
}

// image is the file behind the volume, found as a host finds it.
func (v *volume) image() string {
	v.rig.Helper()
	return must(os.Readlink(v.link()))(v.rig)
}

// connect makes the volume's loop device before the driver does.
func (v *volume) connect() {
	v.rig.Helper()
	attachment := must(domain.ParseAttachment(domain.DefaultNQNPrefix, v.context))(v.rig)
	fabric := loop.New(loop.Config{
		TargetDir: filepath.Dir(v.link()), Prefix: domain.DefaultNQNPrefix, HostNQN: attachment.Target.HostNQN,
	})
	if err := fabric.Connect(v.rig.Context(), attachment.Target); err != nil {
		v.rig.Fatal(err)
	}
}

// write puts bytes into the image.
func (v *volume) write(offset int64, data []byte) {
	v.rig.Helper()
	f := must(os.OpenFile(v.image(), os.O_WRONLY, 0))(v.rig)
	must(f.WriteAt(data, offset))(v.rig)
	if err := f.Close(); err != nil {
		v.rig.Fatal(err)
	}
}

// erase puts zeros into the image.
func (v *volume) erase(offset, length int64) { v.write(offset, make([]byte, length)) }

func (v *volume) sum() string {
	v.rig.Helper()
	f := must(os.Open(v.image()))(v.rig)
	defer f.Close() //nolint:errcheck // only read
	h := sha256.New()
	must(io.Copy(h, f))(v.rig)
	return string(h.Sum(nil))
}

// run runs a tool with the image as its last argument.
func (v *volume) run(name string, args ...string) {
	v.rig.Helper()
	command := exec.CommandContext(v.rig.Context(), name, append(args, v.image())...)
	if name == "cryptsetup" {
		command.Stdin = strings.NewReader("a passphrase")
	}
	if out, err := command.CombinedOutput(); err != nil {
		v.rig.Fatalf("%s: %v: %s", name, err, out)
	}
}
