package app_test

import (
	"context"
	"errors"
	"slices"
	"sync"

	"git.srvlab.io/whiskey/rds-csi-driver/app"
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
	"git.srvlab.io/whiskey/rds-csi-driver/ports"
)

// A tap stands between a node and its host. It notes each call and can make it
// fail before or after it has had its effect, or hang.
type tap struct {
	mu    sync.Mutex
	calls []string
	open  int             // devices
	yes   int             // probing connects that succeed whatever the target says
	asked []domain.Target // by probing connects
	// seen changes what the host sees of its controllers.
	seen func([]domain.Controller) []domain.Controller
	// before is asked before a call, by its number and name, after once it has
	// been made; an error of theirs is the call's.
	before, after func(n int, call string) error
}

// errDone makes a call seem done that was not made.
var errDone = errors.New("done")

// ports returns the host with the tap in front of it.
func (t *tap) ports(h app.HostPorts) app.HostPorts {
	return app.HostPorts{
		Fabric: tapFabric{h.Fabric, t}, Devices: tapDevices{h.Devices, t},
		Filesystems: tapFilesystems{h.Filesystems, t}, Mounts: tapMounts{h.Mounts, t}, Hints: tapHints{h.Hints, t},
	}
}

// opened returns how many devices are open.
func (t *tap) opened() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.open
}

// admit makes the next n probing connects succeed.
func (t *tap) admit(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.yes = n
}

func (t *tap) admitted(target domain.Target) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.asked = append(t.asked, target)
	t.yes--
	return t.yes >= 0
}

// arm replaces what is asked before and after a call.
func (t *tap) arm(before, after func(n int, call string) error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.before, t.after = before, after
}

// made returns the names of the calls so far, without those that only look.
func (t *tap) made(looks ...string) []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(t.calls), func(c string) bool { return slices.Contains(looks, c) })
}

// through makes one call.
func through[T any](t *tap, call string, do func() (T, error)) (result T, err error) {
	t.mu.Lock()
	t.calls = append(t.calls, call)
	n, before, after := len(t.calls), t.before, t.after
	t.mu.Unlock()
	if before != nil {
		switch err := before(n, call); {
		case errors.Is(err, errDone):
			return result, nil
		case err != nil:
			return result, err
		}
	}
	result, err = do()
	if err == nil && after != nil {
		err = after(n, call)
	}
	return result, err
}

func (t *tap) do(call string, do func() error) error {
	_, err := through(t, call, func() (struct{}, error) { return struct{}{}, do() })
	return err
}

type tapFabric struct {
	ports.Fabric
	*tap
}

func (f tapFabric) Connect(ctx context.Context, t domain.Target) error {
	return f.do("connect", func() error { return f.Fabric.Connect(ctx, t) })
}

func (f tapFabric) Admits(ctx context.Context, t domain.Target) (bool, error) {
	return through(f.tap, "admits", func() (bool, error) {
		if f.admitted(t) {
			return true, nil
		}
		return f.Fabric.Admits(ctx, t)
	})
}

func (f tapFabric) Disconnect(ctx context.Context, nqn domain.NQN, host string) error {
	return f.do("disconnect", func() error { return f.Fabric.Disconnect(ctx, nqn, host) })
}

func (f tapFabric) Abandon(ctx context.Context, nqn domain.NQN, host string) error {
	return f.do("abandon", func() error { return f.Fabric.Abandon(ctx, nqn, host) })
}

func (f tapFabric) List(ctx context.Context) ([]domain.Controller, error) {
	return through(f.tap, "controllers", func() ([]domain.Controller, error) {
		list, err := f.Fabric.List(ctx)
		if f.seen != nil && err == nil {
			list = f.seen(list)
		}
		return list, err
	})
}

func (f tapFabric) Rescan(ctx context.Context, nqn domain.NQN) error {
	return f.do("rescan", func() error { return f.Fabric.Rescan(ctx, nqn) })
}

type tapDevices struct {
	ports.Devices
	*tap
}

