package fakerds_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"git.srvlab.io/whiskey/rds-csi-driver/adapters/fakerds"
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

func TestConfigFaultsAreNamed(t *testing.T) {
	dir := t.TempDir()
	good := fakerds.Config{Dir: dir, Array: "rds-1", Cluster: "test-cluster"}
	for _, x := range []struct {
		name, want string
		edit       func(*fakerds.Config)
	}{
		{"no directory", "Dir is missing", func(c *fakerds.Config) { c.Dir = "" }},
		{"array name", `array "RDS"`, func(c *fakerds.Config) { c.Array = "RDS" }},
		{"cluster id", `cluster id ""`, func(c *fakerds.Config) { c.Cluster = "" }},
		{"prefix", `nqnPrefix "nqn"`, func(c *fakerds.Config) { c.Prefix = "nqn" }},
		{"base that climbs", `"../etc"`, func(c *fakerds.Config) { c.Base = "../etc" }},
		{"pool that climbs", `pool ".."`, func(c *fakerds.Config) { c.Pools = pools("..", domain.GiB, fakerds.XFS) }},
		{"pool without size", "pool p: a size", func(c *fakerds.Config) { c.Pools = pools("p", 0, fakerds.XFS) }},
		{"unknown file system", `file system "zfs"`, func(c *fakerds.Config) { c.Pools = pools("p", domain.GiB, "zfs") }},
		{"one pool twice", "two pools are called p", func(c *fakerds.Config) {
			c.Pools = append(pools("p", domain.GiB, fakerds.XFS), pools("p", domain.GiB, fakerds.XFS)...)
		}},
	} {
		t.Run(x.name, func(t *testing.T) {
			cfg := good
			x.edit(&cfg)
			_, err := fakerds.Open(cfg)
			if !domain.Is(err, domain.Invalid) || !strings.Contains(err.Error(), x.want) {
				t.Errorf("got %v, want invalid with %q", err, x.want)
			}
		})
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("directory: got %v and %v, want it untouched", left, err)
	}
}

func pools(name string, size domain.Size, fileSystem string) []fakerds.PoolConfig {
	return []fakerds.PoolConfig{{Name: name, Size: size, FileSystem: fileSystem}}
}

func TestASecondProcessIsRefused(t *testing.T) {
	a := open(t).(*array)
	made(t, a, "xfs", "web")
	_, err := fakerds.Open(a.cfg)
	if !domain.Is(err, domain.InUse) {
		t.Errorf("second open: got %v, want in use", err)
	}
	made(t, a, "xfs", "db")
}

func TestAClosedArrayIsSilent(t *testing.T) {
	a := open(t).(*array)
	v := made(t, a, "xfs", "web")
	old := a.rds
	if err := a.Reboot(); err != nil {
		t.Fatalf("reboot: got %v, want no error", err)
	}
	if _, err := old.Volumes().Find(t.Context(), v.ID); !domain.Is(err, domain.Unreachable) {
		t.Errorf("find: got %v, want unreachable", err)
	}
	if err := old.Close(); err != nil {
		t.Errorf("second close: got %v, want no error", err)
	}
}

