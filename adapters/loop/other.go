//go:build !linux

package loop

import (
	"context"
	"runtime"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
	"git.srvlab.io/whiskey/rds-csi-driver/ports"
)

// A Fabric would connect loop devices, which only Linux has.
type Fabric struct{}

// New returns a fabric that refuses everything on this system.
func New(Config) *Fabric { return &Fabric{} }

func unsupported() error {
	return domain.Fail(domain.Unsupported, "loop", "",
		"loop devices need Linux, this is %s: use the host in memory", runtime.GOOS)
}

// Ready reports that this system has no loop devices.
func (*Fabric) Ready() error { return unsupported() }

// Connect is unsupported here.
func (*Fabric) Connect(context.Context, domain.Target) error { return unsupported() }

// Admits is unsupported here.
func (*Fabric) Admits(context.Context, domain.Target) (bool, error) { return false, unsupported() }

// Disconnect is unsupported here.
func (*Fabric) Disconnect(context.Context, domain.NQN, string) error { return unsupported() }

// Abandon is unsupported here.
func (*Fabric) Abandon(context.Context, domain.NQN, string) error { return unsupported() }

// List is unsupported here.
func (*Fabric) List(context.Context) ([]domain.Controller, error) { return nil, unsupported() }

// Rescan is unsupported here.
func (*Fabric) Rescan(context.Context, domain.NQN) error { return unsupported() }

// Prove is unsupported here.
func (*Fabric) Prove(context.Context, domain.NQN) (ports.Device, error) { return nil, unsupported() }
