package app

import (
	"context"
	"errors"
	"slices"
	"time"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
	"git.srvlab.io/whiskey/rds-csi-driver/ports"
)

const (
	firstRetry = 250 * time.Millisecond // of a connect
	mostRetry  = 5 * time.Second
)

// Stage connects the volume, proves its device and, for a file system, mounts
// it at the staging path. A device is formatted only under the content rule;
// whatever else is found on it is DataAtRisk and stays as it is. A call that
// fails undoes what it did and nothing else.
func (n *Node) Stage(ctx context.Context, s Staging) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	s.Use.ReadOnly = s.Use.ReadOnly || s.Attachment.ReadOnly
	s.Attachment.Target.Portals = n.portals(s.Attachment)
	w := &staging{Staging: s, node: n, nqn: s.Attachment.Target.NQN, id: s.Attachment.ID.String()}
	if err := w.run(ctx); err != nil {
		return w.fail(ctx, err)
	}
	w.close(ctx)
	// The hint serves the watcher alone. Without it the volume is staged no less.
	_ = n.host.Hints.Save(ctx, ports.Hint{Attachment: s.Attachment, Use: s.Use, Staging: s.Path, Options: s.Options})
	return nil
}

// portals returns the ways to the attachment's array.
func (n *Node) portals(a domain.Attachment) []domain.Portal {
	if own := n.settings.Portals[a.ID.Array]; len(own) > 0 {
		return slices.Clone(own)
	}
	return a.Target.Portals
}

// A staging is one call of Stage: how far it has come and what it has changed.
type staging struct {
	Staging
	node *Node
	nqn  domain.NQN
	id   string

	device ports.Device // open from proof to mount
	size   domain.Size

	connected bool // this call connected the subsystem,
	readOnly  bool // made the device read-only,
	mounted   bool // and mounted it; or has tried to
	handed    bool // a task in the background owns the rest
}

func (w *staging) run(ctx context.Context) error {
	if err := w.mine(); err != nil {
		return err
	}
	if err := w.connect(ctx); err != nil {
		return err
	}
	if err := w.prove(ctx); err != nil {
		return err
	}
	if done, err := w.found(ctx); done || err != nil {
		return err
	}
	if w.Use.Access == domain.Block {
		return w.setReadOnly(ctx)
	}
	return w.fileSystem(ctx)
}

// mine refuses a publish context that is not for this host.
func (w *staging) mine() error {
	switch host := w.node.settings.Host; {
	case w.Attachment.Target.HostNQN != host.NQN():
		return domain.Fail(domain.Invalid, "stage", w.id,
			"publish_context.hostNQN %s is not this node's %s: publish the volume to this node anew",
			w.Attachment.Target.HostNQN, host.NQN())
	case w.nqn.Prefix != w.node.settings.Prefix:
		return domain.Fail(domain.Invalid, "stage", w.id,
			"publish_context.nqn %s is not under %s, the only prefix this node may connect", w.nqn, w.node.settings.Prefix)
	}
	return nil
}

// connect takes other epochs of the slot off this host and connects this one. A
// target that does not answer or does not admit this host may still be bringing
// its exports back, so it is asked until the deadline.
func (w *staging) connect(ctx context.Context) error {
	links, err := w.node.links(ctx, w.nqn.Slot)
	if err != nil {
		return err
	}
	r := release{slot: w.nqn.Slot, staging: w.Path}
	for _, l := range links {
		if l.nqn == w.nqn {
			r.keep = append(r.keep, l)
		} else {
			r.links = append(r.links, l)
		}
	}
	if len(r.links) > 0 {
		if err := w.node.release(ctx, r); err != nil {
			return domain.Fail(domain.KindOf(err), "stage", w.id, "an earlier epoch is still connected here: %w", err)
		}
	}
	w.connected = len(r.keep) == 0
	for wait := firstRetry; ; wait = min(2*wait, mostRetry) {
		err := w.node.host.Fabric.Connect(ctx, w.Attachment.Target)
		if !domain.Is(err, domain.Unreachable) {
			return err
		}
		if ended := pause(ctx, wait); ended != nil {
			return domain.Fail(domain.Unreachable, "stage", w.id, "%w; tried until the call ended: %w", err, ended)
		}
	}
}

// prove opens the device and refuses one that is not the volume or is smaller
// than what was granted.
func (w *staging) prove(ctx context.Context) (err error) {
	w.device, err = w.node.proveUnder(ctx, w.node.long, w.nqn)
	switch {
	case domain.Is(err, domain.NotFound):
		return domain.Fail(domain.Unreachable, "stage", w.id, "the connection was lost before its device was proved: %w", err)
	case domain.Is(err, domain.DataAtRisk):
		return w.refuse(ctx, domain.RefusedIdentity, "the device is not proved to be the volume's: %w", err)
	case err != nil:
		return err
	case w.device.Identity().NQN != w.nqn:
		return w.refuse(ctx, domain.RefusedIdentity, "the device is of %s", w.device.Identity().NQN)
	}
	if w.size, err = w.node.size(ctx, w.device); err != nil {
		return err
	}
	if w.size < w.Attachment.Size {
		return w.refuse(ctx, domain.RefusedSize, "the device has %s, granted were %s", w.size, w.Attachment.Size)
	}
	return nil
}

