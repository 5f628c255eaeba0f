package fakerds

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
	"git.srvlab.io/whiskey/rds-csi-driver/ports"
)

// Snapshots is the port to the array's snapshots.
type Snapshots struct{ rds *RDS }

// Create takes a snapshot of source.
func (s *Snapshots) Create(ctx context.Context, source domain.Volume, plan domain.Snapshot) (domain.Snapshot, error) {
	return do(ctx, s.rds, "create snapshot", plan.ID.String(), func(c *call) (domain.Snapshot, error) {
		return c.snapshot(ctx, source, plan)
	})
}

// Find returns the snapshot with that id.
func (s *Snapshots) Find(ctx context.Context, id domain.SnapshotID) (domain.Snapshot, error) {
	return do(ctx, s.rds, "find snapshot", id.String(), func(c *call) (domain.Snapshot, error) {
		if err := c.here(id); err != nil {
			return domain.Snapshot{}, err
		}
		found, _, err := c.findSnapshot(id.Name)
		return found, err
	})
}

// List returns the snapshots by name.
func (s *Snapshots) List(ctx context.Context, page ports.Page) ([]domain.Snapshot, error) {
	return do(ctx, s.rds, "list snapshots", string(s.rds.cfg.Array), func(c *call) ([]domain.Snapshot, error) {
		pools, err := c.allMounted(true)
		if err != nil {
			return nil, err
		}
		all, err := c.snapshotsOn(pools)
		if err != nil {
			return nil, err
		}
		list := slices.DeleteFunc(all, func(x domain.Snapshot) bool { return x.ID.Name <= page.After })
		if page.Most > 0 && len(list) > page.Most {
			list = list[:page.Most]
		}
		return list, nil
	})
}

// Delete removes a snapshot.
func (s *Snapshots) Delete(ctx context.Context, id domain.SnapshotID) error {
	_, err := do(ctx, s.rds, "delete snapshot", id.String(), func(c *call) (struct{}, error) {
		return struct{}{}, c.deleteSnapshot(id)
	})
	return err
}

func (c *call) here(id domain.SnapshotID) error {
	if id.Array != c.rds.cfg.Array {
		return c.fail(domain.Other, "asked of array %s", c.rds.cfg.Array)
	}
	return nil
}

func (r *RDS) snapshotDir(pool string) string { return r.home(pool) + "/snapshots" }

// snapshotsOn returns what lies on the pools, by name. Entries that do not say
// that they are snapshots of ours are left out.
func (c *call) snapshotsOn(pools []PoolConfig) ([]domain.Snapshot, error) {
	var list []domain.Snapshot
	for _, p := range pools {
		dir := c.rds.snapshotDir(p.Name)
		entries, err := os.ReadDir(c.rds.file(dir))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, c.broken(err)
		}
		for _, e := range entries {
			if s, ok := domain.ParseEntry(c.rds.cfg.Array, e.Name()); ok {
				s.Pool, s.Created = p.Name, c.created(dir+"/"+e.Name())
				list = append(list, s)
			}
		}
	}
	slices.SortFunc(list, func(a, b domain.Snapshot) int { return cmp.Compare(a.ID.Name, b.ID.Name) })
	return list, nil
}

// created returns when a snapshot was taken; of one that was put there by hand
// the file system knows.
func (c *call) created(path string) time.Time {
	if t, ok := c.rds.state.Snapshots[path]; ok {
		return t
	}
	info, err := os.Stat(c.rds.file(path))
	if err != nil {
		return time.Time{}
	}
	return info.ModTime().UTC().Truncate(time.Second)
}

// findSnapshot returns the snapshot of that name and its subvolume.
func (c *call) findSnapshot(name string) (s domain.Snapshot, path string, err error) {
	var mounted []PoolConfig
	for _, p := range c.rds.cfg.Pools {
		if _, err := c.mounted(p.Name, ""); err == nil && p.FileSystem == Btrfs {
			mounted = append(mounted, p)
		}
	}
	list, err := c.snapshotsOn(mounted)
	if err != nil {
		return domain.Snapshot{}, "", err
	}
	i := slices.IndexFunc(list, func(x domain.Snapshot) bool { return x.ID.Name == name })
	if i >= 0 {
		return list[i], c.rds.snapshotDir(list[i].Pool) + "/" + list[i].Entry(), nil
	}
	if _, err := c.allMounted(true); err != nil {
		return domain.Snapshot{}, "", err
	}
	return domain.Snapshot{}, "", c.fail(domain.NotFound, "array %s has no snapshot %s", c.rds.cfg.Array, name)
}

