package ports

import (
	"context"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// A Page limits a list: entries whose name sorts after After in byte order, at
// most Most of them, all if Most is zero.
type Page struct {
	After string
	Most  int
}

// Volumes keeps the volumes of one array. The record in each disk's comment is
// the only truth; a writing method does nothing unless the record on the array
// is, byte for byte, the Row.Comment of the volume it was handed - or that of
// the volume it is to become, because then the same call was made before and is
// made again. Anything else is Conflict, and the caller reads again; no disk at
// all is NotFound.
//
// It never changes what is not ours: a disk whose comment on the array is not a
// whole record of ours is DataAtRisk for every writing method, whatever the
// volume that was handed says of itself.
type Volumes interface {
	// Create makes the planned volume, not exported, and returns it as the array
	// then has it. If the slot is taken it returns what is there, whatever its
	// standing, and changes nothing - except that a copy which is still Making
	// for the same origin is completed. The caller compares.
	//
	// A blank volume reads as zeros. A copy holds the source's bytes as of one
	// instant and is grown to the planned size; it is Making until it is whole and
	// returned Ready. The source must be there (NotFound), and have the size and
	// content that the plan's record rests on, a cloned volume also after the copy
	// was made (Conflict, and nothing stays). Busy if the source is being written
	// so much that no copy of one instant can be had.
	//
	// Exhausted if it does not fit the plan's room, judged on the array's figures
	// of now, or the record is too long. Unsupported if the pool can not copy or
	// the source does not lie on it in a subvolume of its own. Unreachable if the
	// pool is not mounted, is read-only or is not the file system the plan names;
	// Invalid if it is not configured, or the slot is not one that we make.
	//
	// DataAtRisk if an image lies at our place of the slot, on any mounted pool,
	// without a disk: only Delete removes it. What a Create that was cut off left
	// is no such image: the next one clears it away. (A mark beside the place
	// tells them apart; it is made first and is gone before the first export.)
	Create(ctx context.Context, plan domain.Plan) (domain.Volume, error)

	// Find returns the disk with that id's slot, of whatever standing. NotFound
	// if the array has none.
	Find(ctx context.Context, id domain.VolumeID) (domain.Volume, error)

	// List returns the volumes that are Ours, Newer or Damaged, by slot.
	List(ctx context.Context, page Page) ([]domain.Volume, error)

	// Update replaces the record of old by next's and sets the export that next
	// asks for, in one step, and returns the volume as the array then has it.
	// When next exports, the array first proves that the volume's pool is mounted,
	// has the recorded file system, that the row has at least the recorded size
	// and that nothing of the image is mounted on the array (else DataAtRisk, or
	// Unreachable for a pool that is not mounted, and nothing is changed). Without
	// an export nothing is asked of the pool. When the last export goes it is
	// switched off and read back before the record changes. An export that is not
	// what an unchanged record asks for is set right.
	//
	// next.ID and next.Record.Size must be old's: only Grow changes the size
	// (Invalid). A record that is too long is Exhausted, one that could not be
	// read back as ours Invalid, and nothing is changed.
	Update(ctx context.Context, old, next domain.Volume) (domain.Volume, error)

	// Grow sets the image and the record to next.Record.Size in one step, exported
	// or not. A size below the row's or the record's is Invalid, as is a next that
	// asks for another export than old; one that does not fit the room is
	// Exhausted. The image is proved first as for an export, child rows aside;
	// Unreachable if the pool is read-only.
	Grow(ctx context.Context, old, next domain.Volume, room domain.Room) (domain.Volume, error)

	// Delete removes a volume in state Deleting: disk, image and the place of the
	// image, and returns only when all are seen to be gone. A volume in another
	// state, or exported, is Invalid. Unreachable if its pool is not mounted, is
	// read-only or not the recorded file system; DataAtRisk if another disk uses
	// the image.
	// The image of an adopted volume lies elsewhere: it is removed by the row's
	// path, unless another disk uses it. Snapshots of the volume stay.
	//
	// For an id without a disk, given as the volume that was being deleted or as
	// one of no standing, it removes what an earlier Delete or Create left at our
	// place of that slot, on every pool; Unreachable if one that could hold it is
	// not mounted, DataAtRisk if a disk uses it. An adopted image that was left
	// stays: DataAtRisk where the volume that was handed tells its path. A volume
	// of no standing whose slot has a disk is Conflict.
	Delete(ctx context.Context, v domain.Volume) error

	// Adopt writes next's record onto a foreign file disk that is not exported,
	// whose Row.Comment is old's: the one verb that may write a disk without our
	// record. The record must say Adopted, Foreign content, no grant, and the
	// row's size and pool. Invalid for any other disk or record, and for a disk
	// that carries another cluster's record.
	Adopt(ctx context.Context, old, next domain.Volume) (domain.Volume, error)
}

// Snapshots keeps the snapshots of one array. A snapshot outlives its source.
type Snapshots interface {
	// Create takes the planned snapshot of source, all bytes as of one instant,
	// whether it is exported or not; the array sets Created. If the name is taken
	// by a snapshot of the same source, that one is returned; of another, Exists.
	// Else the source must be there (NotFound) and have the record the plan rests
	// on, before and after (Conflict, and no snapshot stays). Unsupported if it
	// does not lie in a subvolume of its own on a pool that has snapshots,
	// Unreachable if a pool that could hold the name is not mounted or the
	// source's is read-only, Busy as for a copy, DataAtRisk if the source is not
	// ours.
	Create(ctx context.Context, source domain.Volume, plan domain.Snapshot) (domain.Snapshot, error)

	// Find is NotFound if the array has no such snapshot; Unreachable if a pool
	// that could hold it is not mounted.
	Find(ctx context.Context, id domain.SnapshotID) (domain.Snapshot, error)

	// List returns our snapshots by name; Unreachable if a pool that could hold
	// some is not mounted.
	List(ctx context.Context, page Page) ([]domain.Snapshot, error)

	// Delete is content with an absent snapshot. Volumes restored from it stay.
	// Unreachable if a pool that could hold it is not mounted.
	Delete(ctx context.Context, id domain.SnapshotID) error
}

// Pools reports the pools that are configured for one array.
type Pools interface {
	// List returns every configured pool, by name, one that is not mounted too:
	// of that one neither room nor file system is known, but what is provisioned.
	List(ctx context.Context) ([]domain.Pool, error)
}
