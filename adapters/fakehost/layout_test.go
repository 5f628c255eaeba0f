package fakehost

import (
	"reflect"
	"testing"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

func TestAFrameIsReadOnlyWhole(t *testing.T) {
	want := table{Generation: 7, Files: map[string]domain.Extent{"a/b": {Offset: dataAt, Length: 3}}}
	b, err := encodeFrame(want)
	if err != nil {
		t.Fatal(err)
	}
	var got table
	if !decodeFrame(append(b, 0, 0), &got) || !reflect.DeepEqual(got, want) {
		t.Errorf("got table %+v, want %+v", got, want)
	}
	for i := range b {
		broken := append([]byte(nil), b...)
		broken[i] ^= 0x10
		if decodeFrame(broken, &table{}) || decodeFrame(b[:i], &table{}) {
			t.Errorf("got a frame with byte %d wrong, or cut there, want none", i)
		}
	}
}

func TestATableWithFilesOutsideIsDamaged(t *testing.T) {
	for name, e := range map[string]domain.Extent{
		"over the tables":     {Offset: tableAt, Length: 1},
		"past the end":        {Offset: 4 * domain.MiB, Length: 1},
		"longer than all":     {Offset: dataAt, Length: 1 << 62},
		"of negative length":  {Offset: dataAt, Length: -1},
		"far behind anything": {Offset: 1 << 62, Length: 1 << 62},
	} {
		if (table{Files: map[string]domain.Extent{"file": e}}).within(4 * domain.MiB) {
			t.Errorf("got a file %s taken, want it refused", name)
		}
	}
}

// FuzzHead reads the start of a device as everything that it could be.
func FuzzHead(f *testing.F) {
	for _, a := range []domain.Access{domain.Ext4, domain.XFS, domain.Btrfs} {
		super, at := superblock(a, domain.UUID{1}, "label")
		f.Add(append(make([]byte, at), super...))
	}
	frame, err := encodeFrame(header{Access: domain.XFS, Size: domain.GiB})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(frame)
	f.Fuzz(func(t *testing.T, data []byte) {
		head := make([]byte, headRead)
		copy(head, data)
		for _, s := range fileSystems(head) {
			if s.Type == "" || len(s.UUID) != 36 {
				t.Errorf("got signature %+v, want a type and a UUID", s)
			}
		}
		_, _ = isLVM(head), isDOS(head)
		var h header
		if decodeFrame(data, &h) {
			_, _ = encodeFrame(h)
		}
	})
}
