package filesystem

import (
	"bytes"
	"context"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// Filesystems makes, checks and measures file systems. It fulfills
// ports.Filesystems and may be used from many goroutines at once; calls on one
// device wait for each other.
type Filesystems struct {
	workers *workers
	blkid   atomic.Bool // is known to be util-linux's
}

// NewFilesystems returns an adapter of which at most so many calls may hang in
// the kernel; zero is 16.
func NewFilesystems(mostStuck int) *Filesystems {
	return &Filesystems{workers: newWorkers(mostStuck)}
}

// Stuck returns how many calls hang in the kernel without their callers.
func (f *Filesystems) Stuck() int { return f.workers.Stuck() }

// onDevice is a call about a device, which no other call may be about meanwhile.
func onDevice(op string, d domain.Device) job {
	return job{op: op, id: d.NQN.String(), key: d.Number()}
}

// Probe asks libblkid, and looks itself.
func (f *Filesystems) Probe(ctx context.Context, d domain.Device) (domain.Signature, error) {
	return await(ctx, f.workers, onDevice("probe", d), func() (domain.Signature, error) {
		p, err := pin(d, unix.O_DIRECT)
		if err != nil {
			return domain.Signature{}, err
		}
		defer func() { _ = p.Close() }()
		s, _, err := f.probe(ctx, p)
		return s, err
	})
}

// probe returns what is on the device and its edges as they were before and
// after libblkid looked.
//
// libblkid says "nothing" also where it could not read (a device that was not
// ready has lost a file system that way), so the edges are read past the cache
// before and after: nothing is nothing only if both could be read and are alike.
func (f *Filesystems) probe(ctx context.Context, p *pinned) (domain.Signature, edges, error) {
	if err := f.needBlkid(ctx); err != nil {
		return domain.Signature{}, edges{}, err
	}
	before, err := p.readEdges()
	if err != nil {
		return domain.Signature{}, edges{}, err
	}
	found, err := askBlkid(ctx, p.device.Path)
	if err != nil {
		return domain.Signature{}, edges{}, err
	}
	after, err := p.readEdges()
	if err != nil {
		return domain.Signature{}, edges{}, err
	}
	if err := p.check(); err != nil {
		return domain.Signature{}, edges{}, err
	}
	if before.size != after.size || !bytes.Equal(before.head, after.head) || !bytes.Equal(before.tail, after.tail) {
		return domain.Signature{}, edges{}, domain.Fail(domain.InUse, "probe", p.device.NQN.String(),
			"%s is being written to", p.device.Path)
	}
	s, err := judge(found, after.head, after.tail, after.size)
	return s, after, err
}

// needBlkid refuses another blkid than util-linux's.
func (f *Filesystems) needBlkid(ctx context.Context) error {
	if f.blkid.Load() {
		return nil
	}
	a, err := run(ctx, "blkid", "-V")
	if err != nil {
		return err
	}
	if !isUtilLinux(a.out + a.err) {
		return domain.Fail(domain.Unsupported, "probe", "",
			"blkid of util-linux is needed, this one is another and knows too few signatures: %s", a.words())
	}
	f.blkid.Store(true)
	return nil
}

// askBlkid returns what libblkid recognizes, nil for nothing.
func askBlkid(ctx context.Context, path string) (*signature, error) {
	a, err := run(ctx, "blkid", "-p", "-o", "export", "--", path)
	if err != nil {
		return nil, err
	}
	switch a.code {
	case 0:
		s, ok := parseBlkid(a.out)
		if !ok {
			return nil, atRisk("blkid recognized something without a type: %s", a.words())
		}
		return &s, nil
	case 2: // nothing, or it could not read
		return nil, nil //nolint:nilnil // nothing is an answer
	case 8:
		return &signature{ambivalent: true}, nil
	default:
		return nil, domain.Fail(domain.Other, "probe", path, "blkid: %s", a.words())
	}
}
