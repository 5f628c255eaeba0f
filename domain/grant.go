package domain

import (
	"slices"
	"strings"
	"time"
)

// An Ask is a node's wish to hold a volume. Epoch and Nonce are fresh random
// names; the epoch is used only if nobody holds the volume.
type Ask struct {
	Node  NodeID
	Use   Use
	Now   time.Time
	Epoch Epoch
	Nonce string
}

// Admit returns v with a granted. A node that already holds v in the same use
// changes nothing; one that holds it in another use is Exists; a holder that
// can not share with a is InUse and named.
func (v Volume) Admit(a Ask) (Volume, error) {
	if err := v.usable("admit"); err != nil {
		return v, err
	}
	if _, ours := ParseNodeID(string(a.Node)); !ours {
		return v, Fail(NotFound, "admit", v.ID.String(), "node_id %q names no node of this driver", a.Node)
	}
	if held, ok := v.Granted(a.Node); ok {
		if held.Use == a.Use {
			return v, nil
		}
		return v, Fail(Exists, "admit", v.ID.String(), "node %s holds it as %s readonly=%t, asked for %s readonly=%t",
			a.Node.Name(), held.Use.Mode, held.Use.ReadOnly, a.Use.Mode, a.Use.ReadOnly)
	}
	if err := v.admissible(a); err != nil {
		return v, err
	}
	next := v.written(a.Nonce)
	if len(v.Record.Grants) == 0 {
		next.Record.Epoch = a.Epoch
	}
	if next.Record.FirstGrant.IsZero() {
		next.Record.FirstGrant = a.Now.UTC().Truncate(time.Second)
	}
	next.Record.Grants = append(next.Record.Grants, Grant{
		Node: a.Node, Use: a.Use, Since: a.Now.UTC().Truncate(time.Second),
		Size: v.Record.Size, Format: next.format(a), Timings: v.Timings(),
	})
	return next, nil
}

// admissible refuses an ask that does not go with the volume or its holders.
func (v Volume) admissible(a Ask) error {
	id := v.ID.String()
	if a.Use.Access != v.Record.Access {
		return Fail(Invalid, "admit", id, "volume_capability %s: the volume was made for %s", a.Use.Access, v.Record.Access)
	}
	for _, held := range v.Record.Grants {
		switch {
		case held.Node.Name() == a.Node.Name():
			return Fail(InUse, "admit", id, "held by an earlier installation of node %s: unpublish it first", a.Node.Name())
		case !held.Use.SharesWith(a.Use):
			return Fail(InUse, "admit", id, "held by node %s", held.Node.Name())
		}
	}
	if most := a.Use.MostHolders(); len(v.Record.Grants) >= most {
		return Fail(InUse, "admit", id, "%d nodes hold it, no more may: %s", most, strings.Join(v.holderNames(), ", "))
	}
	if a.Use.ReadOnly && a.Use.Access != Block && v.Record.Content == Blank {
		return Fail(InUse, "admit", id, "is blank: a reader would find no file system, publish it to a writer first")
	}
	return nil
}

// format returns what a new grant may do with an empty device.
func (v Volume) format(a Ask) Format {
	switch content := v.Content(a.Now); {
	case a.Use.ReadOnly || a.Use.Access == Block || content == Foreign:
		return FormatNever()
	case content == Blank:
		return FormatBlankUntil(v.Record.FirstGrant.Add(BlankFor))
	default:
		return FormatIfEmpty()
	}
}

func (v Volume) holderNames() []string {
	var names []string
	for _, g := range v.Record.Grants {
		names = append(names, g.Node.Name())
	}
	return names
}

// Revoke returns v without the grants of the node of that name, or without any
// if name is empty. Node names match, not ids, so that a reinstalled node frees
// what it held before. The nonce changes even if there was no such grant: a
// late publish that still travels must find a record that is no longer its own.
func (v Volume) Revoke(name, nonce string) (Volume, error) {
	if err := v.writable("revoke"); err != nil {
		return v, err
	}
	next := v.written(nonce)
	next.Record.Grants = slices.DeleteFunc(next.Record.Grants, func(g Grant) bool {
		return name == "" || g.Node.Name() == name
	})
	left := len(next.Record.Grants)
	if left == len(v.Record.Grants) {
		return next, nil
	}
	if next.Record.Content == Blank {
		next.Record.Content = Used
	}
	// While several held it the filter was open; who left may still be there.
	next.Record.Lingering = left > 0
	return next, nil
}

// Detached reports whether nothing is left to revoke on a volume whose record
// is not ours to write: its export reads off.
func (v Volume) Detached() bool { return v.Standing != Ours && !v.Row.Export.On }

// Condemn returns v marked as being deleted. A volume that is held is InUse and
// its holders are named.
func (v Volume) Condemn(nonce string) (Volume, error) {
	if err := v.writable("delete"); err != nil {
		return v, err
	}
	if len(v.Record.Grants) > 0 {
		return v, Fail(InUse, "delete", v.ID.String(), "held by %s: unpublish it there first",
			strings.Join(v.holderNames(), ", "))
	}
	if v.Record.State == Deleting {
		return v, nil
	}
	next := v.written(nonce)
	next.Record.State = Deleting
	return next, nil
}

// Resize returns v grown to what r asks, v itself if it is large enough. A
// volume above the limit is OutOfRange; no volume ever shrinks. An image that is
// smaller than its record has lost data: growing it would hide that.
func (v Volume) Resize(r SizeRange, nonce string) (Volume, error) {
	if err := v.usable("expand"); err != nil {
		return v, err
	}
	size := v.Row.Size
	switch {
	case size < v.Record.Size:
		return v, Fail(DataAtRisk, "expand", v.ID.String(),
			"the image has %s, its record says %s: an operator must look at it", size, v.Record.Size)
	case r.Limit > 0 && size > r.Limit:
		return v, Fail(OutOfRange, "expand", v.ID.String(),
			"has %s, capacity_range.limit_bytes %d is below that and volumes never shrink", size, int64(r.Limit))
	case size >= r.Required && size == v.Record.Size:
		return v, nil
	case size < r.Required:
		var err error
		if size, err = r.Choose(v.Record.Access.Least(), size); err != nil {
			return v, err
		}
	}
	next := v.written(nonce)
	next.Record.Size = size
	return next, nil
}

// Modify returns v with the timings of t laid over those modified before. They
// take effect at the next grant.
func (v Volume) Modify(t Timings, nonce string) (Volume, error) {
	if err := v.usable("modify"); err != nil {
		return v, err
	}
	modified := t.Over(v.Record.Modified)
	if modified == v.Record.Modified {
		return v, nil
	}
	next := v.written(nonce)
	next.Record.Modified = modified
	return next, nil
}
