// Package fakehost is a whole host in memory, for tests and for people without
// root: fabric, devices, file systems, mounts and hints on any operating system.
// Bytes are real: what is written through a mount lies in the image behind the
// device, so that a snapshot, restore or clone of the image carries the files.
//
// It obeys a target directory as a host obeys an NVMe/TCP target and is no kinder
// than Linux: device numbers move, a silent target makes reads and the last
// unmount wait, a withdrawn export takes the device from under its mount, and a
// node that was bound leads to whatever has its number now.
//
// The file systems are made up. They carry the magic numbers of the real ones at
// the real places, and nothing else can read them; a real one is recognized and
// not mounted.
package fakehost

import (
	"context"
	"sync"
	"time"

	"git.srvlab.io/whiskey/rds-csi-driver/adapters/internal/targetdir"
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// A Config says what the host is connected to.
type Config struct {
	// TargetDir is the target directory. Several hosts may share one.
	TargetDir string
	// Prefix is the prefix of the subsystems that are ours.
	Prefix domain.NQNPrefix
	// KeepsTrying says what a controller does that lost its target and is refused
	// when it asks again: it goes on asking, as up to Linux 6.1. Otherwise it is
	// removed at once, as on Linux 6.12.
	KeepsTrying bool
}

// A Host is one host. It lives as long as its kernel would: two drivers on one
// Host are a driver before and after its restart.
type Host struct {
	cfg    Config
	target targetdir.Dir

	mu          sync.Mutex
	controllers map[controllerKey]*controller
	devices     []*device
	filesystems []*filesystem
	mounts      []*mount
	lost        map[string]bool // subsystems whose target is cut off from this host
	made        int             // controllers made, for their names
	hints       map[domain.Slot][]byte
}

// New returns a host that was just started.
func New(cfg Config) *Host {
	return &Host{
		cfg: cfg, target: targetdir.Dir(cfg.TargetDir),
		controllers: make(map[controllerKey]*controller),
		lost:        make(map[string]bool),
		hints:       make(map[domain.Slot][]byte),
	}
}

// Fabric returns the host's fabric port.
func (h *Host) Fabric() Fabric { return Fabric{h} }

// Devices returns the host's devices port.
func (h *Host) Devices() Devices { return Devices{h} }

// Filesystems returns the host's file systems port.
func (h *Host) Filesystems() Filesystems { return Filesystems{h} }

// Mounts returns the host's mounts port.
func (h *Host) Mounts() Mounts { return Mounts{h} }

// Hints returns the host's hints port.
func (h *Host) Hints() Hints { return Hints{h} }

// Lose cuts this host off from the target of one subsystem: its controllers are
// connecting, and reads, writes and the last unmount wait.
func (h *Host) Lose(nqn domain.NQN) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lost[nqn.String()] = true
	h.settle()
}

// Regain ends what Lose did.
func (h *Host) Regain(nqn domain.NQN) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.lost, nqn.String())
	h.settle()
}

// pollEvery is how often a waiting call looks whether its target is back.
const pollEvery = 10 * time.Millisecond

// pause waits a little with the lock given up. It returns the context's error
// once that has ended.
func (h *Host) pause(ctx context.Context) error {
	h.mu.Unlock()
	defer h.mu.Lock()
	timer := time.NewTimer(pollEvery)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// begin takes the lock, brings the host up to date and returns what gives the
// lock back. With a context that has ended it fails and holds nothing.
func (h *Host) begin(ctx context.Context, op, id string) (end func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, cutOff(op, id, err)
	}
	h.mu.Lock()
	h.settle()
	return h.mu.Unlock, nil
}

// cutOff is the error of a call whose context ended.
func cutOff(op, id string, err error) error {
	return domain.Fail(domain.Unreachable, op, id, "gave up waiting: %w", err)
}
