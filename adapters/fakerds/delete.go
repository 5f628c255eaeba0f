package fakerds

import (
	"context"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// Delete removes a volume in state Deleting, or what is left of one.
func (v *Volumes) Delete(ctx context.Context, gone domain.Volume) error {
	_, err := do(ctx, v.rds, "delete volume", gone.ID.String(), func(c *call) (struct{}, error) {
		return struct{}{}, c.delete(gone)
	})
	return err
}

func (c *call) delete(gone domain.Volume) error {
	there, err := c.find(gone.ID)
	switch {
	case domain.Is(err, domain.NotFound):
		return c.deleteRest(gone)
	case err != nil:
		return err
	}
	if there, err = c.held(gone.ID, gone.Row.Comment); err != nil {
		return err
	}
	if there.Record.State != domain.Deleting || there.Row.Export.On {
		return c.fail(domain.Invalid, "only a volume in state deleting whose export is off can be deleted")
	}
	p, err := c.writable(there.Record.Pool, there.Record.PoolUUID)
	if err != nil {
		return err
	}
	at, made := c.rds.place(p, gone.ID.Slot)
	ours := made && at.image == there.Row.Path
	if other, used := c.pointing(at, gone.ID.Slot); ours && used {
		return c.fail(domain.DataAtRisk, "disk %s uses its image too: remove that disk first", other)
	}
	if err := c.removeDisk(there); err != nil {
		return err
	}
	if ours {
		return c.clear(at)
	}
	return c.removeAdopted(there.Row.Path)
}

// removeDisk removes the row and keeps the image, if the row still is as it was
// read.
func (c *call) removeDisk(v domain.Volume) error {
	if _, err := c.held(v.ID, v.Row.Comment); err != nil {
		return err
	}
	if err := c.change(func(s *state) { delete(s.Disks, string(v.ID.Slot)) }); err != nil {
		return err
	}
	return c.step("disk removed")
}

// removeAdopted removes an image that never lay at our place, unless another
// disk uses it.
func (c *call) removeAdopted(path string) error {
	if _, used := c.using(path); used {
		return nil
	}
	return c.remove(path, "image removed")
}

func (c *call) using(path string) (slot string, found bool) {
	return c.pointing(place{image: path}, "")
}

// deleteRest removes what an unfinished create or delete left at our places of
// a slot that has no disk.
func (c *call) deleteRest(gone domain.Volume) error {
	if gone.Standing != domain.NotOurs && (gone.Standing != domain.Ours || gone.Record.State != domain.Deleting) {
		return c.fail(domain.Invalid, "only a volume in state deleting can be deleted")
	}
	if err := c.adoptedRest(gone); err != nil {
		return err
	}
	if !gone.ID.Slot.Made() {
		return nil // nothing of ours can lie there
	}
	if _, err := c.allMounted(false); err != nil {
		return err
	}
	for _, p := range c.rds.cfg.Pools {
		at, _ := c.rds.place(p, gone.ID.Slot)
		if err := c.clearUnused(at); err != nil {
			return err
		}
	}
	return nil
}

// adoptedRest refuses to call an adopted volume gone whose image still lies
// there without a disk: by now it may be somebody else's.
func (c *call) adoptedRest(gone domain.Volume) error {
	if gone.Standing != domain.Ours || gone.Record.Origin.Kind != domain.Adopted {
		return nil
	}
	if _, err := c.mounted(poolOf(gone.Row.Path), gone.Record.PoolUUID); err != nil {
		return err
	}
	left, err := c.exists(gone.Row.Path)
	if err != nil {
		return err
	}
	if _, used := c.using(gone.Row.Path); left && !used {
		return c.fail(domain.DataAtRisk, "its disk is gone, its image %s is left: remove it by hand", gone.Row.Path)
	}
	return nil
}

// clearUnused removes what lies at a place that no disk uses.
func (c *call) clearUnused(at place) error {
	held, err := c.holds(at)
	if err != nil {
		return err
	}
	if held {
		if _, err := c.writable(at.pool.Name, ""); err != nil {
			return err
		}
	}
	return c.clear(at)
}
