//go:build root && linux

package loop

import (
	"testing"

	"git.srvlab.io/whiskey/rds-csi-driver/ports"
	"git.srvlab.io/whiskey/rds-csi-driver/ports/porttest"
)

var (
	_ ports.Fabric  = (*Fabric)(nil)
	_ ports.Devices = (*Fabric)(nil)
)

func TestFabric(t *testing.T)  { porttest.Fabric(t, newHost) }
func TestDevices(t *testing.T) { porttest.Devices(t, newHost) }
