package domain

import (
	"strconv"
	"strings"
	"time"
)

// A Snapshot is a crash-consistent copy of a volume at an instant. Its whole
// record is its name on the array, made with it in one step.
type Snapshot struct {
	ID      SnapshotID
	Source  Slot // on the same array; the volume may be gone
	Size    Size
	Content Content   // of a volume restored from it
	Created time.Time // the array's creation time
	Pool    string    // on which it lies
}

// SourceID returns the id of the volume it was taken from.
func (s Snapshot) SourceID() VolumeID { return VolumeID{Array: s.ID.Array, Slot: s.Source} }

// Entry returns the name of the subvolume that is the snapshot:
// "<sn-id>.<source slot>.<size in hex>.<content letter>".
func (s Snapshot) Entry() string {
	return s.ID.Name + "." + string(s.Source) + "." + strconv.FormatInt(int64(s.Size), 16) + "." + s.Content.Letter()
}

// ParseEntry reads a subvolume's name; Created and Pool are for the caller to
// fill in. Another name is no snapshot of ours: ok is then false.
func ParseEntry(array ArrayName, entry string) (s Snapshot, ok bool) {
	name, rest, _ := strings.Cut(entry, ".")
	letter := strings.LastIndexByte(rest, '.')
	if letter < 0 || !isSnapshotName(name) {
		return Snapshot{}, false
	}
	size := strings.LastIndexByte(rest[:letter], '.')
	if size < 0 {
		return Snapshot{}, false
	}
	slot, slotErr := ParseSlot(rest[:size])
	bytes, sizeErr := strconv.ParseInt(rest[size+1:letter], 16, 64)
	content, contentErr := ParseContent(rest[letter+1:])
	s = Snapshot{ID: SnapshotID{Array: array, Name: name}, Source: slot, Size: Size(bytes), Content: content}
	ok = slotErr == nil && sizeErr == nil && contentErr == nil && bytes > 0 && s.Entry() == entry
	return s, ok
}

// PlanSnapshot plans the snapshot that CSI calls name of v in pool p.
func (v Volume) PlanSnapshot(cluster ClusterID, name string, p Pool) (Snapshot, error) {
	if err := v.usable("snapshot"); err != nil {
		return Snapshot{}, err
	}
	if !p.Snapshots {
		return Snapshot{}, Fail(Unsupported, "snapshot", v.ID.String(),
			"pool %s has file system %s: snapshots need a Btrfs pool", p.Name, p.FileSystem)
	}
	if v.Record.Origin.Kind == Adopted {
		return Snapshot{}, Fail(Unsupported, "snapshot", v.ID.String(),
			"an adopted image has no subvolume of its own: copy its data inside a pod into a new volume")
	}
	return Snapshot{
		ID: SnapshotID{Array: v.ID.Array, Name: cluster.SnapshotName(name)}, Source: v.ID.Slot,
		Size: v.Row.Size, Content: v.CopyContent(), Pool: p.Name,
	}, nil
}

// Copied returns the source of a restore.
func (s Snapshot) Copied() Source {
	return Source{Origin: Origin{FromSnapshot, s.ID.Name}, Size: s.Size, Content: s.Content, Pool: s.Pool}
}

// Copied returns the source of a clone that will be used as a. Another file
// system than the source's can not come out of copying its bytes.
func (v Volume) Copied(a Access) (Source, error) {
	if err := v.usable("clone"); err != nil {
		return Source{}, err
	}
	if a != v.Record.Access {
		return Source{}, Fail(Invalid, "clone", v.ID.String(),
			"volume_capability %s: the source was made for %s", a, v.Record.Access)
	}
	if v.Record.Origin.Kind == Adopted {
		return Source{}, Fail(Invalid, "clone", v.ID.String(),
			"volume_content_source: an adopted image has no subvolume of its own, copy its data inside a pod")
	}
	return Source{
		Origin: Origin{FromVolume, string(v.ID.Slot)}, Size: v.Row.Size, Content: v.CopyContent(),
		Access: v.Record.Access, Pool: v.Record.Pool,
	}, nil
}
