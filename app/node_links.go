package app

import (
	"context"
	"path/filepath"
	"slices"
	"strings"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
	"git.srvlab.io/whiskey/rds-csi-driver/ports"
)

// A link is this host's connection to one epoch of a volume.
type link struct {
	nqn     domain.NQN
	live    int // controllers
	lost    int // controllers that are not live
	portals []domain.Portal
}

// links returns the epochs of the slot that this host is connected to. What
// another prefix, slot or host NQN is connected to is not ours to know.
func (n *Node) links(ctx context.Context, slot domain.Slot) ([]link, error) {
	all, err := n.ours(ctx)
	if err != nil {
		return nil, err
	}
	var links []link
	for _, c := range all {
		if c.NQN.Slot != slot {
			continue
		}
		i := slices.IndexFunc(links, func(l link) bool { return l.nqn == c.NQN })
		if i < 0 {
			links = append(links, link{nqn: c.NQN})
			i = len(links) - 1
		}
		links[i].add(c)
	}
	return links, nil
}

// ours returns the controllers of this prefix and host NQN.
func (n *Node) ours(ctx context.Context) ([]domain.Controller, error) {
	all, err := n.host.Fabric.List(ctx)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(all), func(c domain.Controller) bool {
		return c.NQN.Prefix != n.settings.Prefix || c.HostNQN != n.settings.Host.NQN()
	}), nil
}

func (l *link) add(c domain.Controller) {
	if c.State == domain.Live {
		l.live++
	} else {
		l.lost++
	}
	if c.Portal != (domain.Portal{}) && !slices.Contains(l.portals, c.Portal) {
		l.portals = append(l.portals, c.Portal)
	}
}

func isLive(l link) bool { return l.live > 0 }

// find returns the link of that subsystem.
func find(links []link, nqn domain.NQN) (link, bool) {
	i := slices.IndexFunc(links, func(l link) bool { return l.nqn == nqn })
	if i < 0 {
		return link{}, false
	}
	return links[i], true
}

// prove opens the device of a subsystem that has one. Its caller closes it with
// close.
func (n *Node) prove(ctx context.Context, nqn domain.NQN) (ports.Device, error) {
	return n.proveUnder(ctx, n.quick, nqn)
}

// proveUnder is prove under one of the watchdogs: to wait for a device that has
// yet to show up takes long.
func (n *Node) proveUnder(ctx context.Context, w *watchdog, nqn domain.NQN) (ports.Device, error) {
	late := func(d ports.Device) {
		if d != nil {
			_ = d.Close() // nobody is left who could be told
		}
	}
	return watch(ctx, w, callProve, nqn.String(), late, func(ctx context.Context) (ports.Device, error) {
		return n.host.Devices.Prove(ctx, nqn)
	})
}

// close closes a proved device. It can hang on a dead one, and nothing depends
// on its error.
func (n *Node) close(ctx context.Context, d ports.Device) {
	_ = n.quick.must(ctx, callClose, d.Identity().NQN.String(), d.Close)
}

func (n *Node) size(ctx context.Context, d ports.Device) (domain.Size, error) {
	return watch(ctx, n.quick, callSize, d.Identity().NQN.String(), nil, d.Size)
}

// holders returns what holds the device.
func (n *Node) holders(ctx context.Context, d ports.Device) ([]string, error) {
	return watch(ctx, n.quick, callHolders, d.Identity().NQN.String(), nil, d.Holders)
}

// open returns the proved device of the slot that has the number. NotFound if no
// live controller of the slot has it, Unreachable if one that is not live may.
func (n *Node) open(ctx context.Context, slot domain.Slot, number string) (ports.Device, error) {
	links, err := n.links(ctx, slot)
	if err != nil {
		return nil, err
	}
	for _, l := range links {
		if !isLive(l) {
			continue
		}
		d, err := n.prove(ctx, l.nqn)
		switch {
		case domain.Is(err, domain.NotFound):
			return nil, domain.Fail(domain.Unreachable, "open", string(slot), "the connection was just lost: %w", err)
		case err != nil:
			return nil, err
		}
		if d.Identity().Number() == number {
			return d, nil
		}
		n.close(ctx, d)
	}
	if len(links) == 0 || !slices.ContainsFunc(links, isLive) {
		return nil, domain.Fail(domain.Unreachable, "open", string(slot),
			"device %s has no live controller on this node", number)
	}
	return nil, domain.Fail(domain.NotFound, "open", string(slot), "device %s is not the volume's", number)
}

// A mountTable is what is mounted on this host.
type mountTable []ports.Mount

func (n *Node) mounts(ctx context.Context) (mountTable, error) { return n.host.Mounts.List(ctx) }

// spelled returns a path as the mount table spells it: without links on the way
// there. An orchestrator's directory may lie behind one.
func spelled(path string) string {
	path = filepath.Clean(path)
	parent := filepath.Dir(path)
	if parent == path {
		return path
	}
	if followed, err := filepath.EvalSymlinks(parent); err == nil {
		return filepath.Join(followed, filepath.Base(path))
	}
	return filepath.Join(spelled(parent), filepath.Base(path))
}

// at returns what is visible at the path: the mount that was made last.
func (t mountTable) at(path string) (ports.Mount, bool) {
	path = spelled(path)
	for _, m := range slices.Backward(t) {
		if filepath.Clean(m.Target) == path {
			return m, true
		}
	}
	return ports.Mount{}, false
}

// shows reports whether a mount shows the device, its file system or a part of
// that.
func shows(m ports.Mount, number string) bool {
	if m.DeviceNumber != "" {
		return m.DeviceNumber == number
	}
	return m.Number == number
}

// except returns the targets where the device shows, other than the paths.
func (t mountTable) except(number string, paths ...string) []string {
	var targets []string
	for i := range paths {
		paths[i] = spelled(paths[i])
	}
	for _, m := range t {
		if shows(m, number) && !slices.Contains(paths, filepath.Clean(m.Target)) && !slices.Contains(targets, m.Target) {
			targets = append(targets, m.Target)
		}
	}
	return targets
}

// isFileSystem reports whether m is a whole file system of a kind that we mount.
func isFileSystem(m ports.Mount) bool {
	_, err := domain.ParseAccess(m.Access)
	return err == nil && m.Access != "" && m.DeviceNumber == "" && m.Root == "/"
}

// inUse names who holds a volume.
func inUse(op string, slot domain.Slot, holders []string) error {
	return domain.Fail(domain.InUse, op, string(slot), "held on this node by %s", strings.Join(holders, ", "))
}
