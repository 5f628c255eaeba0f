package app

import (
	"context"
	"slices"
	"strings"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
	"git.srvlab.io/whiskey/rds-csi-driver/ports"
)

// Publish shows a staged volume at a target: its file system as a directory, or
// its device as a node. Published at that target in the same way already is
// fine, in another way is Exists. A second target is InUse where the access mode
// allows one (CSI, NodePublishVolume, the table for SINGLE_NODE_MULTI_WRITER).
func (n *Node) Publish(ctx context.Context, p Publication) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	p.Use.ReadOnly = p.Use.ReadOnly || p.Attached.ReadOnly
	table, err := n.mounts(ctx)
	if err != nil {
		return err
	}
	if p.Use.Access == domain.Block {
		return n.publishBlock(ctx, p, table)
	}
	return n.publishDirectory(ctx, p, table)
}

func (n *Node) publishDirectory(ctx context.Context, p Publication, table mountTable) error {
	m, ok := table.at(p.Staging)
	if !ok || !isFileSystem(m) {
		return notStaged(p)
	}
	d, err := n.open(ctx, p.Slot, m.Number)
	switch {
	case domain.Is(err, domain.NotFound):
		return domain.Fail(domain.DataAtRisk, "publish", string(p.Slot),
			"device %s is mounted at %s, which is not the volume's: unstage that path first", m.Number, p.Staging)
	case err != nil:
		return err
	}
	n.close(ctx, d)
	switch {
	case m.Access != string(p.Use.Access):
		return domain.Fail(domain.InUse, "publish", string(p.Slot), "is staged as %s, asked for %s", m.Access, p.Use.Access)
	case m.ReadOnly && !p.Use.ReadOnly:
		return domain.Fail(domain.InUse, "publish", string(p.Slot), "is mounted read-only at %s, asked for read-write", p.Staging)
	}
	whole := func(m ports.Mount) bool { return m.DeviceNumber == "" && m.Root == "/" }
	if done, err := published(p, table, m.Number, whole); done || err != nil {
		return err
	}
	return n.show(ctx, p, func(ctx context.Context) error {
		return n.host.Mounts.Bind(ctx, p.Staging, p.Target, p.Use.ReadOnly, p.Options)
	})
}

func (n *Node) publishBlock(ctx context.Context, p Publication, table mountTable) error {
	d, err := n.blockDevice(ctx, p)
	if err != nil {
		return err
	}
	defer n.close(ctx, d)
	number := d.Identity().Number()
	if i := slices.IndexFunc(table, func(m ports.Mount) bool { return m.DeviceNumber == "" && m.Number == number }); i >= 0 {
		return domain.Fail(domain.InUse, "publish", string(p.Slot),
			"is staged as %s at %s, asked for block", table[i].Access, table[i].Target)
	}
	node := func(m ports.Mount) bool { return m.DeviceNumber == number }
	if done, err := published(p, table, number, node); done || err != nil {
		return err
	}
	// A node that is bound read-only can be written through all the same: only
	// the device itself can refuse, and it does so for all its targets.
	for _, m := range table {
		if node(m) && m.ReadOnly != p.Use.ReadOnly {
			return domain.Fail(domain.InUse, "publish", string(p.Slot),
				"is published %s at %s, a device can not be %s beside that", writing(m.ReadOnly), m.Target, writing(p.Use.ReadOnly))
		}
	}
	if err := n.setReadOnly(ctx, d, p.Use.ReadOnly); err != nil {
		return err
	}
	return n.show(ctx, p, func(ctx context.Context) error {
		return n.host.Mounts.BindDevice(ctx, d.Identity(), p.Target, p.Use.ReadOnly)
	})
}

// blockDevice proves the device of the epoch that was published to this node,
// of any epoch that is connected if the caller does not say which.
func (n *Node) blockDevice(ctx context.Context, p Publication) (ports.Device, error) {
	links, err := n.links(ctx, p.Slot)
	if err != nil {
		return nil, err
	}
	if nqn := p.Attached.Target.NQN; nqn != (domain.NQN{}) {
		links = slices.DeleteFunc(links, func(l link) bool { return l.nqn != nqn })
	}
	switch live := slices.IndexFunc(links, isLive); {
	case len(links) == 0:
		return nil, notStaged(p)
	case live < 0:
		return nil, domain.Fail(domain.Unreachable, "publish", string(p.Slot), "no controller of %s is live", links[0].nqn)
	default:
		return n.prove(ctx, links[live].nqn)
	}
}

func notStaged(p Publication) error {
	return domain.Fail(domain.DataAtRisk, "publish", string(p.Slot),
		"is not staged at %s: what a workload wrote would not reach the volume; stage it first", p.Staging)
}

// published compares with what is shown at the target and at others; done is
// true if that is what was asked for.
func published(p Publication, table mountTable, number string, whole func(ports.Mount) bool) (done bool, err error) {
	if m, ok := table.at(p.Target); ok {
		switch {
		case !shows(m, number) || !whole(m):
			return false, domain.Fail(domain.Exists, "publish", string(p.Slot),
				"something else is mounted at %s: unpublish that target first", p.Target)
		case m.ReadOnly != p.Use.ReadOnly:
			return false, domain.Fail(domain.Exists, "publish", string(p.Slot),
				"is published %s at %s, asked for %s", writing(m.ReadOnly), p.Target, writing(p.Use.ReadOnly))
		}
		return true, nil
	}
	parts := func(m ports.Mount) bool { return !whole(m) } // what a workload bound of it counts as no target
	others := slices.DeleteFunc(slices.Clone(table), parts).except(number, p.Staging, p.Target)
	if len(others) > 0 && !manyTargets(p.Use.Mode) {
		return false, domain.Fail(domain.InUse, "publish", string(p.Slot),
			"access_mode %s allows one target, it is published at %s", p.Use.Mode, strings.Join(others, ", "))
	}
	return false, nil
}

// manyTargets reports whether a volume in this mode may be published at several
// targets of one node.
func manyTargets(m domain.Mode) bool {
	switch m {
	case domain.SingleMultiWriter, domain.MultiReader, domain.MultiWriter:
		return true
	default:
		return false
	}
}

// show makes a target, or nothing.
func (n *Node) show(ctx context.Context, p Publication, bind func(context.Context) error) error {
	err := n.long.do(ctx, callBind, p.Target, bind)
	if err == nil {
		return nil
	}
	finished, left := n.background(ctx, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, undoLimit)
		defer cancel()
		return n.unbind(ctx, p.Target)
	}, func(context.Context, error) {})
	if finished && left != nil {
		return domain.Fail(domain.KindOf(err), "publish", string(p.Slot), "%w; and it could not be undone: %w", err, left)
	}
	return err
}

// Unpublish takes the volume away from a target. One where nothing is shown is
// fine.
func (n *Node) Unpublish(ctx context.Context, _ domain.Slot, target string) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	return n.unbind(ctx, target)
}

func (n *Node) unbind(ctx context.Context, target string) error {
	return n.long.do(ctx, callUnmount, target, func(ctx context.Context) error {
		return n.host.Mounts.Unbind(ctx, target)
	})
}
