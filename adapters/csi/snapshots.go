package csi

import (
	"context"

	spec "github.com/container-storage-interface/spec/lib/go/csi"
)

// CreateSnapshot takes a snapshot, or finds the one that an earlier call took.
func (c controller) CreateSnapshot(
	ctx context.Context, r *spec.CreateSnapshotRequest,
) (*spec.CreateSnapshotResponse, error) {
	asked, err := c.settings.parseSnapshotting(r)
	if err != nil {
		return nil, err
	}
	s, err := c.app.Snapshot(ctx, asked.name, asked.source)
	if err != nil {
		return nil, err
	}
	return &spec.CreateSnapshotResponse{Snapshot: c.snapshot(s)}, nil
}

// DeleteSnapshot removes a snapshot; an absent one is fine.
func (c controller) DeleteSnapshot(
	ctx context.Context, r *spec.DeleteSnapshotRequest,
) (*spec.DeleteSnapshotResponse, error) {
	id, err := parseSnapshot(r.GetSnapshotId())
	if err != nil {
		return nil, err
	}
	if err := c.app.DeleteSnapshot(ctx, id); err != nil {
		return nil, err
	}
	return &spec.DeleteSnapshotResponse{}, nil
}

// GetSnapshot returns a snapshot.
func (c controller) GetSnapshot(
	ctx context.Context, r *spec.GetSnapshotRequest,
) (*spec.GetSnapshotResponse, error) {
	id, err := parseSnapshot(r.GetSnapshotId())
	if err != nil {
		return nil, err
	}
	s, err := c.app.GetSnapshot(ctx, id)
	if err != nil {
		return nil, err
	}
	return &spec.GetSnapshotResponse{Snapshot: c.snapshot(s)}, nil
}

// ListSnapshots lists snapshots, those of one id or source if it is asked for.
func (c controller) ListSnapshots(
	ctx context.Context, r *spec.ListSnapshotsRequest,
) (*spec.ListSnapshotsResponse, error) {
	most, err := parseMost(r.GetMaxEntries())
	if err != nil {
		return nil, err
	}
	filter := c.settings.parseFilter(r)
	list, next, err := c.app.ListSnapshots(ctx, filter, r.GetStartingToken(), most)
	if err != nil {
		return nil, err
	}
	resp := &spec.ListSnapshotsResponse{NextToken: next}
	for _, s := range list {
		resp.Entries = append(resp.Entries, &spec.ListSnapshotsResponse_Entry{Snapshot: c.snapshot(s)})
	}
	return resp, nil
}
