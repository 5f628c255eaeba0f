package demo

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc"

	"git.srvlab.io/whiskey/rds-csi-driver/cmd/internal/wiring"
)

// An orchestrator drives the driver over its socket as a container
// orchestrator does. It remembers what it made, so that it can take everything
// down again wherever it was interrupted.
type orchestrator struct {
	controller csi.ControllerClient
	node       csi.NodeClient
	files      wiring.Files
	dir        string // below it lie staging and target paths
	nodeID     string
	fsType     string

	volumes   []*volume
	snapshots []string
}

// A volume is one that the orchestrator asked for.
type volume struct {
	request   *csi.CreateVolumeRequest
	name      string
	id        string // "" until the create was answered
	context   map[string]string
	published map[string]string // the publish context, nil if not published
	staged    bool
	target    bool
	dir       string
}

func newOrchestrator(conn *grpc.ClientConn, files wiring.Files, dir, fsType string) *orchestrator {
	return &orchestrator{
		controller: csi.NewControllerClient(conn), node: csi.NewNodeClient(conn), files: files, dir: dir, fsType: fsType,
	}
}

func (o *orchestrator) capability() *csi.VolumeCapability {
	return &csi.VolumeCapability{
		AccessType: &csi.VolumeCapability_Mount{Mount: &csi.VolumeCapability_MountVolume{FsType: o.fsType}},
		AccessMode: &csi.VolumeCapability_AccessMode{Mode: csi.VolumeCapability_AccessMode_SINGLE_NODE_WRITER},
	}
}

func (v *volume) staging() string    { return filepath.Join(v.dir, "staging") }
func (v *volume) targetPath() string { return filepath.Join(v.dir, "target") }
func (v *volume) file() string       { return filepath.Join(v.targetPath(), "greeting") }

// create makes a volume; source is nil for an empty one.
func (o *orchestrator) create(ctx context.Context, name string, bytes int64, source *csi.VolumeContentSource) (*volume, error) {
	v := &volume{name: name, dir: filepath.Join(o.dir, name), request: &csi.CreateVolumeRequest{
		Name: name, CapacityRange: &csi.CapacityRange{RequiredBytes: bytes},
		VolumeCapabilities: []*csi.VolumeCapability{o.capability()}, VolumeContentSource: source,
	}}
	o.volumes = append(o.volumes, v)
	answer, err := o.controller.CreateVolume(ctx, v.request)
	if err != nil {
		return nil, err
	}
	v.id, v.context = answer.GetVolume().GetVolumeId(), answer.GetVolume().GetVolumeContext()
	if got := answer.GetVolume().GetCapacityBytes(); got < bytes {
		return nil, fmt.Errorf("%s has %d bytes, asked for %d", name, got, bytes)
	}
	return v, nil
}

func (o *orchestrator) publish(ctx context.Context, v *volume, node string) (map[string]string, error) {
	answer, err := o.controller.ControllerPublishVolume(ctx, &csi.ControllerPublishVolumeRequest{
		VolumeId: v.id, NodeId: node, VolumeCapability: o.capability(), VolumeContext: v.context,
	})
	return answer.GetPublishContext(), err
}

// attach takes a volume all the way to its target path.
func (o *orchestrator) attach(ctx context.Context, v *volume) (err error) {
	if v.published, err = o.publish(ctx, v, o.nodeID); err != nil {
		return err
	}
	if err := o.stage(ctx, v); err != nil {
		return err
	}
	return o.nodePublish(ctx, v)
}

func (o *orchestrator) stage(ctx context.Context, v *volume) error {
	if err := makeDir(v.staging()); err != nil {
		return err
	}
	v.staged = true
	_, err := o.node.NodeStageVolume(ctx, &csi.NodeStageVolumeRequest{
		VolumeId: v.id, PublishContext: v.published, StagingTargetPath: v.staging(),
		VolumeCapability: o.capability(), VolumeContext: v.context,
	})
	return err
}

func (o *orchestrator) nodePublish(ctx context.Context, v *volume) error {
	v.target = true
	_, err := o.node.NodePublishVolume(ctx, &csi.NodePublishVolumeRequest{
		VolumeId: v.id, PublishContext: v.published, StagingTargetPath: v.staging(), TargetPath: v.targetPath(),
		VolumeCapability: o.capability(), VolumeContext: v.context,
	})
	return err
}

// remove takes a volume down and deletes it, whatever state it is in.
func (o *orchestrator) remove(ctx context.Context, v *volume) error {
	if v.target {
		if _, err := o.node.NodeUnpublishVolume(ctx, &csi.NodeUnpublishVolumeRequest{
			VolumeId: v.id, TargetPath: v.targetPath(),
		}); err != nil {
			return err
		}
	}
	if v.staged {
		if _, err := o.node.NodeUnstageVolume(ctx, &csi.NodeUnstageVolumeRequest{
			VolumeId: v.id, StagingTargetPath: v.staging(),
		}); err != nil {
			return err
		}
	}
	if v.id == "" { // interrupted while it was made: the same create again tells its id
		again, err := o.controller.CreateVolume(ctx, v.request)
		if err != nil {
			return err
		}
		v.id = again.GetVolume().GetVolumeId()
	}
	if _, err := o.controller.ControllerUnpublishVolume(ctx, &csi.ControllerUnpublishVolumeRequest{VolumeId: v.id}); err != nil {
		return err
	}
	_, err := o.controller.DeleteVolume(ctx, &csi.DeleteVolumeRequest{VolumeId: v.id})
	return err
}

// removeAll takes down everything that was made.
func (o *orchestrator) removeAll(ctx context.Context) error {
	for len(o.volumes) > 0 {
		last := len(o.volumes) - 1
		if err := o.remove(ctx, o.volumes[last]); err != nil {
			return fmt.Errorf("remove %s: %w", o.volumes[last].name, err)
		}
		o.volumes = o.volumes[:last]
	}
	for len(o.snapshots) > 0 {
		last := len(o.snapshots) - 1
		if _, err := o.controller.DeleteSnapshot(ctx, &csi.DeleteSnapshotRequest{SnapshotId: o.snapshots[last]}); err != nil {
			return fmt.Errorf("remove %s: %w", o.snapshots[last], err)
		}
		o.snapshots = o.snapshots[:last]
	}
	return nil
}
