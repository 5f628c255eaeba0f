package script

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// golden reads a file of captured output: lines that say where it is from, a
// line of three dashes, and what a router printed.
func golden(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "..", "..", "testdata", "routeros", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	head, body, ok := strings.Cut(string(b), "---\n")
	if !ok || !strings.HasPrefix(head, "# Source: ") {
		t.Fatalf("%s does not name its source", name)
	}
	return body
}

// text is lines as they leave the router, with \n for \r\n.
func text(lines []string) string { return strings.Join(lines, "\n") + "\n" }

// volumeRow is the exported volume of the sample.
func volumeRow(number int, slot, path, nqn string, size int64) Row {
	return Row{ID: "*1F", Number: number, Fields: []Field{
		{"block-device", Bool(true)}, {"type", String("file")}, {"slot", String(slot)}, {"slot-default", String("")},
		{"parent", String("")}, {"fs", String("-")}, {"model", String(path)}, {"size", Number(size)},
		{"mount-filesystem", Bool(false)}, {"mount-read-only", Bool(false)}, {"compress", Bool(false)},
		{"sector-size", Number(512)}, {"raid-master", String("none")}, {"nvme-tcp-export", Bool(true)},
		{"nvme-tcp-server-port", Number(4420)}, {"nvme-tcp-server-nqn", String(nqn)},
		{"nvme-tcp-server-allow-host-name", String("")}, {"iscsi-export", Bool(false)}, {"nfs-sharing", Bool(false)},
		{"smb-sharing", Bool(false)}, {"media-sharing", Bool(false)}, {"media-interface", String("none")},
		{"swap", Bool(false)}, {"file-path", String(path)}, {"file-size", Number(size)}, {"file-offset", Number(0)}}}
}

func poolRow() Row {
	return Row{ID: "*1A", Number: 26, Fields: []Field{
		{"block-device", Bool(true)}, {"mounted", Bool(true)}, {"type", String("raid")}, {"slot", String("raid10")},
		{"slot-default", String("")}, {"parent", String("")}, {"fs-label", String("ocp-storage")},
		{"fs-uuid", String("40437dbc-2318-45dc-817b-b3bb95cf48ab")}, {"fs", String("xfs")}, {"model", String("RAID0 striped")},
		{"size", Number(16003143565312)}, {"free", Number(14789895307264)}, {"total-inodes", Number(1562806656)},
		{"free-inodes", Number(1562806652)}, {"use", Number(8)}, {"mount-point", String("raid10")},
		{"mount-filesystem", Bool(true)}, {"mount-read-only", Bool(false)}, {"compress", Bool(false)},
		{"sector-size", Number(512)}, {"raid-type", String("0")}, {"raid-device-count", Number(4)},
		{"raid-max-component-size", String("none")}, {"raid-chunk-size", String("256K")}, {"raid-master", String("none")},
		{"state", String("clean")}, {"raid-uuid", String("eadca0af-ecff031c-239758ad-951a47de")},
		{"nvme-tcp-export", Bool(false)}, {"iscsi-export", Bool(false)}, {"nfs-sharing", Bool(false)},
		{"smb-sharing", Bool(false)}, {"media-sharing", Bool(false)}, {"media-interface", String("none")}, {"swap", Bool(false)}}}
}

const wide = 240 // the terminal of the wide samples

