package fakehost

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// errBusy is EBUSY.
var errBusy = errors.New("device or resource busy")

// through finds the mount over a path and pins it, as an open file does.
func (h *Host) through(name string) (m *mount, inside string, unpin func(), err error) {
	name = resolve(name)
	m, inside = h.mountOver(name)
	if m == nil || m.node != "" {
		return nil, "", nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	m.opens++
	return m, path.Join(m.root, inside), func() { m.opens-- }, nil
}

// WriteFile writes a file under a mount, as a workload does, and returns when
// its bytes are in the image. Unlike os.WriteFile it makes directories, and
// fails where nothing is mounted.
func (h *Host) WriteFile(ctx context.Context, name string, data []byte) error {
	end, err := h.begin(ctx, "write", name)
	if err != nil {
		return err
	}
	defer end()
	m, inside, unpin, err := h.through(name)
	if err != nil {
		return err
	}
	defer unpin()
	switch {
	case m.entry().ReadOnly:
		return fmt.Errorf("write %s: read-only file system", name)
	case m.fs == nil:
		return os.WriteFile(filepath.Join(m.dir, filepath.FromSlash(inside)), data, 0o600)
	case inside == "" || m.fs.hasDir(inside):
		return fmt.Errorf("write %s: is a directory", name)
	}
	err = h.await(ctx, m.fs.device)
	if err == nil {
		err = m.fs.put(inside, data)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// ReadFile reads a file under a mount from the image.
func (h *Host) ReadFile(ctx context.Context, name string) ([]byte, error) {
	end, err := h.begin(ctx, "read", name)
	if err != nil {
		return nil, err
	}
	defer end()
	m, inside, unpin, err := h.through(name)
	if err != nil {
		return nil, err
	}
	defer unpin()
	if m.fs == nil {
		return os.ReadFile(filepath.Join(m.dir, filepath.FromSlash(inside)))
	}
	at, there := m.fs.table.Files[inside]
	if !there {
		return nil, &fs.PathError{Op: "read", Path: name, Err: fs.ErrNotExist}
	}
	data := make([]byte, at.Length)
	err = h.await(ctx, m.fs.device)
	if err == nil {
		err = read(m.fs.device, data, at.Offset)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return data, nil
}

// Open keeps a mount busy as an open file in it does, until release is called.
func (h *Host) Open(name string) (release func(), err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, _, unpin, err := h.through(name)
	if err != nil {
		return nil, err
	}
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		unpin()
	}, nil
}

// node returns the device of a node: under /dev, or bound at a target. A bound
// one leads to whatever device has its number now.
func (h *Host) node(name string) (*device, error) {
	if d := h.deviceAt(name); d != nil {
		return d, nil
	}
	m := h.mountAt(resolve(name))
	if m == nil || m.node == "" {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	if d := h.numbered(m.node); d != nil {
		return d, nil
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: errNoDevice}
}

// WriteDevice writes to a device by its path or where it is bound. A read-only
// bind does not stop it, no more than in Linux: SetReadOnly does.
func (h *Host) WriteDevice(ctx context.Context, name string, data []byte, offset domain.Size) error {
	end, err := h.begin(ctx, "write", name)
	if err != nil {
		return err
	}
	defer end()
	d, err := h.node(name)
	if err != nil {
		return err
	}
	if err := h.await(ctx, d); err != nil {
		return err
	}
	return write(d, data, offset)
}

// ReadDevice reads from a device by its path or where it is bound.
func (h *Host) ReadDevice(ctx context.Context, name string, n int, offset domain.Size) ([]byte, error) {
	end, err := h.begin(ctx, "read", name)
	if err != nil {
		return nil, err
	}
	defer end()
	d, err := h.node(name)
	if err != nil {
		return nil, err
	}
	data := make([]byte, n)
	if err := h.await(ctx, d); err != nil {
		return nil, err
	}
	return data, read(d, data, offset)
}

// Hold opens a device exclusively, as LVM or another program may, until release
// is called.
func (h *Host) Hold(name string) (release func(), err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	d, err := h.node(name)
	if err != nil {
		return nil, err
	}
	if d.exclusive || h.mountedFrom(d) != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: errBusy}
	}
	d.exclusive = true
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		d.exclusive = false
		h.release()
	}, nil
}

// Mounted returns the targets of the mount table under a directory, for a look
// at what is left.
func (h *Host) Mounted(dir string) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var targets []string
	for _, m := range h.mounts {
		if strings.HasPrefix(m.target, resolve(dir)) {
			targets = append(targets, m.target)
		}
	}
	return targets
}
