//go:build !linux

package filesystem

import (
	"context"
	"runtime"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
	"git.srvlab.io/whiskey/rds-csi-driver/ports"
)

func unsupported() error {
	return domain.Fail(domain.Unsupported, "filesystem", "",
		"making and mounting file systems needs Linux, this is %s: use the host in memory", runtime.GOOS)
}

// Filesystems would make file systems, which this adapter does on Linux only.
type Filesystems struct{}

// NewFilesystems returns an adapter that refuses everything on this system.
func NewFilesystems(int) *Filesystems { return &Filesystems{} }

// Stuck is zero: nothing is ever begun.
func (*Filesystems) Stuck() int { return 0 }

// Ready reports that this system is not Linux.
func (*Filesystems) Ready(context.Context, domain.Access) error { return unsupported() }

// Probe is unsupported here.
func (*Filesystems) Probe(context.Context, domain.Device) (domain.Signature, error) {
	return domain.Signature{}, unsupported()
}

// Make is unsupported here.
func (*Filesystems) Make(context.Context, domain.Device, ports.Making) error { return unsupported() }

// Check is unsupported here.
func (*Filesystems) Check(context.Context, domain.Device, domain.Access) error { return unsupported() }

// Grow is unsupported here.
func (*Filesystems) Grow(context.Context, domain.Device, domain.Access, string) error {
	return unsupported()
}

// Stats is unsupported here.
func (*Filesystems) Stats(context.Context, string) (domain.Usage, error) {
	return domain.Usage{}, unsupported()
}

// Mounts would change the mount table, which this adapter does on Linux only.
type Mounts struct{}

// NewMounts returns an adapter that refuses everything on this system.
func NewMounts(int) *Mounts { return &Mounts{} }

// Stuck is zero: nothing is ever begun.
func (*Mounts) Stuck() int { return 0 }

// Mount is unsupported here.
func (*Mounts) Mount(context.Context, ports.Mounting) error { return unsupported() }

// Bind is unsupported here.
func (*Mounts) Bind(context.Context, string, string, bool, []string) error { return unsupported() }

// BindDevice is unsupported here.
func (*Mounts) BindDevice(context.Context, domain.Device, string, bool) error { return unsupported() }

// Unmount is unsupported here.
func (*Mounts) Unmount(context.Context, string) error { return unsupported() }

// Unbind is unsupported here.
func (*Mounts) Unbind(context.Context, string) error { return unsupported() }

// List is unsupported here.
func (*Mounts) List(context.Context) ([]ports.Mount, error) { return nil, unsupported() }
