package filesystem

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// Grow asks the kernel, as resize2fs, xfs_growfs and btrfs do for a mounted file
// system: on the open target, so that it is the one that was looked at, and
// without a tool that an image may lack.
func (f *Filesystems) Grow(ctx context.Context, d domain.Device, a domain.Access, target string) error {
	grow, ok := growers[a]
	if !ok {
		return domain.Fail(domain.Invalid, "grow", d.NQN.String(),
			"file system %q: ext4, xfs and btrfs are allowed", a)
	}
	_, err := await(ctx, f.workers, onDevice("grow", d), func() (struct{}, error) {
		p, err := pin(d, 0)
		if err != nil {
			return struct{}{}, err
		}
		defer func() { _ = p.Close() }()
		root, err := p.mounted(a, target)
		if err != nil {
			return struct{}{}, err
		}
		defer func() { _ = root.Close() }()
		size, err := p.size()
		if err != nil {
			return struct{}{}, err
		}
		return struct{}{}, growError(d, a, grow(int(root.Fd()), p, size))
	})
	return err
}

// mounted opens the target and proves that the device's file system is mounted
// there.
func (p *pinned) mounted(a domain.Access, target string) (*os.File, error) {
	l, err := locate("grow", target)
	if err != nil {
		return nil, err
	}
	there, err := at(l.path)
	if err != nil {
		return nil, err
	}
	if len(there) == 0 || there[len(there)-1].number() != p.device.Number() || there[len(there)-1].FSType != string(a) {
		return nil, domain.Fail(domain.NotFound, "grow", target, "no %s of %s is mounted there", a, p.device.Path)
	}
	root, err := os.OpenFile(l.path, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	if err := p.shows(root, a); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return root, nil
}

func growError(d domain.Device, a domain.Access, err error) error {
	kind := domain.Other
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EROFS):
		return domain.Fail(domain.Unsupported, "grow", d.NQN.String(), "a read-only %s does not grow: %w", a, err)
	case errors.Is(err, unix.EPERM) && a == domain.Ext4 && !mayResizeExt4():
		return domain.Fail(domain.Unsupported, "grow", d.NQN.String(), "%w: %w", errNoResize, err)
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EUCLEAN):
		return domain.Fail(domain.DataAtRisk, "grow", d.NQN.String(),
			"the kernel does not grow a %s with errors, check it first: %w", a, err)
	case errors.Is(err, unix.EBUSY), errors.Is(err, unix.EINPROGRESS), errors.Is(err, unix.EWOULDBLOCK):
		kind = domain.Busy
	case errors.Is(err, unix.EIO):
		kind = domain.Unreachable
	case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENOTTY):
		kind = domain.Unsupported
	}
	if _, done := errors.AsType[*domain.Error](err); done {
		return err
	}
	return domain.Fail(kind, "grow", d.NQN.String(), "grow %s: %w", a, err)
}

var growers = map[domain.Access]func(root int, p *pinned, size int64) error{
	domain.Ext4: growExt4, domain.XFS: growXFS, domain.Btrfs: growBtrfs,
}

// Request numbers of ioctls as amd64 and arm64 have them (asm-generic/ioctl.h).
const (
	ioWrite, ioRead = 1 << 30, 2 << 30
	sizeBits        = 16
	kindBits        = 8

	ext4Resize   = ioWrite | 8<<sizeBits | 'f'<<kindBits | 16 // EXT4_IOC_RESIZE_FS
	xfsGeometry  = ioRead | 112<<sizeBits | 'X'<<kindBits | 100
	xfsGrowData  = ioWrite | 16<<sizeBits | 'X'<<kindBits | 110
	btrfsResize  = ioWrite | 4096<<sizeBits | 0x94<<kindBits | 3
	btrfsDevInfo = ioWrite | ioRead | 4096<<sizeBits | 0x94<<kindBits | 30
	btrfsFSInfo  = ioRead | 1024<<sizeBits | 0x94<<kindBits | 31
)

// ioctl hands arg, whose layout is the kernel's, to the file system.
func ioctl[T any](fd int, request uint, arg *T) (uintptr, error) {
	r, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), uintptr(request),
		uintptr(unsafe.Pointer(arg))) //nolint:gosec // audited: each request's size is that of its argument
	if errno != 0 {
		return r, errno
	}
	return r, nil
}

var errNoResize = errors.New(
	"growing a mounted ext4 needs CAP_SYS_RESOURCE, which this process lacks: run it privileged, or use xfs")

