package app

import (
	"context"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
	"git.srvlab.io/whiskey/rds-csi-driver/ports"
)

// A Controller serves what an orchestrator asks of the arrays. Its methods may
// be called at once from many goroutines; that two calls on one volume do not
// overlap is the Guard's work, that they do no harm if they do is the arrays'.
type Controller struct {
	settings Settings
	arrays   Arrays
	recorder ports.Recorder
	// seen keeps volumes as they were read or written last: a stale one makes a
	// conditional write do nothing.
	seen *memory[domain.VolumeID, domain.Volume]
	// pools keeps what each array has, to choose where to make something.
	pools *memory[domain.ArrayName, []domain.Pool]
	// unsettled keeps on which array a create was tried whose outcome nobody
	// knows: its retry goes there again, for a command that was thought lost may
	// still land. Only that the volume is there settles it, or time: a refusal of
	// the retry says nothing about the first try.
	unsettled *memory[domain.Slot, domain.ArrayName]
	creating  Guard // of slots that are looked for on several arrays
}

// NewController returns a controller over the arrays.
func NewController(s Settings, arrays Arrays, recorder ports.Recorder) *Controller {
	return &Controller{
		settings: s.complete(), arrays: arrays, recorder: recorder,
		seen:      newMemory[domain.VolumeID, domain.Volume](seenAge),
		pools:     newMemory[domain.ArrayName, []domain.Pool](poolViewAge),
		unsettled: newMemory[domain.Slot, domain.ArrayName](unsettledAge),
	}
}

// Arrays returns the configured arrays.
func (c *Controller) Arrays() Arrays { return c.arrays }

// maxRetries bounds how often a change is tried against a record that others
// keep changing. Each round means that somebody else got something done.
const maxRetries = 8

// find reads a volume from its array. The zero id is an absent volume.
func (c *Controller) find(ctx context.Context, id domain.VolumeID) (domain.Volume, error) {
	if id == (domain.VolumeID{}) {
		return domain.Volume{}, domain.Fail(domain.NotFound, "find", "", "volume_id names no volume of this driver")
	}
	array, err := c.arrays.Get(id.Array)
	if err != nil {
		return domain.Volume{}, err
	}
	v, err := array.Volumes.Find(ctx, id)
	if err != nil {
		c.seen.drop(id)
		return domain.Volume{}, err
	}
	c.remember(v)
	return v, nil
}

// remember keeps the volume as a hint.
func (c *Controller) remember(v domain.Volume) { c.seen.put(v.ID, v, c.settings.Now()) }

// A decision returns what a volume should become; the volume itself if nothing
// has to change.
type decision func(v domain.Volume, nonce string) (next domain.Volume, changed bool, err error)

// A write carries a decision out on an array.
type write func(ctx context.Context, a Array, old, next domain.Volume) (domain.Volume, error)

func update(ctx context.Context, a Array, old, next domain.Volume) (domain.Volume, error) {
	return a.Volumes.Update(ctx, old, next)
}

// change decides on the record seen last and writes the result on the condition
// that the record still is the one decided on. What was seen earlier saves a
// read, nothing more: a refusal, whoever it comes from, and "nothing to do" are
// only believed of a record read now.
func (c *Controller) change(ctx context.Context, id domain.VolumeID, decide decision, write write) (domain.Volume, error) {
	if v, ok := c.seen.get(id, c.settings.Now()); ok {
		done, changed, err := c.attempt(ctx, v, decide, write)
		if changed && (err == nil || domain.Is(err, domain.Unreachable)) {
			return done, err
		}
	}
	for range maxRetries {
		v, err := c.find(ctx, id)
		if err != nil {
			return domain.Volume{}, err
		}
		done, _, err := c.attempt(ctx, v, decide, write)
		if !domain.Is(err, domain.Conflict) {
			return done, err
		}
	}
	return domain.Volume{}, domain.Fail(domain.Conflict, "change", id.String(), "its record keeps changing, ask again")
}

// attempt decides and writes once. changed says that it was tried to write.
func (c *Controller) attempt(ctx context.Context, v domain.Volume, decide decision, write write) (done domain.Volume, changed bool, err error) {
	array, err := c.arrays.Get(v.ID.Array)
	if err != nil {
		return domain.Volume{}, false, err
	}
	nonce, err := c.settings.nonce()
	if err != nil {
		return domain.Volume{}, false, err
	}
	next, changed, err := decide(v, nonce)
	if err != nil || !changed {
		return next, false, err
	}
	done, err = write(ctx, array, v, next)
	if err != nil {
		c.seen.drop(v.ID)
		return domain.Volume{}, true, err
	}
	c.remember(done)
	return done, true, nil
}
