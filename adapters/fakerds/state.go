package fakerds

import (
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"time"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

const (
	stateFile    = ".state.json"
	stateVersion = 1
)

// A state is what the array remembers beside its files. One that is in use is
// never changed: a change is made to a copy, which is written down first.
type state struct {
	Version   int
	Disks     map[string]disk      // by slot
	Pools     map[string]pool      // by name
	Snapshots map[string]time.Time // creation times, by array path
}

// A disk is a row of the array's /disk table.
type disk struct {
	Slot    string
	Type    string // "file" for every image
	Comment string
	Path    string // of the image, with a leading slash
	Size    domain.Size
	Export  bool
	NQN     string
	Host    string   // the one name the filter admits, "" for all
	Mounted []string `json:",omitempty"` // partitions in the image that the array has mounted
}

// A pool is what the array remembers of a file system: whose it is, and what
// ails it.
type pool struct {
	FileSystem string
	UUID       string
	Fault      PoolFault
}

func newState() *state {
	return &state{
		Version: stateVersion, Disks: map[string]disk{}, Pools: map[string]pool{}, Snapshots: map[string]time.Time{},
	}
}

func (s *state) clone() *state {
	return &state{
		Version: s.Version, Disks: maps.Clone(s.Disks), Pools: maps.Clone(s.Pools), Snapshots: maps.Clone(s.Snapshots),
	}
}

// loadState reads what an earlier process left; a new array has nothing. A file
// that can not be read is an error and never taken for a new array.
func loadState(dir string) (*state, error) {
	text, err := os.ReadFile(filepath.Join(dir, stateFile))
	if errors.Is(err, fs.ErrNotExist) {
		return newState(), nil
	}
	if err != nil {
		return nil, err
	}
	s := newState()
	if err := json.Unmarshal(text, s); err != nil {
		return nil, err
	}
	if s.Version != stateVersion {
		return nil, errors.New("state was written by another version")
	}
	return s, nil
}

// change writes the state with edit applied and, only then, makes it the one
// in use.
func (c *call) change(edit func(*state)) error {
	next := c.rds.state.clone()
	edit(next)
	text, err := json.MarshalIndent(next, "", " ")
	if err != nil {
		return c.broken(err)
	}
	name := filepath.Join(c.rds.cfg.Dir, stateFile)
	if err := c.rds.writeWhole(name+".new", text); err != nil {
		return c.broken(err)
	}
	if err := c.point("state written, not in place"); err != nil {
		return err
	}
	if err := os.Rename(name+".new", name); err != nil {
		return c.broken(err)
	}
	c.rds.state = next
	if err := c.rds.syncDir(c.rds.cfg.Dir); err != nil {
		return c.broken(err)
	}
	return c.point("state in place")
}

// writeWhole writes a file that is whole on the disk when it returns.
func (r *RDS) writeWhole(name string, text []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, r.sync(f), f.Close())
}