func TestDetailInAWideTerminal(t *testing.T) {
	volume := volumeRow(31, "vm-storage-001", "/raid10/vm-storage-001.img",
		"nqn.2026-09.com.mikrotik:rds2216.vm-storage-001", 1<<40)
	got := text(Layout{Width: wide}.Detail(diskSchema(), []Row{volume}))
	if want := golden(t, "7.24/disk-print-detail-volume.txt"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestDetailOfAPool(t *testing.T) {
	// The sample shows the pool in one print with its members, whose flag makes a
	// column of its own.
	member := Row{Number: 27, Fields: []Field{{"block-device", Bool(true)}, {"raid-member", Bool(true)}}}
	got := text(Layout{Width: wide}.Detail(diskSchema(), []Row{poolRow(), member}))
	_, got, _ = strings.Cut(got, "\n")
	want := golden(t, "7.24/disk-print-detail-pool.txt") + "27 B r \n\n"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestDetailWithoutATerminal(t *testing.T) {
	path := "/storage-pool/metal-csi/pvc-test-123.img"
	row := volumeRow(3, "pvc-test-123", path, "nqn.2000-02.com.mikrotik:pvc-test-123", 50<<30)
	row.Fields[8].Value = Bool(true) // mount-filesystem
	got := text(Layout{}.Detail(diskSchema(), []Row{row}))
	_, got, _ = strings.Cut(got, " 3 Bt ")
	got = strings.ReplaceAll(got, path, "/storage-pool/test.img")
	if want := golden(t, "7.21/disk-print-detail-narrow.txt") + "\n"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestALongValueIsCutInTheMiddle(t *testing.T) {
	path := "/storage-pool/metal-csi/pvc-0e7b1c52-8f0d-4bb5-9a0e-6d2f5f1c7a11.img"
	row := volumeRow(3, "pvc-test-123", path, "nqn.2000-02.com.mikrotik:pvc-test-123", 50<<30)
	row.Fields[8].Value = Bool(true) // mount-filesystem
	got := text(Layout{}.Detail(diskSchema(), []Row{row}))
	if want := golden(t, "7.21/disk-print-detail-cut.txt"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestTheLegendIsThereWithoutARow(t *testing.T) {
	r := newRouter(t) // section 1.5, RDSCSI e26544e
	want := "Flags: X - DISABLED, B - BLOCK-DEVICE; M - MOUNTED; r - RAID-MEMBER,\n" +
		"       t - NVME-TCP-EXPORT"
	r.Width = 80
	if got := r.run(t, `/disk/print detail where slot="nope"`); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestTable(t *testing.T) {
	r := newRouter(t, disks()...)
	got := r.run(t, `/disk/print`) + "\n"
	if want := golden(t, "7.24/disk-print.txt"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestPrintForms(t *testing.T) {
	tests := []struct{ line, want string }{
		{`/disk/print terse proplist=type,slot where slot=csi-b`, " 1 B type=file slot=csi-b"},
		{`/disk/print terse proplist=slot show-ids where slot=raid10`, "*1F BM slot=raid10"},
		{`/disk/print detail without-paging proplist=slot,size where slot=csi-a`,
			"Flags: B - BLOCK-DEVICE; t - NVME-TCP-EXPORT\n 0 Bt ;;; one\n" +
				"               slot=\"csi-a\" size=1 073 741 824\n"},
		{`/system/resource/print`, "       uptime: 1d02:00:00\n      version: 7.24.5 (stable)\n  free-memory: 94.2MiB"},
	}
	for _, tt := range tests {
		t.Run(tt.line, func(t *testing.T) {
			if got := newRouter(t, disks()...).run(t, tt.line); got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

func TestRoundedSizes(t *testing.T) {
	// The samples of sections 1.6, 2.2 and 6.
	for n, want := range map[int64]string{
		1 << 40: "1024.0GiB", 50 << 30: "50.0GiB", 1970278: "1924.1KiB", 98775859: "94.2MiB", 512: "512",
	} {
		if got := rounded(n); got != want {
			t.Errorf("%d: got %s, want %s", n, got, want)
		}
	}
}

func TestLinesEndWithBothCharacters(t *testing.T) {
	r := newRouter(t, disks()...)
	if err := r.Exec(t.Context(), `/disk/print detail; :put 1`); err != nil {
		t.Fatal(err)
	}
	if got := r.out.String(); strings.Count(got, "\n") != strings.Count(got, "\r\n") || !strings.HasSuffix(got, "1\r\n") {
		t.Errorf("got %q, want every line ended by \\r\\n", got)
	}
}
