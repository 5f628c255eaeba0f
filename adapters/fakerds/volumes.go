package fakerds

import (
	"context"
	"maps"
	"slices"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
	"git.srvlab.io/whiskey/rds-csi-driver/ports"
)

// Volumes is the port to the array's volumes.
type Volumes struct{ rds *RDS }

// maxNQN is the longest subsystem name (NVMe Base Specification 2.0, 4.5).
const maxNQN = 223

// Find returns the disk with that id's slot.
func (v *Volumes) Find(ctx context.Context, id domain.VolumeID) (domain.Volume, error) {
	return do(ctx, v.rds, "find volume", id.String(), func(c *call) (domain.Volume, error) {
		return c.find(id)
	})
}

// List returns the volumes that are Ours, Newer or Damaged, by slot.
func (v *Volumes) List(ctx context.Context, page ports.Page) ([]domain.Volume, error) {
	return do(ctx, v.rds, "list volumes", string(v.rds.cfg.Array), func(c *call) ([]domain.Volume, error) {
		var list []domain.Volume
		for _, slot := range slices.Sorted(maps.Keys(c.rds.state.Disks)) {
			found := c.rds.volume(c.rds.state.Disks[slot])
			if slot <= page.After || found.Standing == domain.NotOurs {
				continue
			}
			if list = append(list, found); len(list) == page.Most {
				break
			}
		}
		return list, nil
	})
}

// Update replaces a record and sets the export that goes with it.
func (v *Volumes) Update(ctx context.Context, old, next domain.Volume) (domain.Volume, error) {
	return do(ctx, v.rds, "update volume", old.ID.String(), func(c *call) (domain.Volume, error) {
		return c.update(old, next)
	})
}

// Grow sets a larger size.
func (v *Volumes) Grow(ctx context.Context, old, next domain.Volume, room domain.Room) (domain.Volume, error) {
	return do(ctx, v.rds, "grow volume", old.ID.String(), func(c *call) (domain.Volume, error) {
		return c.grow(old, next, room)
	})
}

// Adopt writes a record onto a foreign disk.
func (v *Volumes) Adopt(ctx context.Context, old, next domain.Volume) (domain.Volume, error) {
	return do(ctx, v.rds, "adopt volume", old.ID.String(), func(c *call) (domain.Volume, error) {
		return c.adopt(old, next)
	})
}

// volume returns the disk as the port shows it.
func (r *RDS) volume(d disk) domain.Volume {
	slot := domain.Slot(d.Slot)
	record, standing := domain.Decode(d.Comment, r.owner, slot.Made())
	nqn, _ := domain.ParseNQN(r.cfg.Prefix, d.NQN) // one that is not ours stays zero
	return domain.Volume{
		ID: domain.VolumeID{Array: r.cfg.Array, Slot: slot}, Standing: standing, Record: record,
		Row: domain.Row{
			Comment: d.Comment, Size: d.Size, Path: d.Path, NQN: d.NQN,
			Export: domain.Export{On: d.Export, NQN: nqn, Host: d.Host},
		},
	}
}

// find returns the disk as it is now.
func (c *call) find(id domain.VolumeID) (domain.Volume, error) {
	if id.Array != c.rds.cfg.Array {
		return domain.Volume{}, c.fail(domain.Other, "asked of array %s", c.rds.cfg.Array)
	}
	d, ok := c.rds.state.Disks[string(id.Slot)]
	if !ok {
		return domain.Volume{}, c.fail(domain.NotFound, "array %s has no such disk", c.rds.cfg.Array)
	}
	return c.rds.volume(d), nil
}

// held returns the disk if its comment is one of those given and it is ours.
func (c *call) held(id domain.VolumeID, comments ...string) (domain.Volume, error) {
	v, err := c.find(id)
	if err != nil {
		return domain.Volume{}, err
	}
	if v.Standing != domain.Ours {
		return domain.Volume{}, c.fail(domain.DataAtRisk, "its record is not ours to write")
	}
	if !slices.Contains(comments, v.Row.Comment) {
		return domain.Volume{}, c.fail(domain.Conflict, "its record changed meanwhile: read it again")
	}
	return v, nil
}

// set changes the disk's row in one step, if it still is as held says.
func (c *call) set(step string, id domain.VolumeID, edit func(*disk), comments ...string) error {
	if _, err := c.held(id, comments...); err != nil {
		return err
	}
	d := c.rds.state.Disks[string(id.Slot)]
	edit(&d)
	if err := c.row(d); err != nil {
		return err
	}
	return c.step(step)
}

