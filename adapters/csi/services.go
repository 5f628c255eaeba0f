package csi

import (
	"context"

	"git.srvlab.io/whiskey/rds-csi-driver/app"
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// A Controller is what the Controller service calls; app.Controller is one. The
// zero volume or snapshot id stands for an absent one.
type Controller interface {
	Arrays() app.Arrays
	Create(ctx context.Context, r app.Creation) (domain.Volume, error)
	Delete(ctx context.Context, id domain.VolumeID) error
	Publish(
		ctx context.Context, id domain.VolumeID, node domain.NodeID, use domain.Use,
	) (domain.Attachment, error)
	// Unpublish takes an empty node for all nodes.
	Unpublish(ctx context.Context, id domain.VolumeID, node domain.NodeID) error
	// Supports returns why the volume can not be used so, "" if it can.
	Supports(
		ctx context.Context, id domain.VolumeID, uses []domain.Use, p domain.Parameters,
	) (reason string, err error)
	Get(ctx context.Context, id domain.VolumeID) (domain.Volume, error)
	List(ctx context.Context, token string, most int) (volumes []domain.Volume, next string, err error)
	Capacity(ctx context.Context, q app.CapacityQuery) (app.Capacity, error)
	Expand(ctx context.Context, id domain.VolumeID, r domain.SizeRange) (domain.Volume, error)
	Modify(ctx context.Context, id domain.VolumeID, t domain.Timings) error
	Health(ctx context.Context, id domain.VolumeID) ([]domain.Condition, error)
	ListHealth(
		ctx context.Context, token string, most int,
	) (list []app.VolumeHealth, next string, err error)

	Snapshot(ctx context.Context, name string, source domain.VolumeID) (domain.Snapshot, error)
	DeleteSnapshot(ctx context.Context, id domain.SnapshotID) error
	GetSnapshot(ctx context.Context, id domain.SnapshotID) (domain.Snapshot, error)
	ListSnapshots(
		ctx context.Context, f app.SnapshotFilter, token string, most int,
	) (snaps []domain.Snapshot, next string, err error)
}

// A Node is what the Node service calls; app.Node is one.
type Node interface {
	Stage(ctx context.Context, s app.Staging) error
	Unstage(ctx context.Context, slot domain.Slot, staging string) error
	Publish(ctx context.Context, p app.Publication) error
	Unpublish(ctx context.Context, slot domain.Slot, target string) error
	Expand(ctx context.Context, slot domain.Slot, path string, r domain.SizeRange) (domain.Size, error)
	Stats(ctx context.Context, slot domain.Slot, path string) (app.NodeStats, error)
	Health(ctx context.Context, slot domain.Slot, staging, target string) ([]domain.Condition, error)
	StorageHealth(ctx context.Context) ([]domain.Condition, error)
	Info() app.NodeInfo
}