func (c *call) snapshot(ctx context.Context, source domain.Volume, plan domain.Snapshot) (domain.Snapshot, error) {
	if err := c.here(plan.ID); err != nil {
		return domain.Snapshot{}, err
	}
	taken, _, err := c.findSnapshot(plan.ID.Name)
	switch {
	case err == nil && taken.Source == plan.Source:
		return taken, nil
	case err == nil:
		return domain.Snapshot{}, c.fail(domain.Exists, "is a snapshot of %s, asked for one of %s", taken.Source, plan.Source)
	case !domain.Is(err, domain.NotFound):
		return domain.Snapshot{}, err
	}
	dir, err := c.snapshottable(source, plan)
	if err != nil {
		return domain.Snapshot{}, err
	}
	path := c.rds.snapshotDir(plan.Pool) + "/" + plan.Entry()
	created := c.rds.cfg.Now().UTC().Truncate(time.Second)
	if err := c.change(func(s *state) { s.Snapshots[path] = created }); err != nil {
		return domain.Snapshot{}, err
	}
	if err := c.copy(ctx, dir, path); err != nil {
		return domain.Snapshot{}, err
	}
	if err := c.step("snapshot made"); err != nil {
		return domain.Snapshot{}, err
	}
	if _, err := c.held(source.ID, source.Row.Comment); err != nil {
		if undo := c.dropSnapshot(path); undo != nil {
			return domain.Snapshot{}, undo
		}
		return domain.Snapshot{}, err
	}
	made, _, err := c.findSnapshot(plan.ID.Name)
	return made, err
}

// snapshottable returns the source's subvolume once it is shown to be what the
// plan rests on.
func (c *call) snapshottable(source domain.Volume, plan domain.Snapshot) (dir string, err error) {
	v, err := c.held(source.ID, source.Row.Comment)
	if err != nil {
		return "", err
	}
	p, err := c.writable(v.Record.Pool, v.Record.PoolUUID)
	if err != nil {
		return "", err
	}
	at, made := c.rds.place(p, v.ID.Slot)
	switch {
	case p.FileSystem != Btrfs:
		return "", c.fail(domain.Unsupported, "pool %s has file system %s: snapshots need a Btrfs pool", p.Name, p.FileSystem)
	case !made || v.Row.Path != at.image:
		return "", c.fail(domain.Unsupported, "%s lies at %s, not in a subvolume of its own", v.ID, v.Row.Path)
	case plan.Source != v.ID.Slot || plan.Pool != p.Name:
		return "", c.fail(domain.Invalid, "the plan names %s on pool %s, the source is %s on pool %s",
			plan.Source, plan.Pool, v.ID.Slot, p.Name)
	case plan.Size != v.Row.Size || plan.Content != v.CopyContent():
		return "", c.fail(domain.Conflict, "%s is not what was planned with: read it again", v.ID)
	}
	return at.dir, nil
}

func (c *call) deleteSnapshot(id domain.SnapshotID) error {
	if err := c.here(id); err != nil {
		return err
	}
	found, path, err := c.findSnapshot(id.Name)
	if domain.Is(err, domain.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := c.writable(found.Pool, ""); err != nil {
		return err
	}
	return c.dropSnapshot(path)
}

// dropSnapshot removes a snapshot's subvolume in one step, then its time.
func (c *call) dropSnapshot(path string) error {
	scratch := filepath.Join(c.rds.scratch(poolOf(path)), "dropped")
	if err := errors.Join(os.RemoveAll(scratch), os.MkdirAll(filepath.Dir(scratch), 0o700)); err != nil {
		return c.broken(err)
	}
	if err := os.Rename(c.rds.file(path), scratch); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return c.broken(err)
	}
	if err := c.rds.syncDir(filepath.Dir(c.rds.file(path))); err != nil {
		return c.broken(err)
	}
	if err := c.point("snapshot gone, its bytes and time not"); err != nil {
		return err
	}
	if err := os.RemoveAll(scratch); err != nil {
		return c.broken(err)
	}
	if err := c.change(func(s *state) { delete(s.Snapshots, path) }); err != nil {
		return err
	}
	return c.step("snapshot removed")
}
