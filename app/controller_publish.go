package app

import (
	"context"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// Publish grants the volume to the node and makes the array admit it. The same
// call again returns the same attachment, after setting right an export that is
// not what the record says.
func (c *Controller) Publish(ctx context.Context, id domain.VolumeID, node domain.NodeID, use domain.Use) (domain.Attachment, error) {
	if _, ok := domain.ParseNodeID(string(node)); !ok {
		return domain.Attachment{}, domain.Fail(domain.NotFound, "publish", id.String(), "node_id %q names no node of this driver", node)
	}
	array, err := c.arrays.Get(id.Array)
	if id == (domain.VolumeID{}) || err != nil {
		_, err = c.find(ctx, id)
		return domain.Attachment{}, err
	}
	v, err := c.change(ctx, id, c.admit(array, node, use), update)
	if err != nil {
		if domain.Is(err, domain.InUse) && len(v.Record.Grants) > 0 {
			c.recorder.Record(ctx, domain.AttachmentConflict{Volume: id, Node: node, Err: err})
		}
		return domain.Attachment{}, err
	}
	if len(v.Record.Grants) > 1 {
		c.recorder.Record(ctx, domain.FencingOpened{Volume: id})
	}
	attachment, ok := v.Attach(node, c.settings.Prefix, array.Portals)
	if !ok {
		return domain.Attachment{}, domain.Fail(domain.Conflict, "publish", id.String(), "the grant is gone again, ask again")
	}
	return attachment, nil
}

// admit decides on a grant.
func (c *Controller) admit(a Array, node domain.NodeID, use domain.Use) decision {
	return func(v domain.Volume, nonce string) (domain.Volume, bool, error) {
		epoch, err := c.settings.epoch()
		if err != nil {
			return v, false, err
		}
		ask := domain.Ask{Node: node, Use: use, Now: c.settings.Now(), Epoch: epoch, Nonce: nonce}
		next, err := v.Admit(ask)
		if err != nil {
			return v, false, err
		}
		if _, held := v.Granted(node); !held {
			return next, true, nil
		}
		if v.Row.Export == v.Export(c.settings.Prefix, a.Fencing) {
			return v, false, nil
		}
		return v.Rewritten(nonce), true, nil
	}
}

// Unpublish takes the node's grant, or all grants if node is empty, and returns
// when the array admits it no more. It needs the array, not the node.
func (c *Controller) Unpublish(ctx context.Context, id domain.VolumeID, node domain.NodeID) error {
	if id == (domain.VolumeID{}) {
		return nil
	}
	name := ""
	if node != "" {
		name = node.Name()
	}
	_, err := c.change(ctx, id, func(v domain.Volume, nonce string) (domain.Volume, bool, error) {
		if v.Detached() {
			return v, false, nil
		}
		next, err := v.Revoke(name, nonce)
		return next, true, err
	}, update)
	if domain.Is(err, domain.NotFound) {
		return nil
	}
	return err
}
