package fakehost

import (
	"path/filepath"
	"slices"
	"strings"

	"git.srvlab.io/whiskey/rds-csi-driver/ports"
)

// A mount is one entry of the mount table: of a file system, of a directory of
// this machine, or of a device node.
type mount struct {
	target   string
	readOnly bool

	fs   *filesystem
	dir  string // the directory of this machine that is shown
	node string // the number of the device node that is shown
	name string // and its name
	root string // what of the file system is shown

	opens int // who has a file open through it
}

// device returns the device whose file system is mounted, else nil.
func (m *mount) device() *device {
	if m == nil || m.fs == nil {
		return nil
	}
	return m.fs.device
}

// resolve returns the path as the kernel's mount table has it: without symbolic
// links, as far as it leads anywhere.
func resolve(path string) string {
	path, err := filepath.Abs(path)
	if err != nil {
		return filepath.Clean(path)
	}
	if followed, err := filepath.EvalSymlinks(path); err == nil {
		return followed
	}
	parent := filepath.Dir(path)
	if parent == path {
		return path
	}
	return filepath.Join(resolve(parent), filepath.Base(path))
}

// mountAt returns what is mounted at exactly that place, the last of several.
func (h *Host) mountAt(target string) *mount {
	for _, m := range slices.Backward(h.mounts) {
		if m.target == target {
			return m
		}
	}
	return nil
}

// mountOver returns the mount in which path lies, and the path inside.
func (h *Host) mountOver(path string) (m *mount, inside string) {
	for _, x := range h.mounts {
		rest, below := cutDir(path, x.target)
		if below && (m == nil || len(x.target) >= len(m.target)) {
			m, inside = x, rest
		}
	}
	return m, inside
}

// cutDir returns path without the directory it is in.
func cutDir(path, dir string) (rest string, below bool) {
	if path == dir {
		return "", true
	}
	rest, below = strings.CutPrefix(path, strings.TrimSuffix(dir, string(filepath.Separator))+string(filepath.Separator))
	return filepath.ToSlash(rest), below
}

// mountedFrom returns the mounted file system of a device, nil if there is
// none.
func (h *Host) mountedFrom(d *device) *filesystem {
	i := slices.IndexFunc(h.filesystems, func(fs *filesystem) bool { return fs.device == d })
	if i < 0 {
		return nil
	}
	return h.filesystems[i]
}

// busy reports whether something keeps the mount from going: an open file, or a
// mount inside of it.
func (h *Host) busy(m *mount) bool {
	if m.opens > 0 {
		return true
	}
	at := slices.Index(h.mounts, m)
	return slices.ContainsFunc(h.mounts[at+1:], func(x *mount) bool {
		rest, below := cutDir(x.target, m.target)
		return below && rest != ""
	})
}

// entry returns the mount as the table shows it.
func (m *mount) entry() ports.Mount {
	e := ports.Mount{Target: m.target, ReadOnly: m.readOnly, Root: "/" + m.root}
	switch {
	case m.fs != nil:
		e.Number, e.Access = m.fs.device.number(), string(m.fs.head.Access)
		e.ReadOnly = e.ReadOnly || m.fs.readOnly
	case m.node != "":
		e.Number, e.Access, e.Root, e.DeviceNumber = "0:6", "devtmpfs", "/"+m.name, m.node
	default:
		e.Number, e.Access, e.Root = "0:1", "hostfs", filepath.ToSlash(m.dir)
	}
	return e
}
