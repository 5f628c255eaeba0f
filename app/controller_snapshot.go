package app

import (
	"context"
	"slices"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
	"git.srvlab.io/whiskey/rds-csi-driver/ports"
)

// Snapshot takes a snapshot of the source, or finds the one an earlier call
// took, also when the source is gone by now. One of that name of another source
// is Exists.
func (c *Controller) Snapshot(ctx context.Context, name string, source domain.VolumeID) (domain.Snapshot, error) {
	if err := c.nameIsFree(ctx, name, source); err != nil {
		return domain.Snapshot{}, err
	}
	for range maxRetries {
		v, err := c.find(ctx, source)
		if err != nil {
			return c.orTaken(ctx, name, source, err)
		}
		s, err := c.take(ctx, name, v)
		if !domain.Is(err, domain.Conflict) {
			return s, err
		}
	}
	return domain.Snapshot{}, domain.Fail(domain.Conflict, "snapshot", source.String(), "its record keeps changing, ask again")
}

func (c *Controller) take(ctx context.Context, name string, v domain.Volume) (domain.Snapshot, error) {
	array, err := c.arrays.Get(v.ID.Array)
	if err != nil {
		return domain.Snapshot{}, err
	}
	pools, err := c.view(ctx, array)
	if err != nil {
		return domain.Snapshot{}, err
	}
	i := slices.IndexFunc(pools, func(p domain.Pool) bool { return p.Name == v.Record.Pool })
	if i < 0 {
		c.pools.drop(array.Name)
		return domain.Snapshot{}, domain.Fail(domain.Unreachable, "snapshot", v.ID.String(),
			"pool %q is not among those configured for array %s", v.Record.Pool, array.Name)
	}
	plan, err := v.PlanSnapshot(c.settings.Cluster, name, pools[i])
	if err != nil {
		return domain.Snapshot{}, err
	}
	return array.Snapshots.Create(ctx, v, plan)
}

// orTaken answers a repeated call whose source was deleted meanwhile.
func (c *Controller) orTaken(ctx context.Context, name string, source domain.VolumeID, why error) (domain.Snapshot, error) {
	if !domain.Is(why, domain.NotFound) || source == (domain.VolumeID{}) {
		return domain.Snapshot{}, why
	}
	id := domain.SnapshotID{Array: source.Array, Name: c.settings.Cluster.SnapshotName(name)}
	s, err := c.GetSnapshot(ctx, id)
	switch {
	case domain.Is(err, domain.NotFound):
		return domain.Snapshot{}, why
	case err != nil:
		return domain.Snapshot{}, err
	case s.Source != source.Slot:
		return domain.Snapshot{}, taken(name, s)
	}
	return s, nil
}

// nameIsFree asks the other arrays: a snapshot lies where its source does, so a
// name in use elsewhere is in use for another source.
func (c *Controller) nameIsFree(ctx context.Context, name string, source domain.VolumeID) error {
	others := slices.DeleteFunc(slices.Clone(c.arrays.All()), func(a Array) bool { return a.Name == source.Array })
	_, err := each(ctx, others, func(ctx context.Context, a Array) (struct{}, error) {
		id := domain.SnapshotID{Array: a.Name, Name: c.settings.Cluster.SnapshotName(name)}
		s, err := a.Snapshots.Find(ctx, id)
		switch {
		case domain.Is(err, domain.NotFound):
			return struct{}{}, nil
		case err != nil:
			return struct{}{}, err
		}
		return struct{}{}, taken(name, s)
	})
	return err
}

func taken(name string, s domain.Snapshot) error {
	return domain.Fail(domain.Exists, "snapshot", name, "a snapshot of that name exists, of volume %s", s.SourceID())
}

// DeleteSnapshot removes the snapshot. An absent one is fine.
func (c *Controller) DeleteSnapshot(ctx context.Context, id domain.SnapshotID) error {
	if id == (domain.SnapshotID{}) {
		return nil
	}
	array, err := c.arrays.Get(id.Array)
	if err != nil {
		return err
	}
	c.pools.drop(id.Array)
	return array.Snapshots.Delete(ctx, id)
}

// GetSnapshot returns the snapshot.
func (c *Controller) GetSnapshot(ctx context.Context, id domain.SnapshotID) (domain.Snapshot, error) {
	if id == (domain.SnapshotID{}) {
		return domain.Snapshot{}, domain.Fail(domain.NotFound, "find", "", "snapshot_id names no snapshot of this driver")
	}
	array, err := c.arrays.Get(id.Array)
	if err != nil {
		return domain.Snapshot{}, err
	}
	return array.Snapshots.Find(ctx, id)
}

// ListSnapshots returns at most most snapshots (0: all) that the filter lets
// through, and the token of the next page.
func (c *Controller) ListSnapshots(ctx context.Context, f SnapshotFilter, token string, most int) ([]domain.Snapshot, string, error) {
	if f.ID != nil {
		return c.listOneSnapshot(ctx, f)
	}
	arrays := c.arrays.All()
	if f.Source != nil {
		if *f.Source == (domain.VolumeID{}) {
			return nil, "", nil
		}
		array, err := c.arrays.Get(f.Source.Array)
		if err != nil {
			return nil, "", err
		}
		arrays = []Array{array}
	}
	l := lister[domain.Snapshot]{
		page: func(ctx context.Context, a Array, p ports.Page) ([]domain.Snapshot, error) {
			return a.Snapshots.List(ctx, p)
		},
		key:  func(s domain.Snapshot) (domain.ArrayName, string) { return s.ID.Array, s.ID.Name },
		keep: func(s domain.Snapshot) bool { return f.Source == nil || s.Source == f.Source.Slot },
	}
	return l.list(ctx, arrays, token, most)
}

func (c *Controller) listOneSnapshot(ctx context.Context, f SnapshotFilter) ([]domain.Snapshot, string, error) {
	s, err := c.GetSnapshot(ctx, *f.ID)
	switch {
	case domain.Is(err, domain.NotFound):
		return nil, "", nil
	case err != nil:
		return nil, "", err
	case f.Source != nil && s.SourceID() != *f.Source:
		return nil, "", nil
	}
	return []domain.Snapshot{s}, "", nil
}
