package fakerds

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// Pools is the port to the array's pools.
type Pools struct{ rds *RDS }

// List returns every configured pool, by name.
func (p *Pools) List(ctx context.Context) ([]domain.Pool, error) {
	return do(ctx, p.rds, "list pools", string(p.rds.cfg.Array), func(c *call) ([]domain.Pool, error) {
		var list []domain.Pool
		for _, configured := range c.rds.cfg.Pools {
			pool, err := c.figures(configured)
			if err != nil {
				return nil, err
			}
			list = append(list, pool)
		}
		slices.SortFunc(list, func(a, b domain.Pool) int { return cmp.Compare(a.Name, b.Name) })
		return list, nil
	})
}

// figures returns what the array says of a pool now. Of one that is not mounted
// it knows neither room nor file system.
func (c *call) figures(p PoolConfig) (domain.Pool, error) {
	known := c.rds.state.Pools[p.Name]
	pool := domain.Pool{
		Name: p.Name, FileSystem: p.FileSystem, State: cmp.Or(known.Fault.State, "clean"),
		Snapshots: p.FileSystem == Btrfs, Allocates: p.FileSystem == XFS,
	}
	for _, d := range c.rds.state.Disks {
		if poolOf(d.Path) == p.Name {
			pool.Provisioned += d.Size
		}
	}
	if known.Fault.Unmounted {
		return pool, nil
	}
	used, err := c.used(p)
	if err != nil {
		return domain.Pool{}, c.broken(err)
	}
	pool.Mounted, pool.UUID = true, cmp.Or(known.Fault.UUID, known.UUID)
	pool.Total, pool.Free = p.Size, max(0, p.Size-used-known.Fault.Taken)
	return pool, nil
}

// used returns what the files on a pool take of it: on XFS RouterOS allocates
// an image fully, on Btrfs what was written.
func (c *call) used(p PoolConfig) (domain.Size, error) {
	var sum domain.Size
	err := filepath.WalkDir(c.rds.file("/"+p.Name), func(_ string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		if p.FileSystem == XFS {
			sum += domain.Size(info.Size())
		} else {
			sum += allocated(info)
		}
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) { // scratch of a copy came and went
		err = nil
	}
	return sum, err
}

// poolOf returns the first element of an array path.
func poolOf(path string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return name
}

// pool returns the configured pool of that name.
func (r *RDS) pool(name string) (PoolConfig, bool) {
	i := slices.IndexFunc(r.cfg.Pools, func(p PoolConfig) bool { return p.Name == name })
	if i < 0 {
		return PoolConfig{}, false
	}
	return r.cfg.Pools[i], true
}

// mounted returns the pool of that name if it is mounted and, where uuid is
// given, has that file system; else it is Unreachable.
func (c *call) mounted(name, uuid string) (PoolConfig, error) {
	p, ok := c.rds.pool(name)
	if !ok {
		return PoolConfig{}, c.fail(domain.Unreachable, "array %s has no pool %q now", c.rds.cfg.Array, name)
	}
	known := c.rds.state.Pools[name]
	switch have := cmp.Or(known.Fault.UUID, known.UUID); {
	case known.Fault.Unmounted:
		return PoolConfig{}, c.fail(domain.Unreachable, "pool %s is not mounted", name)
	case uuid != "" && uuid != have:
		return PoolConfig{}, c.fail(domain.Unreachable, "pool %s has file system %s, expected is %s", name, have, uuid)
	}
	return p, nil
}

// writable is mounted, and the pool takes writes.
func (c *call) writable(name, uuid string) (PoolConfig, error) {
	p, err := c.mounted(name, uuid)
	if err == nil && c.rds.state.Pools[name].Fault.ReadOnly {
		return PoolConfig{}, c.fail(domain.Unreachable, "pool %s is read-only", name)
	}
	return p, err
}

// allMounted is Unreachable if a pool is not mounted on which something of ours
// could lie. snapshots asks only for those that can have them.
func (c *call) allMounted(snapshots bool) ([]PoolConfig, error) {
	var list []PoolConfig
	for _, p := range c.rds.cfg.Pools {
		if snapshots && p.FileSystem != Btrfs {
			continue
		}
		if _, err := c.mounted(p.Name, ""); err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, nil
}
