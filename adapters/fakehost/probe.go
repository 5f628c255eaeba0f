package fakehost

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// Where real file systems and others put their marks.
const (
	ext4Super  = 1024
	ext4Magic  = ext4Super + 0x38
	ext4Compat = ext4Super + 0x5c
	ext4UUID   = ext4Super + 0x68
	ext4Label  = ext4Super + 0x78
	xfsUUID    = 32
	xfsLabel   = 108
	btrfsSuper = 0x10000
	btrfsUUID  = btrfsSuper + 0x20
	btrfsMagic = btrfsSuper + 0x40
	btrfsLabel = btrfsSuper + 0x12b
	swapMagic  = 4086
	tableMagic = 510
	sector     = 512

	headRead = btrfsSuper + 4*int(domain.KiB)
)

// probe returns every signature on the device.
func probe(d *device) ([]domain.Signature, error) {
	head := make([]byte, headRead)
	if err := read(d, head[:min(domain.Size(headRead), d.size)], 0); err != nil {
		return nil, err
	}
	tail := make([]byte, sector)
	if err := read(d, tail, max(0, d.size-sector)); err != nil {
		return nil, err
	}
	if luks := bytes.HasPrefix(head, []byte("LUKS\xba\xbe")); luks || isLVM(head) {
		// What is inside of these is theirs, as libblkid sees it.
		kind := map[bool]string{true: "crypto_LUKS", false: "LVM2_member"}[luks]
		return []domain.Signature{{Type: kind}}, nil
	}
	found := fileSystems(head)
	if bytes.Equal(head[swapMagic:swapMagic+10], []byte("SWAPSPACE2")) {
		found = append(found, domain.Signature{Type: "swap"})
	}
	if gpt := []byte("EFI PART"); bytes.HasPrefix(head[sector:], gpt) || bytes.HasPrefix(tail, gpt) {
		found = append(found, domain.Signature{Type: "gpt"})
	} else if isDOS(head) {
		found = append(found, domain.Signature{Type: "dos"})
	}
	return found, nil
}

// fileSystems returns the file systems whose superblock is in the head.
func fileSystems(head []byte) []domain.Signature {
	var found []domain.Signature
	if binary.LittleEndian.Uint16(head[ext4Magic:]) == 0xef53 {
		found = append(found, domain.Signature{
			Type: ext4Type(head), Label: text(head[ext4Label : ext4Label+16]), UUID: uuidText(head[ext4UUID:]),
		})
	}
	if bytes.HasPrefix(head, []byte("XFSB")) {
		found = append(found, domain.Signature{
			Type: "xfs", Label: text(head[xfsLabel : xfsLabel+12]), UUID: uuidText(head[xfsUUID:]),
		})
	}
	if bytes.HasPrefix(head[btrfsMagic:], []byte("_BHRfS_M")) {
		found = append(found, domain.Signature{
			Type: "btrfs", Label: text(head[btrfsLabel : btrfsLabel+256]), UUID: uuidText(head[btrfsUUID:]),
		})
	}
	return found
}

// ext4Type tells the generations apart by their features: extents and journal.
func ext4Type(head []byte) string {
	switch {
	case binary.LittleEndian.Uint32(head[ext4Compat+4:])&ext4Extents != 0:
		return "ext4"
	case binary.LittleEndian.Uint32(head[ext4Compat:])&ext4Journal != 0:
		return "ext3"
	default:
		return "ext2"
	}
}

const (
	ext4Journal = 0x4  // of the compatible features
	ext4Extents = 0x40 // of the incompatible ones
)

// isLVM looks for a label in the first four sectors.
func isLVM(head []byte) bool {
	for at := 0; at < 4*sector; at += sector {
		if bytes.HasPrefix(head[at:], []byte("LABELONE")) && bytes.HasPrefix(head[at+24:], []byte("LVM2 001")) {
			return true
		}
	}
	return false
}

// isDOS looks for a partition table with at least one partition.
func isDOS(head []byte) bool {
	if head[tableMagic] != 0x55 || head[tableMagic+1] != 0xaa {
		return false
	}
	used := false
	for entry := range slices.Chunk(head[446:tableMagic], 16) {
		if entry[0]&0x7f != 0 {
			return false // a boot sector of something else
		}
		used = used || entry[4] != 0
	}
	return used
}

func text(b []byte) string { return strings.TrimRight(string(b), "\x00") }

func uuidText(b []byte) string { return domain.UUID(b[:16]).String() }
