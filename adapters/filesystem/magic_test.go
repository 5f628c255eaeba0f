package filesystem

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

const diskSize = 64 << 20

// A picture is a disk of which only the edges are kept.
type picture struct{ head, tail []byte }

func newPicture() picture {
	return picture{make([]byte, headBytes), make([]byte, tailBytes)}
}

// put writes at an offset, from the end if it is negative.
func (p picture) put(at int, bytes string) picture {
	if at < 0 {
		copy(p.tail[len(p.tail)+at:], bytes)
	} else {
		copy(p.head[at:], bytes)
	}
	return p
}

func (p picture) ext() picture {
	binary.LittleEndian.PutUint32(p.head[1024:], 16384) // inodes
	return p.put(1024+0x38, "\x53\xef")
}

func (p picture) dos(kind byte) picture {
	p.head[446+4], p.head[446+12] = kind, 1
	return p.put(510, "\x55\xaa")
}

func TestRecognize(t *testing.T) {
	for _, c := range []struct {
		want string
		p    picture
	}{
		{"", newPicture()},
		{"", newPicture().put(0, "hello").put(-5, "hello")},
		{"", newPicture().put(1024+0x38, "\x53\xef")}, // no inodes: no superblock
		{"", newPicture().put(510, "\x55\xaa")},       // boot code without partitions
		{"", newPicture().dos(0)},
		{"ext4", newPicture().ext()},
		{"xfs", newPicture().put(0, "XFSB")},
		{"btrfs", newPicture().put(65536+64, "_BHRfS_M")},
		{"crypto_LUKS", newPicture().put(0, "LUKS\xba\xbe\x00\x02")},
		{"crypto_LUKS", newPicture().put(0x8000, "SKUL\xba\xbe")},
		{"LVM2_member", newPicture().put(512, "LABELONE")},
		{"swap", newPicture().put(4096-10, "SWAPSPACE2")},
		{"swap", newPicture().put(65536-10, "SWAPSPACE2")},
		{"dos", newPicture().dos(0x83)},
		{"gpt", newPicture().dos(0xee).put(512, "EFI PART")},
		{"gpt", newPicture().put(-512, "EFI PART")},
		{"linux_raid_member", newPicture().put(4096, "\xfc\x4e\x2b\xa9")},
		{"linux_raid_member", newPicture().put(-65536, "\xfc\x4e\x2b\xa9")},
		{"linux_raid_member", newPicture().put(-8192, "\xfc\x4e\x2b\xa9")},
		{"zfs_member", newPicture().put(131072+5*1024, "\x0c\xb1\xba\x00\x00\x00\x00\x00")},
		{"zfs_member", newPicture().put(-262144+131072, "\x00\x00\x00\x00\x00\xba\xb1\x0c")},
		{"zfs_member", newPicture().put(-524288+131072, "\x0c\xb1\xba\x00\x00\x00\x00\x00")},
		{"ntfs", newPicture().dos(0x07).put(3, "NTFS    ")},
		{"ext4 swap", newPicture().ext().put(4096-10, "SWAPSPACE2")},
		{"btrfs gpt", newPicture().put(65536+64, "_BHRfS_M").put(-512, "EFI PART")},
	} {
		if got := strings.Join(recognize(c.p.head, c.p.tail, diskSize), " "); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func TestRecognizeOnSmallDisks(t *testing.T) {
	for _, size := range []int{0, 1, 511, 512, 4096, 65536} {
		disk := make([]byte, size)
		if got := recognize(disk, disk, int64(size)); len(got) != 0 {
			t.Errorf("got %q on %d zeros, want nothing", got, size)
		}
	}
}

func TestJudge(t *testing.T) {
	found := func(kind, table string) *signature {
		return &signature{Signature: domain.Signature{Type: kind, Label: "l", UUID: "u"}, table: table}
	}
	for _, c := range []struct {
		name  string
		blkid *signature
		p     picture
		want  string   // the type
		risk  []string // or what a DataAtRisk names
	}{
		{"nothing and zeros", nil, newPicture(), "", nil},
		{"nothing and bytes without a meaning", nil, newPicture().put(100, "x"), "", nil},
		{"a superblock that libblkid passes over", nil, newPicture().ext(), "", []string{"damaged", "ext4"}},
		{"a file system", found("ext4", ""), newPicture().ext(), "ext4", nil},
		{"an old ext2", found("ext2", ""), newPicture().ext(), "ext2", nil},
		{"a partition table", found("", "dos"), newPicture().dos(0x83), "dos", nil},
		{"gpt and its protective table", found("", "gpt"), newPicture().dos(0xee).put(512, "EFI PART"), "gpt", nil},
		{"a file system under a table", found("ext4", "dos"), newPicture().ext().dos(0x83), "", []string{"ext4", "dos"}},
		{"a table that libblkid passes over", found("ext4", ""), newPicture().ext().dos(0x83), "", []string{"ext4", "dos"}},
		{"two that libblkid can not choose from", &signature{ambivalent: true},
			newPicture().ext().put(0, "XFSB"), "", []string{"ext4", "xfs"}},
		{"two of which we know none", &signature{ambivalent: true}, newPicture(), "", []string{"several"}},
		{"what only libblkid knows", found("udf", ""), newPicture(), "udf", nil},
		{"a user's file at the end that looks like a table", found("xfs", ""),
			newPicture().put(0, "XFSB").put(-512, "EFI PART"), "xfs", nil},
		{"a user's file that looks like btrfs", found("ext4", ""),
			newPicture().ext().put(65536+64, "_BHRfS_M"), "ext4", nil},
		{"fat has a boot sector", found("vfat", ""), newPicture().dos(0x0c).put(82, "FAT32"), "vfat", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := judge(c.blkid, c.p.head, c.p.tail, diskSize)
			if c.risk == nil {
				if err != nil || got.Type != c.want {
					t.Errorf("got %+v, %v, want type %q", got, err, c.want)
				}
				return
			}
			named := err != nil && !slices.ContainsFunc(c.risk, func(word string) bool { return !strings.Contains(err.Error(), word) })
			if !domain.Is(err, domain.DataAtRisk) || !named {
				t.Errorf("got %+v, %v, want DataAtRisk naming %q", got, err, c.risk)
			}
		})
	}
}

func FuzzRecognize(f *testing.F) {
	f.Add([]byte("XFSB"), []byte("EFI PART"), uint32(4096))
	f.Add(newPicture().ext().head[:4096], []byte{}, uint32(1))
	f.Fuzz(func(t *testing.T, head, tail []byte, more uint32) {
		size := int64(max(len(head), len(tail))) + int64(more)
		if got := recognize(head, tail, size); !slices.IsSorted(got) {
			t.Errorf("got %q, want it sorted", got)
		}
		_, _ = judge(nil, head, tail, size)
	})
}
