package wiring

import (
	"git.srvlab.io/whiskey/rds-csi-driver/adapters/filesystem"
	"git.srvlab.io/whiskey/rds-csi-driver/adapters/loop"
	"git.srvlab.io/whiskey/rds-csi-driver/app"
	"git.srvlab.io/whiskey/rds-csi-driver/cmd/internal/config"
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// mostStuck bounds the calls that hang in the kernel, for each of the file
// system and the mount table.
const mostStuck = 16

// openLoop makes a host of loop devices and real file systems.
func openLoop(c config.Config, self domain.Host) (host, error) {
	fabric := loop.New(loop.Config{TargetDir: c.TargetDir, Prefix: c.Prefix, HostNQN: self.NQN()})
	if err := fabric.Ready(); err != nil {
		return host{}, err
	}
	return host{files: realFiles{}, ports: app.HostPorts{
		Fabric: fabric, Devices: fabric, Filesystems: filesystem.NewFilesystems(mostStuck),
		Mounts: filesystem.NewMounts(mostStuck), Hints: filesystem.NewHints(c.RunDir, c.Prefix),
	}}, nil
}
