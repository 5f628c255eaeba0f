package domain

import (
	"testing"
)

func TestParseAccess(t *testing.T) {
	for text, want := range map[string]Access{
		"": Ext4, "ext4": Ext4, "xfs": XFS, "btrfs": Btrfs,
		"block": "", "ext3": "", "EXT4": "", "zfs": "", "ext4 ": "", "ext4\x00": "",
	} {
		got, err := ParseAccess(text)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q and %v, want %q", text, got, err, want)
		}
		if want == "" {
			wantKind(t, err, Invalid)
			wantText(t, err, "fs_type")
		}
	}
}

func TestLeast(t *testing.T) {
	for a, want := range map[Access]Size{
		Block: 4 * KiB, Ext4: 4 * MiB, XFS: 300 * MiB, Btrfs: 128 * MiB,
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
		mode      Mode
		name      string
		fs, block int // most holders; 0: not served
		reader    bool
		asReader  int // most holders of raw block with readonly=true
	}
	for _, r := range []row{
		{SingleWriter, "SINGLE_NODE_WRITER", 1, 1, false, 1},
		{SingleSingleWriter, "SINGLE_NODE_SINGLE_WRITER", 1, 1, false, 1},
		{SingleMultiWriter, "SINGLE_NODE_MULTI_WRITER", 1, 1, false, 1},
		{SingleReader, "SINGLE_NODE_READER_ONLY", 1, 1, true, 1},
		{MultiReader, "MULTI_NODE_READER_ONLY", 8, 8, true, 8},
		{MultiWriter, "MULTI_NODE_MULTI_WRITER", 0, 2, false, 1},
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
				if a == Block {
					want = r.block
				}
				u, err := NewUse(a, r.mode, readOnly)
				if want == 0 {
					wantKind(t, err, Invalid)
					wantText(t, err, "access_mode")
					continue
				}
				if readOnly {
					want = r.asReader
				}
				whole := Use{Access: a, Mode: r.mode, ReadOnly: readOnly || r.reader}
				if err != nil || u != whole || u.MostHolders() != want {
					t.Errorf("got %v for %d holders and %v of %s %s readonly=%t, want %d holders",
						u, u.MostHolders(), err, a, r.mode, readOnly, want)
				}
			}
		}
	}
}

func allUses() []Use {
	var uses []Use
	for _, a := range allAccesses() {
		for _, m := range allModes() {
			for _, readOnly := range []bool{false, true} {
				if u, err := NewUse(a, m, readOnly); err == nil {
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
			want := a == b && (a.Mode == MultiReader || a.Mode == MultiWriter && !a.ReadOnly)
			if got := a.SharesWith(b); got != want {
				t.Errorf("got %t for %v with %v, want %t", got, a, b, want)
			}
			if a.SharesWith(b) && a.ReadOnly != b.ReadOnly {
				t.Errorf("a reader shares with a writer: %v, %v", a, b)
			}
		}
	}
}