func (d tapDevices) Prove(ctx context.Context, nqn domain.NQN) (ports.Device, error) {
	dev, err := d.Devices.Prove(ctx, nqn)
	if err != nil {
		return nil, d.do("prove", func() error { return err })
	}
	if err := d.do("prove", func() error { return nil }); err != nil {
		return nil, closed(dev, err) // as a process that died closes what it had open
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open++
	return &tapDevice{Device: dev, tap: d.tap}, nil
}

func closed(d ports.Device, err error) error {
	_ = d.Close()
	return err
}

type tapDevice struct {
	ports.Device
	*tap
	once sync.Once
}

// Close is no step that can fail: a process that dies closes what it has open.
func (d *tapDevice) Close() error {
	d.once.Do(func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.open--
	})
	return d.Device.Close()
}

func (d *tapDevice) Size(ctx context.Context) (domain.Size, error) {
	return through(d.tap, "size", func() (domain.Size, error) { return d.Device.Size(ctx) })
}

func (d *tapDevice) FirstData(ctx context.Context, extents []domain.Extent) (offset domain.Size, found bool, err error) {
	err = d.do("read", func() error {
		offset, found, err = d.Device.FirstData(ctx, extents)
		return err
	})
	return offset, found, err
}

func (d *tapDevice) Holders(ctx context.Context) ([]string, error) {
	return through(d.tap, "holders", func() ([]string, error) { return d.Device.Holders(ctx) })
}

func (d *tapDevice) SetReadOnly(ctx context.Context, on bool) error {
	call := "set read-write"
	if on {
		call = "set read-only"
	}
	return d.do(call, func() error { return d.Device.SetReadOnly(ctx, on) })
}

type tapFilesystems struct {
	ports.Filesystems
	*tap
}

func (f tapFilesystems) Probe(ctx context.Context, d domain.Device) (domain.Signature, error) {
	return through(f.tap, "probe", func() (domain.Signature, error) { return f.Filesystems.Probe(ctx, d) })
}

func (f tapFilesystems) Make(ctx context.Context, d domain.Device, m ports.Making) error {
	return f.do("make", func() error { return f.Filesystems.Make(ctx, d, m) })
}

func (f tapFilesystems) Check(ctx context.Context, d domain.Device, a domain.Access) error {
	return f.do("check", func() error { return f.Filesystems.Check(ctx, d, a) })
}

func (f tapFilesystems) Grow(ctx context.Context, d domain.Device, a domain.Access, target string) error {
	return f.do("grow", func() error { return f.Filesystems.Grow(ctx, d, a, target) })
}

func (f tapFilesystems) Stats(ctx context.Context, target string) (domain.Usage, error) {
	return through(f.tap, "statfs", func() (domain.Usage, error) { return f.Filesystems.Stats(ctx, target) })
}

type tapMounts struct {
	ports.Mounts
	*tap
}

func (m tapMounts) Mount(ctx context.Context, mounting ports.Mounting) error {
	return m.do("mount", func() error { return m.Mounts.Mount(ctx, mounting) })
}

func (m tapMounts) Bind(ctx context.Context, source, target string, readOnly bool, options []string) error {
	return m.do("bind", func() error { return m.Mounts.Bind(ctx, source, target, readOnly, options) })
}

func (m tapMounts) BindDevice(ctx context.Context, d domain.Device, target string, readOnly bool) error {
	return m.do("bind device", func() error { return m.Mounts.BindDevice(ctx, d, target, readOnly) })
}

func (m tapMounts) Unmount(ctx context.Context, target string) error {
	return m.do("unmount", func() error { return m.Mounts.Unmount(ctx, target) })
}

func (m tapMounts) Unbind(ctx context.Context, target string) error {
	return m.do("unbind", func() error { return m.Mounts.Unbind(ctx, target) })
}

func (m tapMounts) List(ctx context.Context) ([]ports.Mount, error) {
	return through(m.tap, "mounts", func() ([]ports.Mount, error) { return m.Mounts.List(ctx) })
}

type tapHints struct {
	ports.Hints
	*tap
}

func (h tapHints) Save(ctx context.Context, hint ports.Hint) error {
	return h.do("save hint", func() error { return h.Hints.Save(ctx, hint) })
}

func (h tapHints) List(ctx context.Context) ([]ports.Hint, error) {
	return through(h.tap, "hints", func() ([]ports.Hint, error) { return h.Hints.List(ctx) })
}

func (h tapHints) Delete(ctx context.Context, slot domain.Slot) error {
	return h.do("delete hint", func() error { return h.Hints.Delete(ctx, slot) })
}
