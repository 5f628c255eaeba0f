//go:build !root

package sanity

import (
	"testing"

	"git.srvlab.io/whiskey/rds-csi-driver/cmd/internal/config"
)

func fabrics(*testing.T) []string { return []string{config.Memory} }
