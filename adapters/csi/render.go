package csi

import (
	"slices"

	spec "github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"git.srvlab.io/whiskey/rds-csi-driver/app"
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// volume renders a volume with the size that the array reports. Its context is
// for people and comes from the id alone, so that it is always the same.
func (c controller) volume(v domain.Volume) *spec.Volume {
	rendered := &spec.Volume{
		VolumeId:      c.settings.Handles.Format(v.ID),
		CapacityBytes: int64(v.Row.Size),
		VolumeContext: map[string]string{"array": string(v.ID.Array), "slot": string(v.ID.Slot)},
		ContentSource: c.source(v),
	}
	if segments := c.app.Arrays().Segments(v.ID); len(segments) > 0 {
		rendered.AccessibleTopology = []*spec.Topology{{Segments: segments}}
	}
	return rendered
}

// source renders what a volume was copied from.
func (c controller) source(v domain.Volume) *spec.VolumeContentSource {
	origin := v.Record.Origin
	switch origin.Kind {
	case domain.FromSnapshot:
		id := domain.SnapshotID{Array: v.ID.Array, Name: origin.Name}
		return &spec.VolumeContentSource{Type: &spec.VolumeContentSource_Snapshot{
			Snapshot: &spec.VolumeContentSource_SnapshotSource{SnapshotId: id.String()},
		}}
	case domain.FromVolume:
		id := domain.VolumeID{Array: v.ID.Array, Slot: domain.Slot(origin.Name)}
		return &spec.VolumeContentSource{Type: &spec.VolumeContentSource_Volume{
			Volume: &spec.VolumeContentSource_VolumeSource{VolumeId: c.settings.Handles.Format(id)},
		}}
	default:
		return nil
	}
}

func (c controller) entries(volumes []domain.Volume) []*spec.ListVolumesResponse_Entry {
	entries := make([]*spec.ListVolumesResponse_Entry, 0, len(volumes))
	for _, v := range volumes {
		entry := &spec.ListVolumesResponse_Entry{Volume: c.volume(v)}
		if c.settings.PublishedNodes {
			entry.Status = &spec.ListVolumesResponse_VolumeStatus{PublishedNodeIds: holders(v)}
		}
		entries = append(entries, entry)
	}
	return entries
}

func holders(v domain.Volume) []string {
	var ids []string
	for _, id := range v.Holders() {
		ids = append(ids, string(id))
	}
	return ids
}

func (c controller) snapshot(s domain.Snapshot) *spec.Snapshot {
	return &spec.Snapshot{
		SnapshotId:     s.ID.String(),
		SourceVolumeId: c.settings.Handles.Format(s.SourceID()),
		SizeBytes:      int64(s.Size),
		CreationTime:   timestamppb.New(s.Created),
		ReadyToUse:     true,
	}
}

// validated renders the answer to ValidateVolumeCapabilities. What is confirmed
// is the request as far as we know its fields, so that a caller who knows more
// sees that they were not looked at.
func validated(
	r *spec.ValidateVolumeCapabilitiesRequest, reason string,
) *spec.ValidateVolumeCapabilitiesResponse {
	if reason != "" {
		return &spec.ValidateVolumeCapabilitiesResponse{Message: reason}
	}
	confirmed := &spec.ValidateVolumeCapabilitiesResponse_Confirmed{
		VolumeContext: r.GetVolumeContext(),
		Parameters:    r.GetParameters(), MutableParameters: r.GetMutableParameters(),
	}
	for _, c := range r.GetVolumeCapabilities() {
		confirmed.VolumeCapabilities = append(confirmed.VolumeCapabilities, known(c))
	}
	return &spec.ValidateVolumeCapabilitiesResponse{Confirmed: confirmed}
}

// known returns a copy of c without fields of a later spec.
func known(c *spec.VolumeCapability) *spec.VolumeCapability {
	copied := &spec.VolumeCapability{}
	if text, err := proto.Marshal(c); err == nil {
		_ = proto.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(text, copied)
	}
	return copied
}

// A condition is what both health lists hold. The spec wants each pair of
// status and reason once.
type condition[S comparable] interface {
	GetStatus() S
	GetReason() string
}

func distinct[C condition[S], S comparable](list []C) []C {
	var kept []C
	for _, c := range list {
		same := func(o C) bool { return o.GetStatus() == c.GetStatus() && o.GetReason() == c.GetReason() }
		if !slices.ContainsFunc(kept, same) {
			kept = append(kept, c)
		}
	}
	return kept
}

func volumeHealth(handle string, conditions []domain.Condition) *spec.VolumeHealth {
	var list []*spec.VolumeHealth_VolumeHealthEntry
	for _, c := range conditions {
		list = append(list, &spec.VolumeHealth_VolumeHealthEntry{
			Status: volumeStatus(c.Status), Reason: c.Reason, Message: c.Message,
		})
	}
	return &spec.VolumeHealth{VolumeId: handle, HealthStatuses: distinct(list)}
}

func volumeStatus(s domain.HealthStatus) spec.VolumeHealthErrorType {
	switch s {
	case domain.DataLoss:
		return spec.VolumeHealthErrorType_DATA_LOSS
	case domain.Inaccessible:
		return spec.VolumeHealthErrorType_INACCESSIBLE
	default:
		return spec.VolumeHealthErrorType_DEGRADED
	}
}

type backendHealth = spec.NodeGetStorageHealthResponse_StorageBackendHealth

func storageHealth(conditions []domain.Condition) []*backendHealth {
	var list []*backendHealth
	for _, c := range conditions {
		status := spec.StorageHealthErrorType_STORAGE_UNREACHABLE
		if c.Status == domain.Degraded {
			status = spec.StorageHealthErrorType_STORAGE_DEGRADED
		}
		list = append(list, &backendHealth{Status: status, Reason: c.Reason, Message: c.Message})
	}
	return distinct(list)
}

// usage renders bytes and inodes of a file system, the size of a raw device.
func usage(s app.NodeStats) []*spec.VolumeUsage {
	u := s.Usage
	if s.Block {
		return []*spec.VolumeUsage{{Unit: spec.VolumeUsage_BYTES, Total: int64(u.Total)}}
	}
	return []*spec.VolumeUsage{
		{Unit: spec.VolumeUsage_BYTES, Total: int64(u.Total), Used: int64(u.Used), Available: int64(u.Available)},
		{Unit: spec.VolumeUsage_INODES, Total: u.Inodes, Used: u.InodesUsed, Available: u.InodesFree},
	}
}
