package fakehost

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// What a made-up file system has on its device, beside the real superblock's
// marks and one copy of them: a header, two tables of files of which the newer
// whole one counts, and the files.
const (
	headerAt  = 68 * domain.KiB
	tableAt   = 128 * domain.KiB
	tableRoom = 256 * domain.KiB
	dataAt    = domain.MiB
	block     = 4 * domain.KiB
)

// A header is what a file system says of itself.
type header struct {
	Access domain.Access
	UUID   domain.UUID
	Size   domain.Size // of the file system; the device may have grown
	Dirty  bool        // mounted writable, and not unmounted since
	Writes int         // mounts that wrote
}

// A table is all files of a file system.
type table struct {
	Generation uint64
	Files      map[string]domain.Extent
}

// A frame holds one value: magic, length, checksum, JSON.
const (
	frameMagic = "rdsfake1"
	frameHead  = len(frameMagic) + 8
)

func encodeFrame(v any) ([]byte, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	b := append([]byte(frameMagic), make([]byte, 8)...)
	binary.LittleEndian.PutUint32(b[len(frameMagic):], uint32(len(body))) //nolint:gosec // the room is checked
	binary.LittleEndian.PutUint32(b[len(frameMagic)+4:], crc32.ChecksumIEEE(body))
	return append(b, body...), nil
}

// decodeFrame reads a value that is whole; ok is false for anything else.
func decodeFrame(b []byte, v any) (ok bool) {
	if len(b) < frameHead || string(b[:len(frameMagic)]) != frameMagic {
		return false
	}
	length := binary.LittleEndian.Uint32(b[len(frameMagic):])
	body := b[frameHead:]
	if uint64(length) > uint64(len(body)) {
		return false
	}
	body = body[:length]
	return crc32.ChecksumIEEE(body) == binary.LittleEndian.Uint32(b[len(frameMagic)+4:]) && json.Unmarshal(body, v) == nil
}

func writeHeader(d *device, head header) error {
	b, err := encodeFrame(head)
	if err != nil {
		return err
	}
	return write(d, b, headerAt)
}

// readHeader returns the header; whole is false if there is none to be read.
func readHeader(d *device) (head header, whole bool, err error) {
	b := make([]byte, block)
	if d.size < dataAt {
		return header{}, false, nil
	}
	if err := read(d, b, headerAt); err != nil {
		return header{}, false, err
	}
	return head, decodeFrame(b, &head), nil
}

// writeTable writes over the older of the two tables.
func writeTable(d *device, t table) error {
	b, err := encodeFrame(t)
	if err != nil {
		return err
	}
	if domain.Size(len(b)) > tableRoom {
		return fmt.Errorf("%w: too many files", errFull)
	}
	return write(d, b, tableAt+domain.Size(t.Generation%2)*tableRoom)
}

// readTable returns the newer whole table; whole is false if there is none.
func readTable(d *device) (newest table, whole bool, err error) {
	b := make([]byte, tableRoom)
	for i := range domain.Size(2) {
		if err := read(d, b, tableAt+i*tableRoom); err != nil {
			return table{}, false, err
		}
		var t table
		if decodeFrame(b, &t) && (!whole || t.Generation > newest.Generation) {
			newest, whole = t, true
		}
	}
	return newest, whole, nil
}

// format writes a new file system.
func format(d *device, a domain.Access, label string) error {
	head := header{Access: a, Size: d.size}
	if _, err := rand.Read(head.UUID[:]); err != nil {
		return err
	}
	if err := writeTable(d, table{Generation: 2}); err != nil {
		return err
	}
	if err := writeHeader(d, head); err != nil {
		return err
	}
	super, at := superblock(a, head.UUID, label)
	if copyAt := superCopy(a, d.size); copyAt != 0 {
		if err := write(d, super, copyAt); err != nil {
			return err
		}
	}
	return write(d, super, at)
}

// superblock returns the marks of the real file system and where they go.
func superblock(a domain.Access, id domain.UUID, label string) (b []byte, at domain.Size) {
	switch a {
	case domain.XFS:
		b = make([]byte, sector)
		copy(b, "XFSB")
		copy(b[xfsUUID:], id[:])
		copy(b[xfsLabel:xfsLabel+12], label)
	case domain.Btrfs:
		at, b = btrfsSuper, make([]byte, block)
		copy(b[btrfsMagic-btrfsSuper:], "_BHRfS_M")
		copy(b[btrfsUUID-btrfsSuper:], id[:])
		copy(b[btrfsLabel-btrfsSuper:btrfsLabel-btrfsSuper+256], label)
	default:
		at, b = ext4Super, make([]byte, domain.KiB)
		binary.LittleEndian.PutUint16(b[ext4Magic-ext4Super:], 0xef53)
		binary.LittleEndian.PutUint32(b[ext4Compat-ext4Super:], ext4Journal)
		binary.LittleEndian.PutUint32(b[ext4Compat-ext4Super+4:], ext4Extents)
		copy(b[ext4UUID-ext4Super:], id[:])
		copy(b[ext4Label-ext4Super:ext4Label-ext4Super+16], label)
	}
	return b, at
}

// superCopy returns where the first copy of the superblock goes, 0 if the
// device is too small for one: it betrays a file system whose start was wiped.
func superCopy(a domain.Access, size domain.Size) domain.Size {
	var at domain.Size
	switch a {
	case domain.XFS: // the second of four allocation groups
		at = size / block / 4 * block
	case domain.Btrfs:
		at = 64 * domain.MiB
	default: // the second block group: mke2fs takes blocks of 1 KiB below 512 MiB
		at = 128 * domain.MiB
		if size < 512*domain.MiB {
			at = 8*domain.MiB + domain.KiB
		}
	}
	if at+block > size {
		return 0
	}
	return at
}