// row writes a row and lets the target directory follow. A name that is no
// longer shown goes before the row says so, one that is newly shown comes after.
func (c *call) row(d disk) error {
	was := c.rds.state.Disks[d.Slot]
	if was.Export && (!d.Export || d.NQN != was.NQN) {
		if err := c.show(disk{NQN: was.NQN}); err != nil {
			return err
		}
	}
	if err := c.change(func(s *state) { s.Disks[d.Slot] = d }); err != nil {
		return err
	}
	if !d.Export {
		return nil
	}
	return c.show(d)
}

// written returns the comment that goes with next, which must be one that can
// be read back as ours.
func (c *call) written(next domain.Volume) (string, error) {
	comment, err := next.Record.Encode()
	switch {
	case domain.Is(err, domain.Exhausted):
		return "", c.fail(domain.Exhausted, "%w", err)
	case err != nil:
		return "", c.fail(domain.Invalid, "%w", err)
	}
	if _, standing := domain.Decode(comment, c.rds.owner, next.ID.Slot.Made()); standing != domain.Ours {
		return "", c.fail(domain.Invalid, "the record to be written is not a whole one of ours")
	}
	return comment, nil
}

func (c *call) update(old, next domain.Volume) (domain.Volume, error) {
	comment, err := c.written(next)
	if err != nil {
		return domain.Volume{}, err
	}
	v, err := c.held(old.ID, old.Row.Comment, comment)
	switch {
	case err != nil:
		return domain.Volume{}, err
	case next.ID != old.ID || next.Record.Size != v.Record.Size:
		return domain.Volume{}, c.fail(domain.Invalid, "an update keeps the volume's id and size")
	}
	want := next.Export(c.rds.cfg.Prefix, c.rds.cfg.Fencing)
	if want.On {
		if err := c.exportable(v, next); err != nil {
			return domain.Volume{}, err
		}
	}
	if v.Row.Export.On && (!want.On || want.NQN.String() != v.Row.NQN) {
		off := func(d *disk) { d.Export = false }
		if err := c.set("export off", old.ID, off, v.Row.Comment); err != nil {
			return domain.Volume{}, err
		}
	}
	write := func(d *disk) {
		d.Comment, d.Export, d.NQN, d.Host = comment, want.On, want.NQN.String(), want.Host
	}
	if err := c.set("record written", old.ID, write, v.Row.Comment); err != nil {
		return domain.Volume{}, err
	}
	return c.find(old.ID)
}

// exportable proves that what would be exported is the volume.
func (c *call) exportable(v, next domain.Volume) error {
	if nqn := next.Export(c.rds.cfg.Prefix, c.rds.cfg.Fencing).NQN.String(); len(nqn) > maxNQN {
		return c.fail(domain.Invalid, "NQN has %d bytes, %d are allowed", len(nqn), maxNQN)
	}
	if err := c.sound(v); err != nil {
		return err
	}
	if mounted := c.rds.state.Disks[string(v.ID.Slot)].Mounted; len(mounted) > 0 {
		return c.fail(domain.DataAtRisk, "the array has %s of the image mounted: unmount it there", mounted[0])
	}
	at, made := c.rds.place(PoolConfig{Name: v.Record.Pool}, v.ID.Slot)
	if !made {
		return nil
	}
	return c.unmark(at)
}

// sound proves that the image is the one of the record: on the recorded file
// system, and no smaller than it should be. An image that is lost reads as
// zeros too.
func (c *call) sound(v domain.Volume) error {
	name := v.Record.Pool
	_, err := c.mounted(name, v.Record.PoolUUID)
	if _, other := c.mounted(name, ""); err != nil && other == nil {
		return c.fail(domain.DataAtRisk, "%w", err)
	}
	if err != nil {
		return err
	}
	there, err := c.exists(v.Row.Path)
	switch {
	case err != nil:
		return err
	case poolOf(v.Row.Path) != name || !there:
		return c.fail(domain.DataAtRisk, "its image %s is not there, or not on pool %s", v.Row.Path, name)
	case v.Row.Size < v.Record.Size:
		return c.fail(domain.DataAtRisk, "its image has %d bytes, the record says %d",
			int64(v.Row.Size), int64(v.Record.Size))
	}
	return nil
}

