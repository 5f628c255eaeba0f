package e2e_test

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"git.srvlab.io/whiskey/rds-csi-driver/adapters/fakehost"
	"git.srvlab.io/whiskey/rds-csi-driver/adapters/fakerds"
	"git.srvlab.io/whiskey/rds-csi-driver/app"
	"git.srvlab.io/whiskey/rds-csi-driver/cmd/internal/e2e"
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
	"git.srvlab.io/whiskey/rds-csi-driver/ports/porttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestCreates(t *testing.T) { e2e.Creates(t, memory) }
func TestSilence(t *testing.T) { e2e.Silence(t, memory) }
func TestLife(t *testing.T)    { e2e.Life(t, memory) }

const cluster domain.ClusterID = "e2e"

// An embedded is the embedded RDS as the array of a world.
type embedded struct {
	cfg fakerds.Config
	*fakerds.RDS
}

// newEmbedded opens one with its data and its target below dir.
func newEmbedded(t *testing.T, dir string) *embedded {
	t.Helper()
	e := &embedded{cfg: fakerds.Config{
		Dir: filepath.Join(dir, "array"), TargetDir: filepath.Join(dir, "target"),
		Array: "embedded", Cluster: cluster, NoSync: true,
	}}
	var err error
	if e.RDS, err = fakerds.Open(e.cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

func (e *embedded) Client() (app.Array, error) {
	portal, err := domain.ParsePortal("127.0.0.1")
	return app.Array{
		Name: e.cfg.Array, Volumes: e.Volumes(), Snapshots: e.Snapshots(), Pools: e.Pools(),
		Portals: []domain.Portal{portal}, Fencing: domain.FenceByHost, Room: domain.DefaultRoom(),
	}, err
}

func (e *embedded) Reboot() error {
	if err := e.Close(); err != nil {
		return err
	}
	rds, err := fakerds.Open(e.cfg)
	if err == nil {
		e.RDS = rds
	}
	return err
}

func (e *embedded) Silence(o porttest.Outage) {
	e.Cut(fakerds.Outage{When: fakerds.When(o.When), Step: o.Step, Hang: o.Hang})
}

func (e *embedded) Rest() (rest []string, err error) {
	disks, err := e.Disks()
	if err != nil {
		return nil, err
	}
	for _, d := range disks {
		rest = append(rest, "disk "+d.Slot)
	}
	err = filepath.WalkDir(e.cfg.Dir, func(path string, x fs.DirEntry, err error) error {
		if err == nil && !x.IsDir() && !strings.HasPrefix(x.Name(), ".") {
			rest = append(rest, "file "+path)
		}
		return err
	})
	return rest, err
}

// memory opens a world of the embedded RDS and the host in memory.
func memory(t *testing.T) e2e.World {
	t.Helper()
	dir := t.TempDir()
	array := newEmbedded(t, dir)
	host := fakehost.New(fakehost.Config{TargetDir: array.TargetDir(), Prefix: domain.DefaultNQNPrefix})
	return e2e.World{
		Cluster: cluster, Prefix: domain.DefaultNQNPrefix, Array: array, Pool: "btrfs",
		Self: self(t), Dir: paths(t, dir), Files: inMemory{host},
		Host: func() app.HostPorts {
			return app.HostPorts{
				Fabric: host.Fabric(), Devices: host.Devices(), Filesystems: host.Filesystems(),
				Mounts: host.Mounts(), Hints: host.Hints(),
			}
		},
		Held: func() ([]string, error) {
			controllers, err := host.Fabric().List(context.WithoutCancel(t.Context()))
			held := host.Mounted(dir)
			for _, c := range controllers {
				held = append(held, c.NQN.String())
			}
			return slices.Compact(held), err
		},
	}
}

func self(t *testing.T) domain.Host {
	t.Helper()
	h, err := domain.NewHost(cluster, "worker", "machine")
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// paths makes the directory of staging and target paths.
func paths(t *testing.T, dir string) string {
	t.Helper()
	dir = filepath.Join(dir, "pods")
	if err := os.Mkdir(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	return dir
}

// inMemory are the files of a host in memory.
type inMemory struct{ *fakehost.Host }

func (h inMemory) WriteDevice(ctx context.Context, path string, data []byte) error {
	return h.Host.WriteDevice(ctx, path, data, 0)
}

func (h inMemory) ReadDevice(ctx context.Context, path string, n int) ([]byte, error) {
	return h.Host.ReadDevice(ctx, path, n, 0)
}
