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
// is, byte for byte, the Row.Comment of the volume it was handed (Conflict
// otherwise, and the caller reads again). It never changes what is not ours.
type Volumes interface {
	// Create makes the planned volume, not exported, and returns it as the array
	// then has it. If the slot is taken it returns what is there, whatever its
	// standing, and changes nothing - except that a copy which is still Making
	// for the same origin is completed. The caller compares.
	//
	// A blank volume reads as zeros. A copy holds the source's bytes as of one
	// instant, is grown to the planned size, and is Making until it is whole; the
	// source must be there (NotFound), and a cloned volume must have the content
	// that the plan's record rests on (Conflict).
	//
	// Exhausted if it does not fit the plan's room, judged on the array's figures
	// of now. Unsupported if the pool can not copy, Unreachable if it is not
	// mounted or is not the file system the plan names. DataAtRisk if an image
	// lies at our place without a disk: only Delete removes it.
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
	// Unreachable for a pool that is not mounted, and nothing is changed). When
	// the last export goes it is switched off and read back before the record
	// changes. next.Record.Size must be old's: only Grow changes it (Invalid).
	// A record that is too long is Exhausted and nothing is changed.
	Update(ctx context.Context, old, next domain.Volume) (domain.Volume, error)

	// Grow sets the image and the record to next.Record.Size in one step. A size
	// below the row's is Invalid; one that does not fit the room is Exhausted.
	Grow(ctx context.Context, old, next domain.Volume, room domain.Room) (domain.Volume, error)

	// Delete removes a volume in state Deleting: disk, image and the place of the
	// image, and returns only when all are seen to be gone. A volume in another
	// state, or exported, is Invalid. For an id without a disk, given as a volume
	// of no standing, it removes what an earlier Delete or Create left at our
	// place of that slot; Unreachable if a pool that could hold it is not mounted.
	// Snapshots of the volume stay.
	Delete(ctx context.Context, v domain.Volume) error

	// Adopt writes next's record onto a foreign file disk that is not exported,
	// whose Row.Comment is old's: the one verb that may write a disk without our
	// record. Invalid for any other disk.
	Adopt(ctx context.Context, old, next domain.Volume) (domain.Volume, error)
}

// Snapshots keeps the snapshots of one array. A snapshot outlives its source.
type Snapshots interface {
	// Create takes the planned snapshot of source, all bytes as of one instant.
	// The source must be there (NotFound) and have the record the plan rests on,
	// before and after (Conflict, and no snapshot stays). If the name is taken by
	// a snapshot of the same source, that one is returned; of another, Exists.
	Create(ctx context.Context, source domain.Volume, plan domain.Snapshot) (domain.Snapshot, error)

	// Find is NotFound if the array has no such snapshot; Unreachable if a pool
	// that could hold it is not mounted.
	Find(ctx context.Context, id domain.SnapshotID) (domain.Snapshot, error)

	// List returns our snapshots by name; Unreachable if a pool that could hold
	// some is not mounted.
	List(ctx context.Context, page Page) ([]domain.Snapshot, error)

	// Delete is content with an absent snapshot. Volumes restored from it stay.
	Delete(ctx context.Context, id domain.SnapshotID) error
}

// Pools reports the pools that are configured for one array.
type Pools interface {
	// List returns every configured pool, by name, one that is not mounted too.
	List(ctx context.Context) ([]domain.Pool, error)
}