func TestAStateThatCanNotBeReadIsKept(t *testing.T) {
	for name, damage := range map[string]string{
		"cut": `{"Version": 1, "Disks": {"a"`, "empty": "", "of another version": `{"Version": 2}`,
	} {
		t.Run(name, func(t *testing.T) {
			a := open(t).(*array)
			made(t, a, "xfs", "web")
			if err := a.rds.Close(); err != nil {
				t.Fatalf("close: got %v, want no error", err)
			}
			file := filepath.Join(a.cfg.Dir, ".state.json")
			whole := must[[]byte](t)(os.ReadFile(file))
			if err := os.WriteFile(file, []byte(damage), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := fakerds.Open(a.cfg); !domain.Is(err, domain.DataAtRisk) {
				t.Errorf("open: got %v, want data at risk", err)
			}
			if got := must[[]byte](t)(os.ReadFile(file)); string(got) != damage {
				t.Errorf("state: got %q, want it untouched", got)
			}
			if err := os.WriteFile(file, whole, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := a.Reboot(); err != nil {
				t.Errorf("open of the whole state: got %v, want no error", err)
			}
		})
	}
}

func TestAPoolKeepsItsFileSystem(t *testing.T) {
	a := open(t).(*array)
	if err := a.rds.Close(); err != nil {
		t.Fatal(err)
	}
	cfg := a.cfg
	cfg.Pools = pools("btrfs", domain.TiB, fakerds.XFS)
	if _, err := fakerds.Open(cfg); !domain.Is(err, domain.Invalid) {
		t.Errorf("open: got %v, want invalid", err)
	}
}

func TestADefaultArrayCostsNothing(t *testing.T) {
	a := open(t).(*array)
	made(t, a, "btrfs", "web")
	v := must[domain.Volume](t)(a.Volumes().Create(t.Context(), plan(t, a, "xfs", "huge", 900*domain.GiB)))
	info := must[os.FileInfo](t)(os.Stat(filepath.Join(a.cfg.Dir, filepath.FromSlash(v.Row.Path))))
	if got := info.Size(); got != int64(900*domain.GiB) {
		t.Errorf("length: got %d, want 900 GiB", got)
	}
	f := must[*os.File](t)(a.rds.Image(string(v.ID.Slot)))
	defer func() { _ = f.Close() }()
	if _, err := f.WriteAt([]byte("end"), int64(900*domain.GiB)-3); err != nil {
		t.Errorf("write at the end: got %v, want no error", err)
	}
}

func TestASlotIsNoLongerThanTheArrayTakes(t *testing.T) {
	a := open(t).(*array)
	if err := a.rds.Close(); err != nil {
		t.Fatal(err)
	}
	a.cfg.SlotMax = 29
	if err := a.Reboot(); err != nil {
		t.Fatal(err)
	}
	_, err := a.Volumes().Create(t.Context(), plan(t, a, "xfs", "web", 4*domain.MiB))
	if !domain.Is(err, domain.Invalid) {
		t.Errorf("create: got %v, want invalid", err)
	}
}

func TestPathsAreThoseOfTheDesign(t *testing.T) {
	a := open(t).(*array)
	home := "/rds-csi/" + string(a.cfg.Cluster.Owner()) + "/"
	slot := func(name string) string { return string(a.cfg.Cluster.Slot(name)) }
	if got, want := made(t, a, "btrfs", "web").Row.Path, "/btrfs"+home+slot("web")+"/volume.img"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := made(t, a, "xfs", "db").Row.Path, "/xfs"+home+slot("db")+".img"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestTheSwitch(t *testing.T) {
	a := open(t).(*array)
	v := made(t, a, "xfs", "web")
	find := func() error {
		_, err := a.Volumes().Find(t.Context(), v.ID)
		return err
	}
	list := func() error {
		_, err := a.rds.Pools().List(t.Context())
		return err
	}
	for _, x := range []struct {
		name  string
		throw func()
		calls []func() error
		want  string // s: silent, a: answered
	}{
		{"silent until it speaks", func() { a.rds.Silence(fakerds.Before) }, []func() error{find, list, find}, "sss"},
		{"silent for the next call", func() { a.rds.SilenceNext(fakerds.After) }, []func() error{find, find}, "sa"},
		{"silent for two calls", func() { a.rds.Cut(fakerds.Outage{Calls: 2}) }, []func() error{find, list, find}, "ssa"},
		{"silent for one operation", func() { a.rds.Cut(fakerds.Outage{Op: "list pools"}) },
			[]func() error{find, list, find}, "asa"},
		{"silent for the next of one operation", func() { a.rds.Cut(fakerds.Outage{Op: "list pools", Calls: 1}) },
			[]func() error{find, list, list}, "asa"},
	} {
		t.Run(x.name, func(t *testing.T) {
			x.throw()
			got := ""
			for _, call := range x.calls {
				switch err := call(); {
				case err == nil:
					got += "a"
				case domain.Is(err, domain.Unreachable):
					got += "s"
				default:
					t.Errorf("got %v, want unreachable or no error", err)
				}
			}
			if got != x.want {
				t.Errorf("got %s, want %s", got, x.want)
			}
			a.rds.Speak()
			if err := find(); err != nil {
				t.Errorf("after the silence: got %v, want no error", err)
			}
		})
	}
}

func TestACallThatPanicsLetsOthersIn(t *testing.T) {
	a := open(t).(*array)
	broken := errors.New("broken clock")
	if err := a.rds.Close(); err != nil {
		t.Fatal(err)
	}
	v := made(t, reopened(t, a), "btrfs", "web")
	s := snapPlan(t, a, v)
	a.cfg.Now = func() time.Time { panic(broken) }
	if err := a.Reboot(); err != nil {
		t.Fatal(err)
	}
	func() {
		defer func() { _ = recover() }()
		_, err := a.Snapshots().Create(t.Context(), v, s)
		t.Errorf("create: got %v, want a panic", err)
	}()
	if _, err := a.Volumes().Find(t.Context(), v.ID); err != nil {
		t.Errorf("find: got %v, want no error", err)
	}
}

func reopened(t *testing.T, a *array) *array {
	t.Helper()
	if err := a.Reboot(); err != nil {
		t.Fatalf("reboot: got %v, want no error", err)
	}
	return a
}
