package filesystem

import (
	"context"
	"os/exec"

	"golang.org/x/sys/unix"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
	"git.srvlab.io/whiskey/rds-csi-driver/ports"
)

// Make makes a file system where there is nothing, and returns when it is on the
// device. Once mkfs has started nothing ends it, and the call neither: a caller
// with a deadline runs it in the background.
func (f *Filesystems) Make(ctx context.Context, d domain.Device, m ports.Making) error {
	tool, args, err := makeCommand(m)
	if err != nil {
		return err
	}
	c, commit, release := committable(ctx)
	defer release()
	_, err = await(c, f.workers, onDevice("mkfs", d), func() (struct{}, error) {
		return struct{}{}, f.make(c, d, commit, tool, args)
	})
	return err
}

// make proves that there is nothing and makes the file system right after, in
// one place. The tools' own look is not enough: mkfs.ext4 asks about what it
// finds only on a terminal, and without one goes on.
func (f *Filesystems) make(ctx context.Context, d domain.Device, commit func() error, tool string, args []string) error {
	if _, err := exec.LookPath(tool); err != nil {
		return noTool(tool, err)
	}
	p, err := pin(d, unix.O_DIRECT)
	if err != nil {
		return err
	}
	defer func() { _ = p.Close() }()
	if err := f.proveEmpty(ctx, p); err != nil {
		return err
	}
	if err := commit(); err != nil {
		return err
	}
	a, err := run(context.WithoutCancel(ctx), tool, append(args, d.Path)...)
	if err != nil {
		return err
	}
	if a.code != 0 {
		return domain.Fail(domain.Other, "mkfs", d.NQN.String(), "%s: %s", tool, a.words())
	}
	if err := unix.Fsync(p.fd()); err != nil {
		return domain.Fail(domain.Unreachable, "mkfs", d.NQN.String(), "write back %s: %w", d.Path, err)
	}
	return p.check()
}

// proveEmpty is DataAtRisk unless nothing is recognized and the edges are zero,
// which is where whatever libblkid does not know would show.
func (f *Filesystems) proveEmpty(ctx context.Context, p *pinned) error {
	found, e, err := f.probe(ctx, p)
	if domain.Is(err, domain.InUse) { // who writes there has data there
		return domain.Fail(domain.DataAtRisk, "mkfs", p.device.NQN.String(), "%w", err)
	}
	if err != nil {
		return err
	}
	if found != (domain.Signature{}) {
		return domain.Fail(domain.DataAtRisk, "mkfs", p.device.NQN.String(), "there is %s on %s: %s %s",
			found.Type, p.device.Path, found.Label, found.UUID)
	}
	return e.isZero()
}
