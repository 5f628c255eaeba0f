package filesystem

import (
	"errors"
	"fmt"
	"io"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// A pinned is an open device whose number was compared. While it is open the
// kernel gives its number to no other disk, so that only the path can be
// changed, and check sees that.
type pinned struct {
	*os.File
	device domain.Device
}

// pin opens a device without changing anything. There is no O_CREAT: opening a
// vanished device with it makes a regular file under /dev.
func pin(d domain.Device, flags int) (*pinned, error) {
	f, err := os.OpenFile(d.Path, os.O_RDONLY|flags, 0)
	if errors.Is(err, unix.EBUSY) {
		return nil, domain.Fail(domain.InUse, "open device", d.Path, "it is mounted or held by another device or program")
	}
	if err != nil {
		return nil, changed(d, err)
	}
	p := &pinned{File: f, device: d}
	var st unix.Stat_t
	if err := unix.Fstat(p.fd(), &st); err != nil || !isNode(&st, d) {
		_ = f.Close()
		return nil, changed(d, err)
	}
	return p, nil
}

func (p *pinned) fd() int { return int(p.Fd()) }

// check sees whether the path still leads to the pinned device.
func (p *pinned) check() error {
	var st unix.Stat_t
	if err := unix.Stat(p.device.Path, &st); err != nil || !isNode(&st, p.device) {
		return changed(p.device, err)
	}
	return nil
}

func isNode(st *unix.Stat_t, d domain.Device) bool {
	return st.Mode&unix.S_IFMT == unix.S_IFBLK && st.Rdev == unix.Mkdev(d.Major, d.Minor)
}

func changed(d domain.Device, err error) error {
	if err == nil {
		err = errors.New("it is another device")
	}
	return domain.Fail(domain.DataAtRisk, "open device", d.Path,
		"the path no longer leads to device %s of %s: %w", d.Number(), d.NQN, err)
}

// size seeks the end of the device: reads give their offset themselves.
func (p *pinned) size() (int64, error) {
	n, err := p.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, atRisk("the size of %s can not be read: %w", p.device.Path, err)
	}
	return n, nil
}

const alignment = 4096 // suits every logical block size there is

// edges are the first and the last bytes of a device, read past the cache.
type edges struct {
	size       int64
	head, tail []byte
}

// readEdges reads where every signature lies. A read that fails is DataAtRisk.
func (p *pinned) readEdges() (edges, error) {
	size, err := p.size()
	if err != nil {
		return edges{}, err
	}
	e := edges{size: size}
	if e.head, err = p.readRange(0, min(headBytes, size)); err == nil {
		e.tail, err = p.readRange(max(0, size-tailBytes), size)
	}
	return e, err
}

// readRange reads the bytes between two offsets. Past the cache only whole
// blocks can be read, so it reads a little more around them.
func (p *pinned) readRange(start, end int64) ([]byte, error) {
	from := start / alignment * alignment
	buf := aligned(int((end - from + alignment - 1) / alignment * alignment))
	n, err := p.ReadAt(buf, from)
	if from+int64(n) < end {
		return nil, atRisk("%s can not be read at byte %d: %w", p.device.Path, from+int64(n), err)
	}
	return buf[start-from : end-from], nil
}

// aligned returns a buffer that a read past the cache can fill.
func aligned(size int) []byte {
	buf := make([]byte, size+alignment)
	skip := alignment - int(uintptr(unsafe.Pointer(&buf[0]))%alignment) //nolint:gosec // only the address counts
	return buf[skip : skip+size : skip+size]
}

// isZero is DataAtRisk, and names the place, unless all is zero.
func (e edges) isZero() error {
	if i := firstData(e.head); i >= 0 {
		return atRisk("there is data at byte %d", i)
	}
	if i := firstData(e.tail); i >= 0 {
		return atRisk("there is data at byte %d", e.size-int64(len(e.tail))+int64(i))
	}
	return nil
}

// readOnly makes the device refuse writes and returns what sets the flag back;
// one that is read-only already stays so.
func (p *pinned) readOnly() (undo func() error, err error) {
	is, err := unix.IoctlGetInt(p.fd(), unix.BLKROGET)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.device.Path, err)
	}
	if is != 0 {
		return func() error { return nil }, nil
	}
	return p.writable, p.setReadOnly(1)
}

// writable takes the read-only flag off: a process that died between readOnly
// and its undo has left it.
func (p *pinned) writable() error { return p.setReadOnly(0) }

func (p *pinned) setReadOnly(flag int) error {
	if err := unix.IoctlSetPointerInt(p.fd(), unix.BLKROSET, flag); err != nil {
		return fmt.Errorf("set %s read-only %d: %w", p.device.Path, flag, err)
	}
	return nil
}
