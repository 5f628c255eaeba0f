package fakerds

import (
	"context"
	"os"
	"path"
	"slices"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// What an administrator, other software or bad luck does to an array. None of
// it goes through a port or meets an outage.

// A PoolFault is what ails a pool. The zero value is a healthy one.
type PoolFault struct {
	Unmounted bool
	ReadOnly  bool
	State     string      // RAID state; "": clean
	UUID      string      // of another file system mounted in its place
	Taken     domain.Size // by data that are not images
}

// A Disk is a row of the array's /disk table, as an administrator sees it.
type Disk struct {
	Slot    string
	Type    string // "": file
	Comment string
	Path    string // of the image; "": one of its own on the first pool
	Size    domain.Size
	Export  bool
	NQN     string
	Host    string
	Mounted []string // slots of partitions in the image that the array has mounted
}

// byHand changes the array past every port and outage.
func (r *RDS) byHand(id string, work func(c *call) error) error {
	if err := r.lock(context.Background()); err != nil {
		return err
	}
	defer r.unlock()
	return work(&call{rds: r, op: "change by hand", id: id})
}

// AddForeign adds a disk with an image, sparse and of that size unless there is
// one already. It may look like anything, a volume of ours included.
func (r *RDS) AddForeign(d Disk) error {
	return r.byHand(d.Slot, func(c *call) error {
		if d.Type == "" {
			d.Type = "file"
		}
		if d.Type == "file" && d.Path == "" {
			d.Path = "/" + r.cfg.Pools[0].Name + "/foreign/" + d.Slot + ".img"
		}
		if d.Type == "file" {
			if err := c.foreignImage(d); err != nil {
				return err
			}
		}
		return c.row(disk(d))
	})
}

func (c *call) foreignImage(d Disk) error {
	if there, err := c.exists(d.Path); err != nil || there {
		return err
	}
	if err := c.makeDir(path.Dir(d.Path)); err != nil {
		return err
	}
	return c.rds.makeImage(c.rds.file(d.Path), d.Size)
}

// Edit changes the disk's row as /disk set does, of any property.
func (r *RDS) Edit(slot string, edit func(*Disk)) error {
	return r.byHand(slot, func(c *call) error {
		d, ok := r.state.Disks[slot]
		if !ok {
			return c.fail(domain.NotFound, "no such item")
		}
		d.Mounted = slices.Clone(d.Mounted)
		shown := Disk(d)
		edit(&shown)
		shown.Slot = slot
		return c.row(disk(shown))
	})
}

// SetComment writes the disk's comment, whatever it was.
func (r *RDS) SetComment(slot, comment string) error {
	return r.Edit(slot, func(d *Disk) { d.Comment = comment })
}

// RemoveDisk removes the disk's row and keeps its image, as /disk remove does.
func (r *RDS) RemoveDisk(slot string) error {
	return r.byHand(slot, func(c *call) error {
		if d := r.state.Disks[slot]; d.Export {
			if err := c.show(disk{NQN: d.NQN}); err != nil {
				return err
			}
		}
		return c.change(func(s *state) { delete(s.Disks, slot) })
	})
}

// SetPool says what ails the pool from now on.
func (r *RDS) SetPool(name string, f PoolFault) error {
	return r.byHand(name, func(c *call) error {
		p, ok := r.state.Pools[name]
		if !ok {
			return c.fail(domain.NotFound, "no such pool")
		}
		p.Fault = f
		return c.change(func(s *state) { s.Pools[name] = p })
	})
}

// Disks returns all rows, by slot.
func (r *RDS) Disks() ([]Disk, error) {
	var list []Disk
	err := r.byHand("", func(*call) error {
		for _, d := range r.state.Disks {
			d.Mounted = slices.Clone(d.Mounted)
			list = append(list, Disk(d))
		}
		slices.SortFunc(list, func(a, b Disk) int {
			if a.Slot < b.Slot {
				return -1
			}
			return 1
		})
		return nil
	})
	return list, err
}

// Image opens the disk's image to be read and written past the array.
func (r *RDS) Image(slot string) (*os.File, error) {
	var f *os.File
	err := r.byHand(slot, func(c *call) error {
		d, ok := r.state.Disks[slot]
		if !ok {
			return c.fail(domain.NotFound, "no such item")
		}
		var err error
		f, err = os.OpenFile(r.file(d.Path), os.O_RDWR, 0)
		return err
	})
	return f, err
}
