package porttest

import (
	"encoding/binary"
	"hash/crc32"
	"testing"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// A foreignDisk is something that is not ours to format, laid out well enough
// for libblkid to recognize it.
type foreignDisk struct {
	signature string // as libblkid names it
	put       func(t *testing.T, image string, size domain.Size)
}

func foreignDisks() []foreignDisk {
	return []foreignDisk{
		{"crypto_LUKS", putLUKS},
		{"LVM2_member", putLVM},
		{"swap", putSwap},
		{"dos", putDOS},
		{"gpt", putGPT},
	}
}

// putLUKS writes a LUKS1 header (on-disk format 1.2.3, section 3.1).
func putLUKS(t *testing.T, image string, _ domain.Size) {
	t.Helper()
	b := make([]byte, 592)
	copy(b, "LUKS\xba\xbe\x00\x01")
	copy(b[8:], "aes")
	copy(b[40:], "xts-plain64")
	copy(b[72:], "sha256")
	binary.BigEndian.PutUint32(b[104:], 4096)
	binary.BigEndian.PutUint32(b[108:], 64)
	copy(b[168:], "6a1d6f8a-8a6b-4c0e-9d3c-0123456789ab")
	putBytes(t, image, 0, b)
}

// putLVM writes an LVM2 label into the second sector (lib/format_text/layout.h).
func putLVM(t *testing.T, image string, size domain.Size) {
	t.Helper()
	b := make([]byte, 512)
	copy(b, "LABELONE")
	binary.LittleEndian.PutUint64(b[8:], 1)
	binary.LittleEndian.PutUint32(b[20:], 32)
	copy(b[24:], "LVM2 001")
	copy(b[32:], "abcdefABCDEFabcdefABCDEFabcdef01")
	binary.LittleEndian.PutUint64(b[64:], uint64(size))
	// LVM starts from a constant of its own and inverts nothing.
	binary.LittleEndian.PutUint32(b[16:], ^crc32.Update(^uint32(0xf597a6cf), crc32.IEEETable, b[20:]))
	putBytes(t, image, 512, b)
}

// putSwap writes a swap header of version 1 (include/linux/swap.h, swap_header).
func putSwap(t *testing.T, image string, size domain.Size) {
	t.Helper()
	b := make([]byte, 4096)
	binary.LittleEndian.PutUint32(b[1024:], 1)
	binary.LittleEndian.PutUint32(b[1028:], uint32(size/4096-1))
	copy(b[1036:], "0123456789abcdef")
	copy(b[4086:], "SWAPSPACE2")
	putBytes(t, image, 0, b)
}

// putDOS writes a partition table with one Linux partition over what is there.
func putDOS(t *testing.T, image string, size domain.Size) {
	t.Helper()
	putBytes(t, image, 446, dosEntry(0x83, 2048, uint32(size/512-2048)))
	putBytes(t, image, 510, []byte{0x55, 0xaa})
}

func dosEntry(kind byte, start, sectors uint32) []byte {
	b := []byte{0, 0x20, 0x21, 0, kind, 0xfe, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0}
	binary.LittleEndian.PutUint32(b[8:], start)
	binary.LittleEndian.PutUint32(b[12:], sectors)
	return b
}

// putGPT writes a protective partition table and the primary and backup GPT of
// one partition (UEFI 2.10, section 5.3).
func putGPT(t *testing.T, image string, size domain.Size) {
	t.Helper()
	sectors := uint64(size / 512)
	putBytes(t, image, 446, dosEntry(0xee, 1, uint32(sectors-1)))
	putBytes(t, image, 510, []byte{0x55, 0xaa})

	entries := make([]byte, 128*128)
	copy(entries, "\xaf\x3d\xc6\x0f\x83\x84\x72\x47\x8e\x79\x3d\x69\xd8\x47\x7d\xe4") // Linux file system
	copy(entries[16:], "0123456789abcdef")
	binary.LittleEndian.PutUint64(entries[32:], 2048)
	binary.LittleEndian.PutUint64(entries[40:], sectors-2048)
	putBytes(t, image, 2*512, entries)
	putBytes(t, image, domain.Size(sectors-33)*512, entries)
	putBytes(t, image, 512, gptHeader(entries, 1, sectors-1, 2))
	putBytes(t, image, domain.Size(sectors-1)*512, gptHeader(entries, sectors-1, 1, sectors-33))
}

// gptHeader returns the header that lies in sector at; sectors are of 512 bytes.
func gptHeader(entries []byte, at, other, table uint64) []byte {
	sectors := max(at, other) + 1
	b := make([]byte, 92)
	copy(b, "EFI PART\x00\x00\x01\x00")
	binary.LittleEndian.PutUint32(b[12:], 92)
	binary.LittleEndian.PutUint64(b[24:], at)
	binary.LittleEndian.PutUint64(b[32:], other)
	binary.LittleEndian.PutUint64(b[40:], 34)
	binary.LittleEndian.PutUint64(b[48:], sectors-34)
	copy(b[56:], "fedcba9876543210")
	binary.LittleEndian.PutUint64(b[72:], table)
	binary.LittleEndian.PutUint32(b[80:], 128)
	binary.LittleEndian.PutUint32(b[84:], 128)
	binary.LittleEndian.PutUint32(b[88:], crc32.ChecksumIEEE(entries))
	binary.LittleEndian.PutUint32(b[16:], crc32.ChecksumIEEE(b))
	return b
}
