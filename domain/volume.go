package domain

import (
	"slices"
	"time"
)

// A State is where a volume is in its life. Its values are written into
// records.
type State string

// The states of a volume.
const (
	Making   State = "making"   // a copy that is not complete; never granted
	Ready    State = "ready"    // may be granted
	Deleting State = "deleting" // only delete goes on
)

// A Standing says whose a disk on the array is.
type Standing uint8

// The standings. Only Ours may ever be changed.
const (
	NotOurs Standing = iota // no record of this cluster: never touched
	Ours
	Newer   // a record of a later format: shown, never written
	Damaged // a slot of our shape whose record is missing or broken: shown, alarmed, never written
)

// An OriginKind says what a copy was made from. Its values are written into
// records.
type OriginKind string

// The kinds of origin.
const (
	FromNothing  OriginKind = ""
	FromSnapshot OriginKind = "snapshot"
	FromVolume   OriginKind = "volume"
	Adopted      OriginKind = "adopted" // a foreign disk taken over where it lay
)

// An Origin is what a volume was copied from: a snapshot's name or a volume's
// slot, on the same array. The zero Origin is a volume made empty.
// Only an adopted volume has an image outside our place on its pool.
type Origin struct {
	Kind OriginKind
	Name string
}

// A Grant is one node's right to hold a volume. It is fixed while it lives.
type Grant struct {
	Node    NodeID
	Use     Use
	Since   time.Time
	Size    Size // of the volume when granted
	Format  Format
	Timings Timings
}

// An Export is what the array shows on the network for a volume.
type Export struct {
	On   bool
	NQN  NQN    // kept while the export is off; zero before the first grant
	Host string // the only host NQN admitted, "" admits every host
}

// A Fencing says whether the array's host filter is used.
type Fencing string

// The fencings. Export and epoch rules hold in both.
const (
	FenceByHost Fencing = "host" // the array admits the holder only
	FenceNone   Fencing = "none" // for firmware on which the filter does not work
)

// A Record is everything the driver knows about a volume. It lives in the
// comment of the volume's disk, so that any replica reads the same truth.
type Record struct {
	Owner      Owner
	Name       string // the CSI name; may be cut, the slot is its hash
	Claim      Claim
	Size       Size // the bytes the row must have
	Access     Access
	Pool       string
	PoolUUID   string // of the pool's file system
	Parameters Parameters
	Modified   Timings // of ModifyVolume and mutable_parameters; they win
	Content    Content
	State      State
	Epoch      Epoch // of the current or last holders, "" before the first
	FirstGrant time.Time
	Lingering  bool // a host that left may still have a live controller
	Grants     []Grant
	Origin     Origin
	Created    time.Time
	Nonce      string // new at each write

	unknown [][2]string // keys of a later minor version, kept through a rewrite
}

// A Claim is the Kubernetes object a volume was made for, for people to read.
type Claim struct {
	Namespace, Name string
}

// A Row is what the array reports about a volume's disk.
type Row struct {
	Comment string // the record exactly as it is written there
	Size    Size
	Path    string // of the image, as the array spells it, with a leading slash
	Export  Export
	// NQN is the subsystem name as the row has it, also where it is not one of
	// ours and Export.NQN is therefore zero.
	NQN string
}

// A Volume is one disk on an array: where it is, what its record says and what
// the array reports.
type Volume struct {
	ID       VolumeID
	Standing Standing
	Record   Record // only of Ours
	Row      Row
}

// writable refuses a volume whose record is not ours to write.
func (v Volume) writable(op string) error {
	switch v.Standing {
	case Ours:
		return nil
	case Damaged:
		return Fail(DataAtRisk, op, v.ID.String(), "record is damaged: an operator must look at the disk's comment")
	case Newer:
		return Fail(DataAtRisk, op, v.ID.String(), "record was written by a newer driver: upgrade this one")
	default:
		return Fail(DataAtRisk, op, v.ID.String(), "disk is not ours: it has no record of this cluster")
	}
}

// usable refuses a volume that is on its way in or out.
func (v Volume) usable(op string) error {
	if err := v.writable(op); err != nil {
		return err
	}
	switch v.Record.State {
	case Deleting:
		return Fail(InUse, op, v.ID.String(), "is being deleted")
	case Making:
		return Fail(Busy, op, v.ID.String(), "is still being copied, ask again")
	default:
		return nil
	}
}

// Content returns what is on the volume at the instant now.
func (v Volume) Content(now time.Time) Content {
	r := v.Record
	if r.Content == Blank && !r.FirstGrant.IsZero() && !now.Before(r.FirstGrant.Add(BlankFor)) {
		return Used
	}
	return r.Content
}

// CopyContent returns the content of a copy of the volume: Blank if nobody ever
// held it, else Foreign.
func (v Volume) CopyContent() Content {
	if v.Record.Content == Blank && v.Record.FirstGrant.IsZero() {
		return Blank
	}
	return Foreign
}

// Timings returns the settings that the next grant gets.
func (v Volume) Timings() Timings {
	return v.Record.Modified.Over(v.Record.Parameters.Timings.Over(DefaultTimings()))
}

// Export returns what the array must show for the record: nothing without a
// grant; one host with one grant; every host while several hold it, because
// RouterOS filters one name.
func (v Volume) Export(prefix NQNPrefix, fencing Fencing) Export {
	r := v.Record
	if r.Epoch == "" {
		return Export{}
	}
	e := Export{NQN: NQN{Prefix: prefix, Slot: v.ID.Slot, Epoch: r.Epoch}}
	if len(r.Grants) == 0 {
		return e
	}
	e.On = true
	if len(r.Grants) == 1 && fencing != FenceNone {
		e.Host = r.Grants[0].Node.HostNQN()
		e.On = e.Host != "" // an empty filter would admit everybody
	}
	return e
}

// Unfenced reports whether a host without a grant of its own could write:
// several share the volume, or one that left may linger.
func (v Volume) Unfenced() bool { return len(v.Record.Grants) > 1 || v.Record.Lingering }

// Granted returns the grant of the node with this id.
func (v Volume) Granted(node NodeID) (Grant, bool) {
	i := slices.IndexFunc(v.Record.Grants, func(g Grant) bool { return g.Node == node })
	if i < 0 {
		return Grant{}, false
	}
	return v.Record.Grants[i], true
}

// Holders returns the ids of the nodes that hold the volume, oldest first.
func (v Volume) Holders() []NodeID {
	nodes := make([]NodeID, 0, len(v.Record.Grants))
	for _, g := range v.Record.Grants {
		nodes = append(nodes, g.Node)
	}
	return nodes
}

// written returns v with a new nonce and grants of its own, ready to be
// changed without changing the volume it came from.
func (v Volume) written(nonce string) Volume {
	v.Record.Nonce = nonce
	v.Record.Grants = slices.Clone(v.Record.Grants)
	return v
}
