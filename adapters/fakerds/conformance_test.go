package fakerds_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"git.srvlab.io/whiskey/rds-csi-driver/adapters/fakerds"
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
	"git.srvlab.io/whiskey/rds-csi-driver/ports"
	"git.srvlab.io/whiskey/rds-csi-driver/ports/porttest"
)

func TestVolumes(t *testing.T)   { porttest.Volumes(t, open) }
func TestSnapshots(t *testing.T) { porttest.Snapshots(t, open) }
func TestPools(t *testing.T)     { porttest.Pools(t, open) }

// An array is the fake with the hooks of the suites.
type array struct {
	t   *testing.T
	cfg fakerds.Config
	rds *fakerds.RDS
}

func open(t *testing.T) porttest.Array {
	t.Helper()
	return openIn(t, t.TempDir())
}

func openIn(t *testing.T, dir string) porttest.Array {
	t.Helper()
	a := &array{t: t, cfg: fakerds.Config{
		Dir: dir, TargetDir: t.TempDir(), Array: "rds-1", Cluster: "test-cluster", NoSync: true,
	}}
	rds, err := fakerds.Open(a.cfg)
	if err != nil {
		t.Fatalf("open: got %v, want no error", err)
	}
	a.rds = rds
	t.Cleanup(func() {
		if err := a.rds.Close(); err != nil {
			t.Errorf("close: got %v, want no error", err)
		}
	})
	return a
}

func (a *array) Facts() porttest.Facts {
	return porttest.Facts{
		Name: a.cfg.Array, Cluster: a.cfg.Cluster, Prefix: domain.DefaultNQNPrefix, Fencing: domain.FenceByHost,
		Copying: "btrfs", Plain: "xfs",
	}
}

func (a *array) Volumes() ports.Volumes     { return a.rds.Volumes() }
func (a *array) Snapshots() ports.Snapshots { return a.rds.Snapshots() }
func (a *array) Pools() ports.Pools         { return a.rds.Pools() }

func (a *array) Silence(o porttest.Outage) {
	a.rds.Cut(fakerds.Outage{When: fakerds.When(o.When), Step: o.Step, Hang: o.Hang})
}
func (a *array) Speak()                            { a.rds.Speak() }
func (a *array) Meanwhile(step int, do func())     { a.rds.Meanwhile(step, do) }
func (a *array) AddDisk(d porttest.Disk) error     { return a.rds.AddForeign(fakerds.Disk(d)) }
func (a *array) RemoveDisk(slot domain.Slot) error { return a.rds.RemoveDisk(string(slot)) }

func (a *array) SetPool(name string, f porttest.PoolFault) error {
	return a.rds.SetPool(name, fakerds.PoolFault(f))
}

func (a *array) Edit(slot domain.Slot, edit func(*porttest.Disk)) error {
	return a.rds.Edit(string(slot), func(d *fakerds.Disk) {
		shown := porttest.Disk(*d)
		edit(&shown)
		*d = fakerds.Disk(shown)
	})
}

func (a *array) Disks() ([]porttest.Disk, error) {
	rows, err := a.rds.Disks()
	var list []porttest.Disk
	for _, d := range rows {
		list = append(list, porttest.Disk(d))
	}
	return list, err
}

func (a *array) Reboot() error {
	if err := a.rds.Close(); err != nil {
		return err
	}
	rds, err := fakerds.Open(a.cfg)
	if err == nil {
		a.rds = rds
	}
	return err
}

func (a *array) Paths() ([]string, error) {
	var list []string
	err := filepath.WalkDir(a.cfg.Dir, func(name string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case name != a.cfg.Dir && strings.HasPrefix(e.Name(), "."):
			if e.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		list = append(list, filepath.ToSlash(strings.TrimPrefix(name, a.cfg.Dir)))
		return nil
	})
	slices.Sort(list)
	return list, err
}

func (a *array) file(path string) (*os.File, error) {
	return os.OpenFile(filepath.Join(a.cfg.Dir, filepath.FromSlash(path)), os.O_RDWR, 0)
}

func (a *array) ReadImage(path string, offset domain.Size, into []byte) error {
	f, err := a.file(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	_, err = f.ReadAt(into, int64(offset))
	return err
}

func (a *array) WriteImage(path string, offset domain.Size, from []byte) error {
	f, err := a.file(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	_, err = f.WriteAt(from, int64(offset))
	return err
}

func (a *array) Exports() (map[string]porttest.Shown, error) {
	entries, err := os.ReadDir(a.cfg.TargetDir)
	if err != nil {
		return nil, err
	}
	shown := map[string]porttest.Shown{}
	for _, e := range entries {
		image, err := os.Readlink(filepath.Join(a.cfg.TargetDir, e.Name()))
		if err != nil {
			continue // a .host file
		}
		host, err := os.ReadFile(filepath.Join(a.cfg.TargetDir, e.Name()+".host"))
		if err != nil {
			return nil, err
		}
		path := filepath.ToSlash(strings.TrimPrefix(image, a.cfg.Dir))
		shown[e.Name()] = porttest.Shown{Path: path, Host: strings.TrimSpace(string(host))}
	}
	return shown, nil
}
