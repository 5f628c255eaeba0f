package csi

import (
	"context"

	spec "github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// controller serves what is asked of the arrays. Every method parses, calls and
// renders; who embeds UnsafeControllerServer has them all or does not compile.
type controller struct {
	spec.UnsafeControllerServer
	settings Settings
	app      Controller
}

// CreateVolume makes a volume, or finds the one that an earlier call made.
func (c controller) CreateVolume(
	ctx context.Context, r *spec.CreateVolumeRequest,
) (*spec.CreateVolumeResponse, error) {
	creation, err := c.settings.parseCreation(r)
	if err != nil {
		return nil, err
	}
	v, err := c.app.Create(ctx, creation)
	if err != nil {
		return nil, err
	}
	return &spec.CreateVolumeResponse{Volume: c.volume(v)}, nil
}

// DeleteVolume removes a volume; an absent one is fine.
func (c controller) DeleteVolume(
	ctx context.Context, r *spec.DeleteVolumeRequest,
) (*spec.DeleteVolumeResponse, error) {
	id, err := c.settings.parseVolume("volume_id", r.GetVolumeId())
	if err != nil {
		return nil, err
	}
	if err := c.app.Delete(ctx, id); err != nil {
		return nil, err
	}
	return &spec.DeleteVolumeResponse{}, nil
}

// ControllerPublishVolume grants a volume to a node.
func (c controller) ControllerPublishVolume(
	ctx context.Context, r *spec.ControllerPublishVolumeRequest,
) (*spec.ControllerPublishVolumeResponse, error) {
	p, err := c.settings.parsePublishing(r)
	if err != nil {
		return nil, err
	}
	attachment, err := c.app.Publish(ctx, p.volume, p.node, p.use)
	if err != nil {
		return nil, err
	}
	return &spec.ControllerPublishVolumeResponse{PublishContext: attachment.Context()}, nil
}

// ControllerUnpublishVolume takes the grant of a node, or all grants.
func (c controller) ControllerUnpublishVolume(
	ctx context.Context, r *spec.ControllerUnpublishVolumeRequest,
) (*spec.ControllerUnpublishVolumeResponse, error) {
	id, node, err := c.settings.parseUnpublishing(r)
	if err != nil {
		return nil, err
	}
	if err := c.app.Unpublish(ctx, id, node); err != nil {
		return nil, err
	}
	return &spec.ControllerUnpublishVolumeResponse{}, nil
}

// ValidateVolumeCapabilities says whether a volume can be used so.
func (c controller) ValidateVolumeCapabilities(
	ctx context.Context, r *spec.ValidateVolumeCapabilitiesRequest,
) (*spec.ValidateVolumeCapabilitiesResponse, error) {
	v, err := c.settings.parseValidation(r)
	if err != nil {
		return nil, err
	}
	reason, err := c.app.Supports(ctx, v.volume, v.uses, v.parameters)
	if err != nil {
		return nil, err
	}
	return validated(r, reason), nil
}

// ListVolumes lists the volumes of all arrays.
func (c controller) ListVolumes(
	ctx context.Context, r *spec.ListVolumesRequest,
) (*spec.ListVolumesResponse, error) {
	most, err := parseMost(r.GetMaxEntries())
	if err != nil {
		return nil, err
	}
	volumes, next, err := c.app.List(ctx, r.GetStartingToken(), most)
	if err != nil {
		return nil, err
	}
	return &spec.ListVolumesResponse{Entries: c.entries(volumes), NextToken: next}, nil
}

// ControllerGetVolume returns a volume and who holds it.
func (c controller) ControllerGetVolume(
	ctx context.Context, r *spec.ControllerGetVolumeRequest,
) (*spec.ControllerGetVolumeResponse, error) {
	id, err := c.settings.parseVolume("volume_id", r.GetVolumeId())
	if err != nil {
		return nil, err
	}
	v, err := c.app.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	return &spec.ControllerGetVolumeResponse{
		Volume: c.volume(v),
		Status: &spec.ControllerGetVolumeResponse_VolumeStatus{PublishedNodeIds: holders(v)},
	}, nil
}

// GetCapacity returns what can still be made.
func (c controller) GetCapacity(
	ctx context.Context, r *spec.GetCapacityRequest,
) (*spec.GetCapacityResponse, error) {
	q, err := parseCapacity(r)
	if err != nil {
		return nil, err
	}
	capacity, err := c.app.Capacity(ctx, q)
	if err != nil {
		return nil, err
	}
	return &spec.GetCapacityResponse{
		AvailableCapacity: int64(capacity.Available),
		MaximumVolumeSize: wrapperspb.Int64(int64(capacity.Largest)),
		MinimumVolumeSize: wrapperspb.Int64(int64(capacity.Least)),
	}, nil
}

// ControllerExpandVolume grows a volume on its array. The node always has work
// left: a raw block device, too, must be read anew.
func (c controller) ControllerExpandVolume(
	ctx context.Context, r *spec.ControllerExpandVolumeRequest,
) (*spec.ControllerExpandVolumeResponse, error) {
	e, err := c.settings.parseExpansion(r)
	if err != nil {
		return nil, err
	}
	v, err := c.app.Expand(ctx, e.volume, e.sizes)
	if err != nil {
		return nil, err
	}
	return &spec.ControllerExpandVolumeResponse{
		CapacityBytes: int64(v.Row.Size), NodeExpansionRequired: true,
	}, nil
}

// ControllerModifyVolume changes the settings that the next grant gets.
func (c controller) ControllerModifyVolume(
	ctx context.Context, r *spec.ControllerModifyVolumeRequest,
) (*spec.ControllerModifyVolumeResponse, error) {
	m, err := c.settings.parseModification(r)
	if err != nil {
		return nil, err
	}
	if err := c.app.Modify(ctx, m.volume, m.timings); err != nil {
		return nil, err
	}
	return &spec.ControllerModifyVolumeResponse{}, nil
}

// ControllerGetVolumeHealth returns what is wrong with a volume on its array.
func (c controller) ControllerGetVolumeHealth(
	ctx context.Context, r *spec.ControllerGetVolumeHealthRequest,
) (*spec.ControllerGetVolumeHealthResponse, error) {
	id, err := c.settings.parseVolume("volume_id", r.GetVolumeId())
	if err != nil {
		return nil, err
	}
	conditions, err := c.app.Health(ctx, id)
	if err != nil {
		return nil, err
	}
	health := volumeHealth(r.GetVolumeId(), conditions)
	return &spec.ControllerGetVolumeHealthResponse{VolumeHealth: health}, nil
}

// ControllerListVolumeHealth lists the volumes with which something is wrong.
func (c controller) ControllerListVolumeHealth(
	ctx context.Context, r *spec.ControllerListVolumeHealthRequest,
) (*spec.ControllerListVolumeHealthResponse, error) {
	most, err := parseMost(r.GetMaxEntries())
	if err != nil {
		return nil, err
	}
	list, next, err := c.app.ListHealth(ctx, r.GetStartingToken(), most)
	if err != nil {
		return nil, err
	}
	resp := &spec.ControllerListVolumeHealthResponse{NextToken: next}
	for _, h := range list {
		resp.Entries = append(resp.Entries, volumeHealth(c.settings.Handles.Format(h.ID), h.Conditions))
	}
	return resp, nil
}

// ControllerGetCapabilities returns what this service can do.
func (c controller) ControllerGetCapabilities(
	context.Context, *spec.ControllerGetCapabilitiesRequest,
) (*spec.ControllerGetCapabilitiesResponse, error) {
	return &spec.ControllerGetCapabilitiesResponse{
		Capabilities: controllerCapabilities(c.settings.PublishedNodes),
	}, nil
}
