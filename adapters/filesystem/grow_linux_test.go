package filesystem

import (
	"testing"
	"unsafe"
)

// The kernel writes as many bytes as the request number says.
func TestLayoutsHaveTheSizesOfTheirRequests(t *testing.T) {
	size := func(request uint) uintptr { return uintptr(request >> sizeBits & 0x3fff) }
	for name, c := range map[string][2]uintptr{
		"xfs geometry":     {unsafe.Sizeof(xfsGeometryV1{}), size(xfsGeometry)},
		"xfs grow":         {unsafe.Sizeof(xfsGrow{}), size(xfsGrowData)},
		"btrfs member":     {unsafe.Sizeof(btrfsMember{}), size(btrfsDevInfo)},
		"btrfs summary":    {unsafe.Sizeof(btrfsSummary{}), size(btrfsFSInfo)},
		"btrfs resize":     {unsafe.Sizeof(btrfsVolume{}), size(btrfsResize)},
		"ext4 block count": {unsafe.Sizeof(uint64(0)), size(ext4Resize)},
	} {
		if c[0] != c[1] {
			t.Errorf("got a layout of %d bytes for %s, want %d", c[0], name, c[1])
		}
	}
}
