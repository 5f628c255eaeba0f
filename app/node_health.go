package app

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
	"git.srvlab.io/whiskey/rds-csi-driver/ports"
)

// The reasons of the conditions that a node reports of a volume. The set is
// fixed: alerts match them.
const (
	ReasonNotStaged              = "NotStaged"              // nothing of it is connected here
	ReasonControllerNotLive      = "ControllerNotLive"      // connected, but I/O waits or fails
	ReasonPathLost               = "PathLost"               // one of several controllers is not live
	ReasonVolumeNotAnswering     = "VolumeNotAnswering"     // its device can not be opened in time
	ReasonFileSystemNotAnswering = "FileSystemNotAnswering" // statfs fails or does not return
	ReasonDeviceReplaced         = "DeviceReplaced"         // mounted or found is another device than the volume's
	ReasonReadOnlyAfterError     = "ReadOnlyAfterError"     // staged for writing, read-only by now
	ReasonSizeShrunk             = "SizeShrunk"             // the device is smaller than its file system
)

// The reasons of the conditions that a node reports of its storage as a whole.
const (
	ReasonControllersNotLive = "ControllersNotLive" // some or all of them, which the status tells
	ReasonCallsStuck         = "CallsStuck"         // calls hang in the kernel
)

// Stats returns how full the volume is that is staged or published at the path.
// NotFound if it is not; Unreachable if it does not answer in a few seconds.
func (n *Node) Stats(ctx context.Context, slot domain.Slot, path string) (NodeStats, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	table, err := n.mounts(ctx)
	if err != nil {
		return NodeStats{}, err
	}
	m, ok := table.at(path)
	if !ok {
		return NodeStats{}, notAt("stats", slot, path)
	}
	if m.DeviceNumber != "" {
		return n.blockStats(ctx, slot, m.DeviceNumber, path)
	}
	d, err := n.openAt(ctx, slot, m.Number, path)
	if err != nil {
		return NodeStats{}, err
	}
	n.close(ctx, d)
	usage, err := n.usage(ctx, path)
	return NodeStats{Usage: usage}, err
}

func (n *Node) blockStats(ctx context.Context, slot domain.Slot, number, path string) (NodeStats, error) {
	d, err := n.openAt(ctx, slot, number, path)
	if err != nil {
		return NodeStats{}, err
	}
	defer n.close(ctx, d)
	size, err := n.size(ctx, d)
	return NodeStats{Block: true, Usage: domain.Usage{Total: size}}, err
}

// usage asks a mounted file system how full it is, for a few seconds.
func (n *Node) usage(ctx context.Context, target string) (domain.Usage, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	return watch(ctx, n.quick, callStats, target, nil, func(ctx context.Context) (domain.Usage, error) {
		return n.host.Filesystems.Stats(ctx, target)
	})
}

// Health returns what is wrong with a volume as this node sees it. Paths may be
// empty where the caller knows none.
func (n *Node) Health(ctx context.Context, slot domain.Slot, staging, target string) ([]domain.Condition, error) {
	links, err := n.links(ctx, slot)
	if err != nil {
		return nil, err
	}
	table, err := n.mounts(ctx)
	if err != nil {
		return nil, err
	}
	e := examination{node: n, slot: slot, table: table, paths: []string{staging, target}, live: make(map[string]examined)}
	if len(links) == 0 {
		e.absent()
	}
	for _, l := range links {
		e.link(ctx, l)
	}
	e.fileSystem(ctx)
	return e.found, nil
}

// An examination gathers the conditions of one volume.
type examination struct {
	node  *Node
	slot  domain.Slot
	table mountTable
	paths []string
	live  map[string]examined // by device number
	found []domain.Condition
}

// An examined is a device that was proved.
type examined struct {
	nqn  domain.NQN
	size domain.Size
}

func (e *examination) add(status domain.HealthStatus, reason, format string, args ...any) {
	c := domain.NewCondition(status, reason, fmt.Sprintf(format, args...))
	same := func(x domain.Condition) bool { return x.Status == status && x.Reason == reason }
	if !slices.ContainsFunc(e.found, same) {
		e.found = append(e.found, c)
	}
}

