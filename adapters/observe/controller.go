package observe

import (
	"context"

	"go.opentelemetry.io/otel/attribute"

	"git.srvlab.io/whiskey/rds-csi-driver/app"
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// A Controller is an app.Controller that is observed.
type Controller struct {
	*app.Controller
	observer *Observer
}

// Controller returns c observed.
func (o *Observer) Controller(c *app.Controller) *Controller {
	o.expect(create, restore, clone, remove, publish, unpublish, expand, snapshot)
	return &Controller{Controller: c, observer: o}
}

// Create is observed as create, restore or clone, by what is copied.
func (c *Controller) Create(ctx context.Context, r app.Creation) (v domain.Volume, err error) {
	op := create
	switch r.Origin.Kind {
	case domain.FromSnapshot:
		op = restore
	case domain.FromVolume:
		op = clone
	case domain.FromNothing, domain.Adopted:
	}
	err = c.observer.observe(ctx, "controller."+string(op), op, func(ctx context.Context) error {
		v, err = c.Controller.Create(ctx, r)
		if err == nil {
			note(ctx, onVolume(v.ID))
		}
		return err
	}, attribute.String("name", r.Name))
	return v, err
}

// Delete is observed.
func (c *Controller) Delete(ctx context.Context, id domain.VolumeID) error {
	return c.observer.observe(ctx, "controller.delete", remove, func(ctx context.Context) error {
		return c.Controller.Delete(ctx, id)
	}, onVolume(id))
}

// Publish is observed.
func (c *Controller) Publish(
	ctx context.Context, id domain.VolumeID, node domain.NodeID, use domain.Use,
) (a domain.Attachment, err error) {
	err = c.observer.observe(ctx, "controller.publish", publish, func(ctx context.Context) error {
		a, err = c.Controller.Publish(ctx, id, node, use)
		return err
	}, onVolume(id), forNode(node))
	return a, err
}

// Unpublish is observed.
func (c *Controller) Unpublish(ctx context.Context, id domain.VolumeID, node domain.NodeID) error {
	return c.observer.observe(ctx, "controller.unpublish", unpublish, func(ctx context.Context) error {
		return c.Controller.Unpublish(ctx, id, node)
	}, onVolume(id), forNode(node))
}

// Expand is observed.
func (c *Controller) Expand(ctx context.Context, id domain.VolumeID, r domain.SizeRange) (v domain.Volume, err error) {
	err = c.observer.observe(ctx, "controller.expand", expand, func(ctx context.Context) error {
		v, err = c.Controller.Expand(ctx, id, r)
		return err
	}, onVolume(id))
	return v, err
}

// Modify is a span.
func (c *Controller) Modify(ctx context.Context, id domain.VolumeID, t domain.Timings) error {
	return c.observer.observe(ctx, "controller.modify", uncounted, func(ctx context.Context) error {
		return c.Controller.Modify(ctx, id, t)
	}, onVolume(id))
}

// Snapshot is observed.
func (c *Controller) Snapshot(ctx context.Context, name string, source domain.VolumeID) (s domain.Snapshot, err error) {
	err = c.observer.observe(ctx, "controller.snapshot", snapshot, func(ctx context.Context) error {
		s, err = c.Controller.Snapshot(ctx, name, source)
		if err == nil {
			note(ctx, onSnapshot(s.ID))
		}
		return err
	}, onVolume(source), attribute.String("name", name))
	return s, err
}

// DeleteSnapshot is a span.
func (c *Controller) DeleteSnapshot(ctx context.Context, id domain.SnapshotID) error {
	return c.observer.observe(ctx, "controller.delete_snapshot", uncounted, func(ctx context.Context) error {
		return c.Controller.DeleteSnapshot(ctx, id)
	}, onSnapshot(id))
}
