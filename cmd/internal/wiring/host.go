package wiring

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"git.srvlab.io/whiskey/rds-csi-driver/adapters/fakehost"
	"git.srvlab.io/whiskey/rds-csi-driver/app"
	"git.srvlab.io/whiskey/rds-csi-driver/cmd/internal/config"
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// Files reads and writes files on published volumes as a workload does: where
// the host is in memory, its mounts are too.
type Files interface {
	WriteFile(ctx context.Context, path string, data []byte) error
	ReadFile(ctx context.Context, path string) ([]byte, error)
}

// host is this node's end.
type host struct {
	ports app.HostPorts
	files Files
}

// openHost makes the ports that the configured fabric needs.
func openHost(c config.Config, self domain.Host) (host, error) {
	switch c.Fabric {
	case config.Memory:
		h := fakehost.New(fakehost.Config{TargetDir: c.TargetDir, Prefix: c.Prefix})
		return host{files: h, ports: app.HostPorts{
			Fabric: h.Fabric(), Devices: h.Devices(), Filesystems: h.Filesystems(), Mounts: h.Mounts(), Hints: h.Hints(),
		}}, nil
	case config.Loop:
		return openLoop(c, self)
	default:
		return host{}, domain.Fail(domain.Unsupported, "open host", "",
			"fabric %q: this build knows loop and memory only", c.Fabric)
	}
}

// nodeSettings returns what the node must know of itself.
func nodeSettings(c config.Config, s app.Settings, self domain.Host) app.NodeSettings {
	portals := make(map[domain.ArrayName][]domain.Portal)
	for _, a := range c.Arrays {
		portals[a.Name] = a.Portals
	}
	return app.NodeSettings{
		Settings: s, Host: self, Portals: portals, UnstageGrace: c.UnstageGrace,
		MaxVolumes: c.MaxVolumes, Topology: c.NodeTopology,
	}
}

// identity returns this node as an NVMe host. What tells cloned machines apart
// is their machine id, else what the firmware says, else only their name.
func identity(c config.Config) (domain.Host, error) {
	var machine string
	for _, path := range []string{"/etc/machine-id", "/sys/class/dmi/id/product_uuid"} {
		if text, err := os.ReadFile(path); err == nil && machine == "" {
			machine = strings.TrimSpace(string(text))
		}
	}
	return domain.NewHost(c.Cluster, c.NodeID, machine)
}

// realFiles are the files of a real mount table.
type realFiles struct{}

// WriteFile returns when the bytes are on the device, as a database would wait.
func (realFiles) WriteFile(_ context.Context, path string, data []byte) error {
	f, err := os.OpenFile(filepath.Clean(path), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if _, err = f.Write(data); err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}

func (realFiles) ReadFile(_ context.Context, path string) ([]byte, error) {
	return os.ReadFile(filepath.Clean(path))
}
