package fakerds

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// source returns the subvolume that the plan copies, "" for a blank volume,
// once it is shown to be what the plan rests on.
func (c *call) source(plan domain.Plan) (dir string, err error) {
	if plan.Record.Origin.Kind == domain.FromNothing {
		return "", nil
	}
	p, err := c.writable(plan.Record.Pool, plan.Record.PoolUUID)
	if err != nil {
		return "", err
	}
	if p.FileSystem != Btrfs {
		return "", c.fail(domain.Unsupported, "pool %s has file system %s: copies need a Btrfs pool", p.Name, p.FileSystem)
	}
	if plan.Record.Origin.Kind == domain.FromVolume {
		return c.cloned(plan)
	}
	s, path, err := c.findSnapshot(plan.Record.Origin.Name)
	switch {
	case err != nil:
		return "", err
	case s.Pool != p.Name:
		return "", c.fail(domain.Unsupported, "snapshot %s lies on pool %s: its copies stay there", s.ID.Name, s.Pool)
	case s.Size != plan.SourceSize || s.Content != plan.Record.Content:
		return "", c.fail(domain.Conflict, "snapshot %s is not the one that was planned with: read it again", s.ID.Name)
	}
	return path, nil
}

// cloned returns the subvolume of the volume that the plan copies.
func (c *call) cloned(plan domain.Plan) (dir string, err error) {
	v, err := c.find(domain.VolumeID{Array: plan.ID.Array, Slot: domain.Slot(plan.Record.Origin.Name)})
	if err != nil {
		return "", err
	}
	p, _ := c.rds.pool(plan.Record.Pool)
	at, made := c.rds.place(p, v.ID.Slot)
	r := v.Record
	switch {
	case v.Standing != domain.Ours:
		return "", c.fail(domain.DataAtRisk, "source %s has no record of ours", v.ID)
	case !made || v.Row.Path != at.image:
		return "", c.fail(domain.Unsupported, "source %s lies at %s, not in a subvolume of its own on pool %s",
			v.ID, v.Row.Path, p.Name)
	case r.State == domain.Making || v.CopyContent() != plan.Record.Content || v.Row.Size != plan.SourceSize:
		return "", c.fail(domain.Conflict, "source %s is not what was planned with: read it again", v.ID)
	}
	return at.dir, nil
}

// unchanged shows, after the copy, that a cloned volume still has the content
// that the plan says: then it had it while it was copied. Else the copy goes.
func (c *call) unchanged(at place, plan domain.Plan) error {
	_, err := c.source(plan)
	if plan.Record.Origin.Kind != domain.FromVolume || err == nil {
		return nil
	}
	if undo := c.clear(at); undo != nil {
		return undo
	}
	return err
}

// copy makes the subvolume to with a copy of from's image, as of one instant
// and in one step: a real array makes a snapshot.
func (c *call) copy(ctx context.Context, from, to string) error {
	scratch := filepath.Join(c.rds.scratch(poolOf(to)), filepath.Base(to))
	if err := errors.Join(os.RemoveAll(scratch), os.MkdirAll(scratch, 0o700)); err != nil {
		return c.broken(err)
	}
	image := filepath.Join(scratch, "volume.img")
	err := c.rds.copyImage(filepath.Join(c.rds.file(from), "volume.img"), image, ctx.Err)
	switch {
	case err == nil:
	case errors.Is(err, fs.ErrNotExist):
		return c.fail(domain.DataAtRisk, "source %s has lost its image", from)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return c.fail(domain.Unreachable, "not copied to the end: %w", err)
	case errors.Is(err, errRestless):
		return c.fail(domain.Busy, "source %s: %w, ask again", from, err)
	default:
		return c.broken(err)
	}
	if err := c.point("copy whole, not in place"); err != nil {
		return err
	}
	if err := c.rds.syncDir(scratch); err != nil {
		return c.broken(err)
	}
	if err := c.makeDir(filepath.ToSlash(filepath.Dir(filepath.FromSlash(to)))); err != nil {
		return err
	}
	// An empty subvolume that a cut-off delete left is in the way.
	if err := os.Remove(c.rds.file(to)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return c.broken(err)
	}
	if err := os.Rename(scratch, c.rds.file(to)); err != nil {
		return c.broken(err)
	}
	if err := c.rds.syncDir(filepath.Dir(c.rds.file(to))); err != nil {
		return c.broken(err)
	}
	return nil
}
