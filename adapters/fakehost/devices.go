package fakehost

import (
	"context"
	"errors"
	"sync"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
	"git.srvlab.io/whiskey/rds-csi-driver/ports"
)

// Devices is the devices port of a host.
type Devices struct{ host *Host }

var _ ports.Devices = Devices{}

// Prove implements ports.Devices.
func (p Devices) Prove(ctx context.Context, nqn domain.NQN) (ports.Device, error) {
	const op = "prove"
	end, err := p.host.begin(ctx, op, nqn.String())
	if err != nil {
		return nil, err
	}
	defer end()
	d := p.host.deviceOf(nqn.String())
	if d == nil || nqn.Prefix != p.host.cfg.Prefix {
		return nil, domain.Fail(domain.NotFound, op, nqn.String(), "is not connected")
	}
	if d.dropped {
		return nil, domain.Fail(domain.DataAtRisk, op, nqn.String(),
			"%s leads to another disk than was connected: disconnect it", d.path())
	}
	d.opens++
	return &handle{host: p.host, device: d, identity: d.identity(nqn)}, nil
}

// A handle is an open device.
type handle struct {
	host     *Host
	device   *device
	identity domain.Device
	once     sync.Once
}

// Close lets the number go.
func (o *handle) Close() error {
	o.once.Do(func() {
		o.host.mu.Lock()
		defer o.host.mu.Unlock()
		o.device.opens--
		o.host.release()
	})
	return nil
}

// Identity implements ports.Device.
func (o *handle) Identity() domain.Device { return o.identity }

// Size implements ports.Device.
func (o *handle) Size(ctx context.Context) (domain.Size, error) {
	end, err := o.host.begin(ctx, "read size", o.identity.NQN.String())
	if err != nil {
		return 0, err
	}
	defer end()
	return o.device.size, nil
}

// chunk is how much is read at once.
const chunk = domain.MiB

// FirstData implements ports.Device.
func (o *handle) FirstData(ctx context.Context, extents []domain.Extent) (domain.Size, bool, error) {
	buf := make([]byte, chunk)
	for _, e := range extents {
		for at := e.Offset; at < e.Offset+e.Length; at += chunk {
			p := buf[:min(chunk, e.Offset+e.Length-at)]
			if err := o.read(ctx, p, at); err != nil {
				return 0, false, err
			}
			for i, b := range p {
				if b != 0 {
					return at + domain.Size(i), true, nil
				}
			}
		}
	}
	return 0, false, ended(ctx, "read", o.identity.NQN.String())
}

func (o *handle) read(ctx context.Context, p []byte, at domain.Size) error {
	const op = "read"
	end, err := o.host.begin(ctx, op, o.identity.NQN.String())
	if err != nil {
		return err
	}
	defer end()
	err = o.host.await(ctx, o.device)
	if err == nil {
		err = read(o.device, p, at)
	}
	return unread(op, o.identity.NQN.String(), err)
}

// ended is the error of a context that has ended, nil before.
func ended(ctx context.Context, op, id string) error {
	if err := ctx.Err(); err != nil {
		return cutOff(op, id, err)
	}
	return nil
}

// unread gives a failed read its kind: what could not be read may be data.
func unread(op, id string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return cutOff(op, id, err)
	default:
		return domain.Fail(domain.DataAtRisk, op, id, "%w", err)
	}
}

// Holders implements ports.Device.
func (o *handle) Holders(ctx context.Context) ([]string, error) {
	end, err := o.host.begin(ctx, "find holders", o.identity.NQN.String())
	if err != nil {
		return nil, err
	}
	defer end()
	return o.host.holders(o.device), nil
}

// SetReadOnly implements ports.Device.
func (o *handle) SetReadOnly(ctx context.Context, readOnly bool) error {
	end, err := o.host.begin(ctx, "set read-only", o.identity.NQN.String())
	if err != nil {
		return err
	}
	defer end()
	o.device.readOnly = readOnly
	return nil
}
