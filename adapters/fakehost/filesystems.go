package fakehost

import (
	"context"
	"strings"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
	"git.srvlab.io/whiskey/rds-csi-driver/ports"
)

// Filesystems is the file systems port of a host.
type Filesystems struct{ host *Host }

var _ ports.Filesystems = Filesystems{}

// with runs do on a proved device that answers.
func (f Filesystems) with(ctx context.Context, op string, want domain.Device, do func(d *device) error) error {
	end, err := f.host.begin(ctx, op, want.NQN.String())
	if err != nil {
		return err
	}
	defer end()
	d, err := f.host.ready(ctx, op, want)
	if err != nil {
		return err
	}
	return do(d)
}

// Probe implements ports.Filesystems.
func (f Filesystems) Probe(ctx context.Context, want domain.Device) (found domain.Signature, err error) {
	err = f.with(ctx, "probe", want, func(d *device) error {
		found, err = probeOne(want, d)
		return err
	})
	return found, err
}

// probeOne returns the signature of a device that carries at most one.
func probeOne(want domain.Device, d *device) (domain.Signature, error) {
	const op = "probe"
	found, err := probe(d)
	switch {
	case err != nil:
		return domain.Signature{}, unread(op, want.NQN.String(), err)
	case len(found) > 1:
		var names []string
		for _, s := range found {
			names = append(names, s.Type)
		}
		return domain.Signature{}, domain.Fail(domain.DataAtRisk, op, want.NQN.String(),
			"%s carries several signatures, %s: an operator must look", want.Path, strings.Join(names, " and "))
	case len(found) == 1:
		return found[0], nil
	}
	return domain.Signature{}, nil
}

// Make implements ports.Filesystems.
func (f Filesystems) Make(ctx context.Context, want domain.Device, m ports.Making) error {
	const op = "make file system"
	return f.with(ctx, op, want, func(d *device) error {
		found, err := probeOne(want, d)
		switch {
		case err != nil:
			return err
		case found != (domain.Signature{}):
			return domain.Fail(domain.DataAtRisk, op, want.NQN.String(), "%s already carries %s", want.Path, found.Type)
		case m.Access == domain.Block:
			return domain.Fail(domain.Invalid, op, want.NQN.String(), "access block has no file system")
		case d.size < m.Access.Least():
			return domain.Fail(domain.Invalid, op, want.NQN.String(),
				"%s has %s, %s needs at least %s", want.Path, d.size, m.Access, m.Access.Least())
		case d.exclusive || f.host.mountedFrom(d) != nil:
			return domain.Fail(domain.InUse, op, want.NQN.String(), "%s is held", want.Path)
		}
		if err := format(d, m.Access, m.Label); err != nil {
			return domain.Fail(domain.Other, op, want.NQN.String(), "%s: %w", want.Path, err)
		}
		return nil
	})
}

// Check implements ports.Filesystems.
func (f Filesystems) Check(ctx context.Context, want domain.Device, a domain.Access) error {
	const op = "check file system"
	return f.with(ctx, op, want, func(d *device) error {
		if f.host.mountedFrom(d) != nil {
			return domain.Fail(domain.InUse, op, want.NQN.String(), "%s is mounted", want.Path)
		}
		fs, err := load(d, a)
		if err != nil {
			return unread(op, want.NQN.String(), err)
		}
		if !fs.head.Dirty {
			return nil
		}
		return unread(op, want.NQN.String(), fs.mark(false))
	})
}

// Grow implements ports.Filesystems.
func (f Filesystems) Grow(ctx context.Context, want domain.Device, a domain.Access, target string) error {
	const op = "grow file system"
	return f.with(ctx, op, want, func(d *device) error {
		m := f.host.mountAt(resolve(target))
		switch {
		case m == nil || m.device() != d:
			return domain.Fail(domain.NotFound, op, want.NQN.String(), "%s is not mounted at %s", want.Path, target)
		case m.fs.head.Access != a:
			return domain.Fail(domain.Invalid, op, want.NQN.String(), "%s carries %s, not %s", want.Path, m.fs.head.Access, a)
		case m.fs.head.Size == d.size:
			return nil
		case m.fs.readOnly:
			return domain.Fail(domain.Invalid, op, want.NQN.String(), "%s is mounted read-only", target)
		}
		grown := *m.fs
		grown.head.Size = max(d.size, grown.head.Size)
		if err := writeHeader(d, grown.head); err != nil {
			return unread(op, want.NQN.String(), err)
		}
		m.fs.head = grown.head
		return nil
	})
}

// Stats implements ports.Filesystems.
func (f Filesystems) Stats(ctx context.Context, target string) (domain.Usage, error) {
	const op = "read usage"
	end, err := f.host.begin(ctx, op, target)
	if err != nil {
		return domain.Usage{}, err
	}
	defer end()
	m := f.host.mountAt(resolve(target))
	if m == nil || m.fs == nil {
		return domain.Usage{}, domain.Fail(domain.NotFound, op, target, "no file system is mounted there")
	}
	if err := f.host.await(ctx, m.fs.device); err != nil {
		return domain.Usage{}, domain.Fail(domain.Unreachable, op, target, "file system does not answer: %w", err)
	}
	return m.fs.usage(), nil
}
