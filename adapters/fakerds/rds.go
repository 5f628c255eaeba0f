package fakerds

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"git.srvlab.io/whiskey/rds-csi-driver/adapters/internal/targetdir"
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// An RDS is one array, open in this process alone.
type RDS struct {
	cfg     Config
	owner   domain.Owner
	targets targetdir.Dir
	flock   *os.File

	turn   chan struct{} // holds a token while somebody works
	state  *state        // with the turn
	closed bool          // with the turn

	outages outages
	dies    func(point string) bool // tests only: whether the process dies there
}

var errClosed = errors.New("the array is closed")

// Open starts the array kept in cfg.Dir, making it there if there is none, and
// shows its exports again: what a reboot is to an RDS. InUse if another process
// has it open.
func Open(cfg Config) (*RDS, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	r := &RDS{
		cfg: cfg, owner: cfg.Cluster.Owner(), targets: targetdir.Dir(cfg.TargetDir),
		turn: make(chan struct{}, 1), dies: cfg.dies,
	}
	if err := r.start(); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

func (r *RDS) start() error {
	c := &call{rds: r, op: "open array", id: string(r.cfg.Array)}
	for _, dir := range []string{r.cfg.Dir, r.cfg.TargetDir} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return c.broken(err)
		}
	}
	var err error
	if r.flock, err = lockFile(filepath.Join(r.cfg.Dir, ".lock")); err != nil {
		return c.fail(domain.InUse, "%s: another process has the array open: %w", r.cfg.Dir, err)
	}
	if r.state, err = loadState(r.cfg.Dir); err != nil {
		return c.fail(domain.DataAtRisk, "%s: the array's state can not be read, nothing was changed: %w",
			filepath.Join(r.cfg.Dir, stateFile), err)
	}
	if err := c.bringPools(); err != nil {
		return err
	}
	return c.bringExports()
}

// bringPools makes the configured pools and throws away what a copy that was
// cut off had gathered.
func (c *call) bringPools() error {
	next := c.rds.state.clone()
	for _, p := range c.rds.cfg.Pools {
		known, ok := next.Pools[p.Name]
		if ok && known.FileSystem != p.FileSystem {
			return c.fail(domain.Invalid, "pool %s has file system %s, not %s", p.Name, known.FileSystem, p.FileSystem)
		}
		if !ok {
			next.Pools[p.Name] = pool{FileSystem: p.FileSystem, UUID: newUUID()}
		}
		if err := os.MkdirAll(c.rds.file("/"+p.Name), 0o700); err != nil {
			return c.broken(err)
		}
		if err := os.RemoveAll(c.rds.scratch(p.Name)); err != nil {
			return c.broken(err)
		}
	}
	return c.change(func(s *state) { *s = *next })
}

func newUUID() string {
	var u domain.UUID
	_, _ = rand.Read(u[:]) // never fails (crypto/rand)
	u[6] = u[6]&0x0f | 0x40
	u[8] = u[8]&0x3f | 0x80
	return u.String()
}

// Close lets another process open the array. Its exports stay, as do those of
// an RDS whose driver has left.
func (r *RDS) Close() error {
	r.turn <- struct{}{}
	defer func() { <-r.turn }()
	r.closed = true
	if r.flock == nil {
		return nil
	}
	err := r.flock.Close()
	r.flock = nil
	if err != nil {
		return fmt.Errorf("close array %s: %w", r.cfg.Array, err)
	}
	return nil
}

// Volumes returns the port to the array's volumes.
func (r *RDS) Volumes() *Volumes { return &Volumes{r} }

// Snapshots returns the port to the array's snapshots.
func (r *RDS) Snapshots() *Snapshots { return &Snapshots{r} }

// Pools returns the port to the array's pools.
func (r *RDS) Pools() *Pools { return &Pools{r} }

// TargetDir returns the directory in which exports are shown.
func (r *RDS) TargetDir() string { return r.cfg.TargetDir }

// lock waits for the caller's turn while ctx lasts.
func (r *RDS) lock(ctx context.Context) error {
	select {
	case r.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	if r.closed {
		<-r.turn
		return errClosed
	}
	return nil
}

// relock takes the turn again in the middle of a call, even of a closed array:
// the call gives it back.
func (r *RDS) relock() error {
	r.turn <- struct{}{}
	if r.closed {
		return errCut
	}
	return nil
}

func (r *RDS) unlock() { <-r.turn }

// file returns where the array's path lies on this machine.
func (r *RDS) file(path string) string { return filepath.Join(r.cfg.Dir, filepath.FromSlash(path)) }

// scratch is where copies on a pool are gathered until they are whole: a real
// array makes them at once.
func (r *RDS) scratch(pool string) string { return r.file("/" + pool + "/.scratch") }
