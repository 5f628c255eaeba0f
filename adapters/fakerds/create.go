package fakerds

import (
	"context"
	"os"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// Create makes the planned volume, or returns what has its slot.
func (v *Volumes) Create(ctx context.Context, plan domain.Plan) (domain.Volume, error) {
	return do(ctx, v.rds, "create volume", plan.ID.String(), func(c *call) (domain.Volume, error) {
		return c.create(ctx, plan)
	})
}

func (c *call) create(ctx context.Context, plan domain.Plan) (domain.Volume, error) {
	there, err := c.find(plan.ID)
	if err == nil {
		return c.existing(there, plan)
	}
	if !domain.Is(err, domain.NotFound) {
		return domain.Volume{}, err
	}
	comment, err := c.planned(plan)
	if err != nil {
		return domain.Volume{}, err
	}
	source, err := c.source(plan)
	if err != nil {
		return domain.Volume{}, err
	}
	at, err := c.prepare(plan)
	if err != nil {
		return domain.Volume{}, err
	}
	if err := c.fill(ctx, at, plan, source); err != nil {
		return domain.Volume{}, err
	}
	if err := c.add(at, plan, comment); err != nil {
		return domain.Volume{}, err
	}
	if there, err = c.find(plan.ID); err != nil {
		return domain.Volume{}, err
	}
	return c.existing(there, plan)
}

// planned checks what the plan says by itself and returns its comment.
func (c *call) planned(plan domain.Plan) (string, error) {
	r := plan.Record
	_, known := c.rds.pool(r.Pool)
	state := domain.Ready
	if r.Origin.Kind != domain.FromNothing {
		state = domain.Making
	}
	switch {
	case !known:
		return "", c.fail(domain.Invalid, "pool %q is not configured on array %s", r.Pool, c.rds.cfg.Array)
	case r.PoolUUID == "":
		return "", c.fail(domain.Unreachable, "was planned while pool %s was not mounted", r.Pool)
	case !plan.ID.Slot.Made() || len(plan.ID.Slot) > c.rds.cfg.SlotMax:
		return "", c.fail(domain.Invalid, "slot %s: csi- and 26 characters, %d at most, are allowed",
			plan.ID.Slot, c.rds.cfg.SlotMax)
	case r.State != state || len(r.Grants) > 0 || r.Origin.Kind == domain.Adopted:
		return "", c.fail(domain.Invalid, "a new volume is %s and has no grants", state)
	case r.Size < plan.SourceSize:
		return "", c.fail(domain.Invalid, "a copy of %d bytes can not have %d", int64(plan.SourceSize), int64(r.Size))
	}
	return c.written(domain.Volume{ID: plan.ID, Record: r})
}

// prepare shows that the volume fits and that nothing lies where it goes, and
// leaves the mark and the subvolume there. On Btrfs a copy brings its own.
func (c *call) prepare(plan domain.Plan) (place, error) {
	p, err := c.writable(plan.Record.Pool, plan.Record.PoolUUID)
	if err != nil {
		return place{}, err
	}
	if err := c.free(plan.ID.Slot); err != nil {
		return place{}, err
	}
	figures, err := c.figures(p)
	if err != nil {
		return place{}, err
	}
	if err := plan.Room.Fits(figures, plan.Record.Size); err != nil {
		return place{}, c.fail(domain.KindOf(err), "%w", err)
	}
	at, _ := c.rds.place(p, plan.ID.Slot)
	if err := c.makeDir(at.mark); err != nil {
		return place{}, err
	}
	return at, c.step("mark made")
}

// fill makes the image at the place, blank or as the source's copy.
func (c *call) fill(ctx context.Context, at place, plan domain.Plan, source string) error {
	if source != "" {
		if err := c.copy(ctx, source, at.dir); err != nil {
			return err
		}
		if err := c.step("image copied"); err != nil {
			return err
		}
		return c.unchanged(at, plan)
	}
	home := c.rds.home(at.pool.Name)
	if at.dir != "" {
		home = at.dir
	}
	if err := c.makeDir(home); err != nil {
		return err
	}
	if at.dir != "" {
		if err := c.step("subvolume made"); err != nil {
			return err
		}
	}
	if err := c.rds.makeImage(c.rds.file(at.image), plan.Record.Size); err != nil {
		return c.broken(err)
	}
	return c.step("image made")
}

// add adds the row over the image, which has the source's size if it is a copy.
func (c *call) add(at place, plan domain.Plan, comment string) error {
	if _, err := c.find(plan.ID); !domain.Is(err, domain.NotFound) {
		return c.fail(domain.Conflict, "somebody else made it meanwhile: read it")
	}
	d := disk{Slot: string(plan.ID.Slot), Type: "file", Comment: comment, Path: at.image, Size: plan.Record.Size}
	if plan.Record.Origin.Kind != domain.FromNothing {
		d.Size = plan.SourceSize
	}
	if info, err := os.Stat(c.rds.file(at.image)); err != nil || info.Size() != int64(d.Size) {
		return c.fail(domain.Conflict, "its image is not the one that was made: somebody else was at %s, try again", at.image)
	}
	if err := c.row(d); err != nil {
		return err
	}
	return c.step("disk added")
}

// existing returns the volume that has the plan's slot; a copy of the same
// origin that is not whole is completed, and a mark that is no longer true goes.
func (c *call) existing(v domain.Volume, plan domain.Plan) (domain.Volume, error) {
	if v.Standing != domain.Ours {
		return v, nil
	}
	if v.Record.State == domain.Making && v.Record.Origin == plan.Record.Origin {
		if err := c.finish(v, plan); err != nil {
			return domain.Volume{}, err
		}
	}
	v, err := c.find(v.ID)
	if err != nil || v.Standing != domain.Ours || v.Record.State != domain.Ready {
		return v, err
	}
	if at, made := c.rds.place(PoolConfig{Name: v.Record.Pool}, v.ID.Slot); made {
		if err := c.unmark(at); err != nil {
			return domain.Volume{}, err
		}
	}
	return c.find(v.ID)
}

// finish grows a copy to the size of its record and says that it is whole.
func (c *call) finish(v domain.Volume, plan domain.Plan) error {
	if _, err := c.writable(v.Record.Pool, v.Record.PoolUUID); err != nil {
		return err
	}
	if v.Row.Size < v.Record.Size {
		if err := c.resize(v, v.Record.Size, plan.Room); err != nil {
			return err
		}
		grow := func(d *disk) { d.Size = v.Record.Size }
		if err := c.set("copy grown", v.ID, grow, v.Row.Comment); err != nil {
			return err
		}
	}
	comment, err := c.written(v.Done(plan.Record.Nonce))
	if err != nil {
		return err
	}
	return c.set("copy ready", v.ID, func(d *disk) { d.Comment = comment }, v.Row.Comment)
}
