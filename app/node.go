package app

import (
	"cmp"
	"context"
	"maps"
	"sync"
	"time"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
	"git.srvlab.io/whiskey/rds-csi-driver/ports"
)

// NodeSettings are what a Node must know of itself.
type NodeSettings struct {
	Settings
	Host domain.Host
	// Portals are this node's own ways to an array. They win over those that the
	// controller knows.
	Portals map[domain.ArrayName][]domain.Portal
	// UnstageGrace is for how long every probing connect must be refused before
	// the grant of a mounted volume counts as gone.
	UnstageGrace time.Duration
	MaxVolumes   int64
	Topology     map[string]string
	MaxStuck     int // bound on calls that hang in the kernel, of each of two sorts; 0: 16
}

// HostPorts are the host that a Node works on.
type HostPorts struct {
	Fabric      ports.Fabric
	Devices     ports.Devices
	Filesystems ports.Filesystems
	Mounts      ports.Mounts
	Hints       ports.Hints
}

// A Node serves what an orchestrator asks of this host. What is staged and
// published is read from the kernel each time. Its methods may be called at
// once from many goroutines; that two calls on one volume do not overlap is the
// Guard's work.
type Node struct {
	settings NodeSettings
	host     HostPorts
	recorder ports.Recorder
	denials  denials
	tasks    sync.WaitGroup
	// Two watchdogs, so that scans and checks, which take long, never keep a
	// question waiting that takes no time.
	quick, long *watchdog
}

// NodeStats is how full a volume is at one path.
type NodeStats struct {
	Block bool // raw block: only Usage.Total is known
	Usage domain.Usage
}

const (
	defaultMaxStuck = 16
	// callLimit bounds a call whose caller set no deadline.
	callLimit = 5 * time.Minute
	// undoLimit bounds the undoing of a call that has failed.
	undoLimit = 30 * time.Second
	// answerWithin bounds Stats and Health, which must never hang.
	answerWithin = 5 * time.Second
)

// NewNode returns a node that works on the host.
func NewNode(s NodeSettings, h HostPorts, recorder ports.Recorder) *Node {
	s.Settings = s.complete()
	s.MaxStuck = cmp.Or(s.MaxStuck, defaultMaxStuck)
	return &Node{
		settings: s, host: h, recorder: recorder,
		quick: newWatchdog(s.MaxStuck), long: newWatchdog(s.MaxStuck),
	}
}

// Info returns what the node says of itself.
func (n *Node) Info() NodeInfo {
	return NodeInfo{
		ID: n.settings.Host.ID(), MaxVolumes: n.settings.MaxVolumes, Topology: maps.Clone(n.settings.Topology),
	}
}

// Wait returns when the work is done that went on after its call had ended: a
// file system that was being made, a failed call that was being undone. Calls
// that hang in the kernel are not waited for.
func (n *Node) Wait() { n.tasks.Wait() }

// Stuck counts the calls that hang in the kernel now, by what was called. Every
// watched call is in it.
func (n *Node) Stuck() map[string]int {
	counts := make(map[string]int)
	for _, call := range stuckCalls() {
		counts[call] = 0
	}
	n.quick.count(counts)
	n.long.count(counts)
	return counts
}

// bounded gives a context that has no deadline one.
func bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, callLimit)
}

// pause waits, and returns the context's error if that ends first.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// background runs do to its end and returns its error. If ctx ends before,
// finished is false and do goes on under the guard of the call; late then gets
// its error.
func (n *Node) background(ctx context.Context, do func(context.Context) error,
	late func(context.Context, error),
) (finished bool, err error) {
	release := Extend(ctx)
	free := context.WithoutCancel(ctx)
	done, gone := make(chan error), make(chan struct{})
	n.tasks.Add(1)
	go func() {
		defer n.tasks.Done()
		err := do(free)
		select {
		case done <- err:
		case <-gone:
			late(free, err)
			release()
		}
	}()
	select {
	case err := <-done:
		release()
		return true, err
	case <-ctx.Done():
		close(gone)
		return false, ctx.Err()
	}
}
