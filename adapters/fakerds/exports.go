package fakerds

import (
	"os"
	"path/filepath"
	"strings"
)

// Exports are shown in the target directory. What the rows say decides; the
// directory follows, and is set right at Open.

// show makes the target directory say what the row says.
func (c *call) show(d disk) error {
	if d.NQN == "" {
		return nil
	}
	var err error
	if d.Export {
		err = c.rds.targets.Export(d.NQN, c.rds.file(d.Path), d.Host)
	} else {
		err = c.rds.targets.Withdraw(d.NQN)
	}
	if err != nil {
		return c.broken(err)
	}
	return c.point("target directory follows")
}

// bringExports shows what the rows export and nothing else of this array.
func (c *call) bringExports() error {
	exported := map[string]bool{}
	for _, d := range c.rds.state.Disks {
		exported[d.NQN] = exported[d.NQN] || d.Export
	}
	stale, err := c.shown()
	if err != nil {
		return c.broken(err)
	}
	for _, nqn := range stale {
		if !exported[nqn] {
			if err := c.rds.targets.Withdraw(nqn); err != nil {
				return c.broken(err)
			}
		}
	}
	for _, d := range c.rds.state.Disks {
		if d.Export || !exported[d.NQN] {
			if err := c.show(d); err != nil {
				return err
			}
		}
	}
	return nil
}

// shown returns the names under which the target directory shows images of this
// array; another one may share the directory.
func (c *call) shown() ([]string, error) {
	entries, err := os.ReadDir(c.rds.cfg.TargetDir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		image, err := os.Readlink(filepath.Join(c.rds.cfg.TargetDir, e.Name()))
		if err == nil && strings.HasPrefix(image, c.rds.cfg.Dir+string(filepath.Separator)) {
			names = append(names, e.Name())
		}
	}
	return names, nil
}
