package app

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
	"git.srvlab.io/whiskey/rds-csi-driver/ports"
)

// probeEvery is the time between two probing connects.
const probeEvery = 2 * time.Second

// Unstage unmounts the staging path and disconnects every epoch of the slot
// that is connected under this host's NQN. A volume that something else on this
// host holds is InUse, and the holders are named. One whose controllers are not
// live is Unreachable until its target answers again, or has refused this host
// for the grace time: then its grant is gone, and with it what was not written.
func (n *Node) Unstage(ctx context.Context, slot domain.Slot, staging string) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	links, err := n.links(ctx, slot)
	if err != nil {
		return err
	}
	if err := n.release(ctx, release{slot: slot, staging: staging, links: links}); err != nil {
		return err
	}
	return n.host.Hints.Delete(ctx, slot)
}

// A release is what to take off this host: links, and what they have mounted at
// the staging path. What belongs to the links in keep stays.
type release struct {
	slot        domain.Slot
	staging     string
	links, keep []link
}

func (n *Node) release(ctx context.Context, r release) error {
	staged, err := n.survey(ctx, r)
	if err != nil {
		return err
	}
	if staged.mounted {
		for _, l := range staged.dead {
			if err := n.settle(ctx, l.nqn); err != nil {
				return err
			}
		}
		if err := n.unmount(ctx, r.staging); err != nil {
			return err
		}
	}
	if err := n.unheld(ctx, r); err != nil {
		return err
	}
	var errs []error
	for _, l := range r.links {
		errs = append(errs, n.host.Fabric.Disconnect(ctx, l.nqn, n.settings.Host.NQN()))
		n.denials.forget(l.nqn)
	}
	return errors.Join(errs...)
}

func (n *Node) unmount(ctx context.Context, target string) error {
	return n.long.do(ctx, callUnmount, target, func(ctx context.Context) error {
		return n.host.Mounts.Unmount(ctx, target)
	})
}

// A staged is what a release finds at its staging path.
type staged struct {
	mounted bool   // by a link of the release
	dead    []link // one of these mounted it, and an umount would hang
}

// survey finds out what is mounted at the staging path, and refuses if the
// volume shows anywhere else. A device that is not live is not opened: that
// could hang, and a hanging call is one that the release of other volumes lacks.
func (n *Node) survey(ctx context.Context, r release) (staged, error) {
	table, err := n.mounts(ctx)
	if err != nil {
		return staged{}, err
	}
	numbers, err := n.numbers(ctx, r.links)
	if err != nil {
		return staged{}, err
	}
	s := staged{}
	m, ok := table.at(r.staging)
	switch {
	case !ok || !isFileSystem(m):
	case slices.Contains(numbers, m.Number):
		s.mounted = true
	default:
		if s.mounted, err = n.orphaned(ctx, r, m.Number); err != nil {
			return staged{}, err
		}
		if s.mounted {
			numbers = append(numbers, m.Number)
			s.dead = slices.DeleteFunc(slices.Clone(r.links), isLive)
		}
	}
	var elsewhere []string
	for _, number := range numbers {
		elsewhere = append(elsewhere, table.except(number, r.staging)...)
	}
	if len(elsewhere) > 0 {
		return staged{}, inUse("unstage", r.slot, elsewhere)
	}
	return s, nil
}

// numbers returns the device numbers of the links that are live. A link without
// a device, or with one that can not be proved, has none.
func (n *Node) numbers(ctx context.Context, links []link) ([]string, error) {
	var numbers []string
	for _, l := range links {
		if !isLive(l) {
			continue
		}
		d, err := n.proveSoon(ctx, l.nqn)
		if err != nil {
			return nil, err
		}
		if d != nil {
			numbers = append(numbers, d.Identity().Number())
			n.close(ctx, d)
		}
	}
	return numbers, nil
}

// proveSoon opens the device of a subsystem; nil if it has none, or none that
// can be proved to be it. A controller can be live without a device: the kernel
// drops a namespace that came back with another uuid.
func (n *Node) proveSoon(ctx context.Context, nqn domain.NQN) (ports.Device, error) {
	soon, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	d, err := n.prove(soon, nqn)
	late := err != nil && ctx.Err() == nil && (soon.Err() != nil || errors.Is(err, errStuck))
	if late || domain.Is(err, domain.NotFound) || domain.Is(err, domain.DataAtRisk) {
		return nil, nil // no device is an answer here
	}
	return d, err
}

// orphaned reports whether a file system at the staging path, which is of no
// live link of the release, is the release's all the same: of a controller that
// is not live, or that the kernel has removed. It is not if it may be a link's
// that is kept, or is the device of another volume.
func (n *Node) orphaned(ctx context.Context, r release, number string) (bool, error) {
	if slices.ContainsFunc(r.keep, func(l link) bool { return !isLive(l) }) {
		return false, nil
	}
	all, err := n.ours(ctx)
	if err != nil {
		return false, err
	}
	for _, c := range all {
		kept := slices.ContainsFunc(r.keep, func(l link) bool { return l.nqn == c.NQN })
		if c.NQN.Slot == r.slot && !kept || c.State != domain.Live {
			continue
		}
		if n.has(ctx, c.NQN, number) {
			return false, nil
		}
	}
	return true, ctx.Err()
}

