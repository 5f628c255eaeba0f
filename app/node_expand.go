package app

import (
	"context"
	"slices"
	"time"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
	"git.srvlab.io/whiskey/rds-csi-driver/ports"
)

const (
	sizeEvery   = 10 * time.Millisecond // between two looks at a device that should grow
	rescanEvery = time.Second
)

// Expand waits until this host sees the volume's new size and makes its file
// system as large as that. path is where the volume is staged or published;
// NotFound if it is not. The file system of a reader and raw block are not
// grown, they have the new size when the device has it.
func (n *Node) Expand(ctx context.Context, slot domain.Slot, path string, r domain.SizeRange) (domain.Size, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	table, err := n.mounts(ctx)
	if err != nil {
		return 0, err
	}
	d, err := n.expandable(ctx, slot, path, table)
	if err != nil {
		return 0, err
	}
	defer n.close(ctx, d)
	size, err := n.grown(ctx, d, r.Required)
	if err != nil {
		return 0, err
	}
	if r.Limit > 0 && size > r.Limit {
		return 0, domain.Fail(domain.OutOfRange, "expand", string(slot),
			"has %s, capacity_range.limit_bytes %d is below that and volumes never shrink", size, int64(r.Limit))
	}
	return size, n.growFileSystem(ctx, d, path, table)
}

// expandable opens the device that shows at the path. Raw block leaves no trace
// at its staging path, so there a path where nothing is mounted will do.
func (n *Node) expandable(ctx context.Context, slot domain.Slot, path string, table mountTable) (ports.Device, error) {
	m, mounted := table.at(path)
	if mounted {
		number := m.Number
		if m.DeviceNumber != "" {
			number = m.DeviceNumber
		}
		return n.openAt(ctx, slot, number, path)
	}
	links, err := n.links(ctx, slot)
	if err != nil {
		return nil, err
	}
	live := slices.IndexFunc(links, isLive)
	switch {
	case len(links) == 0:
		return nil, notAt("expand", slot, path)
	case live < 0:
		return nil, domain.Fail(domain.Unreachable, "expand", string(slot), "no controller of %s is live", links[0].nqn)
	}
	d, err := n.prove(ctx, links[live].nqn)
	if err != nil {
		return nil, err
	}
	number := d.Identity().Number()
	if slices.ContainsFunc(table, func(m ports.Mount) bool { return m.DeviceNumber == "" && m.Number == number }) {
		n.close(ctx, d)
		return nil, notAt("expand", slot, path)
	}
	return d, nil
}

// openAt opens the device of the slot with the number that shows at the path.
func (n *Node) openAt(ctx context.Context, slot domain.Slot, number, path string) (ports.Device, error) {
	d, err := n.open(ctx, slot, number)
	if domain.Is(err, domain.NotFound) {
		return nil, notAt("open", slot, path)
	}
	return d, err
}

func notAt(op string, slot domain.Slot, path string) error {
	return domain.Fail(domain.NotFound, op, string(slot), "is neither staged nor published at %s", path)
}

// grown waits until the device has at least the size.
func (n *Node) grown(ctx context.Context, d ports.Device, least domain.Size) (domain.Size, error) {
	nqn := d.Identity().NQN
	for look := 0; ; look++ {
		if look%int(rescanEvery/sizeEvery) == 0 {
			if err := n.host.Fabric.Rescan(ctx, nqn); err != nil {
				return 0, err
			}
		}
		size, err := n.size(ctx, d)
		if err != nil || size >= least {
			return size, err
		}
		if err := pause(ctx, sizeEvery); err != nil {
			return 0, domain.Fail(domain.Unreachable, "expand", string(nqn.Slot),
				"this host still sees %s, waiting for %s: %w", size, least, err)
		}
	}
}

// growFileSystem grows what is mounted from the device, through a mount that
// may be written.
func (n *Node) growFileSystem(ctx context.Context, d ports.Device, path string, table mountTable) error {
	number := d.Identity().Number()
	at, _ := table.at(path)
	for _, m := range append([]ports.Mount{at}, table...) {
		if m.Number != number || m.ReadOnly || !isFileSystem(m) {
			continue
		}
		access := domain.Access(m.Access)
		return n.long.do(ctx, callGrow, d.Identity().NQN.String(), func(ctx context.Context) error {
			return n.host.Filesystems.Grow(ctx, d.Identity(), access, m.Target)
		})
	}
	return nil
}
