package filesystem

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
	"git.srvlab.io/whiskey/rds-csi-driver/ports"
)

// An entry is one line of the kernel's mount table.
type entry struct {
	*mountinfo.Info
	nodes nodes
}

// nodes returns the number of the block device whose node is at path, "" if
// there is none. It does not follow links.
type nodes func(path string) string

func blockNode(path string) string {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFBLK {
		return ""
	}
	return fmt.Sprintf("%d:%d", unix.Major(st.Rdev), unix.Minor(st.Rdev))
}

// table reads the mount table, which needs no answer from any file system.
func table() ([]entry, error) {
	lines, err := mountinfo.GetMounts(nil)
	if err != nil {
		return nil, fmt.Errorf("read the mount table: %w", err)
	}
	entries := make([]entry, len(lines))
	for i, l := range lines {
		entries[i] = entry{l, blockNode}
	}
	return entries, nil
}

// at returns what is mounted at target, the uppermost last.
func at(target string) ([]entry, error) {
	all, err := table()
	return slices.DeleteFunc(all, func(e entry) bool { return e.Mountpoint != target }), err
}

// number returns the number of the disk. A btrfs has a number of its own, as it
// can lie on several disks; its source is the disk.
func (e entry) number() string {
	if e.FSType == "btrfs" {
		if n := e.nodes(e.Source); n != "" {
			return n
		}
	}
	return fmt.Sprintf("%d:%d", e.Major, e.Minor)
}

// node returns the number of the device whose node is bound at the mount point.
// Only file systems in which device nodes are made are looked at: of another one
// an answer might never come.
func (e entry) node() string {
	if e.Root == "/" || (e.FSType != "tmpfs" && e.FSType != "devtmpfs") {
		return ""
	}
	return e.nodes(e.Mountpoint)
}

func (e entry) readOnly() bool {
	return hasOption(e.Options, "ro") || hasOption(e.VFSOptions, "ro")
}

func hasOption(list, option string) bool { return slices.Contains(strings.Split(list, ","), option) }

func (e entry) mount() ports.Mount {
	return ports.Mount{
		Target: e.Mountpoint, Number: e.number(), Access: e.FSType, ReadOnly: e.readOnly(),
		Root: e.Root, DeviceNumber: e.node(),
	}
}

// describe names the mount in an error.
func (e entry) describe() string {
	if n := e.node(); n != "" {
		return "device node " + n
	}
	return fmt.Sprintf("%s of device %s, %s", e.FSType, e.number(), e.Options)
}

// A place is a path as the mount table spells it, and what is there: the type
// bits of its mode, 0 for nothing.
type place struct {
	path string
	kind uint32
}

// locate finds the place of a target: links on the way to it are followed, one
// at its end is not.
func locate(op, target string) (place, error) {
	path := filepath.Clean(target)
	if !filepath.IsAbs(path) || path == "/" {
		return place{}, domain.Fail(domain.Invalid, op, target, "an absolute path below / is allowed as target")
	}
	parent, err := filepath.EvalSymlinks(filepath.Dir(path))
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		return place{path: path}, nil
	}
	if err != nil {
		return place{}, err
	}
	l := place{path: filepath.Join(parent, filepath.Base(path))}
	var st unix.Stat_t
	err = unix.Lstat(l.path, &st)
	if errors.Is(err, unix.ENOENT) {
		return l, nil
	}
	if err != nil {
		return place{}, fmt.Errorf("%s: %w", target, err)
	}
	l.kind = st.Mode & unix.S_IFMT
	return l, nil
}
