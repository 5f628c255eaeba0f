package csi_test

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"git.srvlab.io/whiskey/rds-csi-driver/adapters/csi"
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// socketDir returns a directory whose path leaves room for a socket's name.
func socketDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "csi")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func listen(t *testing.T, endpoint string) net.Listener {
	t.Helper()
	l, err := csi.Listen(endpoint, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func TestTheFormsOfAnEndpoint(t *testing.T) {
	dir := socketDir(t)
	for i, form := range []string{"unix://", "unix:", ""} {
		path := filepath.Join(dir, string(rune('a'+i)))
		l := listen(t, form+path)
		if got := l.Addr().String(); got != path {
			t.Errorf("%s%s: got address %s, want %s", form, path, got, path)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("after Close: got %v, want the socket gone", err)
		}
	}
}

// TestTheModeOfTheSocket under a umask that would give more, and one that would
// give less, than asked for.
func TestTheModeOfTheSocket(t *testing.T) {
	dir := socketDir(t)
	for _, umask := range []int{0, 0o077} {
		for _, mode := range []fs.FileMode{0o600, 0o660} {
			before := syscall.Umask(umask)
			l, err := csi.Listen(filepath.Join(dir, "csi.sock"), mode)
			syscall.Umask(before)
			if err != nil {
				t.Fatal(err)
			}
			info, err := os.Lstat(l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			if got := info.Mode(); got != mode|fs.ModeSocket {
				t.Errorf("umask %o: got mode %v, want %v", umask, got, mode|fs.ModeSocket)
			}
			if err := l.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// dead leaves a socket at path on which nobody listens.
func dead(t *testing.T, path string) {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	if u, ok := l.(*net.UnixListener); ok {
		u.SetUnlinkOnClose(false)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestASocketOfADeadProcessIsReplaced(t *testing.T) {
	path := filepath.Join(socketDir(t), "csi.sock")
	dead(t, path)
	l := listen(t, "unix://"+path)
	conn, err := new(net.Dialer).DialContext(t.Context(), "unix", l.Addr().String())
	if err != nil {
		t.Fatalf("got %v, want somebody to listen", err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
}

func TestASocketInUseIsRefusedAndStays(t *testing.T) {
	path := filepath.Join(socketDir(t), "csi.sock")
	listen(t, path)
	wantBadEndpoint(t, path, "another process answers")
	conn, err := new(net.Dialer).DialContext(t.Context(), "unix", path)
	if err != nil {
		t.Fatalf("got %v, want the first listener untouched", err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
}

func TestAFileThatIsNoSocketIsRefusedAndStays(t *testing.T) {
	dir := socketDir(t)
	file, link, sub := filepath.Join(dir, "file"), filepath.Join(dir, "link"), filepath.Join(dir, "sub")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	dead(t, filepath.Join(dir, "dead"))
	if err := os.Symlink("dead", link); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(sub, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, link, sub} {
		wantBadEndpoint(t, path, "no socket")
		if _, err := os.Lstat(path); err != nil {
			t.Errorf("got %v, want it to stay", err)
		}
	}
	if got := read(t, file); got != "precious" {
		t.Errorf("got %q, want the file untouched", got)
	}
}

func TestADirectoryThatIsBusy(t *testing.T) {
	dir := socketDir(t)
	held, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = held.Close() }()
	if err := syscall.Flock(int(held.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	wantBadEndpoint(t, filepath.Join(dir, "csi.sock"), "locked by another process")
}

func TestEndpointsThatAreRefused(t *testing.T) {
	dir := socketDir(t)
	for endpoint, says := range map[string]string{
		"":                                     "absolute path",
		"csi.sock":                             "absolute path",
		"unix://csi/csi.sock":                  "absolute path",
		"unix:csi.sock":                        "absolute path",
		"http://127.0.0.1:1":                   "absolute path",
		"@abstract":                            "absolute path",
		"/" + strings.Repeat("x", 107):         "at most 107 bytes",
		filepath.Join(dir, "none", "csi.sock"): "no such file or directory",
		"tcp://0.0.0.0:0":                      "loopback",
		"tcp://[::]:0":                         "loopback",
		"tcp://:0":                             "loopback",
		"tcp://192.0.2.1:0":                    "loopback",
		"tcp://example.org:0":                  "loopback",
		"tcp://127.0.0.1":                      "loopback",
		"tcp://127.0.0.1:99999":                "port",
	} {
		wantBadEndpoint(t, endpoint, says)
	}
}

func wantBadEndpoint(t *testing.T, endpoint, says string) {
	t.Helper()
	l, err := csi.Listen(endpoint, 0o600)
	if err == nil {
		_ = l.Close()
		t.Errorf("%q: got a listener, want it refused", endpoint)
		return
	}
	got := err.Error()
	if !domain.Is(err, domain.Invalid) || !strings.Contains(got, "endpoint ") || !strings.Contains(got, says) {
		t.Errorf("%q: got %v, want an invalid endpoint that says %q", endpoint, err, says)
	}
}

func TestLoopbackIsAllowed(t *testing.T) {
	for _, endpoint := range []string{"tcp://127.0.0.1:0", "tcp://localhost:0"} {
		l := listen(t, endpoint)
		conn, err := new(net.Dialer).DialContext(context.Background(), "tcp", l.Addr().String())
		if err != nil {
			t.Errorf("%s: got %v, want somebody to listen", endpoint, err)
			continue
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}
}
