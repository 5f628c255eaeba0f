package fakehost

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
	"git.srvlab.io/whiskey/rds-csi-driver/ports"
)

// Mounts is the mounts port of a host.
type Mounts struct{ host *Host }

var _ ports.Mounts = Mounts{}

// checkOptions refuses mount options that are not known to harm nothing.
func checkOptions(op, target string, options []string) error {
	allowed := []string{
		"noatime", "relatime", "strictatime", "nodiratime", "lazytime", "nolazytime",
		"discard", "nodiscard", "nodev", "noexec", "nosuid", "sync", "dirsync",
	}
	for _, o := range options {
		if !slices.Contains(allowed, o) {
			return domain.Fail(domain.Invalid, op, target, "mount option %q: %s are allowed",
				o, strings.Join(allowed, ", "))
		}
	}
	return nil
}

// Mount implements ports.Mounts.
func (p Mounts) Mount(ctx context.Context, m ports.Mounting) error {
	const op = "mount"
	h := p.host
	end, err := h.begin(ctx, op, m.Target)
	if err != nil {
		return err
	}
	defer end()
	if err := checkOptions(op, m.Target, m.Options); err != nil {
		return err
	}
	if !filepath.IsAbs(m.Target) {
		return domain.Fail(domain.Invalid, op, m.Target, "target is not an absolute path")
	}
	d, err := h.ready(ctx, op, m.Device)
	if err != nil {
		return err
	}
	target := resolve(m.Target)
	if there := h.mountAt(target); there != nil {
		if there.device() == d && there.root == "" && there.entry().ReadOnly == m.ReadOnly &&
			there.fs.head.Access == m.Access {
			return nil
		}
		return domain.Fail(domain.Exists, op, m.Target, "something else is mounted there: %s", there.entry().Number)
	}
	fs, err := p.open(d, m)
	if err != nil {
		return err
	}
	if err := makeDir(op, target); err != nil {
		return err
	}
	return p.attach(fs, &mount{target: target, fs: fs, readOnly: m.ReadOnly})
}

// open returns the file system of a device, the one that is mounted already if
// there is one.
func (p Mounts) open(d *device, m ports.Mounting) (*filesystem, error) {
	const op = "mount"
	h := p.host
	if fs := h.mountedFrom(d); fs != nil {
		if fs.readOnly != m.ReadOnly || fs.mounts == 0 || fs.head.Access != m.Access {
			return nil, domain.Fail(domain.InUse, op, m.Target, "%s is mounted in another way", m.Device.Path)
		}
		return fs, nil
	}
	switch {
	case d.exclusive:
		return nil, domain.Fail(domain.InUse, op, m.Target, "%s is held by an exclusive open", m.Device.Path)
	case d.readOnly && !m.ReadOnly:
		return nil, domain.Fail(domain.Unsupported, op, m.Target, "%s is read-only: mount it read-only", m.Device.Path)
	}
	fs, err := load(d, m.Access)
	switch {
	case errors.Is(err, errForeign):
		return nil, domain.Fail(domain.Invalid, op, m.Target, "%s carries no %s: %w", m.Device.Path, m.Access, err)
	case err != nil:
		return nil, unread(op, m.Target, err)
	}
	fs.readOnly = m.ReadOnly
	return fs, nil
}

// attach enters a mount of a file system into the table. A first one that may
// write does so: to its log, its mount count.
func (p Mounts) attach(fs *filesystem, m *mount) error {
	if fs.mounts == 0 {
		if !fs.readOnly {
			if err := fs.mark(true); err != nil {
				return unread("mount", m.target, err)
			}
		}
		p.host.filesystems = append(p.host.filesystems, fs)
	}
	fs.mounts++
	p.host.mounts = append(p.host.mounts, m)
	return nil
}

// makeDir makes the directory of a target; its parent must be there.
func makeDir(op, target string) error {
	if err := os.Mkdir(target, 0o750); err != nil && !errors.Is(err, os.ErrExist) {
		return domain.Fail(domain.Invalid, op, target, "%w", err)
	}
	if info, err := os.Stat(target); err != nil || !info.IsDir() {
		return domain.Fail(domain.Invalid, op, target, "target is not a directory")
	}
	return nil
}

// Unmount implements ports.Mounts.
func (p Mounts) Unmount(ctx context.Context, target string) error {
	const op = "unmount"
	end, err := p.host.begin(ctx, op, target)
	if err != nil {
		return err
	}
	defer end()
	return p.unmount(ctx, op, resolve(target))
}

// unmount takes mounts off a target until none is left. As in Linux each is out
// of the table at once; the last of a file system then waits until its device
// has taken everything, and goes on in the background when nobody waits.
func (p Mounts) unmount(ctx context.Context, op, target string) error {
	h := p.host
	for m := h.mountAt(target); m != nil; m = h.mountAt(target) {
		if h.busy(m) {
			return domain.Fail(domain.Busy, op, target, "something there is in use: stop what uses it")
		}
		h.mounts = slices.DeleteFunc(h.mounts, func(x *mount) bool { return x == m })
		if m.fs == nil {
			continue
		}
		m.fs.mounts--
		h.release()
		for m.fs.mounts == 0 && slices.Contains(h.filesystems, m.fs) {
			if err := h.pause(ctx); err != nil {
				return cutOff(op, target, err)
			}
			h.settle()
		}
	}
	return nil
}

// Unbind implements ports.Mounts.
func (p Mounts) Unbind(ctx context.Context, target string) error {
	const op = "unbind"
	end, err := p.host.begin(ctx, op, target)
	if err != nil {
		return err
	}
	defer end()
	if err := p.unmount(ctx, op, resolve(target)); err != nil {
		return err
	}
	info, err := os.Lstat(target)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return domain.Fail(domain.Other, op, target, "%w", err)
	case info.IsDir() && !emptyDir(target), !info.IsDir() && (!info.Mode().IsRegular() || info.Size() > 0):
		return domain.Fail(domain.DataAtRisk, op, target, "is not empty: an operator must look at what is there")
	}
	if err := os.Remove(target); err != nil && !errors.Is(err, os.ErrNotExist) {
		return domain.Fail(domain.Other, op, target, "%w", err)
	}
	return nil
}

func emptyDir(path string) bool {
	entries, err := os.ReadDir(path)
	return err == nil && len(entries) == 0
}

// List implements ports.Mounts.
func (p Mounts) List(ctx context.Context) ([]ports.Mount, error) {
	end, err := p.host.begin(ctx, "list mounts", "")
	if err != nil {
		return nil, err
	}
	defer end()
	var list []ports.Mount
	for _, m := range p.host.mounts {
		list = append(list, m.entry())
	}
	return list, nil
}
