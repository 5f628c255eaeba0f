package porttest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// must ends the test if what a test stands on is not so.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("got error %v (kind %s), want none", err, domain.KindOf(err))
	}
}

// refused checks the kind of a refusal, and that its message says all of words.
func refused(t *testing.T, err error, kind domain.Kind, words ...string) {
	t.Helper()
	if !domain.Is(err, kind) {
		t.Fatalf("got error %v (kind %s), want kind %s", err, domain.KindOf(err), kind)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("got message %q, want it to name %q", err, word)
		}
	}
}

// ended checks that a call whose context has ended says so.
func ended(t *testing.T, call func(ctx context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := call(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v with an ended context, want context.Canceled in its chain", err)
	}
}

// putBytes writes into an image behind everybody's back.
func putBytes(t *testing.T, image string, offset domain.Size, data []byte) {
	t.Helper()
	f, err := os.OpenFile(image, os.O_WRONLY, 0)
	must(t, err)
	_, err = f.WriteAt(data, int64(offset))
	must(t, errors.Join(err, f.Sync(), f.Close()))
}

// newDir makes a directory and returns its path without symbolic links, as the
// mount table has it.
func newDir(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	must(t, err)
	return dir
}

// getBytes reads from an image.
func getBytes(t *testing.T, image string, offset domain.Size, n int) []byte {
	t.Helper()
	f, err := os.Open(image)
	must(t, err)
	data := make([]byte, n)
	_, err = f.ReadAt(data, int64(offset))
	must(t, errors.Join(err, f.Close()))
	return data
}

// fingerprint returns a hash of an image's bytes and its size.
func fingerprint(t *testing.T, image string) [sha256.Size]byte {
	t.Helper()
	hash := sha256.New()
	size := eachChunk(t, image, func(offset int64, chunk []byte) {
		_, _ = fmt.Fprintln(hash, offset)
		_, _ = hash.Write(chunk)
	})
	_, _ = fmt.Fprintln(hash, size)
	return [sha256.Size]byte(hash.Sum(nil))
}

// eachChunk hands out the parts of an image that are not zero, and returns its
// size.
func eachChunk(t *testing.T, image string, do func(offset int64, chunk []byte)) (size int64) {
	t.Helper()
	f, err := os.Open(image)
	must(t, err)
	buf, zero := make([]byte, domain.MiB), make([]byte, domain.MiB)
	for {
		n, err := io.ReadFull(f, buf)
		if !bytes.Equal(buf[:n], zero[:n]) {
			do(size, buf[:n])
		}
		size += int64(n)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			must(t, f.Close())
			return size
		}
		must(t, err)
	}
}

// unchanged returns a check that the image's bytes are still what they are now.
func unchanged(t *testing.T, image string) (check func()) {
	t.Helper()
	want := fingerprint(t, image)
	return func() {
		t.Helper()
		if got := fingerprint(t, image); got != want {
			t.Errorf("got another fingerprint of the image, want every byte as it was")
		}
	}
}

// copyImage copies an image and keeps its holes.
func copyImage(t *testing.T, to, from string) {
	t.Helper()
	f, err := os.OpenFile(to, os.O_WRONLY, 0)
	must(t, err)
	size := eachChunk(t, from, func(offset int64, chunk []byte) {
		_, err := f.WriteAt(chunk, offset)
		must(t, err)
	})
	must(t, errors.Join(f.Truncate(size), f.Close()))
}

// eventually asks until the answer is yes or patience is at its end.
func eventually(t *testing.T, ask func() bool) bool {
	t.Helper()
	limit := time.NewTimer(10 * time.Second)
	defer limit.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ask() {
		select {
		case <-limit.C:
			return false
		case <-tick.C:
		}
	}
	return true
}
