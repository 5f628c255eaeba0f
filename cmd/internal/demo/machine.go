package demo

import (
	"cmp"

	"git.srvlab.io/whiskey/rds-csi-driver/cmd/internal/config"
)

// A setting is how volumes reach this machine and with what file system, and
// why so, for people to read.
type setting struct {
	fabric, fsType, why string
}

// fitting returns the most real setting that the machine allows.
func fitting(o Options) setting {
	memory := setting{config.Memory, "ext4", "memory: loop devices and real file systems need root on Linux"}
	switch {
	case cmp.Or(o.Fabric, config.Loop) != config.Loop:
		return setting{o.Fabric, "ext4", "memory, as asked for"}
	case !o.Host.Root && o.Fabric == "":
		return memory
	case growsExt4():
		return setting{config.Loop, "ext4", "loop devices with a real ext4"}
	case makesXFS():
		return setting{config.Loop, "xfs", "loop devices with a real xfs: to grow a mounted ext4 this root lacks CAP_SYS_RESOURCE"}
	case o.Fabric == "":
		memory.why = "memory: to grow a mounted ext4 this root lacks CAP_SYS_RESOURCE, and there is no mkfs.xfs"
		return memory
	default:
		return setting{config.Loop, "ext4", "loop devices with a real ext4"}
	}
}
