package fakehost_test

import (
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"git.srvlab.io/whiskey/rds-csi-driver/adapters/fakehost"
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
	"git.srvlab.io/whiskey/rds-csi-driver/ports/porttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	hostID  = "5d2ec9a8-4f0e-5a3b-8a55-0123456789ab"
	hostNQN = "nqn.2014-08.org.nvmexpress:uuid:" + hostID
)

// newHost returns a host with a target directory of its own.
func newHost(t *testing.T) (*fakehost.Host, porttest.Host) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "target")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	host := fakehost.New(fakehost.Config{TargetDir: dir, Prefix: domain.DefaultNQNPrefix})
	return host, porttest.Host{
		Fabric: host.Fabric(), Devices: host.Devices(), Filesystems: host.Filesystems(),
		Mounts: host.Mounts(), Hints: host.Hints(),
		Target: porttest.TargetDir(dir), Prefix: domain.DefaultNQNPrefix, HostNQN: hostNQN, HostID: hostID,
		Portals:     []domain.Portal{{Host: "192.0.2.1", Port: domain.DefaultPort}},
		Hold:        hold(host),
		Foreign:     func(*testing.T) func() error { return host.AddForeign("nqn.2001-01.example.boot:disk") },
		WriteFile:   func(name string, data []byte) error { return host.WriteFile(t.Context(), name, data) },
		ReadFile:    func(name string) ([]byte, error) { return host.ReadFile(t.Context(), name) },
		KeepOpen:    keepOpen(host),
		CorruptHint: func(_ *testing.T, slot domain.Slot) { host.CorruptHint(slot) },
		WriteDevice: func(path string, data []byte, offset int64) error {
			return host.WriteDevice(t.Context(), path, data, domain.Size(offset))
		},
		ReadDevice: func(path string, n int, offset int64) ([]byte, error) {
			return host.ReadDevice(t.Context(), path, n, domain.Size(offset))
		},
	}
}

func hold(host *fakehost.Host) func(*testing.T, domain.Device) func() {
	return func(t *testing.T, d domain.Device) func() {
		t.Helper()
		release, err := host.Hold(d.Path)
		if err != nil {
			t.Fatal(err)
		}
		return release
	}
}

func keepOpen(host *fakehost.Host) func(*testing.T, string) func() {
	return func(t *testing.T, path string) func() {
		t.Helper()
		release, err := host.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		return release
	}
}

func open(t *testing.T) porttest.Host {
	t.Helper()
	_, h := newHost(t)
	return h
}

func TestFabric(t *testing.T)      { porttest.Fabric(t, open) }
func TestDevices(t *testing.T)     { porttest.Devices(t, open) }
func TestFilesystems(t *testing.T) { porttest.Filesystems(t, open) }
func TestMounts(t *testing.T)      { porttest.Mounts(t, open) }
func TestHints(t *testing.T)       { porttest.Hints(t, open) }
