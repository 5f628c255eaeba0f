package fakerds

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// An islands file has data here and there and holes between.
func islands(t *testing.T, name string) []byte {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	const size = 40<<20 + 123
	want := make([]byte, size)
	for _, at := range []int{0, 70_000, 5 << 20, 20<<20 + 1, size - 3} {
		copy(want[at:], "data")
		if _, err := f.WriteAt(want[at:min(at+4, size)], int64(at)); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	return want
}

func never() error { return nil }

func TestASparseCopyHasTheBytesAndTheHoles(t *testing.T) {
	dir := t.TempDir()
	want := islands(t, filepath.Join(dir, "from"))
	src, err := os.Open(filepath.Join(dir, "from"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = src.Close() }()
	to := filepath.Join(dir, "to")
	if err := os.WriteFile(to, bytes.Repeat([]byte("old"), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	dst, err := os.OpenFile(to, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = dst.Close() }()
	if err := copySparse(dst, src, int64(len(want)), never); err != nil {
		t.Fatalf("got %v, want no error", err)
	}
	got, err := os.ReadFile(to)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("got %d other bytes and %v, want the source's", len(got), err)
	}
	info, err := os.Stat(to)
	if err != nil {
		t.Fatal(err)
	}
	if taken := allocated(info); taken > 2<<20 {
		t.Errorf("taken: got %s of %d bytes, want holes", taken, len(want))
	}
}

func TestACopyEndsWithItsContext(t *testing.T) {
	dir := t.TempDir()
	islands(t, filepath.Join(dir, "from"))
	src, _ := os.Open(filepath.Join(dir, "from"))
	defer func() { _ = src.Close() }()
	dst, _ := os.Create(filepath.Join(dir, "to"))
	defer func() { _ = dst.Close() }()
	asked := 0
	err := copySparse(dst, src, 40<<20, func() error {
		if asked++; asked > 1 {
			return context.Canceled
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) || asked != 2 {
		t.Errorf("got %v after asking %d times, want canceled after 2", err, asked)
	}
}

func TestACopyIsOfOneInstant(t *testing.T) {
	for name, x := range map[string]struct {
		writes int
		want   error
	}{
		"a write meanwhile makes it start again":      {1, nil},
		"a source that never rests can not be copied": {1000, errRestless},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
			islands(t, from)
			src, err := os.OpenFile(from, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = src.Close() }()
			dst, err := os.Create(to)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = dst.Close() }()
			round := 0
			err = copyAtRest(dst, src, func() error {
				if round++; round <= x.writes {
					_, err := src.WriteAt([]byte{byte(round), byte(round >> 8)}, 4096)
					return err
				}
				return nil
			})
			if !errors.Is(err, x.want) {
				t.Fatalf("got %v, want %v", err, x.want)
			}
			if x.want != nil {
				return
			}
			got, _ := os.ReadFile(to)
			want, _ := os.ReadFile(from)
			if !bytes.Equal(got, want) {
				t.Error("got a mixture of two instants, want the bytes after the write")
			}
		})
	}
}
