package app

import (
	"context"
	"slices"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
	"git.srvlab.io/whiskey/rds-csi-driver/ports"
)

// Snapshot takes a snapshot of the source, or finds the one an earlier call
// took, also when none could be taken now. One of that name of another source
// is Exists.
func (c *Controller) Snapshot(ctx context.Context, name string, source domain.VolumeID) (domain.Snapshot, error) {
	if source == (domain.VolumeID{}) {
		_, err := c.find(ctx, source)
		return domain.Snapshot{}, err
	}
	switch err := c.nameIsFree(ctx, name, source); {
	case domain.Is(err, domain.Unreachable):
		return c.orTaken(ctx, name, source, err) // one taken before is here, whatever is elsewhere
	case err != nil:
		return domain.Snapshot{}, err
	}
	for range maxRetries {
		s, asked, err := c.take(ctx, name, source)
		if err != nil && !asked {
			return c.orTaken(ctx, name, source, err)
		}
		if !domain.Is(err, domain.Conflict) {
			return s, err
		}
	}
	return domain.Snapshot{}, domain.Fail(domain.Conflict, "snapshot", source.String(), "its record keeps changing, ask again")
}

// take takes the snapshot of the source as it is now. asked says that the array
// was asked to.
func (c *Controller) take(ctx context.Context, name string, source domain.VolumeID) (s domain.Snapshot, asked bool, err error) {
	v, err := c.find(ctx, source)
	if err != nil {
		return domain.Snapshot{}, false, err
	}
	array, err := c.arrays.Get(source.Array)
	if err != nil {
		return domain.Snapshot{}, false, err
	}
	p, err := c.poolOf(ctx, array, v)
	if err != nil {
		return domain.Snapshot{}, false, err
	}
	plan, err := v.PlanSnapshot(c.settings.Cluster, name, p)
	if err != nil {
		return domain.Snapshot{}, false, err
	}
	s, err = array.Snapshots.Create(ctx, v, plan)
	return s, true, err
}

// poolOf returns the pool that the volume's record names, the zero one for a
// volume whose record means nothing. What was seen lately is believed only
// if a snapshot can be taken there.
func (c *Controller) poolOf(ctx context.Context, a Array, v domain.Volume) (domain.Pool, error) {
	if v.Standing != domain.Ours {
		return domain.Pool{}, nil
	}
	named := func(p domain.Pool) bool { return p.Name == v.Record.Pool }
	pools, _ := c.pools.get(a.Name, c.settings.Now())
	if i := slices.IndexFunc(pools, named); i >= 0 && pools[i].Mounted && pools[i].Snapshots {
		return pools[i], nil
	}
	pools, err := c.look(ctx, a)
	if err != nil {
		return domain.Pool{}, err
	}
	i := slices.IndexFunc(pools, named)
	if i < 0 {
		return domain.Pool{}, domain.Fail(domain.Unreachable, "snapshot", v.ID.String(),
			"pool %q is not among those configured for array %s", v.Record.Pool, a.Name)
	}
	return pools[i], nil
}

// orTaken answers a repeated call that could take nothing now: with the
// snapshot if it is there, else with why. Whether it is there nobody knows while
// a pool is not mounted: then that is the answer, whatever could not be planned.
func (c *Controller) orTaken(ctx context.Context, name string, source domain.VolumeID, why error) (domain.Snapshot, error) {
	s, err := c.GetSnapshot(ctx, domain.SnapshotID{Array: source.Array, Name: c.settings.Cluster.SnapshotName(name)})
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
	if f.Source != nil {
		l.least = leastRead
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
