package csi

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// maxSocketPath is what sockaddr_un holds beside its final NUL, on Linux.
const maxSocketPath = 107

var (
	errForm     = errors.New("unix:// with an absolute path, or tcp:// with a loopback address, is allowed")
	errLength   = fmt.Errorf("the path of a socket has at most %d bytes", maxSocketPath)
	errLoopback = errors.New("tcp is for the loopback interface only: 127.0.0.1, [::1] or localhost with a port")
	errNoSocket = errors.New("there is a file that is no socket, remove it or choose another path")
	errLive     = errors.New("another process answers there, stop it first")
)

func badEndpoint(endpoint string, why error) error {
	return domain.Fail(domain.Invalid, "listen", "", "endpoint %q: %w", endpoint, why)
}

// Listen listens at an endpoint: unix:///path, unix:/path or the bare absolute
// path of a socket in a directory that exists, or tcp://address:port of the
// loopback interface. The socket gets the mode, is never there with a wider one,
// and is removed when the listener is closed. One that a dead process left is
// replaced; one that answers, and what is no socket, is Invalid.
func Listen(endpoint string, mode fs.FileMode) (net.Listener, error) {
	if address, ok := strings.CutPrefix(endpoint, "tcp://"); ok {
		return listenLoopback(endpoint, address)
	}
	path, ok := strings.CutPrefix(endpoint, "unix://")
	if !ok {
		path = strings.TrimPrefix(endpoint, "unix:")
	}
	switch {
	case !filepath.IsAbs(path):
		return nil, badEndpoint(endpoint, errForm)
	case len(path) > maxSocketPath:
		return nil, badEndpoint(endpoint, errLength)
	}
	l, err := listenSocket(filepath.Clean(path), mode)
	if err != nil {
		return nil, badEndpoint(endpoint, err)
	}
	return l, nil
}

// listenLoopback refuses every address that another machine could reach: the
// protocol has no authentication.
func listenLoopback(endpoint, address string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, badEndpoint(endpoint, errLoopback)
	}
	if ip, err := netip.ParseAddr(host); host != "localhost" && (err != nil || !ip.IsLoopback()) {
		return nil, badEndpoint(endpoint, errLoopback)
	}
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, badEndpoint(endpoint, err)
	}
	if at, ok := l.Addr().(*net.TCPAddr); !ok || !at.IP.IsLoopback() {
		return nil, errors.Join(badEndpoint(endpoint, errLoopback), l.Close())
	}
	return l, nil
}

// listenSocket locks the directory meanwhile, so that of two processes that
// find the same dead socket one does not remove the other's new one.
func listenSocket(path string, mode fs.FileMode) (net.Listener, error) {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	defer func() { _ = dir.Close() }()
	if err := syscall.Flock(int(dir.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, fmt.Errorf("directory %s is locked by another process: %w", dir.Name(), err)
	}
	if err := removeDead(path); err != nil {
		return nil, err
	}
	config := net.ListenConfig{
		Control: func(_, _ string, c syscall.RawConn) error { return restrict(c, mode) },
	}
	l, err := config.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, mode); err != nil { // the umask may have taken more than was asked
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// restrict gives the socket its mode before it has a name: Linux makes the file
// with the mode of the socket's inode. Others have no such thing and get the
// mode a moment later.
func restrict(c syscall.RawConn, mode fs.FileMode) error {
	var err error
	failed := c.Control(func(fd uintptr) { err = syscall.Fchmod(int(fd), uint32(mode.Perm())) })
	if runtime.GOOS != "linux" {
		err = nil
	}
	return errors.Join(failed, err)
}

// removeDead removes a socket at path if nobody listens on it.
func removeDead(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return errNoSocket
	}
	conn, err := new(net.Dialer).DialContext(context.Background(), "unix", path)
	switch {
	case err == nil:
		return errors.Join(errLive, conn.Close())
	case !errors.Is(err, syscall.ECONNREFUSED):
		return err
	}
	return os.Remove(path)
}
