//go:build root && linux

package filesystem

import (
	"testing"

	"git.srvlab.io/whiskey/rds-csi-driver/ports"
	"git.srvlab.io/whiskey/rds-csi-driver/ports/porttest"
)

var (
	_ ports.Filesystems = (*Filesystems)(nil)
	_ ports.Mounts      = (*Mounts)(nil)
	_ ports.Hints       = (*Hints)(nil)
)

func TestFilesystems(t *testing.T) { porttest.Filesystems(t, newHost) }
func TestMounts(t *testing.T)      { porttest.Mounts(t, newHost) }
