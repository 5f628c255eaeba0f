package filesystem

import (
	"unicode/utf8"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
	"git.srvlab.io/whiskey/rds-csi-driver/ports"
)

// makers says how each file system is made. No flag forces anything.
//
//   - Nothing is discarded first. The disk was just proved to be zeros where it
//     matters; discarding terabytes over the network would take long, hang with a
//     slow array, and change what was proved.
//   - ext4 keeps its own default of writing inode tables in the background after
//     the first mount: mkfs ends in a second on any size. The journal is written
//     in full at once, as it decides about the file system after a crash.
//   - ext4 reserves no blocks for root (-m 0): the volume is data, and its user
//     counts what was bought.
//   - Block sizes, features and the layout are the tool's defaults, which follow
//     the size of the disk.
var makers = map[domain.Access]struct {
	tool  string
	flags []string
	label int // most bytes
}{
	domain.Ext4:  {"mkfs.ext4", []string{"-q", "-m", "0", "-E", "nodiscard"}, 16},
	domain.XFS:   {"mkfs.xfs", []string{"-q", "-K"}, 12},
	domain.Btrfs: {"mkfs.btrfs", []string{"-q", "-K"}, 255},
}

// makeCommand returns the command that makes m, without the device. A label that
// is too long is cut: only people read it.
func makeCommand(m ports.Making) (tool string, args []string, err error) {
	maker, ok := makers[m.Access]
	if !ok {
		return "", nil, domain.Fail(domain.Invalid, "mkfs", "",
			"file system %q: ext4, xfs and btrfs are allowed", m.Access)
	}
	args = append(args, maker.flags...)
	if label := cut(m.Label, maker.label); label != "" {
		args = append(args, "-L", label)
	}
	return maker.tool, args, nil
}

// cut shortens s to at most n bytes without breaking a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