// found compares with what is staged already; done is true if that is what was
// asked for and it answers.
func (w *staging) found(ctx context.Context) (done bool, err error) {
	table, err := w.node.mounts(ctx)
	if err != nil {
		return false, err
	}
	number := w.device.Identity().Number()
	if w.Use.Access == domain.Block {
		return false, w.foundBlock(table, number)
	}
	m, mounted := table.at(w.Path)
	bound := func(m ports.Mount) bool { return m.DeviceNumber == number }
	switch {
	case slices.ContainsFunc(table, bound):
		return false, w.exists("as raw block")
	case !mounted:
		return false, nil
	case m.Number != number || !isFileSystem(m):
		return false, w.clear(ctx)
	case m.Access != string(w.Use.Access):
		return false, w.exists("as " + m.Access)
	case m.ReadOnly != w.Use.ReadOnly:
		return false, w.exists(writing(m.ReadOnly))
	}
	_, err = w.node.usage(ctx, w.Path)
	return err == nil, err
}

// clear takes off the staging path what is mounted there from a device that is
// not the volume's now: one that the kernel has removed, as it does when a target
// refuses it. What another volume has there, or a workload uses, stays.
func (w *staging) clear(ctx context.Context) error {
	keep := []link{{nqn: w.nqn, live: 1}} // it was just proved
	if err := w.node.release(ctx, release{slot: w.nqn.Slot, staging: w.Path, keep: keep}); err != nil {
		return err
	}
	table, err := w.node.mounts(ctx)
	if err != nil {
		return err
	}
	if m, mounted := table.at(w.Path); mounted {
		return domain.Fail(domain.InUse, "stage", w.id, "%s of device %s is mounted at %s, the volume is device %s",
			m.Access, m.Number, w.Path, w.device.Identity().Number())
	}
	return nil
}

// foundBlock refuses to stage as raw block what is in another use.
func (w *staging) foundBlock(table mountTable, number string) error {
	for _, m := range table {
		switch {
		case m.DeviceNumber == "" && m.Number == number:
			return w.exists("with a file system, mounted at " + m.Target)
		case m.DeviceNumber == number && !m.ReadOnly && w.Use.ReadOnly:
			return w.exists("read-write, bound at " + m.Target)
		}
	}
	return nil
}

func (w *staging) exists(how string) error {
	return domain.Fail(domain.Exists, "stage", w.id, "is staged %s, asked for %s %s",
		how, w.Use.Access, writing(w.Use.ReadOnly))
}

func writing(readOnly bool) string {
	if readOnly {
		return "read-only"
	}
	return "read-write"
}

// setReadOnly makes a reader's device refuse writes.
func (w *staging) setReadOnly(ctx context.Context) error {
	if !w.Use.ReadOnly {
		return nil
	}
	w.readOnly = true
	return w.node.setReadOnly(ctx, w.device, true)
}

func (n *Node) setReadOnly(ctx context.Context, d ports.Device, on bool) error {
	return n.quick.do(ctx, callReadOnly, d.Identity().NQN.String(), func(ctx context.Context) error {
		return d.SetReadOnly(ctx, on)
	})
}

// fileSystem mounts the file system of the proved device, after making it if
// that is allowed.
func (w *staging) fileSystem(ctx context.Context) error {
	// A file system that is mounted elsewhere must not be checked, nor one made
	// over it.
	held, err := w.node.holders(ctx, w.device)
	if err != nil {
		return err
	}
	if len(held) > 0 {
		return inUse("stage", w.nqn.Slot, held)
	}
	made, err := w.identify(ctx)
	if err != nil {
		return err
	}
	if err := w.setReadOnly(ctx); err != nil {
		return err
	}
	d, access := w.device.Identity(), w.Use.Access
	if !made && !w.Use.ReadOnly {
		if err := w.long(ctx, callCheck, func(ctx context.Context) error {
			return w.node.host.Filesystems.Check(ctx, d, access)
		}); err != nil {
			return err
		}
	}
	w.mounted = true
	m := ports.Mounting{Device: d, Access: access, Target: w.Path, ReadOnly: w.Use.ReadOnly, Options: w.Options}
	if err := w.long(ctx, callMount, func(ctx context.Context) error {
		return w.node.host.Mounts.Mount(ctx, m)
	}); err != nil {
		return err
	}
	if made || w.Use.ReadOnly {
		return nil
	}
	// A copy, or a volume that was expanded while it was staged nowhere, may be
	// larger than its file system.
	return w.long(ctx, callGrow, func(ctx context.Context) error {
		return w.node.host.Filesystems.Grow(ctx, d, access, w.Path)
	})
}

func (w *staging) long(ctx context.Context, call string, do func(context.Context) error) error {
	return w.node.long.do(ctx, call, w.nqn.String(), do)
}

func (w *staging) close(ctx context.Context) {
	if w.device != nil {
		w.node.close(ctx, w.device)
		w.device = nil
	}
}

// fail undoes the call and returns err. The undoing goes on after the call's
// end, under its guard.
func (w *staging) fail(ctx context.Context, err error) error {
	if w.handed {
		return err
	}
	finished, left := w.node.background(ctx, w.undo, func(context.Context, error) {})
	if finished && left != nil {
		return domain.Fail(domain.KindOf(err), "stage", w.id, "%w; and it could not be undone: %w", err, left)
	}
	return err
}

func (w *staging) undo(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, undoLimit)
	defer cancel()
	var errs []error
	if w.mounted {
		errs = append(errs, w.node.unmount(ctx, w.Path))
	}
	if w.readOnly && w.device != nil {
		errs = append(errs, w.node.setReadOnly(ctx, w.device, false))
	}
	w.close(ctx)
	if w.connected {
		errs = append(errs, w.node.host.Fabric.Disconnect(ctx, w.nqn, w.node.settings.Host.NQN()))
	}
	return errors.Join(errs...)
}
