//go:build root && linux

package sanity

import (
	"os"
	"testing"

	"git.srvlab.io/whiskey/rds-csi-driver/cmd/internal/config"
)

// fabrics adds loop devices with real file systems to the host in memory.
func fabrics(t *testing.T) []string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("tests with the tag root mount and format loop devices: run them as root")
	}
	return []string{config.Memory, config.Loop}
}
