package observe

import (
	"context"

	"git.srvlab.io/whiskey/rds-csi-driver/app"
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// A Node is an app.Node that is observed.
type Node struct {
	*app.Node
	observer *Observer
}

// Node returns n observed.
func (o *Observer) Node(n *app.Node) *Node {
	o.expect(stage, unstage, nodePublish, nodeUnpublish)
	return &Node{Node: n, observer: o}
}

// Stage is observed.
func (n *Node) Stage(ctx context.Context, s app.Staging) error {
	return n.observer.observe(ctx, "node.stage", stage, func(ctx context.Context) error {
		return n.Node.Stage(ctx, s)
	}, onVolume(s.Attachment.ID), forNode(n.Info().ID))
}

// Unstage is observed.
func (n *Node) Unstage(ctx context.Context, slot domain.Slot, staging string) error {
	return n.observer.observe(ctx, "node.unstage", unstage, func(ctx context.Context) error {
		return n.Node.Unstage(ctx, slot, staging)
	}, onSlot(slot), forNode(n.Info().ID))
}

// Publish is observed.
func (n *Node) Publish(ctx context.Context, p app.Publication) error {
	return n.observer.observe(ctx, "node.publish", nodePublish, func(ctx context.Context) error {
		return n.Node.Publish(ctx, p)
	}, onSlot(p.Slot), forNode(n.Info().ID))
}

// Unpublish is observed.
func (n *Node) Unpublish(ctx context.Context, slot domain.Slot, target string) error {
	return n.observer.observe(ctx, "node.unpublish", nodeUnpublish, func(ctx context.Context) error {
		return n.Node.Unpublish(ctx, slot, target)
	}, onSlot(slot), forNode(n.Info().ID))
}

// Expand is a span; the operation that counts is the controller's.
func (n *Node) Expand(
	ctx context.Context, slot domain.Slot, path string, r domain.SizeRange,
) (size domain.Size, err error) {
	err = n.observer.observe(ctx, "node.expand", uncounted, func(ctx context.Context) error {
		size, err = n.Node.Expand(ctx, slot, path, r)
		return err
	}, onSlot(slot), forNode(n.Info().ID))
	return size, err
}
