package filesystem

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// Our own look for signatures, beside libblkid's: libblkid passes over a
// superblock whose checksum is wrong, and says the same of a damaged file system
// as of an empty disk. Names are libblkid's.

// How much of a device a probe reads at each end: where signatures lie.
const (
	headBytes = 4 << 20
	tailBytes = 1 << 20
)

// firstBlock is where no file system that we make keeps users' data: a signature
// in there is one, whatever else was recognized.
const firstBlock = 4096

// magics are bytes at fixed places from the start. (Offsets: each file system's
// on-disk format; util-linux, libblkid/src/superblocks.)
var magics = []struct {
	name string
	at   int
	want string
}{
	{"xfs", 0, "XFSB"},
	{"btrfs", 64<<10 + 64, "_BHRfS_M"},
	{"crypto_LUKS", 0, "LUKS\xba\xbe"},
	{"LVM2_member", 0, "LABELONE"}, {"LVM2_member", 512, "LABELONE"},
	{"LVM2_member", 1024, "LABELONE"}, {"LVM2_member", 1536, "LABELONE"},
	{"linux_raid_member", 0, "\xfc\x4e\x2b\xa9"}, {"linux_raid_member", 4096, "\xfc\x4e\x2b\xa9"},
	{"gpt", 512, "EFI PART"}, {"gpt", 4096, "EFI PART"},
	{"bcache", 4096 + 24, "\xc6\x85\x73\xf6\x4e\x1a\x45\xca\x82\x65\xf5\x7f\x48\xba\x6d\x81"},
	{"f2fs", 1024, "\x10\x20\xf5\xf2"},
	{"reiserfs", 64<<10 + 52, "ReIsEr"},
	{"jfs", 32 << 10, "JFS1"},
	{"gfs2", 64 << 10, "\x01\x16\x19\x70"},
	{"erofs", 1024, "\xe2\xe1\xf5\xe0"},
	{"squashfs", 0, "hsqs"},
	{"apfs", 32, "NXSB"},
	{"BitLocker", 3, "-FVE-FS-"},
	{"ntfs", 3, "NTFS    "},
	{"exfat", 3, "EXFAT   "},
	{"vfat", 54, "FAT1"}, {"vfat", 82, "FAT32"},
	{"iso9660", 32<<10 + 1, "CD001"},
	{"VMFS", 1 << 20, "\x0d\xd0\x01\xc0"},
}

