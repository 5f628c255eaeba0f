package fakehost

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"git.srvlab.io/whiskey/rds-csi-driver/adapters/internal/targetdir"
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// A controllerKey is what no two controllers share.
type controllerKey struct{ nqn, hostNQN string }

// A controller is one connection to a subsystem.
type controller struct {
	name    string
	key     controllerKey
	foreign bool // made by hand, obeys no target directory
	live    bool // else connecting
	device  *device
}

// ask asks the target for a subsystem. errSilent if it does not answer,
// errRefused if it says no.
func (h *Host) ask(key controllerKey) (image string, err error) {
	if h.lost[key.nqn] {
		return "", errSilent
	}
	image, err = h.target.Lookup(key.nqn, key.hostNQN)
	switch {
	case errors.Is(err, targetdir.ErrUnknown), errors.Is(err, targetdir.ErrNotAdmitted):
		return "", fmt.Errorf("%w: %w", errRefused, err)
	case err != nil:
		return "", fmt.Errorf("%w: %w", errSilent, err)
	case !filepath.IsAbs(image):
		image = filepath.Join(h.cfg.TargetDir, image)
	}
	return image, nil
}

var (
	errSilent  = errors.New("target does not answer")
	errRefused = errors.New("target refuses")
)

// settle lets happen what has happened to the target since the last call: a
// kernel learns of it by itself, this host when it is asked. The lock is held.
func (h *Host) settle() {
	for _, c := range h.sorted() {
		if !c.foreign {
			h.settleController(c)
		}
	}
	for _, d := range h.devices {
		h.dropIfReplaced(d)
	}
	h.release()
}

// settleController finds out whether the connection still stands. A host filter
// that was closed does not cut a live connection: it tells at the reconnect.
func (h *Host) settleController(c *controller) {
	if c.live = c.live && h.exported(c.key.nqn); c.live {
		return
	}
	switch _, err := h.ask(c.key); {
	case err == nil:
		c.live = true
		c.device.resize()
	case errors.Is(err, errRefused) && !h.cfg.KeepsTrying:
		h.remove(c)
	}
}

// exported reports whether the target answers and has the subsystem for
// somebody.
func (h *Host) exported(nqn string) bool {
	_, err := os.Lstat(filepath.Join(h.cfg.TargetDir, nqn))
	return err == nil && !h.lost[nqn]
}

// release ends what waited for a device and frees the numbers of devices that
// nobody has open any more.
func (h *Host) release() {
	h.filesystems = slices.DeleteFunc(h.filesystems, (*filesystem).shutDown)
	h.devices = slices.DeleteFunc(h.devices, h.unused)
}

// sorted returns the controllers by name.
func (h *Host) sorted() []*controller {
	var list []*controller
	for _, c := range h.controllers {
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b *controller) int { return cmp.Compare(a.name, b.name) })
	return list
}

// add makes a live controller. Controllers of one subsystem share its device.
func (h *Host) add(key controllerKey, d *device) *controller {
	h.made++
	c := &controller{name: fmt.Sprintf("fake%04d", h.made), key: key, live: true, device: d}
	d.paths = append(d.paths, c)
	h.controllers[key] = c
	return c
}

// remove takes a controller away; the device dies with its last.
func (h *Host) remove(c *controller) {
	delete(h.controllers, c.key)
	c.device.paths = slices.DeleteFunc(c.device.paths, func(p *controller) bool { return p == c })
	h.release()
}

// AddForeign adds a connection that is none of ours, as the boot disk of a host
// may be. Intact says what has become of it.
func (h *Host) AddForeign(nqn string) (intact func() error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	d := h.newDevice(nqn, "")
	c := h.add(controllerKey{nqn: nqn}, d)
	c.foreign = true
	was, number := *c, d.minor
	return func() error {
		h.mu.Lock()
		defer h.mu.Unlock()
		if now := h.controllers[was.key]; now == nil || *now != was || d.minor != number {
			return fmt.Errorf("%s was touched", nqn)
		}
		return nil
	}
}

// state returns what the kernel says of the controller.
func (c *controller) state() domain.ControllerState {
	if c.live {
		return domain.Live
	}
	return domain.Connecting
}
