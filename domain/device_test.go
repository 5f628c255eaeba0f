package domain

import (
	"cmp"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// covered reports whether the bytes from offset on are read; extents are sorted.
func covered(extents []Extent, offset, length Size) bool {
	byOffset := func(e Extent, o Size) int { return cmp.Compare(e.Offset, o) }
	i, found := slices.BinarySearchFunc(extents, offset, byOffset)
	if !found {
		i--
	}
	return i >= 0 && offset+length <= extents[i].Offset+extents[i].Length
}

// checkExtents holds the promises that do not depend on any file system.
func checkExtents(t interface {
	Helper()
	Fatalf(string, ...any)
}, size Size, extents []Extent) {
	t.Helper()
	end := Size(-1)
	for _, e := range extents {
		if e.Length <= 0 || e.Offset <= end || e.Offset+e.Length > size {
			t.Fatalf("%+v behind %d on a device of %d: not sorted, touching or outside", e, end, size)
		}
		end = e.Offset + e.Length
	}
	head, tail := min(size, 4*MiB), min(size, MiB)
	if size > 0 && (!covered(extents, 0, head) || !covered(extents, size-tail, tail)) {
		t.Fatalf("head or tail of a device of %d are missing in %+v", size, extents)
	}
}

func TestMustBeZeroIsSortedDisjointAndInside(t *testing.T) {
	sizes := rapid.OneOf(rapid.Int64Range(0, 1<<14), rapid.Int64Range(0, 1<<28), rapid.Int64Range(0, 1<<43))
	rapid.Check(t, func(t *rapid.T) {
		size := Size(sizes.Draw(t, "size"))
		quick := MustBeZero(size, ProofQuick)
		checkExtents(t, size, quick)
		if len(quick) > 2 {
			t.Fatalf("got %+v, want head and tail only", quick)
		}
		whole := MustBeZero(size, ProofWhole)
		checkExtents(t, size, whole)
		for i := range Size(1024) {
			if at := size / 1024 * i; size > 0 && !covered(whole, at, 1) {
				t.Fatalf("nothing is read at %d of %d", at, size)
			}
		}
	})
}

func TestMustBeZeroOfOddSizes(t *testing.T) {
	for _, size := range []Size{0, 1, 4095, 4096, 4 * MiB, 4*MiB + 1, 5*MiB - 1, 100 * TiB} {
		for _, proof := range []Proof{ProofQuick, ProofWhole, ProofRefuse} {
			checkExtents(t, size, MustBeZero(size, proof))
		}
	}
	if got := MustBeZero(-1, ProofWhole); len(got) != 0 {
		t.Errorf("got %v of less than nothing", got)
	}
}

// The places were printed by the file systems' own tools (mke2fs 1.47, mkfs.btrfs
// and mkfs.xfs 6.1) for devices of these sizes, in blocks.
func TestMustBeZeroHoldsSuperblockCopies(t *testing.T) {
	for _, test := range []struct {
		name   string
		size   Size
		block  Size
		blocks []Size
	}{
		{"ext4 in 1 KiB", 900 * MiB, 1024, []Size{8193, 24577, 40961, 57345, 73729, 204801, 221185, 401409, 663553}},
		{"ext4 in 2 KiB", 8 * GiB, 2048, []Size{
			16384, 49152, 81920, 114688, 147456, 409600, 442368, 802816, 1327104, 2048000, 3981312,
		}},
		{"ext4 in 4 KiB", 60 * GiB, 4096, []Size{
			32768, 98304, 163840, 229376, 294912, 819200, 884736, 1605632, 2654208, 4096000, 7962624, 11239424,
		}},
		{"btrfs", 301 * GiB, 4096, []Size{16, 16384, 67108864}},
		{"xfs of 4 groups", 300 * MiB, 4096, []Size{19200, 38400, 57600}},
		{"xfs of 4 uneven groups", 1000003 * KiB, 4096, []Size{62500, 125000, 187500}},
		{"xfs of 32 groups", 100 * GiB, 4096, []Size{819200, 31 * 819200}},
		{"xfs of 3 groups, rounded up", 100 * GiB, 4096, []Size{8738134, 2 * 8738134}},
		{"xfs of 31 groups, rounded up", 100 * GiB, 4096, []Size{845626, 17 * 845626, 30 * 845626}},
		{"xfs of groups as large as can be", 5001 * GiB, 4096, []Size{268435455, 2 * 268435455, 4 * 268435455}},
	} {
		t.Run(test.name, func(t *testing.T) {
			extents := MustBeZero(test.size, ProofWhole)
			for _, b := range test.blocks {
				if !covered(extents, b*test.block, KiB) {
					t.Errorf("block %d of %d bytes is not read", b, test.block)
				}
			}
		})
	}
}

// One group for each processor, none below 4 GiB: 100 processors share 500 GiB.
func TestMustBeZeroHoldsGroupsByProcessors(t *testing.T) {
	for processors, size := range map[Size]Size{
		6: 100 * GiB, 25: 100 * GiB, 33: 500 * GiB, 96: 500*GiB + MiB, 128: 3 * TiB, 256: 2 * TiB,
	} {
		extents := MustBeZero(size, ProofWhole)
		group := size / 4096 / processors * 4096
		for i := range processors {
			if !covered(extents, i*group, KiB) {
				t.Errorf("group %d of %d on %v is not read", i, processors, size)
			}
		}
	}
}

// The proof is read over the network: it stays small beside the device.
func TestMustBeZeroIsAffordable(t *testing.T) {
	for size, most := range map[Size]Size{
		GiB: 16 * MiB, 100 * GiB: 16 * MiB, TiB: 160 * MiB, 100 * TiB: 160 * MiB,
	} {
		var sum Size
		for _, e := range MustBeZero(size, ProofWhole) {
			sum += e.Length
		}
		if sum > most {
			t.Errorf("got %v to read of %v, want at most %v", sum, size, most)
		}
	}
}

func TestRefusals(t *testing.T) {
	want := []Refusal{"content", "identity", "size", "signature", "data", "read"}
	if got := Refusals(); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v: they are labels of a metric", got, want)
	}
}

func TestDeviceNumber(t *testing.T) {
	if got := (Device{Major: 259, Minor: 7}).Number(); got != "259:7" {
		t.Errorf("got %q, want 259:7", got)
	}
}
