package e2e

import (
	"context"
	"testing"

	"git.srvlab.io/whiskey/rds-csi-driver/app"
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
	"git.srvlab.io/whiskey/rds-csi-driver/ports/porttest"
)

// An Open makes a world of its own for one test and takes it away with the test.
type Open func(*testing.T) World

// A World is what outlives a driver: an array with what lies on it, and a host
// with what is mounted there.
type World struct {
	Cluster domain.ClusterID
	Prefix  domain.NQNPrefix
	Array   Array
	Self    domain.Host
	// Host returns the host's ports as a driver that just started has them.
	Host  func() app.HostPorts
	Files Files
	// Dir is where staging and target paths may be made.
	Dir string
	// Pool is a pool of the array that can take snapshots.
	Pool string
	// Held returns what is mounted below Dir or connected from the array now.
	Held func() ([]string, error)
	// NoGrow says which file systems this machine can not grow under a mount, and
	// what the refusal has to name. Empty: all grow.
	NoGrow map[domain.Access]string
}

// An Array is an array under test, with what a broken line does to it.
type Array interface {
	// Client returns the array as a driver that just started reaches it, with no
	// call repeated that was not answered.
	Client() (app.Array, error)
	// Reboot starts the array again. Clients got before are of no use afterwards.
	Reboot() error
	// Silence makes the array silent as o says, until Speak.
	Silence(o porttest.Outage)
	Speak()
	// Rest returns what lies on the array: disks and files on its pools.
	Rest() ([]string, error)
}

// Files reads and writes what is published at a target path, as a workload does:
// a file below it, or the first bytes of the device that shows there. A write
// returns when the bytes are on the array.
type Files interface {
	WriteFile(ctx context.Context, path string, data []byte) error
	ReadFile(ctx context.Context, path string) ([]byte, error)
	WriteDevice(ctx context.Context, path string, data []byte) error
	ReadDevice(ctx context.Context, path string, n int) ([]byte, error)
}
