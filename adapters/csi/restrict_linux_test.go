package csi

import (
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestTheSocketIsNeverWider looks at a socket that was restricted before it got
// its name and not touched since, under a umask that takes nothing.
func TestTheSocketIsNeverWider(t *testing.T) {
	dir, err := os.MkdirTemp("", "csi")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	defer syscall.Umask(syscall.Umask(0))
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error { return restrict(c, 0o600) }}
	l, err := config.Listen(t.Context(), "unix", filepath.Join(dir, "csi.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	info, err := os.Lstat(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if got, want := info.Mode(), 0o600|fs.ModeSocket; got != want {
		t.Errorf("got mode %v, want %v", got, want)
	}
}