// has reports whether the device of a subsystem is proved to have the number. It
// does not wait: what is wrong with another volume must not keep this one here.
func (n *Node) has(ctx context.Context, nqn domain.NQN, number string) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	d, err := n.prove(ctx, nqn)
	if err != nil {
		return false
	}
	defer n.close(ctx, d)
	return d.Identity().Number() == number
}

// unheld refuses if anything still holds a device of the release.
func (n *Node) unheld(ctx context.Context, r release) error {
	links, err := n.links(ctx, r.slot)
	if err != nil {
		return err
	}
	for _, l := range r.links {
		now, connected := find(links, l.nqn)
		if !connected || !isLive(now) {
			continue // Disconnect looks for holders too
		}
		if err := n.unheldDevice(ctx, r.slot, l.nqn); err != nil {
			return err
		}
	}
	return nil
}

func (n *Node) unheldDevice(ctx context.Context, slot domain.Slot, nqn domain.NQN) error {
	d, err := n.proveSoon(ctx, nqn)
	if err != nil || d == nil {
		return err // Disconnect judges what there is
	}
	defer n.close(ctx, d)
	held, err := n.holders(ctx, d)
	if err == nil && len(held) > 0 {
		return inUse("unstage", slot, held)
	}
	return err
}

// settle returns when the umount of what is mounted from a subsystem can not
// hang any more: a controller is live again, all are gone, or the target has
// refused this host for the whole grace time and they were abandoned. A target
// that is silent is Unreachable at once.
func (n *Node) settle(ctx context.Context, nqn domain.NQN) error {
	for {
		links, err := n.links(ctx, nqn.Slot)
		if err != nil {
			return err
		}
		l, connected := find(links, nqn)
		if !connected || isLive(l) {
			n.denials.forget(nqn)
			return nil
		}
		admits, err := n.host.Fabric.Admits(ctx, n.targetOf(ctx, l))
		if err != nil {
			if ctx.Err() == nil { // else it was this call that did not wait
				n.denials.forget(nqn)
			}
			return domain.Fail(domain.KindOf(err), "unstage", nqn.String(),
				"its controller is not live and the target does not say whether it admits this host: %w", err)
		}
		var since time.Duration
		if admits {
			n.denials.forget(nqn) // the kernel connects again, soon
		} else if since = n.denials.note(nqn, n.settings.Now()); since >= n.settings.UnstageGrace {
			return n.abandon(ctx, nqn)
		}
		if err := pause(ctx, probeEvery); err != nil {
			return domain.Fail(domain.Unreachable, "unstage", nqn.String(),
				"its controller is not live; refused for %s, after %s its grant counts as gone: %w",
				since.Round(time.Second), n.settings.UnstageGrace, err)
		}
	}
}

// abandon takes the device away from under its mount.
func (n *Node) abandon(ctx context.Context, nqn domain.NQN) error {
	err := n.host.Fabric.Abandon(ctx, nqn, n.settings.Host.NQN())
	if domain.Is(err, domain.InUse) {
		return nil // a fabric whose devices stay: nor can its umount hang
	}
	if err == nil {
		n.denials.forget(nqn)
	}
	return err
}

// targetOf returns what to connect to in order to ask about a link. The kernel
// knows the portals; where a fabric has none, the hint may.
func (n *Node) targetOf(ctx context.Context, l link) domain.Target {
	t := domain.Target{
		NQN: l.nqn, Portals: l.portals, Timings: domain.DefaultTimings(),
		HostNQN: n.settings.Host.NQN(), HostID: n.settings.Host.UUID.String(),
	}
	if len(t.Portals) > 0 {
		return t
	}
	hints, _ := n.host.Hints.List(ctx) // nothing depends on a hint
	i := slices.IndexFunc(hints, func(h ports.Hint) bool { return h.Attachment.Target.NQN == l.nqn })
	if i >= 0 {
		t.Portals = n.portals(hints[i].Attachment)
	}
	return t
}

// denials remembers since when a target has refused this host on every try. The
// grace time is longer than a caller waits, so it spans calls. Lost with the
// process it begins anew, which only takes longer.
type denials struct {
	mu    sync.Mutex
	first map[domain.NQN]time.Time
	last  map[domain.NQN]time.Time
}

// denialGap is how far two refusals may lie apart and still count as one.
const denialGap = 10 * time.Minute

// note takes down a refusal and returns for how long there was nothing else.
func (d *denials) note(nqn domain.NQN, now time.Time) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.first == nil {
		d.first, d.last = make(map[domain.NQN]time.Time), make(map[domain.NQN]time.Time)
	}
	if last, ok := d.last[nqn]; !ok || now.Sub(last) > denialGap {
		d.first[nqn] = now
	}
	d.last[nqn] = now
	return now.Sub(d.first[nqn])
}

// forget ends a row of refusals.
func (d *denials) forget(nqn domain.NQN) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.first, nqn)
	delete(d.last, nqn)
}