// mounted returns the file system that shows at one of the paths, or anywhere
// from a device that was proved.
func (e *examination) mounted() (ports.Mount, bool) {
	for _, p := range e.paths {
		if m, ok := e.table.at(p); ok && p != "" && isFileSystem(m) {
			return m, true
		}
	}
	for _, m := range e.table {
		if _, ok := e.live[m.Number]; ok && isFileSystem(m) {
			return m, true
		}
	}
	return ports.Mount{}, false
}

// absent judges a volume that this host has no controller for.
func (e *examination) absent() {
	if m, ok := e.mounted(); ok {
		e.add(domain.Inaccessible, ReasonControllerNotLive, "no controller is left, what is mounted at %s is dead", m.Target)
		return
	}
	e.add(domain.Inaccessible, ReasonNotStaged, "the volume is not connected to this node")
}

func (e *examination) link(ctx context.Context, l link) {
	switch {
	case l.live == 0:
		e.add(domain.Inaccessible, ReasonControllerNotLive, "the target does not answer: reads and writes wait")
		return
	case l.lost > 0:
		e.add(domain.Degraded, ReasonPathLost, "%d of %d controllers are not live", l.lost, l.live+l.lost)
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	d, err := e.node.prove(ctx, l.nqn)
	switch {
	case domain.Is(err, domain.DataAtRisk):
		e.add(domain.Inaccessible, ReasonDeviceReplaced, "%v", err)
		return
	case err != nil:
		e.add(domain.Inaccessible, ReasonVolumeNotAnswering, "%v", err)
		return
	}
	defer e.node.close(ctx, d)
	size, err := e.node.size(ctx, d)
	if err != nil {
		e.add(domain.Inaccessible, ReasonVolumeNotAnswering, "%v", err)
		return
	}
	e.live[d.Identity().Number()] = examined{nqn: l.nqn, size: size}
}

// fileSystem judges what is mounted of the devices that were proved.
func (e *examination) fileSystem(ctx context.Context) {
	m, ok := e.mounted()
	if !ok || len(e.live) == 0 {
		return
	}
	d, ok := e.live[m.Number]
	if !ok {
		e.add(domain.Inaccessible, ReasonDeviceReplaced, "device %s is mounted at %s, which is not the volume's", m.Number, m.Target)
		return
	}
	usage, err := e.node.usage(ctx, m.Target)
	if err != nil {
		e.add(domain.Inaccessible, ReasonFileSystemNotAnswering, "%v", err)
		return
	}
	if usage.Total > d.size {
		e.add(domain.DataLoss, ReasonSizeShrunk, "the device has %s, its file system %s", d.size, usage.Total)
	}
	if m.ReadOnly && e.writer(ctx, d.nqn, m.Target) {
		e.add(domain.Degraded, ReasonReadOnlyAfterError, "%s was mounted read-write and is read-only now", m.Target)
	}
}

// writer reports whether the subsystem was staged for writing at the path. Only
// the hint knows; without one a read-only mount is taken as meant.
func (e *examination) writer(ctx context.Context, nqn domain.NQN, path string) bool {
	hints, _ := e.node.host.Hints.List(ctx)
	return slices.ContainsFunc(hints, func(h ports.Hint) bool {
		return h.Attachment.Target.NQN == nqn && spelled(h.Staging) == path && !h.Use.ReadOnly
	})
}

// StorageHealth returns what is wrong with the storage as a whole: with the
// connections of this host.
func (n *Node) StorageHealth(ctx context.Context) ([]domain.Condition, error) {
	all, err := n.ours(ctx)
	if err != nil {
		return nil, err
	}
	var found []domain.Condition
	var lost []string
	for _, c := range all {
		if c.State != domain.Live {
			lost = append(lost, c.Name)
		}
	}
	if len(lost) > 0 {
		status := domain.Degraded
		if len(lost) == len(all) {
			status = domain.Inaccessible
		}
		found = append(found, domain.NewCondition(status, ReasonControllersNotLive,
			fmt.Sprintf("%d of %d controllers are not live: %s", len(lost), len(all), strings.Join(lost, ", "))))
	}
	var stuck []string
	counts := n.Stuck()
	for _, call := range stuckCalls() {
		if counts[call] > 0 {
			stuck = append(stuck, fmt.Sprintf("%d %s", counts[call], call))
		}
	}
	if len(stuck) > 0 {
		found = append(found, domain.NewCondition(domain.Degraded, ReasonCallsStuck,
			"calls hang in the kernel: "+strings.Join(stuck, ", ")))
	}
	return found, nil
}
