package domain

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
)

// Parameters are what a StorageClass says about its volumes.
type Parameters struct {
	Array   ArrayName // "": any that fits
	Pool    string    // "": any that fits
	Timings Timings
}

const kubernetesParameters = "csi.storage.k8s.io/"

// ParameterKeys returns every parameter a StorageClass may name, beside those
// under csi.storage.k8s.io/, in a fixed order.
func ParameterKeys() []string {
	return append([]string{"array", "pool", "migration"}, TimingKeys()...)
}

// ParseParameters reads a StorageClass's parameters and the claim among them.
// Unknown keys and values are Invalid and named.
func ParseParameters(given map[string]string) (Parameters, Claim, error) {
	var p Parameters
	var claim Claim
	for _, key := range slices.Sorted(maps.Keys(given)) {
		var err error
		switch value := given[key]; {
		case key == "array":
			p.Array, err = ParseArrayName(value)
		case key == "pool":
			p.Pool, err = ParsePoolName(value)
		case key == "migration":
			err = parseMigration(value)
		case key == kubernetesParameters+"pvc/name":
			claim.Name = value
		case key == kubernetesParameters+"pvc/namespace":
			claim.Namespace = value
		case strings.HasPrefix(key, kubernetesParameters):
		case slices.Contains(TimingKeys(), key):
			p.Timings, err = p.Timings.With(key, value)
		default:
			err = Fail(Invalid, "parse parameters", "", "parameter %q is unknown, allowed are %s and %s*",
				key, strings.Join(ParameterKeys(), ", "), kubernetesParameters)
		}
		if err != nil {
			return Parameters{}, Claim{}, err
		}
	}
	return p, claim, nil
}

func parseMigration(value string) error {
	if value != "any" {
		return Fail(Invalid, "parse parameters", "", "parameter migration %q: any is allowed", value)
	}
	return nil
}

// ParseMutable reads the parameters of a VolumeAttributesClass: timings only.
func ParseMutable(given map[string]string) (Timings, error) {
	var t Timings
	for _, key := range slices.Sorted(maps.Keys(given)) {
		var err error
		if t, err = t.With(key, given[key]); err != nil {
			return Timings{}, Fail(Invalid, "parse mutable parameters", "", "mutable_%w", err)
		}
	}
	return t, nil
}

// ParsePoolName accepts what RouterOS takes as a mount point without quoting:
// 1 to 64 characters of [A-Za-z0-9._-], a letter or digit first.
func ParsePoolName(s string) (string, error) {
	const alnum = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	if s == "" || len(s) > 64 || !strings.ContainsRune(alnum, rune(s[0])) || strings.Trim(s, alnum+"._-") != "" {
		return "", Fail(Invalid, "parse pool name", "",
			"pool %q: 1 to 64 of A-Z, a-z, 0-9, dot, _ and - are allowed, a letter or digit first", s)
	}
	return s, nil
}

// A VolumeRequest is a parsed wish for a volume.
type VolumeRequest struct {
	Name       string
	Claim      Claim
	Range      SizeRange
	Access     Access
	Parameters Parameters
	Modified   Timings
	Origin     Origin
}

// Satisfies reports whether v is what r would make; else it is Exists and says
// what differs. The name was compared by v's slot already.
func (v Volume) Satisfies(r VolumeRequest) error {
	if err := v.writable("create"); err != nil {
		return err
	}
	have := v.Record
	differs := func(what string, is, asked any) error {
		return Fail(Exists, "create", r.Name, "exists as %s with %s %v, asked for %v", v.ID, what, is, asked)
	}
	switch {
	case have.State == Deleting:
		return Fail(Busy, "create", r.Name, "a volume of that name is being deleted, ask again")
	case !r.Range.Allows(have.Size):
		return differs("size", have.Size, r.Range)
	case have.Access != r.Access:
		return differs("access", have.Access, r.Access)
	case have.Origin != r.Origin:
		return differs("source", cmp.Or(have.Origin.Name, "none"), cmp.Or(r.Origin.Name, "none"))
	case r.Parameters.Array != "" && v.ID.Array != r.Parameters.Array:
		return differs("array", v.ID.Array, r.Parameters.Array)
	case r.Parameters.Pool != "" && have.Pool != r.Parameters.Pool:
		return differs("pool", have.Pool, r.Parameters.Pool)
	case have.Parameters.Timings != r.Parameters.Timings:
		return differs("timings", have.Parameters.Timings.Pairs(), r.Parameters.Timings.Pairs())
	}
	return nil
}

// A Plan is a volume to be made: its first record and what it needs of the
// pool.
type Plan struct {
	ID     VolumeID
	Record Record
	Room   Room
	// SourceSize is the size of the copied image, zero for a blank volume. The
	// copy is grown from it to Record.Size.
	SourceSize Size
}

// A Source is what a copy is made from, as it was read.
type Source struct {
	Origin  Origin
	Size    Size
	Content Content // of a copy
	Access  Access  // "" where it is not known
	Pool    string
}

// NewPlan plans the volume that r asks for on pool p of array. source is what
// r.Origin names, zero for a blank volume.
func NewPlan(
	cluster ClusterID, array ArrayName, p Pool, room Room, r VolumeRequest, source Source, now time.Time, nonce string,
) (Plan, error) {
	if source.Origin != r.Origin {
		return Plan{}, Fail(Other, "create", r.Name, "a copy of %v was asked for, not of %v", r.Origin, source.Origin)
	}
	size, err := r.size(source)
	if err != nil {
		return Plan{}, err
	}
	state, content := Ready, Blank
	if source.Origin.Kind != FromNothing {
		state, content = Making, source.Content
	}
	return Plan{
		ID: VolumeID{Array: array, Slot: cluster.Slot(r.Name)},
		Record: Record{
			Owner: cluster.Owner(), Name: r.Name, Claim: r.Claim, Size: size, Access: r.Access,
			Pool: p.Name, PoolUUID: p.UUID, Parameters: r.Parameters, Modified: r.Modified,
			Content: content, State: state, Origin: source.Origin,
			Created: now.UTC().Truncate(time.Second), Nonce: nonce,
		},
		Room:       room,
		SourceSize: source.Size,
	}, nil
}

// size returns the bytes to make for r as a copy of source.
func (r VolumeRequest) size(source Source) (Size, error) {
	if r.Range.Limit > 0 && r.Range.Limit < source.Size || r.Range.Required > 0 && r.Range.Required < source.Size {
		return 0, Fail(OutOfRange, "create", r.Name, "capacity_range: the source has %d bytes, a copy can not be smaller",
			int64(source.Size))
	}
	least := max(r.Access.Least(), source.Size)
	if source.Size > 0 {
		return r.Range.Choose(least, source.Size)
	}
	return r.Range.Choose(least, DefaultSize)
}

// Done returns v, a copy whose image is complete, as Ready. A volume that is not
// Making stays as it is: what is being deleted must not come back.
func (v Volume) Done(nonce string) Volume {
	if v.Record.State != Making {
		return v
	}
	next := v.written(nonce)
	next.Record.State = Ready
	return next
}
