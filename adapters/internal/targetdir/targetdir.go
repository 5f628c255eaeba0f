// Package targetdir is a target on this machine: a directory that an array
// writes and a host reads in place of NVMe/TCP. For each exported subsystem it
// has a link named by the NQN to the image, and a file "<nqn>.host" with the
// host NQN that may connect; an empty one admits every host, a missing one
// nobody. The .host file is written before the link and removed after it, so
// that at no instant a wrong host is admitted.
package targetdir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Why a host is turned away.
var (
	ErrSilent      = errors.New("no target there")           // the directory is missing
	ErrUnknown     = errors.New("subsystem is not exported") // no link
	ErrNotAdmitted = errors.New("this host is not admitted") // .host is missing or names another
)

// A Dir is the directory's path.
type Dir string

const hostSuffix = ".host"

// Export shows image as nqn to host only, or to all hosts if host is empty. It
// replaces what was shown under that name.
func (d Dir) Export(nqn, image, host string) error {
	if err := d.replace(nqn+hostSuffix, func(tmp string) error {
		return os.WriteFile(tmp, []byte(host+"\n"), 0o600)
	}); err != nil {
		return err
	}
	return d.replace(nqn, func(tmp string) error { return os.Symlink(image, tmp) })
}

// replace makes an entry under another name and renames it into place.
func (d Dir) replace(name string, put func(tmp string) error) error {
	tmp := filepath.Join(string(d), "."+name)
	if err := os.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("target directory: %w", err)
	}
	if err := put(tmp); err != nil {
		return fmt.Errorf("target directory: %w", err)
	}
	if err := os.Rename(tmp, filepath.Join(string(d), name)); err != nil {
		return fmt.Errorf("target directory: %w", err)
	}
	return nil
}

// Withdraw ends an export. One that is not there is fine.
func (d Dir) Withdraw(nqn string) error {
	for _, name := range []string{nqn, nqn + hostSuffix} {
		if err := os.Remove(filepath.Join(string(d), name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("target directory: %w", err)
		}
	}
	return nil
}

// Lookup returns the image of nqn if host is admitted to it.
func (d Dir) Lookup(nqn, host string) (image string, err error) {
	if _, err := os.Stat(string(d)); err != nil {
		return "", fmt.Errorf("%w: %w", ErrSilent, err)
	}
	path := filepath.Join(string(d), nqn)
	image, err = os.Readlink(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", ErrUnknown
	}
	if err != nil {
		return "", fmt.Errorf("target directory: %w", err)
	}
	allowed, err := os.ReadFile(path + hostSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		return "", ErrNotAdmitted
	}
	if err != nil {
		return "", fmt.Errorf("target directory: %w", err)
	}
	if name := strings.TrimSpace(string(allowed)); name != "" && name != host {
		return "", ErrNotAdmitted
	}
	return image, nil
}
