package fakerds

import (
	"path/filepath"
	"time"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// The file systems a pool may have.
const (
	Btrfs = "btrfs" // takes what is written, and snapshots
	XFS   = "xfs"   // takes the full size of an image at once, no snapshots
)

// A PoolConfig is one file system of the array. It costs nothing until it is
// written to.
type PoolConfig struct {
	Name       string
	Size       domain.Size
	FileSystem string
}

// A Config says what the array is and where it is kept.
type Config struct {
	Dir       string // of everything the array holds; made if missing
	TargetDir string // where exports are shown; "": ".targets" in Dir
	Array     domain.ArrayName
	Cluster   domain.ClusterID
	Prefix    domain.NQNPrefix // "": domain.DefaultNQNPrefix
	Fencing   domain.Fencing   // "": domain.FenceByHost
	Base      string           // directory on each pool; "": "rds-csi"
	Pools     []PoolConfig     // none: DefaultPools
	SlotMax   int              // longest slot it gives a new disk; 0: 32, as RouterOS 7.24
	Now       func() time.Time // nil: time.Now
	NoSync    bool             // what was acknowledged may be lost in a power cut, though not in a crash: for tests

	dies func(point string) bool // tests only: whether the process dies there
}

// DefaultPools returns one pool of each kind with 1 TiB.
func DefaultPools() []PoolConfig {
	return []PoolConfig{
		{Name: "btrfs", Size: domain.TiB, FileSystem: Btrfs},
		{Name: "xfs", Size: domain.TiB, FileSystem: XFS},
	}
}

// complete returns the configuration with its defaults filled in, or what is
// wrong with it.
func (c Config) complete() (Config, error) {
	if c.Prefix == "" {
		c.Prefix = domain.DefaultNQNPrefix
	}
	if c.Fencing == "" {
		c.Fencing = domain.FenceByHost
	}
	if c.Base == "" {
		c.Base = "rds-csi"
	}
	if c.Pools == nil {
		c.Pools = DefaultPools()
	}
	if c.SlotMax == 0 {
		c.SlotMax = 32
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if err := c.check(); err != nil {
		return Config{}, err
	}
	for _, dir := range []*string{&c.Dir, &c.TargetDir} {
		if *dir == "" {
			*dir = filepath.Join(c.Dir, ".targets")
		}
		abs, err := filepath.Abs(*dir)
		if err != nil {
			return Config{}, domain.Fail(domain.Invalid, "open array", string(c.Array), "directory %q: %w", *dir, err)
		}
		*dir = abs
	}
	return c, nil
}

func (c Config) check() error {
	bad := func(format string, args ...any) error {
		return domain.Fail(domain.Invalid, "open array", string(c.Array), format, args...)
	}
	if c.Dir == "" {
		return bad("Dir is missing")
	}
	_, arrayErr := domain.ParseArrayName(string(c.Array))
	_, clusterErr := domain.ParseClusterID(string(c.Cluster))
	_, prefixErr := domain.ParseNQNPrefix(string(c.Prefix))
	_, baseErr := domain.ParsePoolName(c.Base)
	for _, err := range []error{arrayErr, clusterErr, prefixErr, baseErr} {
		if err != nil {
			return bad("%w", err)
		}
	}
	seen := map[string]bool{}
	for _, p := range c.Pools {
		_, err := domain.ParsePoolName(p.Name)
		switch {
		case err != nil:
			return bad("%w", err)
		case seen[p.Name]:
			return bad("two pools are called %s", p.Name)
		case p.Size <= 0:
			return bad("pool %s: a size above 0 is allowed", p.Name)
		case p.FileSystem != Btrfs && p.FileSystem != XFS:
			return bad("pool %s: file system %q: btrfs and xfs are allowed", p.Name, p.FileSystem)
		}
		seen[p.Name] = true
	}
	return nil
}
