package filesystem

import (
	"context"
	"errors"

	"golang.org/x/sys/unix"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// Check lets the kernel look first: it mounts the file system where nobody sees
// it, read-only, with its log untouched, on a device that refuses writes. That
// tells in a moment whether the metadata that every mount needs is whole, and
// can change nothing.
//
// Then ext4 goes through what every boot does, `e2fsck -p`: it replays the
// journal, and repairs only if the file system knows of errors, and then only
// what loses nothing. It ends at the first thing that needs a decision; what was
// safe and came before stays repaired. xfs and btrfs replay their logs at the
// mount and have no such tool; xfs_repair and btrfs check throw things away.
func (f *Filesystems) Check(ctx context.Context, d domain.Device, a domain.Access) error {
	if _, ok := makers[a]; !ok {
		return domain.Fail(domain.Invalid, "check", d.NQN.String(),
			"file system %q: ext4, xfs and btrfs are allowed", a)
	}
	_, err := await(ctx, f.workers, onDevice("check", d), func() (struct{}, error) {
		p, err := pin(d, 0)
		if err != nil {
			return struct{}{}, err
		}
		defer func() { _ = p.Close() }()
		if err := p.tryMount(a); err != nil {
			return struct{}{}, err
		}
		if err := p.writable(); err != nil {
			return struct{}{}, err
		}
		if a != domain.Ext4 {
			return struct{}{}, nil
		}
		return struct{}{}, p.preen(ctx)
	})
	return err
}

// tryMount mounts the file system read-only, where nobody sees it, and lets it
// go again.
func (p *pinned) tryMount(a domain.Access) error {
	free, err := pin(p.device, unix.O_EXCL)
	if err != nil {
		return err
	}
	if err := free.Close(); err != nil {
		return err
	}
	m, err := p.mount(a, true, options{})
	if err != nil {
		if damaged(err) {
			return domain.Fail(domain.DataAtRisk, "check", p.device.NQN.String(),
				"the kernel does not mount the %s, look before you repair: %w", a, err)
		}
		return err
	}
	return m.Close()
}

// damaged reports whether a mount was refused for what is on the device.
func damaged(err error) bool {
	for _, e := range []error{unix.EUCLEAN, unix.EBADMSG, unix.EINVAL, unix.EIO, unix.ENOENT, unix.ENOSPC, unix.EROFS} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// preen runs e2fsck. (Exit status: e2fsck(8).)
func (p *pinned) preen(ctx context.Context) error {
	a, err := run(ctx, "e2fsck", "-p", p.device.Path)
	if err != nil {
		return err
	}
	if err := p.check(); err != nil {
		return err
	}
	const fixed, reboot = 1, 2
	if a.code&^(fixed|reboot) != 0 {
		return domain.Fail(domain.DataAtRisk, "check", p.device.NQN.String(),
			"the ext4 has errors that need a decision, run e2fsck by hand: %s", a.words())
	}
	return nil
}
