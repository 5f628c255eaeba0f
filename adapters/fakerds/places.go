package fakerds

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// A place is where the image of a slot that we made lies on a pool. Its paths
// are the array's.
type place struct {
	pool  PoolConfig
	dir   string // the subvolume that is the image's own; "" where there is none
	image string
	// mark says that what lies here was never more than a create that did not
	// come to its end. It goes before a volume is first exported, so an image
	// with a mark and without a disk is nobody's data.
	mark string
}

func (r *RDS) home(pool string) string { return "/" + pool + "/" + r.cfg.Base + "/" + string(r.owner) }

// place returns our place of a slot; only slots that we made have one. ("snapshots"
// is a slot too, and is not to be taken for a volume's place.)
func (r *RDS) place(p PoolConfig, slot domain.Slot) (at place, ok bool) {
	home := r.home(p.Name)
	at = place{pool: p, image: home + "/" + string(slot) + ".img", mark: home + "/making/" + string(slot)}
	if p.FileSystem == Btrfs {
		at.dir = home + "/" + string(slot)
		at.image = at.dir + "/volume.img"
	}
	return at, slot.Made()
}

// exists reports whether the array has a file or directory of that path.
func (c *call) exists(path string) (bool, error) {
	_, err := os.Lstat(c.rds.file(path))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, c.broken(err)
	}
	return true, nil
}

// holds reports whether anything lies at the place: an image, or a subvolume
// that is not empty.
func (c *call) holds(at place) (bool, error) {
	if at.dir == "" {
		return c.exists(at.image)
	}
	entries, err := os.ReadDir(c.rds.file(at.dir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, c.broken(err)
	}
	return len(entries) > 0, nil
}

// pointing returns a disk other than except whose image lies at the place.
func (c *call) pointing(at place, except domain.Slot) (slot string, found bool) {
	for _, d := range c.rds.state.Disks {
		inside := d.Path == at.image || at.dir != "" && strings.HasPrefix(d.Path, at.dir+"/")
		if inside && d.Slot != string(except) {
			return d.Slot, true
		}
	}
	return "", false
}

// makeDir makes a directory and those above it that are missing, to last.
func (c *call) makeDir(path string) error {
	var missing []string
	for up := path; ; up = up[:strings.LastIndexByte(up, '/')] {
		there, err := c.exists(up)
		if err != nil {
			return err
		}
		if there || up == "" {
			break
		}
		missing = append(missing, up)
	}
	for _, dir := range slices.Backward(missing) {
		name := c.rds.file(dir)
		if err := os.Mkdir(name, 0o700); err != nil {
			return c.broken(err)
		}
		if err := c.rds.syncDir(filepath.Dir(name)); err != nil {
			return c.broken(err)
		}
	}
	return nil
}

// remove removes a path and what is below it, to last, as one step. A missing
// one is no step.
func (c *call) remove(path, step string) error {
	there, err := c.exists(path)
	if err != nil || !there {
		return err
	}
	name := c.rds.file(path)
	if err := os.RemoveAll(name); err != nil {
		return c.broken(err)
	}
	if err := c.rds.syncDir(filepath.Dir(name)); err != nil {
		return c.broken(err)
	}
	return c.step(step)
}

// clear removes what lies at the place, the mark last, as long as no disk uses
// it. The caller has shown that it is nobody's.
func (c *call) clear(at place) error {
	if err := c.unused(at); err != nil {
		return err
	}
	if err := c.remove(at.image, "image removed"); err != nil {
		return err
	}
	if at.dir != "" {
		if err := c.unused(at); err != nil {
			return err
		}
		if err := c.remove(at.dir, "subvolume removed"); err != nil {
			return err
		}
	}
	return c.unmark(at)
}

func (c *call) unused(at place) error {
	if other, used := c.pointing(at, ""); used {
		return c.fail(domain.DataAtRisk, "disk %s uses what lies at %s: remove that disk first", other, at.image)
	}
	return nil
}

func (c *call) unmark(at place) error { return c.remove(at.mark, "mark removed") }

// free makes sure that nothing lies at any place of the slot: what an
// unfinished create left is removed, anything else is DataAtRisk.
func (c *call) free(slot domain.Slot) error {
	for _, p := range c.rds.cfg.Pools {
		if _, err := c.mounted(p.Name, ""); err != nil {
			continue // what lies on it can not be in the way now
		}
		at, _ := c.rds.place(p, slot)
		held, err := c.holds(at)
		if err != nil {
			return err
		}
		marked, err := c.exists(at.mark)
		if err != nil {
			return err
		}
		if !held && !marked {
			continue
		}
		if other, used := c.pointing(at, ""); held && (used || !marked) {
			return c.fail(domain.DataAtRisk,
				"an image lies at %s without its disk (used by %q): delete the volume, or restore its disk", at.image, other)
		}
		if _, err := c.writable(p.Name, ""); err != nil {
			return err
		}
		if err := c.clear(at); err != nil {
			return err
		}
	}
	return nil
}
