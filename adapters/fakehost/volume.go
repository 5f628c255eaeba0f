package fakehost

import (
	"errors"
	"maps"
	"slices"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// A filesystem is what the kernel keeps of a mounted one: all mounts of a device
// share it. It outlives its last mount until the device has taken everything.
type filesystem struct {
	device   *device
	head     header
	table    table
	readOnly bool
	mounts   int
}

// Why a file system does not do what it is asked.
var (
	errFull    = errors.New("no space left on device")
	errDamaged = errors.New("structure needs cleaning")
	errForeign = errors.New("wrong file system type or bad superblock")
)

// load reads the file system of a device.
func load(d *device, a domain.Access) (*filesystem, error) {
	found, err := probe(d)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(found, func(s domain.Signature) bool { return s.Type == string(a) }) {
		return nil, errForeign
	}
	head, whole, err := readHeader(d)
	if err != nil {
		return nil, err
	}
	if !whole || head.Access != a || head.Size < dataAt || head.Size > d.size {
		return nil, errDamaged
	}
	files, whole, err := readTable(d)
	if err != nil {
		return nil, err
	}
	if !whole || !files.within(head.Size) {
		return nil, errDamaged
	}
	return &filesystem{device: d, head: head, table: files}, nil
}

// within reports whether every file lies where files may.
func (t table) within(size domain.Size) bool {
	for _, e := range t.Files {
		if e.Offset < dataAt || e.Length < 0 || e.Offset > size-e.Length {
			return false
		}
	}
	return true
}

// mark writes whether the file system is mounted writable.
func (fs *filesystem) mark(dirty bool) error {
	head := fs.head
	head.Dirty = dirty
	if dirty {
		head.Writes++
	}
	if err := writeHeader(fs.device, head); err != nil {
		return err
	}
	fs.head = head
	return nil
}

// shutDown reports whether a file system is at its end: its last mount is gone,
// and its device has taken what was left or never will. The lock is held.
func (fs *filesystem) shutDown() bool {
	if fs.mounts > 0 {
		return false
	}
	switch state := fs.device.state(); {
	case fs.readOnly || state == domain.Gone:
		return true
	case state == domain.Connecting:
		return false
	}
	_ = fs.mark(false) // where the device gives errors nothing more can be brought to it
	return true
}

// usage returns how full the file system is.
func (fs *filesystem) usage() domain.Usage {
	u := domain.Usage{Total: fs.head.Size - dataAt}
	for _, e := range fs.table.Files {
		u.Used += blocks(e.Length)
	}
	u.Available = u.Total - u.Used
	if fs.head.Access != domain.Btrfs { // which counts no inodes
		u.Inodes = int64(fs.head.Size / (16 * domain.KiB))
		u.InodesUsed = int64(len(fs.table.Files)) + 1
		u.InodesFree = u.Inodes - u.InodesUsed
	}
	return u
}

// blocks returns the length in whole blocks.
func blocks(n domain.Size) domain.Size { return (n + block - 1) / block * block }

// room returns where n bytes fit beside what is there.
func (fs *filesystem) room(n domain.Size) (domain.Size, error) {
	taken := slices.Collect(maps.Values(fs.table.Files))
	if at := superCopy(fs.head.Access, fs.head.Size); at != 0 {
		taken = append(taken, domain.Extent{Offset: at / block * block, Length: 2 * block})
	}
	slices.SortFunc(taken, func(a, b domain.Extent) int { return int(a.Offset - b.Offset) })
	at := dataAt
	for _, e := range taken {
		if e.Length > 0 && e.Offset-at >= blocks(n) {
			return at, nil
		}
		if e.Length > 0 {
			at = max(at, e.Offset+blocks(e.Length))
		}
	}
	if at+blocks(n) > fs.head.Size {
		return 0, errFull
	}
	return at, nil
}

// put writes a file: first its bytes at a new place, then the table that knows
// of it, so that a copy of the image taken between has the old file.
func (fs *filesystem) put(name string, data []byte) error {
	at, err := fs.room(domain.Size(len(data)))
	if err != nil {
		return err
	}
	if err := write(fs.device, data, at); err != nil {
		return err
	}
	next := table{Generation: fs.table.Generation + 1, Files: maps.Clone(fs.table.Files)}
	if next.Files == nil {
		next.Files = make(map[string]domain.Extent)
	}
	next.Files[name] = domain.Extent{Offset: at, Length: domain.Size(len(data))}
	if err := writeTable(fs.device, next); err != nil {
		return err
	}
	fs.table = next
	return nil
}
