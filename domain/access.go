package domain

// An Access says how a volume is used: as raw block or with a file system. Its
// values are written into records.
type Access string

// The accesses there are.
const (
	Block Access = "block"
	Ext4  Access = "ext4"
	XFS   Access = "xfs"
	Btrfs Access = "btrfs"
)

// ParseAccess reads a CSI fs_type; the empty one is ext4.
func ParseAccess(fsType string) (Access, error) {
	switch a := Access(fsType); a {
	case "":
		return Ext4, nil
	case Ext4, XFS, Btrfs:
		return a, nil
	default:
		return "", Fail(Invalid, "parse access", "", "fs_type %q: ext4, xfs and btrfs are allowed", fsType)
	}
}

// Least returns the smallest volume that can carry the access: mkfs.xfs refuses
// less than 300 MiB, mkfs.btrfs less than about 109 MiB.
func (a Access) Least() Size {
	switch a {
	case XFS:
		return 300 * MiB
	case Btrfs:
		return 128 * MiB
	case Ext4:
		return 4 * MiB
	default:
		return 4 * KiB
	}
}

// A Mode is a CSI access mode. Its values are written into records.
type Mode string

// The modes a volume can be granted in (CSI spec, VolumeCapability.AccessMode).
const (
	SingleWriter       Mode = "snw"  // SINGLE_NODE_WRITER
	SingleSingleWriter Mode = "snsw" // SINGLE_NODE_SINGLE_WRITER
	SingleMultiWriter  Mode = "snmw" // SINGLE_NODE_MULTI_WRITER
	SingleReader       Mode = "snr"  // SINGLE_NODE_READER_ONLY
	MultiReader        Mode = "mnr"  // MULTI_NODE_READER_ONLY
	MultiWriter        Mode = "mnmw" // MULTI_NODE_MULTI_WRITER
)

var modeNames = map[Mode]string{
	SingleWriter:       "SINGLE_NODE_WRITER",
	SingleSingleWriter: "SINGLE_NODE_SINGLE_WRITER",
	SingleMultiWriter:  "SINGLE_NODE_MULTI_WRITER",
	SingleReader:       "SINGLE_NODE_READER_ONLY",
	MultiReader:        "MULTI_NODE_READER_ONLY",
	MultiWriter:        "MULTI_NODE_MULTI_WRITER",
}

// String returns the mode's name in the CSI specification.
func (m Mode) String() string { return modeNames[m] }

// A Use is an access in a mode: what a holder does with a volume.
type Use struct {
	Access   Access
	Mode     Mode
	ReadOnly bool // the publish asked for read-only
}

// NewUse refuses what can not be promised: several writers need raw block,
// and a mode that is not in the table is not served.
func NewUse(a Access, m Mode, readOnly bool) (Use, error) {
	switch {
	case modeNames[m] == "":
		return Use{}, Fail(Invalid, "parse capability", "",
			"access_mode: single node modes, MULTI_NODE_READER_ONLY and, for raw block, MULTI_NODE_MULTI_WRITER are allowed")
	case m == MultiWriter && a != Block:
		return Use{}, Fail(Invalid, "parse capability", "",
			"access_mode MULTI_NODE_MULTI_WRITER needs access type block: a file system on two nodes destroys itself")
	}
	return Use{Access: a, Mode: m, ReadOnly: readOnly || m == SingleReader || m == MultiReader}, nil
}

// MostHolders returns how many nodes may hold a volume in this use at once.
func (u Use) MostHolders() int {
	switch {
	case u.Mode == MultiReader:
		return 8
	case u.Mode == MultiWriter && !u.ReadOnly:
		return 2 // source and destination of a live migration
	default:
		return 1
	}
}

// SharesWith reports whether two nodes may hold one volume in these uses.
func (u Use) SharesWith(other Use) bool {
	return u == other && u.MostHolders() > 1
}
