package loop

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// exclusiveOpen names a holder of whom no more is known.
const exclusiveOpen = "exclusive open"

// holders names what holds a loop device on this host: mounts of it, places
// where its node is bound, devices on top of it, loop devices behind which it
// is, and any exclusive open that none of these explains (a mount in another
// namespace too).
func holders(b bound, path string) ([]string, error) {
	who, err := mounts(b)
	if err != nil {
		return nil, err
	}
	above, err := os.ReadDir(filepath.Join(sysBlock, b.name, "holders"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, e := range above {
		who = append(who, e.Name())
	}
	over, err := loopsOver(b)
	if err != nil {
		return nil, err
	}
	who = append(who, over...)
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_EXCL, 0)
	switch {
	case errors.Is(err, unix.EBUSY) && len(who) == 0:
		return []string{exclusiveOpen}, nil
	case errors.Is(err, unix.EBUSY):
		return who, nil
	case err != nil:
		return nil, err
	}
	return who, f.Close()
}

// mounts returns the mount points of the device and of its node.
func mounts(b bound) ([]string, error) {
	table, err := mountinfo.GetMounts(nil)
	if err != nil {
		return nil, err
	}
	var targets []string
	for _, m := range table {
		if shows(m, b) {
			targets = append(targets, m.Mountpoint)
		}
	}
	return targets, nil
}

func shows(m *mountinfo.Info, b bound) bool {
	switch {
	case m.Major == int(b.major) && m.Minor == int(b.minor):
		return true
	case m.FSType == "btrfs": // has a number of its own, its source is the device
		return isNode(m.Source, b)
	case m.FSType == "tmpfs" || m.FSType == "devtmpfs": // where device nodes are bound from
		return m.Root != "/" && isNode(m.Mountpoint, b)
	default:
		return false
	}
}

// isNode reports whether path is a node of the device.
func isNode(path string, b bound) bool {
	var st unix.Stat_t
	err := unix.Lstat(path, &st)
	return err == nil && st.Mode&unix.S_IFMT == unix.S_IFBLK && st.Rdev == unix.Mkdev(b.major, b.minor)
}

// loopsOver returns the loop devices whose backing file is the device: kubelet
// makes one over a raw block volume, and it opens nothing exclusively.
func loopsOver(b bound) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(sysBlock, "loop*", "loop", "backing_file"))
	if err != nil {
		return nil, err
	}
	var over []string
	for _, file := range files {
		name := strings.Split(strings.TrimPrefix(file, sysBlock+"/"), "/")[0]
		backing, err := attribute(name, "loop/backing_file")
		if err != nil {
			return nil, err
		}
		if strings.HasPrefix(backing, "/") && isNode(backing, b) && !slices.Contains(over, name) {
			over = append(over, name)
		}
	}
	return over, nil
}
