package app

import (
	"context"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// Delete removes the volume and everything of it on its array. An absent volume
// is fine; a half-deleted one is finished.
func (c *Controller) Delete(ctx context.Context, id domain.VolumeID) error {
	if id == (domain.VolumeID{}) {
		return nil
	}
	array, err := c.arrays.Get(id.Array)
	if err != nil {
		return err
	}
	for range maxRetries {
		v, err := c.condemn(ctx, id)
		if err != nil {
			return err
		}
		c.seen.drop(id)
		c.pools.drop(id.Array)
		if err := array.Volumes.Delete(ctx, v); !domain.Is(err, domain.Conflict) {
			return err
		}
	}
	return domain.Fail(domain.Conflict, "delete", id.String(), "its record keeps changing, ask again")
}

// condemn marks the volume as being deleted. One that is absent is returned
// without a standing, for what may be left of it to be swept.
func (c *Controller) condemn(ctx context.Context, id domain.VolumeID) (domain.Volume, error) {
	v, err := c.change(ctx, id, func(v domain.Volume, nonce string) (domain.Volume, bool, error) {
		next, err := v.Condemn(nonce)
		return next, v.Record.State != domain.Deleting, err
	}, update)
	if domain.Is(err, domain.NotFound) {
		return domain.Volume{ID: id}, nil
	}
	return v, err
}

// Expand grows the volume to what r asks for. One that is large enough stays as
// it is.
func (c *Controller) Expand(ctx context.Context, id domain.VolumeID, r domain.SizeRange) (domain.Volume, error) {
	return c.change(ctx, id, func(v domain.Volume, nonce string) (domain.Volume, bool, error) {
		next, err := v.Resize(r, nonce)
		return next, next.Record.Nonce != v.Record.Nonce, err
	}, func(ctx context.Context, a Array, old, next domain.Volume) (domain.Volume, error) {
		return a.Volumes.Grow(ctx, old, next, a.Room)
	})
}

// Modify lays the timings over those of the volume; the next grant gets them.
func (c *Controller) Modify(ctx context.Context, id domain.VolumeID, t domain.Timings) error {
	_, err := c.change(ctx, id, func(v domain.Volume, nonce string) (domain.Volume, bool, error) {
		next, err := v.Modify(t, nonce)
		return next, next.Record.Nonce != v.Record.Nonce, err
	}, update)
	return err
}

// Get returns the volume as its array has it now.
func (c *Controller) Get(ctx context.Context, id domain.VolumeID) (domain.Volume, error) {
	return c.find(ctx, id)
}

// Supports says why the volume can not be used in one of the uses or was not
// made with the parameters; "" if it can and was.
func (c *Controller) Supports(ctx context.Context, id domain.VolumeID, uses []domain.Use, p domain.Parameters) (reason string, err error) {
	v, err := c.find(ctx, id)
	if err != nil {
		return "", err
	}
	return v.Unsuited(uses, p), nil
}
