package domain

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// A ControllerState is what the kernel says of an NVMe controller.
type ControllerState string

// The controller states (Linux nvme_sysfs_show_state), folded to what matters.
const (
	Live       ControllerState = "live"
	Connecting ControllerState = "connecting" // also new and resetting
	Gone       ControllerState = "deleting"   // also dead
)

// A Controller is this host's end of one connection to a subsystem of ours.
type Controller struct {
	Name    string // the kernel's, for people: nvme0, loop3
	NQN     NQN
	HostNQN string
	State   ControllerState
	Portal  Portal // where it is connected to; zero if the fabric has no addresses
}

// A Device is a block device that was proved to be a volume's.
type Device struct {
	NQN          NQN
	Path         string // of the node under /dev
	Major, Minor uint32
}

// Number returns "major:minor", as in mountinfo and sysfs.
func (d Device) Number() string { return fmt.Sprintf("%d:%d", d.Major, d.Minor) }

// A Signature is what a probe recognized on a device. The zero value is
// nothing.
type Signature struct {
	Type  string // as libblkid names it: ext4, crypto_LUKS, LVM2_member, dos, …
	Label string
	UUID  string
}

// An Extent is a range of bytes on a device.
type Extent struct {
	Offset, Length Size
}

// A Refusal is why a device may not be formatted. Its values are labels of a
// metric.
type Refusal string

// The refusals.
const (
	RefusedContent   Refusal = "content"   // the record says somebody's data
	RefusedIdentity  Refusal = "identity"  // not proved to be the volume
	RefusedSize      Refusal = "size"      // smaller than was granted
	RefusedSignature Refusal = "signature" // something is on it
	RefusedData      Refusal = "data"      // no signature, but not zero either
	RefusedRead      Refusal = "read"      // a read gave an error
)

// Refusals returns all refusals, in a fixed order.
func Refusals() []Refusal {
	return []Refusal{RefusedContent, RefusedIdentity, RefusedSize, RefusedSignature, RefusedData, RefusedRead}
}

const (
	headBytes   = 4 * MiB
	tailBytes   = MiB
	blockBytes  = 4 * KiB
	spreadCount = 1024
)

// MustBeZero returns what has to read as zeros before a file system may be made
// on a device of that size, sorted, without overlaps.
func MustBeZero(size Size, proof Proof) []Extent {
	extents := []Extent{{0, min(headBytes, size)}, {max(0, size-tailBytes), min(tailBytes, size)}}
	if proof != ProofQuick {
		for _, offset := range superblockCopies(size) {
			extents = append(extents, Extent{offset, blockBytes})
		}
		for i := range Size(spreadCount) {
			extents = append(extents, Extent{size / spreadCount * i / blockBytes * blockBytes, blockBytes})
		}
	}
	return merge(extents, size)
}

// superblockCopies returns where ext4, xfs and btrfs may keep copies of their
// superblocks on a device of that size, whatever they were made with.
func superblockCopies(size Size) []Size {
	var offsets []Size
	// ext4: with sparse_super in groups 1 and the powers of 3, 5 and 7; a group
	// is as large as one block of bitmap can map (fs/ext4/super.c,
	// ext4_bg_has_super). 1 KiB blocks start counting behind the boot block.
	for block := KiB; block <= 64*KiB; block *= 2 {
		group := 8 * block * block
		for _, base := range []Size{3, 5, 7} {
			for n := Size(1); n <= math.MaxInt64/group && n*group < size; n *= base {
				offsets = append(offsets, n*group)
			}
		}
	}
	// btrfs: fixed mirrors (BTRFS_SUPER_MIRROR_SHIFT).
	offsets = append(offsets, 64*KiB, 64*MiB, 256*GiB)
	return append(offsets, allocationGroups(size)...)
}

// allocationGroups returns where the allocation groups of an xfs may begin that
// was made on a device of that size: a copy of its superblock lies at each.
// mkfs.xfs divides by 4, on striped devices by 2 to 32 (rounded up), and newer
// ones by the number of processors, but not to less than 4 GiB (rounded down);
// a group has less than 2^28 blocks.
func allocationGroups(size Size) []Size {
	blocks := size / blockBytes
	lengths := []Size{1<<28 - 1}
	for groups := Size(2); groups <= max(32, min(256, size/(4*GiB))); groups++ {
		lengths = append(lengths, blocks/groups)
		if groups <= 32 && blocks%groups != 0 {
			lengths = append(lengths, blocks/groups+1)
		}
	}
	var offsets []Size
	for _, length := range lengths {
		if length == 0 {
			continue
		}
		for i := Size(1); i <= blocks/length; i++ {
			offsets = append(offsets, i*length*blockBytes)
		}
	}
	return offsets
}

// merge sorts extents, cuts them to size and joins those that touch.
func merge(extents []Extent, size Size) []Extent {
	slices.SortFunc(extents, func(a, b Extent) int { return cmp.Compare(a.Offset, b.Offset) })
	var merged []Extent
	for _, e := range extents {
		e.Length = min(e.Length, size-e.Offset)
		if e.Length <= 0 {
			continue
		}
		if last := len(merged) - 1; last >= 0 && e.Offset <= merged[last].Offset+merged[last].Length {
			merged[last].Length = max(merged[last].Length, e.Offset+e.Length-merged[last].Offset)
			continue
		}
		merged = append(merged, e)
	}
	return merged
}

// A Usage is how full a mounted file system is.
type Usage struct {
	Total, Used, Available Size
	Inodes, InodesUsed     int64
	InodesFree             int64
}
