package loop

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
	"git.srvlab.io/whiskey/rds-csi-driver/ports"
)

// Prove opens the loop device of a subsystem. The kernel says whose it is; if
// the target still shows the subsystem, the image behind the device is the one
// that it shows.
func (f *Fabric) Prove(ctx context.Context, nqn domain.NQN) (ports.Device, error) {
	if err := ctx.Err(); err != nil {
		return nil, failed("loop prove", nqn.String(), err)
	}
	there, err := f.kernel.find(nqn, f.config.HostNQN)
	if err != nil {
		return nil, failed("loop prove", nqn.String(), err)
	}
	for _, b := range there {
		if b.dying {
			continue
		}
		// Reads go past the cache, and a read-only device opens too.
		o, err := f.kernel.open(b, os.O_RDONLY|unix.O_DIRECT)
		if errors.Is(err, errGone) {
			continue
		}
		if err != nil {
			return nil, failed("loop prove", nqn.String(), err)
		}
		if err := f.proveImage(o); err != nil {
			_ = o.Close()
			return nil, err
		}
		return device{o}, nil
	}
	return nil, notConnected("loop prove", nqn)
}

// errWithdrawn says that the target shows the image no longer, or not to us.
var errWithdrawn = errors.New("the target does not show the image now")

// image returns the image that the target shows for the device.
func (f *Fabric) image(o *owned) (unix.Stat_t, error) {
	var st unix.Stat_t
	path, err := f.admitted(o.id)
	if err != nil {
		return st, errWithdrawn
	}
	return st, unix.Stat(path, &st)
}

// proveImage compares the image behind the device with the one that the target
// shows. When the export is gone there is nothing to compare, and what the
// kernel keeps since the connect has to do.
func (f *Fabric) proveImage(o *owned) error {
	image, err := f.image(o)
	switch {
	case errors.Is(err, errWithdrawn):
		return nil
	case err != nil:
		return domain.Fail(domain.DataAtRisk, "loop prove", o.id.nqn.String(), "the exported image can not be read: %w", err)
	case image.Dev != o.status.Device || image.Ino != o.status.Inode:
		return domain.Fail(domain.DataAtRisk, "loop prove", o.id.nqn.String(),
			"%s shows another image than the target exports under this name", o.name)
	}
	return nil
}

// A device is a proved loop device.
type device struct{ o *owned }

// Close lets the device go.
func (d device) Close() error { return d.o.Close() }

// Identity returns where the device is and whose.
func (d device) Identity() domain.Device {
	return domain.Device{NQN: d.o.id.nqn, Path: d.o.path, Major: d.o.major, Minor: d.o.minor}
}

func (d device) fail(op string, err error) error { return failed(op, d.o.id.nqn.String(), err) }

// Size returns the device's size.
func (d device) Size(ctx context.Context) (domain.Size, error) {
	if err := ctx.Err(); err != nil {
		return 0, d.fail("device size", err)
	}
	size, err := d.o.size()
	return size, d.fail("device size", err)
}

// size seeks the end of the device: reads give their offset themselves.
func (o *owned) size() (domain.Size, error) {
	end, err := o.Seek(0, io.SeekEnd)
	return domain.Size(end), err
}

// SetReadOnly sets or takes off the block device's read-only flag.
func (d device) SetReadOnly(ctx context.Context, readOnly bool) error {
	if err := ctx.Err(); err != nil {
		return d.fail("device read-only", err)
	}
	return d.fail("device read-only", d.o.setReadOnly(readOnly))
}

// Holders names who holds the device.
func (d device) Holders(ctx context.Context) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, d.fail("device holders", err)
	}
	who, err := holders(d.o.bound, d.o.path)
	return who, d.fail("device holders", err)
}

const (
	chunk     = 1 << 20
	alignment = 4096 // suits every logical block size there is
)

// FirstData reads the extents past the cache.
func (d device) FirstData(ctx context.Context, extents []domain.Extent) (domain.Size, bool, error) {
	buf := aligned(chunk)
	for _, e := range extents {
		for at, end := e.Offset, e.Offset+e.Length; at < end; {
			if err := ctx.Err(); err != nil {
				return 0, false, d.fail("device read", err)
			}
			data, err := d.o.read(buf, at, end)
			if err != nil {
				return 0, false, domain.Fail(domain.DataAtRisk, "device read", d.o.id.nqn.String(),
					"%s can not be read at byte %d: %w", d.o.name, int64(at), err)
			}
			if i := firstByte(data); i >= 0 {
				return at + domain.Size(i), true, nil
			}
			at += domain.Size(len(data))
		}
	}
	return 0, false, nil
}

// read reads from at to end, or as far as the buffer goes. Past the cache only
// whole blocks can be read, so it reads a little more around them.
func (o *owned) read(buf []byte, at, end domain.Size) ([]byte, error) {
	from := at / alignment * alignment
	want := min(domain.Size(len(buf)), (end-from+alignment-1)/alignment*alignment)
	stop := min(end, from+want)
	n, err := o.ReadAt(buf[:want], int64(from))
	if from+domain.Size(n) < stop {
		return nil, readError(err)
	}
	return buf[at-from : stop-from], nil
}

func readError(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return errors.New("the device ends there")
	}
	return err
}

// aligned returns a buffer that a read past the cache can fill.
func aligned(size int) []byte {
	buf := make([]byte, size+alignment)
	skip := alignment - int(uintptr(unsafe.Pointer(&buf[0]))%alignment) //nolint:gosec // only the address counts
	return buf[skip : skip+size : skip+size]
}

// firstByte returns the index of the first byte that is not zero, -1 if there is
// none.
func firstByte(b []byte) int {
	rest := bytes.TrimLeft(b, "\x00")
	if len(rest) == 0 {
		return -1
	}
	return len(b) - len(rest)
}
