package domain

import "math"

// A Pool is a mounted file system on an array in which images lie.
type Pool struct {
	Name       string // the mount point: first element of paths on it
	FileSystem string // "btrfs", "xfs", …
	UUID       string // of the file system
	Total      Size
	Free       Size
	// Provisioned is the sum of the sizes of all file disks on it, foreign ones
	// included: they may be filled too.
	Provisioned Size
	Mounted     bool
	State       string // RAID state, "" where there is none; "clean" is healthy
	Snapshots   bool   // can take snapshots
	Allocates   bool   // a new image takes its whole size at once
}

// Healthy reports whether new volumes may be made on it, and if not why.
func (p Pool) Healthy() (reason string, ok bool) {
	switch {
	case !p.Mounted:
		return "not mounted", false
	case p.State != "" && p.State != "clean":
		return "state " + p.State, false
	default:
		return "", true
	}
}

// A Room is the policy about how full a pool may get.
type Room struct {
	Overcommit float64 // provisioned sizes may sum up to this many times the pool
	Reserve    float64 // the part of the pool that stays free, 0 to 1
}

// DefaultRoom promises no byte twice and keeps 5 % free.
func DefaultRoom() Room { return Room{Overcommit: 1, Reserve: 0.05} }

func (r Room) reserve(p Pool) Size { return whole(math.Ceil(float64(p.Total) * r.Reserve)) }

// whole returns n without its fraction: nothing if it is below zero or no
// number, and never so much that two could not be subtracted.
func whole(n float64) Size {
	switch {
	case n > math.MaxInt64/2:
		return math.MaxInt64 / 2
	case n > 0:
		return Size(n)
	default:
		return 0
	}
}

// Left returns the largest volume, or growth of one, that fits the pool: sums
// of provisioned sizes stay below total × overcommit − reserve, and what is
// allocated at once leaves the reserve free.
func (r Room) Left(p Pool) Size {
	reserve := r.reserve(p)
	promised := max(0, whole(float64(p.Total)*r.Overcommit)-reserve) - p.Provisioned
	free := p.Free - reserve
	switch {
	case free < 0:
		return 0
	case p.Allocates:
		return max(0, min(promised, free))
	default:
		return max(0, promised)
	}
}

// Fits is Exhausted, with the bytes needed and left, if need more bytes do not
// fit the pool.
func (r Room) Fits(p Pool, need Size) error {
	if left := r.Left(p); need > left {
		return Fail(Exhausted, "room", p.Name, "needs %d bytes, %d are left (%d free, reserve %d, overcommit %g)",
			int64(need), int64(left), int64(p.Free), int64(r.reserve(p)), r.Overcommit)
	}
	return nil
}
