package fakehost

import (
	"context"
	"errors"
	"os"
	"path"
	"path/filepath"
	"strings"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// Bind implements ports.Mounts.
func (p Mounts) Bind(ctx context.Context, source, target string, readOnly bool, options []string) error {
	const op = "bind"
	h := p.host
	end, err := h.begin(ctx, op, target)
	if err != nil {
		return err
	}
	defer end()
	if err := checkOptions(op, target, options); err != nil {
		return err
	}
	m, err := p.source(op, resolve(source))
	if err != nil {
		return err
	}
	m.target, m.readOnly = resolve(target), readOnly || m.readOnly
	if there := h.mountAt(m.target); there != nil {
		if there.entry() == m.entry() {
			return nil
		}
		return domain.Fail(domain.Exists, op, target, "something else is mounted there: %s", there.entry().Number)
	}
	if err := makeDir(op, m.target); err != nil {
		return err
	}
	if m.fs != nil {
		m.fs.mounts++
	}
	h.mounts = append(h.mounts, m)
	return nil
}

// source returns a mount that shows what is at a path now: a directory of a
// mounted file system, or of this machine. The kernel binds either.
func (p Mounts) source(op, source string) (*mount, error) {
	over, inside := p.host.mountOver(source)
	if over == nil || over.fs == nil {
		if info, err := os.Stat(source); err != nil || !info.IsDir() {
			return nil, domain.Fail(domain.NotFound, op, source, "source is not a directory")
		}
		return &mount{dir: source}, nil
	}
	root := path.Join(over.root, inside)
	if !over.fs.hasDir(root) {
		return nil, domain.Fail(domain.NotFound, op, source, "source is not a directory")
	}
	return &mount{fs: over.fs, root: root, readOnly: over.readOnly}, nil
}

// hasDir reports whether the file system has the directory: its root, or one
// with a file in it.
func (fs *filesystem) hasDir(name string) bool {
	if name == "" {
		return true
	}
	for file := range fs.table.Files {
		if strings.HasPrefix(file, name+"/") {
			return true
		}
	}
	return false
}

// BindDevice implements ports.Mounts.
func (p Mounts) BindDevice(ctx context.Context, want domain.Device, target string, readOnly bool) error {
	const op = "bind device"
	h := p.host
	end, err := h.begin(ctx, op, target)
	if err != nil {
		return err
	}
	defer end()
	d, err := h.proved(op, want)
	if err != nil {
		return err
	}
	at := resolve(target)
	if there := h.mountAt(at); there != nil {
		if there.node == d.number() {
			return nil
		}
		return domain.Fail(domain.Exists, op, target, "something else is mounted there: %s", there.entry().Number)
	}
	if err := makeFile(op, at); err != nil {
		return err
	}
	h.mounts = append(h.mounts, &mount{target: at, node: d.number(), name: filepath.Base(d.path()), readOnly: readOnly})
	return nil
}

// makeFile makes the empty file over which a node is bound.
func makeFile(op, target string) error {
	f, err := os.OpenFile(target, os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		return domain.Fail(domain.Invalid, op, target, "%w", errors.Join(err))
	}
	return nil
}
