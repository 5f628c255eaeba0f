package fakehost

import (
	"context"
	"errors"
	"os"
	"strings"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
	"git.srvlab.io/whiskey/rds-csi-driver/ports"
)

// Fabric is the fabric port of a host.
type Fabric struct{ host *Host }

var _ ports.Fabric = Fabric{}

// Connect implements ports.Fabric.
func (f Fabric) Connect(ctx context.Context, t domain.Target) error {
	const op = "connect"
	h, id := f.host, t.NQN.String()
	end, err := h.begin(ctx, op, id)
	if err != nil {
		return err
	}
	defer end()
	if err := f.ours(op, t.NQN); err != nil {
		return err
	}
	if len(t.Portals) == 0 || t.HostNQN == "" || t.HostID == "" {
		return domain.Fail(domain.Invalid, op, id, "a portal, a host nqn and a host id are needed")
	}
	key := controllerKey{nqn: id, hostNQN: t.HostNQN}
	if c := h.controllers[key]; c != nil && c.live {
		return nil
	}
	image, err := h.ask(key)
	if err != nil {
		return unanswered(op, t, err)
	}
	if _, err := os.Stat(image); err != nil {
		return domain.Fail(domain.Unreachable, op, id, "target has lost the image: %w", err)
	}
	d := h.deviceOf(id)
	if d == nil {
		d = h.newDevice(id, image)
	}
	h.add(key, d)
	return nil
}

// unanswered is the error of a target that does not take this host. As with
// NVMe, unknown and not admitted are one answer.
func unanswered(op string, t domain.Target, err error) error {
	if errors.Is(err, errRefused) {
		return domain.Fail(domain.Unreachable, op, t.NQN.String(),
			"target does not know it or does not admit %s: the export may be on its way", t.HostNQN)
	}
	return domain.Fail(domain.Unreachable, op, t.NQN.String(), "%w", err)
}

// ours refuses what is not under our prefix.
func (f Fabric) ours(op string, nqn domain.NQN) error {
	if _, err := domain.ParseNQN(f.host.cfg.Prefix, nqn.String()); err != nil {
		return domain.Fail(domain.Invalid, op, nqn.String(), "not ours to touch: %w", err)
	}
	return nil
}

// Admits implements ports.Fabric.
func (f Fabric) Admits(ctx context.Context, t domain.Target) (bool, error) {
	const op = "ask target"
	end, err := f.host.begin(ctx, op, t.NQN.String())
	if err != nil {
		return false, err
	}
	defer end()
	if err := f.ours(op, t.NQN); err != nil {
		return false, err
	}
	_, err = f.host.ask(controllerKey{nqn: t.NQN.String(), hostNQN: t.HostNQN})
	switch {
	case errors.Is(err, errRefused):
		return false, nil
	case err != nil:
		return false, unanswered(op, t, err)
	}
	return true, nil
}

// Disconnect implements ports.Fabric.
func (f Fabric) Disconnect(ctx context.Context, nqn domain.NQN, hostNQN string) error {
	const op = "disconnect"
	return f.leave(ctx, op, nqn, hostNQN, func(d *device) error {
		if holders := f.host.holders(d); len(holders) > 0 {
			return domain.Fail(domain.InUse, op, nqn.String(), "%s is held by %s", d.path(), strings.Join(holders, ", "))
		}
		return nil
	})
}

// Abandon implements ports.Fabric.
func (f Fabric) Abandon(ctx context.Context, nqn domain.NQN, hostNQN string) error {
	return f.leave(ctx, "abandon", nqn, hostNQN, func(*device) error { return nil })
}

func (f Fabric) leave(ctx context.Context, op string, nqn domain.NQN, hostNQN string, may func(*device) error) error {
	h := f.host
	end, err := h.begin(ctx, op, nqn.String())
	if err != nil {
		return err
	}
	defer end()
	if err := f.ours(op, nqn); err != nil {
		return err
	}
	c := h.controllers[controllerKey{nqn: nqn.String(), hostNQN: hostNQN}]
	if c == nil {
		return nil
	}
	if err := may(c.device); err != nil {
		return err
	}
	h.remove(c)
	return nil
}

// List implements ports.Fabric.
func (f Fabric) List(ctx context.Context) ([]domain.Controller, error) {
	end, err := f.host.begin(ctx, "list controllers", "")
	if err != nil {
		return nil, err
	}
	defer end()
	var list []domain.Controller
	for _, c := range f.host.sorted() {
		if nqn, err := domain.ParseNQN(f.host.cfg.Prefix, c.key.nqn); err == nil {
			list = append(list, domain.Controller{Name: c.name, NQN: nqn, HostNQN: c.key.hostNQN, State: c.state()})
		}
	}
	return list, nil
}

// Rescan implements ports.Fabric.
func (f Fabric) Rescan(ctx context.Context, nqn domain.NQN) error {
	const op = "rescan"
	h := f.host
	end, err := h.begin(ctx, op, nqn.String())
	if err != nil {
		return err
	}
	defer end()
	d := h.deviceOf(nqn.String())
	if d == nil || f.ours(op, nqn) != nil {
		return domain.Fail(domain.NotFound, op, nqn.String(), "is not connected")
	}
	if d.state() != domain.Live {
		return domain.Fail(domain.Unreachable, op, nqn.String(), "target does not answer: wait for the reconnect")
	}
	d.resize()
	return nil
}
