package domain

import (
	"crypto/sha256"
	"encoding/base32"
	"strings"
	"unicode/utf8"
)

// base32Lower is RFC 4648 base32 in lower case without padding: letters and
// digits only, safe in RouterOS, NQNs, paths and Kubernetes names.
var base32Lower = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

const (
	hashLength = 26 // base32 characters of a slot: 130 bits of SHA-256
	slotPrefix = "csi-"
	snapPrefix = "sn-"
)

// hashed returns the first 26 base32 characters of SHA-256 over the parts
// joined by NUL.
func hashed(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return base32Lower.EncodeToString(sum[:])[:hashLength]
}

// isBase32 reports whether s has n characters of base32Lower.
func isBase32(s string, n int) bool {
	return len(s) == n && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz234567") == ""
}

// isWord reports whether s has least to most characters of [a-z0-9-].
func isWord(s string, least, most int) bool {
	return len(s) >= least && len(s) <= most &&
		strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// A ClusterID separates the volumes of installations that share an array.
type ClusterID string

// ParseClusterID accepts 3 to 40 characters of [a-z0-9-].
func ParseClusterID(s string) (ClusterID, error) {
	if !isWord(s, 3, 40) {
		return "", Fail(Invalid, "parse cluster id", "", "cluster id %q: 3 to 40 characters of a-z, 0-9 and - are allowed", s)
	}
	return ClusterID(s), nil
}

// An ArrayName is the configured name of one RDS.
type ArrayName string

// ParseArrayName accepts 1 to 32 characters of [a-z0-9-].
func ParseArrayName(s string) (ArrayName, error) {
	if !isWord(s, 1, 32) {
		return "", Fail(Invalid, "parse array name", "", "array %q: 1 to 32 characters of a-z, 0-9 and - are allowed", s)
	}
	return ArrayName(s), nil
}

// An Owner is the mark of a cluster on an array: in records and in paths.
type Owner string

// Owner returns the first 8 base32 characters of the cluster id's hash.
func (c ClusterID) Owner() Owner { return Owner(hashed("rds-csi/1/owner", string(c))[:8]) }

// A Slot names a disk on an RDS. One made by this driver is "csi-" and 26
// base32 characters; an adopted one keeps the name it had.
type Slot string

// Slot returns the slot of the volume that CSI calls name. The same name lands
// on the same slot after any crash and from any replica.
func (c ClusterID) Slot(name string) Slot {
	return Slot(slotPrefix + hashed("rds-csi/1/volume", string(c), name))
}

// ParseSlot accepts a letter followed by at most 63 characters of
// [A-Za-z0-9._-].
func ParseSlot(s string) (Slot, error) {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	ok := s != "" && len(s) <= 64 && strings.ContainsRune(letters, rune(s[0])) &&
		strings.Trim(s, letters+"0123456789._-") == ""
	if !ok {
		return "", Fail(Invalid, "parse slot", "",
			"slot %q: a letter and at most 63 of A-Z, a-z, 0-9, dot, _ and - are allowed", s)
	}
	return Slot(s), nil
}

// Made reports whether the slot has the shape of those that this driver makes.
func (s Slot) Made() bool {
	rest, ok := strings.CutPrefix(string(s), slotPrefix)
	return ok && isBase32(rest, hashLength)
}

// ParseName checks a name that CSI gives to a volume or snapshot: valid UTF-8,
// 1 to 128 bytes. field is the request's field, for the message.
func ParseName(field, name string) (string, error) {
	switch {
	case name == "":
		return "", Fail(Invalid, "parse name", "", "%s is missing", field)
	case len(name) > 128:
		return "", Fail(Invalid, "parse name", "", "%s has %d bytes, at most 128 are allowed", field, len(name))
	case !utf8.ValidString(name):
		return "", Fail(Invalid, "parse name", "", "%s is not valid UTF-8", field)
	}
	return name, nil
}

// A VolumeID names a volume for ever: the array it lives on and its slot.
type VolumeID struct {
	Array ArrayName
	Slot  Slot
}

// String returns "array:slot".
func (id VolumeID) String() string { return string(id.Array) + ":" + string(id.Slot) }

// A SnapshotID names a snapshot for ever: the array and "sn-" with 26 base32
// characters.
type SnapshotID struct {
	Array ArrayName
	Name  string
}

// String returns "array:sn-…".
func (id SnapshotID) String() string { return string(id.Array) + ":" + id.Name }

// SnapshotName returns the name on the array of the snapshot that CSI calls
// name.
func (c ClusterID) SnapshotName(name string) string {
	return snapPrefix + hashed("rds-csi/1/snapshot", string(c), name)
}

// ParseSnapshotID reads "array:sn-…". An id of another shape names no snapshot
// of ours; ok is then false.
func ParseSnapshotID(s string) (id SnapshotID, ok bool) {
	array, name, _ := strings.Cut(s, ":")
	a, err := ParseArrayName(array)
	if err != nil || !isSnapshotName(name) {
		return SnapshotID{}, false
	}
	return SnapshotID{Array: a, Name: name}, true
}

func isSnapshotName(s string) bool {
	rest, ok := strings.CutPrefix(s, snapPrefix)
	return ok && isBase32(rest, hashLength)
}

// A Handles reads and writes the volume ids that an orchestrator sees. Its zero
// value knows "array:slot" only.
type Handles struct {
	// Legacy is the array whose adopted volumes go by their bare slot.
	Legacy ArrayName
}

// Parse reads a volume handle. A handle of another shape is an absent volume;
// ok is then false.
func (h Handles) Parse(handle string) (id VolumeID, ok bool) {
	array, slot, qualified := strings.Cut(handle, ":")
	if !qualified {
		array, slot = string(h.Legacy), handle
	}
	a, err := ParseArrayName(array)
	if err != nil {
		return VolumeID{}, false
	}
	s, err := ParseSlot(slot)
	if err != nil || (!qualified && s.Made()) {
		return VolumeID{}, false
	}
	return VolumeID{Array: a, Slot: s}, true
}

// ParseSlot returns the slot in a handle of either form, for a node, which
// knows neither arrays nor which of them is the legacy one.
func (h Handles) ParseSlot(handle string) (slot Slot, ok bool) {
	array, bare, qualified := strings.Cut(handle, ":")
	if !qualified {
		bare = handle
	} else if _, err := ParseArrayName(array); err != nil {
		return "", false
	}
	slot, err := ParseSlot(bare)
	return slot, err == nil
}

// Format returns the handle of id: one spelling for each volume.
func (h Handles) Format(id VolumeID) string {
	if h.Legacy != "" && id.Array == h.Legacy && !id.Slot.Made() {
		return string(id.Slot)
	}
	return id.String()
}