// recognize returns what the first and the last bytes of a device of that size
// look like, sorted.
func recognize(head, tail []byte, size int64) []string {
	found := append(recognizeFirst(head), recognizeLast(tail, size)...)
	for _, m := range magics {
		if hasAt(head, m.at, m.want) {
			found = append(found, m.name)
		}
	}
	for page := 8 << 10; page <= 64<<10; page *= 2 { // of other processors
		if isSwap(head, page) {
			found = append(found, "swap")
		}
	}
	for at := 16 << 10; at <= 2<<20; at *= 2 { // LUKS2 keeps a second header
		if hasAt(head, at, "SKUL\xba\xbe") {
			found = append(found, "crypto_LUKS")
		}
	}
	if hasUberblock(head, 0) || hasUberblock(head, labelBytes) {
		found = append(found, "zfs_member")
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// labelBytes is the size of a ZFS label; two are at each end.
const labelBytes = 256 << 10

// recognizeLast returns what lies at the end of a device of that size.
func recognizeLast(tail []byte, size int64) []string {
	const raid = "\xfc\x4e\x2b\xa9"
	var found []string
	for _, m := range []struct {
		name string
		at   int64
		want string
	}{
		{"gpt", size - 512, "EFI PART"},
		{"gpt", size - 4096, "EFI PART"},
		{"linux_raid_member", size/(64<<10)*(64<<10) - 64<<10, raid}, // version 0.90
		{"linux_raid_member", (size/512 - 16) / 8 * 8 * 512, raid},   // version 1.0
	} {
		if hasAt(tail, fromEnd(tail, size, m.at), m.want) {
			found = append(found, m.name)
		}
	}
	for n := range int64(2) {
		label := size/labelBytes*labelBytes - (n+1)*labelBytes
		if hasUberblock(tail, fromEnd(tail, size, label)) {
			found = append(found, "zfs_member")
		}
	}
	return found
}

func isSwap(head []byte, page int) bool {
	return hasAt(head, page-10, "SWAPSPACE2") || hasAt(head, page-10, "SWAP-SPACE")
}

// recognizeFirst returns what lies in the first block.
func recognizeFirst(head []byte) []string {
	head = head[:min(len(head), firstBlock)]
	var found []string
	for _, m := range magics {
		if hasAt(head, m.at, m.want) {
			found = append(found, m.name)
		}
	}
	if isSwap(head, firstBlock) {
		found = append(found, "swap")
	}
	if isExt(head) {
		found = append(found, "ext4")
	}
	if isDOS(head) && !slices.Contains(found, "gpt") {
		found = append(found, "dos")
	}
	return found
}

// fromEnd returns the index in tail of the byte at that offset of the device.
func fromEnd(tail []byte, size, at int64) int { return int(at - (size - int64(len(tail)))) }

func hasAt(b []byte, at int, want string) bool {
	return at >= 0 && at+len(want) <= len(b) && string(b[at:at+len(want)]) == want
}

// isExt reports whether there is a superblock of ext2, ext3 or ext4, with any
// checksum: two bytes of magic would be too few, so it looks at the revision, the
// block size and the number of inodes too.
func isExt(head []byte) bool {
	const at = 1024
	if !hasAt(head, at+0x38, "\x53\xef") {
		return false
	}
	word := func(offset int) uint32 { return binary.LittleEndian.Uint32(head[at+offset:]) }
	return word(0) != 0 && word(0x18) <= 6 && word(0x4c) <= 1
}

// fillsExt4 reports whether the ext4 at the head of a device has as many blocks
// as fit there. Like mke2fs it takes a rest for none that is too small for the
// inode table of one more group. (e2fsprogs, lib/ext2fs/initialize.c.)
func fillsExt4(head []byte, fit uint64) bool {
	const at, wide, few = 1024, 0x80, 50
	if !isExt(head) {
		return false
	}
	word := func(offset int) uint64 { return uint64(binary.LittleEndian.Uint32(head[at+offset:])) }
	blocks, group := word(0x4), word(0x20)
	if word(0x60)&wide != 0 {
		blocks |= word(0x150) << 32
	}
	inodeSize := uint64(binary.LittleEndian.Uint16(head[at+0x58:]))
	inodeTable := word(0x28) * inodeSize >> (10 + word(0x18))
	switch {
	case blocks >= fit:
		return true
	case group == 0 || blocks%group != 0:
		return false
	}
	return fit-blocks < inodeTable+few
}

// isDOS reports whether there is a partition table with at least one partition:
// boot code ends in the same two bytes.
func isDOS(head []byte) bool {
	if !hasAt(head, 510, "\x55\xaa") || hasAt(head, 3, "NTFS") || hasAt(head, 54, "FAT1") || hasAt(head, 82, "FAT32") {
		return false
	}
	used := false
	for i := range 4 {
		entry := head[446+16*i : 462+16*i]
		if entry[0] != 0 && entry[0] != 0x80 {
			return false
		}
		used = used || entry[4] != 0 && binary.LittleEndian.Uint32(entry[12:]) != 0
	}
	return used
}

// hasUberblock reports whether a ZFS label at that offset has an uberblock.
func hasUberblock(b []byte, label int) bool {
	for at := label + 128<<10; at < label+256<<10; at += 1024 {
		if hasAt(b, at, "\x0c\xb1\xba\x00\x00\x00\x00\x00") || hasAt(b, at, "\x00\x00\x00\x00\x00\xba\xb1\x0c") {
			return true
		}
	}
	return false
}

// judge turns what libblkid and we found into the answer of a probe. blkid is
// nil if libblkid recognized nothing.
func judge(blkid *signature, head, tail []byte, size int64) (domain.Signature, error) {
	all := recognize(head, tail, size)
	if blkid == nil {
		if len(all) > 0 {
			return domain.Signature{}, atRisk("looks like a damaged %s", strings.Join(all, " and "))
		}
		return domain.Signature{}, nil
	}
	if blkid.ambivalent {
		return domain.Signature{}, several(all)
	}
	names := []string{blkid.table, blkid.Type}
	if slices.Contains(all, family(blkid.Type)) || slices.Contains(all, family(blkid.table)) {
		names = append(names, recognizeFirst(head)...)
	}
	for i, name := range names {
		names[i] = family(name)
	}
	slices.Sort(names)
	names = slices.DeleteFunc(slices.Compact(names), func(name string) bool { return name == "" })
	if len(names) > 1 {
		return domain.Signature{}, several(names)
	}
	found := blkid.Signature
	if found.Type == "" {
		found.Type = blkid.table
	}
	return found, nil
}

// family takes ext2, ext3 and ext4 for one: they share a superblock.
func family(name string) string {
	if name == "ext2" || name == "ext3" || name == "ext4dev" {
		return "ext4"
	}
	return name
}

func several(names []string) error {
	if len(names) == 0 {
		return atRisk("several signatures at once, `wipefs` without options shows them")
	}
	return atRisk("several signatures at once: %s", strings.Join(names, ", "))
}

func atRisk(format string, args ...any) error {
	return domain.Fail(domain.DataAtRisk, "probe", "", format, args...)
}

// firstData returns the index of the first byte that is not zero, -1 if there is
// none.
func firstData(b []byte) int {
	rest := bytes.TrimLeft(b, "\x00")
	if len(rest) == 0 {
		return -1
	}
	return len(b) - len(rest)
}