func (c *call) grow(old, next domain.Volume, room domain.Room) (domain.Volume, error) {
	comment, err := c.written(next)
	if err != nil {
		return domain.Volume{}, err
	}
	v, err := c.held(old.ID, old.Row.Comment, comment)
	if err != nil {
		return domain.Volume{}, err
	}
	prefix, fencing, size := c.rds.cfg.Prefix, c.rds.cfg.Fencing, next.Record.Size
	switch {
	case next.ID != old.ID || next.Export(prefix, fencing) != v.Export(prefix, fencing):
		return domain.Volume{}, c.fail(domain.Invalid, "growing keeps the volume's id and export")
	case size < v.Row.Size || size < v.Record.Size:
		return domain.Volume{}, c.fail(domain.Invalid, "has %d bytes and can not shrink to %d",
			int64(max(v.Row.Size, v.Record.Size)), int64(size))
	}
	if err := c.enlarge(v, size, room, comment); err != nil {
		return domain.Volume{}, err
	}
	return c.find(old.ID)
}

// enlarge sets image, row and comment in one step.
func (c *call) enlarge(v domain.Volume, size domain.Size, room domain.Room, comment string) error {
	if v.Row.Comment != comment { // else the row is what the record was made from
		if err := c.sound(v); err != nil {
			return err
		}
	}
	if err := c.resize(v, size, room); err != nil {
		return err
	}
	return c.set("size set", v.ID, func(d *disk) { d.Size, d.Comment = size, comment }, v.Row.Comment)
}

// resize makes the image as long as size if there is room. It is not a step by
// itself: the row says how long the image is.
func (c *call) resize(v domain.Volume, size domain.Size, room domain.Room) error {
	p, err := c.writable(poolOf(v.Row.Path), "")
	if err != nil {
		return err
	}
	figures, err := c.figures(p)
	if err != nil {
		return err
	}
	if err := room.Fits(figures, size-v.Row.Size); err != nil {
		return c.fail(domain.KindOf(err), "%w", err)
	}
	if err := c.rds.growImage(c.rds.file(v.Row.Path), size); err != nil {
		return c.broken(err)
	}
	return c.point("image grown, row not")
}

func (c *call) adopt(old, next domain.Volume) (domain.Volume, error) {
	comment, err := c.written(next)
	if err != nil {
		return domain.Volume{}, err
	}
	v, err := c.find(old.ID)
	if err != nil || v.Row.Comment == comment {
		return v, err
	}
	if v.Row.Comment != old.Row.Comment {
		return domain.Volume{}, c.fail(domain.Conflict, "its comment changed meanwhile: read it again")
	}
	if err := c.adoptable(v, next); err != nil {
		return domain.Volume{}, err
	}
	d := c.rds.state.Disks[string(old.ID.Slot)]
	d.Comment = comment
	if err := c.row(d); err != nil {
		return domain.Volume{}, err
	}
	if err := c.step("record written"); err != nil {
		return domain.Volume{}, err
	}
	return c.find(old.ID)
}

// adoptable proves that the disk is foreign and may get next's record.
func (c *call) adoptable(v, next domain.Volume) error {
	d := c.rds.state.Disks[string(v.ID.Slot)]
	r := next.Record
	// For an owner that nobody has, a comment that is not damaged is somebody's.
	_, anybodys := domain.Decode(d.Comment, "", true)
	switch {
	case v.Standing != domain.NotOurs:
		return c.fail(domain.Invalid, "only a foreign disk can be adopted, this one carries a record")
	case anybodys == domain.NotOurs:
		return c.fail(domain.Invalid, "carries the record of another cluster: clear its comment first, if it is to be taken")
	case d.Type != "file":
		return c.fail(domain.Invalid, "is a disk of type %s, only a file disk can be adopted", d.Type)
	case d.Export:
		return c.fail(domain.Invalid, "is exported: switch that off first")
	case next.ID != v.ID || r.Origin.Kind != domain.Adopted || r.Content != domain.Foreign || len(r.Grants) > 0:
		return c.fail(domain.Invalid, "the record must say adopted, foreign content and no grant")
	case r.Size != d.Size || r.Pool != poolOf(d.Path) || r.PoolUUID == "":
		return c.fail(domain.Invalid, "the record must say %d bytes on pool %s and its file system, as the disk has",
			int64(d.Size), poolOf(d.Path))
	}
	_, err := c.mounted(r.Pool, r.PoolUUID)
	return err
}
