package filesystem

import (
	"strings"
	"testing"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
	"git.srvlab.io/whiskey/rds-csi-driver/ports"
)

func TestMakeCommand(t *testing.T) {
	for _, c := range []struct {
		name string
		m    ports.Making
		want string
	}{
		{"ext4", ports.Making{Access: domain.Ext4}, "mkfs.ext4 -q -m 0 -E nodiscard"},
		{"xfs", ports.Making{Access: domain.XFS, Label: "data"}, "mkfs.xfs -q -K -L data"},
		{"btrfs", ports.Making{Access: domain.Btrfs, Label: "data"}, "mkfs.btrfs -q -K -L data"},
		{"a label too long for ext4", ports.Making{Access: domain.Ext4, Label: "0123456789abcdefg"},
			"mkfs.ext4 -q -m 0 -E nodiscard -L 0123456789abcdef"},
		{"a label cut between characters", ports.Making{Access: domain.XFS, Label: "0123456789äö"}, "mkfs.xfs -q -K -L 0123456789ä"},
		{"a label cut within a character", ports.Making{Access: domain.XFS, Label: "0123456789aä"}, "mkfs.xfs -q -K -L 0123456789a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tool, args, err := makeCommand(c.m)
			if got := strings.Join(append([]string{tool}, args...), " "); err != nil || got != c.want {
				t.Errorf("got %q, %v, want %q", got, err, c.want)
			}
		})
	}
	for _, a := range []domain.Access{"", domain.Block, "ext3"} {
		_, _, err := makeCommand(ports.Making{Access: a})
		wantKind(t, err, domain.Invalid)
	}
}

func TestNothingIsForced(t *testing.T) {
	for a, maker := range makers {
		for _, f := range maker.flags {
			if f == "-F" || f == "-f" || f == "--force" || f == "-FF" {
				t.Errorf("got flag %s for %s, want none that forces", f, a)
			}
		}
	}
}
