package filesystem

import (
	"encoding/binary"
	"testing"
)

// ext4Head is a superblock of 4 KiB blocks as mke2fs makes it.
func ext4Head(blocks uint64) []byte {
	head := make([]byte, 4096)
	put := func(offset int, v uint64) { binary.LittleEndian.PutUint32(head[1024+offset:], uint32(v)) }
	put(0x0, 8192)         // inodes
	put(0x4, blocks)       // low half
	put(0x18, 2)           // 4 KiB
	put(0x20, 32768)       // blocks per group
	put(0x28, 8192)        // inodes per group: a table of 512 blocks
	put(0x4c, 1)           // revision
	put(0x58, 256)         // inode size
	put(0x60, 0x80)        // 64 bit
	put(0x150, blocks>>32) // high half
	copy(head[1024+0x38:], "\x53\xef")
	return head
}

func TestFillsExt4(t *testing.T) {
	tests := []struct {
		name        string
		blocks, fit uint64
		want        bool
	}{
		{"as many blocks as fit", 262144, 262144, true},
		{"a rest that makes no group", 262144, 262400, true},
		{"a rest that makes a group", 262144, 262144 + 1024, false},
		{"a rest in the last group", 262000, 262144, false},
		{"half the device", 262144, 524288, false},
		{"more than 32 bits of blocks", 1<<32 + 32768, 1<<32 + 32768, true},
		{"the low half alone fits", 32768, 1<<32 + 32768, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := fillsExt4(ext4Head(test.blocks), test.fit); got != test.want {
				t.Errorf("got %t, want %t", got, test.want)
			}
		})
	}
	if fillsExt4(make([]byte, 4096), 0) {
		t.Error("zeros are an ext4")
	}
}
