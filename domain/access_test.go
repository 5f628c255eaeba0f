package domain_test

import (
	"testing"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

func TestParseAccess(t *testing.T) {
	for text, want := range map[string]domain.Access{
		"": domain.Ext4, "ext4": domain.Ext4, "xfs": domain.XFS, "btrfs": domain.Btrfs,
		"block": "", "ext3": "", "EXT4": "", "zfs": "", "ext4 ": "", "ext4\x00": "",
	} {
		got, err := domain.ParseAccess(text)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q and %v, want %q", text, got, err, want)
		}
		if want == "" {
			wantKind(t, err, domain.Invalid)
			wantText(t, err, "fs_type")
		}
	}
}

func TestLeast(t *testing.T) {
	for a, want := range map[domain.Access]domain.Size{
		domain.Block: 4 * domain.KiB, domain.Ext4: 4 * domain.MiB, domain.XFS: 300 * domain.MiB, domain.Btrfs: 128 * domain.MiB,
	} {
		if got := a.Least(); got != want {
			t.Errorf("got %v for %s, want %v", got, a, want)
		}
	}
}

// TestUseTable is the table of access modes: which are served for which access,
// who reads, and how many nodes may hold a volume.
func TestUseTable(t *testing.T) {
	type row struct {
		mode      domain.Mode
		name      string
		fs, block int // most holders; 0: not served
		reader    bool
		asReader  int // most holders of raw block with readonly=true
	}
	for _, r := range []row{
		{domain.SingleWriter, "SINGLE_NODE_WRITER", 1, 1, false, 1},
		{domain.SingleSingleWriter, "SINGLE_NODE_SINGLE_WRITER", 1, 1, false, 1},
		{domain.SingleMultiWriter, "SINGLE_NODE_MULTI_WRITER", 1, 1, false, 1},
		{domain.SingleReader, "SINGLE_NODE_READER_ONLY", 1, 1, true, 1},
		{domain.MultiReader, "MULTI_NODE_READER_ONLY", 8, 8, true, 8},
		{domain.MultiWriter, "MULTI_NODE_MULTI_WRITER", 0, 2, false, 1},
		{"mnsw", "", 0, 0, false, 0}, // MULTI_NODE_SINGLE_WRITER is not served
		{"", "", 0, 0, false, 0},     // UNKNOWN
		{"rwx", "", 0, 0, false, 0},
	} {
		if got := r.mode.String(); got != r.name {
			t.Errorf("got name %q of %q, want %q", got, r.mode, r.name)
		}
		for _, a := range allAccesses() {
			for _, readOnly := range []bool{false, true} {
				want := r.fs
				if a == domain.Block {
					want = r.block
				}
				u, err := domain.NewUse(a, r.mode, readOnly)
				if want == 0 {
					wantKind(t, err, domain.Invalid)
					wantText(t, err, "access_mode")
					continue
				}
				if readOnly {
					want = r.asReader
				}
				if err != nil || u != (domain.Use{Access: a, Mode: r.mode, ReadOnly: readOnly || r.reader}) || u.MostHolders() != want {
					t.Errorf("got %v for %d holders and %v of %s %s readonly=%t, want %d holders",
						u, u.MostHolders(), err, a, r.mode, readOnly, want)
				}
			}
		}
	}
}

func allUses() []domain.Use {
	var uses []domain.Use
	for _, a := range allAccesses() {
		for _, m := range allModes() {
			for _, readOnly := range []bool{false, true} {
				if u, err := domain.NewUse(a, m, readOnly); err == nil {
					uses = append(uses, u)
				}
			}
		}
	}
	return uses
}

func TestSharesWith(t *testing.T) {
	for _, a := range allUses() {
		for _, b := range allUses() {
			want := a == b && (a.Mode == domain.MultiReader || a.Mode == domain.MultiWriter && !a.ReadOnly)
			if got := a.SharesWith(b); got != want {
				t.Errorf("got %t for %v with %v, want %t", got, a, b, want)
			}
			if a.SharesWith(b) && a.ReadOnly != b.ReadOnly {
				t.Errorf("a reader shares with a writer: %v, %v", a, b)
			}
		}
	}
}
