package csi

import (
	"context"

	spec "github.com/container-storage-interface/spec/lib/go/csi"
)

// node serves what is asked of this host. Every method parses, calls and
// renders.
type node struct {
	spec.UnsafeNodeServer
	settings Settings
	app      Node
	topology bool
}

// NodeStageVolume makes a volume ready on this host.
func (n node) NodeStageVolume(
	ctx context.Context, r *spec.NodeStageVolumeRequest,
) (*spec.NodeStageVolumeResponse, error) {
	staging, err := n.settings.parseStaging(r)
	if err != nil {
		return nil, err
	}
	if err := n.app.Stage(ctx, staging); err != nil {
		return nil, err
	}
	return &spec.NodeStageVolumeResponse{}, nil
}

// NodeUnstageVolume undoes NodeStageVolume.
func (n node) NodeUnstageVolume(
	ctx context.Context, r *spec.NodeUnstageVolumeRequest,
) (*spec.NodeUnstageVolumeResponse, error) {
	slot, staging, err := n.settings.parseAt(r.GetVolumeId(), "staging_target_path", r.GetStagingTargetPath())
	if err != nil {
		return nil, err
	}
	if err := n.app.Unstage(ctx, slot, staging); err != nil {
		return nil, err
	}
	return &spec.NodeUnstageVolumeResponse{}, nil
}

// NodePublishVolume shows a staged volume to a workload.
func (n node) NodePublishVolume(
	ctx context.Context, r *spec.NodePublishVolumeRequest,
) (*spec.NodePublishVolumeResponse, error) {
	publication, err := n.settings.parsePublication(r)
	if err != nil {
		return nil, err
	}
	if err := n.app.Publish(ctx, publication); err != nil {
		return nil, err
	}
	return &spec.NodePublishVolumeResponse{}, nil
}

// NodeUnpublishVolume undoes NodePublishVolume.
func (n node) NodeUnpublishVolume(
	ctx context.Context, r *spec.NodeUnpublishVolumeRequest,
) (*spec.NodeUnpublishVolumeResponse, error) {
	slot, target, err := n.settings.parseAt(r.GetVolumeId(), "target_path", r.GetTargetPath())
	if err != nil {
		return nil, err
	}
	if err := n.app.Unpublish(ctx, slot, target); err != nil {
		return nil, err
	}
	return &spec.NodeUnpublishVolumeResponse{}, nil
}

// NodeExpandVolume brings a volume on this host up to the size on its array.
func (n node) NodeExpandVolume(
	ctx context.Context, r *spec.NodeExpandVolumeRequest,
) (*spec.NodeExpandVolumeResponse, error) {
	g, err := n.settings.parseGrowth(r)
	if err != nil {
		return nil, err
	}
	size, err := n.app.Expand(ctx, g.slot, g.path, g.sizes)
	if err != nil {
		return nil, err
	}
	return &spec.NodeExpandVolumeResponse{CapacityBytes: int64(size)}, nil
}

// NodeGetVolumeStats returns how full a volume is.
func (n node) NodeGetVolumeStats(
	ctx context.Context, r *spec.NodeGetVolumeStatsRequest,
) (*spec.NodeGetVolumeStatsResponse, error) {
	slot, at, err := n.settings.parseFound(r.GetVolumeId(), r.GetVolumePath(), r.GetStagingTargetPath())
	if err != nil {
		return nil, err
	}
	stats, err := n.app.Stats(ctx, slot, at)
	if err != nil {
		return nil, err
	}
	return &spec.NodeGetVolumeStatsResponse{Usage: usage(stats)}, nil
}

// NodeGetVolumeHealth returns what is wrong with a volume as seen from here.
func (n node) NodeGetVolumeHealth(
	ctx context.Context, r *spec.NodeGetVolumeHealthRequest,
) (*spec.NodeGetVolumeHealthResponse, error) {
	e, err := n.settings.parseExamination(r)
	if err != nil {
		return nil, err
	}
	conditions, err := n.app.Health(ctx, e.slot, e.staging, e.target)
	if err != nil {
		return nil, err
	}
	return &spec.NodeGetVolumeHealthResponse{VolumeHealth: volumeHealth(r.GetVolumeId(), conditions)}, nil
}

// NodeGetStorageHealth returns what is wrong with the way to the arrays.
func (n node) NodeGetStorageHealth(
	ctx context.Context, _ *spec.NodeGetStorageHealthRequest,
) (*spec.NodeGetStorageHealthResponse, error) {
	conditions, err := n.app.StorageHealth(ctx)
	if err != nil {
		return nil, err
	}
	return &spec.NodeGetStorageHealthResponse{BackendHealth: storageHealth(conditions)}, nil
}

// NodeGetCapabilities returns what this service can do.
func (node) NodeGetCapabilities(
	context.Context, *spec.NodeGetCapabilitiesRequest,
) (*spec.NodeGetCapabilitiesResponse, error) {
	return &spec.NodeGetCapabilitiesResponse{Capabilities: nodeCapabilities()}, nil
}

// NodeGetInfo returns who this node is. Its topology is told only together with
// the capability that gives it a meaning.
func (n node) NodeGetInfo(
	context.Context, *spec.NodeGetInfoRequest,
) (*spec.NodeGetInfoResponse, error) {
	info := n.app.Info()
	resp := &spec.NodeGetInfoResponse{NodeId: string(info.ID), MaxVolumesPerNode: info.MaxVolumes}
	if n.topology && len(info.Topology) > 0 {
		resp.AccessibleTopology = &spec.Topology{Segments: info.Topology}
	}
	return resp, nil
}
