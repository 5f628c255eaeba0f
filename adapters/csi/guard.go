package csi

import (
	"context"

	spec "github.com/container-storage-interface/spec/lib/go/csi"

	"git.srvlab.io/whiskey/rds-csi-driver/app"
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// guards keep two calls that change the same volume or snapshot apart. Both
// services have one of their own: where one process serves both, the node's
// work on a volume must not refuse the controller's.
type guards struct {
	cluster    domain.ClusterID
	handles    domain.Handles
	controller app.Guard
	node       app.Guard
}

// alone refuses a call as Busy while another one has what it would change.
func (g *guards) alone(ctx context.Context, req any, _ called, handle handler) (any, error) {
	guard, keys := g.of(req)
	if guard == nil {
		return handle(ctx, req)
	}
	ctx, leave, err := guard.Enter(ctx, keys...)
	if err != nil {
		return nil, err
	}
	defer leave()
	return handle(ctx, req)
}

// of returns what a call must have for itself, a nil guard for one that only
// reads. An id of no shape of ours is nothing that could be changed.
func (g *guards) of(req any) (*app.Guard, []string) {
	switch r := req.(type) {
	case *spec.CreateVolumeRequest:
		return &g.controller, []string{string(g.cluster.Slot(r.GetName()))}
	case *spec.DeleteVolumeRequest:
		return &g.controller, g.volume(r.GetVolumeId())
	case *spec.ControllerPublishVolumeRequest:
		return &g.controller, g.volume(r.GetVolumeId())
	case *spec.ControllerUnpublishVolumeRequest:
		return &g.controller, g.volume(r.GetVolumeId())
	case *spec.ControllerExpandVolumeRequest:
		return &g.controller, g.volume(r.GetVolumeId())
	case *spec.ControllerModifyVolumeRequest:
		return &g.controller, g.volume(r.GetVolumeId())
	case *spec.CreateSnapshotRequest:
		return &g.controller, append(g.volume(r.GetSourceVolumeId()), g.cluster.SnapshotName(r.GetName()))
	case *spec.DeleteSnapshotRequest:
		id, ok := domain.ParseSnapshotID(r.GetSnapshotId())
		return &g.controller, present(id.Name, ok)
	case *spec.NodeStageVolumeRequest:
		return &g.node, g.slot(r.GetVolumeId())
	case *spec.NodeUnstageVolumeRequest:
		return &g.node, g.slot(r.GetVolumeId())
	case *spec.NodePublishVolumeRequest:
		return &g.node, g.slot(r.GetVolumeId())
	case *spec.NodeUnpublishVolumeRequest:
		return &g.node, g.slot(r.GetVolumeId())
	case *spec.NodeExpandVolumeRequest:
		return &g.node, g.slot(r.GetVolumeId())
	default:
		return nil, nil
	}
}

// volume returns the key of a volume for the controller. A slot that we made is
// the only one of its name; an adopted one may have a namesake on another array.
func (g *guards) volume(handle string) []string {
	id, ok := g.handles.Parse(handle)
	if id.Slot.Made() {
		return present(string(id.Slot), ok)
	}
	return present(g.handles.Format(id), ok)
}

// slot returns the key of a volume for the node, which connects by slot.
func (g *guards) slot(handle string) []string {
	slot, ok := g.handles.ParseSlot(handle)
	return present(string(slot), ok)
}

// writes reports whether a call may change the world: those are the ones that
// are guarded.
func writes(req any) bool {
	guard, _ := new(guards).of(req)
	return guard != nil
}

func present(key string, ok bool) []string {
	if !ok {
		return nil
	}
	return []string{key}
}