// mayResizeExt4 reports whether the kernel would let this process grow an ext4:
// being root is not enough. (fs/ext4/resize.c, ext4_resize_begin.)
func mayResizeExt4() bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData // version 3 fills two
	err := unix.Capget(&header, &data[0])
	return err == nil && data[0].Effective&(1<<unix.CAP_SYS_RESOURCE) != 0
}

// growExt4 gives the number of blocks that fit. The kernel takes a size that is
// there already for done, but asks for the capability first.
func growExt4(root int, p *pinned, size int64) error {
	var st unix.Statfs_t
	if err := unix.Fstatfs(root, &st); err != nil {
		return err
	}
	blocks := uint64(size / st.Bsize) //nolint:gosec // neither is negative
	_, err := ioctl(root, ext4Resize, &blocks)
	if !errors.Is(err, unix.EPERM) {
		return err
	}
	head, unread := p.readRange(0, alignment)
	if unread != nil {
		return errors.Join(err, unread)
	}
	if fillsExt4(head, blocks) {
		return nil
	}
	return err
}

// An xfsGeometryV1 is struct xfs_fsop_geom_v1 (fs/xfs/libxfs/xfs_fs.h), of which
// little is of interest.
type xfsGeometryV1 struct {
	blockSize   uint32
	_           [6]uint32
	imaxPercent uint32
	dataBlocks  uint64
	_           [9]uint64
}

// An xfsGrow is struct xfs_growfs_data.
type xfsGrow struct {
	blocks      uint64
	imaxPercent uint32
	_           uint32
}

func growXFS(root int, _ *pinned, size int64) error {
	var g xfsGeometryV1
	if _, err := ioctl(root, xfsGeometry, &g); err != nil {
		return err
	}
	next := xfsGrow{blocks: uint64(size) / uint64(g.blockSize), imaxPercent: g.imaxPercent} //nolint:gosec // not negative
	if next.blocks <= g.dataBlocks {
		return nil
	}
	_, err := ioctl(root, xfsGrowData, &next)
	return err
}

// leastBtrfs is what the kernel lets a btrfs be resized to. mkfs makes smaller
// ones. (fs/btrfs/ioctl.c, btrfs_ioctl_resize.)
const leastBtrfs = 256 << 20

// growBtrfs grows the one device that is meant, to its end.
func growBtrfs(root int, p *pinned, size int64) error {
	member, err := btrfsDevice(root, p.device)
	if err != nil {
		return err
	}
	switch {
	case size/alignment*alignment <= int64(member.total): //nolint:gosec // sizes fit
		return nil
	case size < leastBtrfs:
		return domain.Fail(domain.Unsupported, "grow", p.device.NQN.String(),
			"a btrfs grows to %s or more, the device has %s", domain.Size(leastBtrfs), domain.Size(size))
	}
	var args btrfsVolume
	copy(args.name[:], strconv.FormatUint(member.id, 10)+":max")
	r, err := ioctl(root, btrfsResize, &args)
	if err == nil && r > 0 { // BTRFS_ERROR_DEV_EXCL_RUN_IN_PROGRESS
		return unix.EINPROGRESS
	}
	return err
}

// A btrfsVolume is struct btrfs_ioctl_vol_args, a btrfsSummary struct
// btrfs_ioctl_fs_info_args (include/uapi/linux/btrfs.h).
type (
	btrfsVolume struct {
		_    int64
		name [4088]byte
	}
	btrfsSummary struct {
		maxID uint64
		_     [1016]byte
	}
)

// A btrfsMember is struct btrfs_ioctl_dev_info_args: one device of a btrfs.
type btrfsMember struct {
	id    uint64
	_     [16]byte
	_     uint64
	total uint64
	_     [3032]byte
	path  [1024]byte
}

// btrfsDevice returns what the mounted btrfs says of the device; DataAtRisk if it
// has it not. The number of its files says nothing of its disks.
func btrfsDevice(root int, d domain.Device) (*btrfsMember, error) {
	var fs btrfsSummary
	if _, err := ioctl(root, btrfsFSInfo, &fs); err != nil {
		return nil, fmt.Errorf("btrfs: %w", err)
	}
	for id := uint64(1); id <= fs.maxID; id++ {
		member := btrfsMember{id: id}
		if _, err := ioctl(root, btrfsDevInfo, &member); err != nil {
			continue // ids of removed devices are not used again
		}
		path, _, _ := bytes.Cut(member.path[:], []byte{0})
		if blockNode(string(path)) == d.Number() {
			return &member, nil
		}
	}
	return nil, changed(d, errors.New("the btrfs is on other devices"))
}
