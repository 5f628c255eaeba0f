package csi_test

import (
	"testing"

	spec "github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"git.srvlab.io/whiskey/rds-csi-driver/app"
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// TestAccessModes goes through the table of modes for every RPC that takes a
// capability, with a file system and as raw block.
func TestAccessModes(t *testing.T) {
	for number, name := range spec.VolumeCapability_AccessMode_Mode_name {
		mode := spec.VolumeCapability_AccessMode_Mode(number)
		row, listed := map[string]struct {
			mode     domain.Mode
			readOnly bool
			fs       bool
		}{
			"SINGLE_NODE_WRITER":        {domain.SingleWriter, false, true},
			"SINGLE_NODE_SINGLE_WRITER": {domain.SingleSingleWriter, false, true},
			"SINGLE_NODE_MULTI_WRITER":  {domain.SingleMultiWriter, false, true},
			"SINGLE_NODE_READER_ONLY":   {domain.SingleReader, true, true},
			"MULTI_NODE_READER_ONLY":    {domain.MultiReader, true, true},
			"MULTI_NODE_MULTI_WRITER":   {domain.MultiWriter, false, false},
			"MULTI_NODE_SINGLE_WRITER":  {},
			"UNKNOWN":                   {},
		}[name]
		if !listed {
			t.Errorf("mode %s is not in the table", name)
		}
		for _, c := range []*spec.VolumeCapability{proto.CloneOf(mountWriter), proto.CloneOf(blockWriter)} {
			c.AccessMode.Mode = mode
			isBlock := c.GetBlock() != nil
			t.Run(name+map[bool]string{true: " as raw block", false: " with a file system"}[isBlock], func(t *testing.T) {
				if row.mode == "" || !isBlock && !row.fs {
					modeIsRefused(t, c)
					return
				}
				want := domain.Use{Access: domain.XFS, Mode: row.mode, ReadOnly: row.readOnly}
				if isBlock {
					want.Access = domain.Block
				}
				modeIsServed(t, c, want)
			})
		}
	}
}

// capabilityRequests returns a request with list for every RPC that takes
// several capabilities and, if list has one, for every RPC that takes one.
func capabilityRequests(list ...*spec.VolumeCapability) []proto.Message {
	requests := []proto.Message{
		change(func(r *spec.CreateVolumeRequest) { r.VolumeCapabilities = list }),
		change(func(r *spec.ValidateVolumeCapabilitiesRequest) { r.VolumeCapabilities = list }),
		change(func(r *spec.GetCapacityRequest) { r.VolumeCapabilities = list }),
	}
	if len(list) != 1 || list[0] == nil {
		return requests
	}
	return append(requests,
		change(func(r *spec.ControllerPublishVolumeRequest) { r.VolumeCapability = list[0] }),
		change(func(r *spec.ControllerExpandVolumeRequest) { r.VolumeCapability = list[0] }),
		change(func(r *spec.NodeStageVolumeRequest) { r.VolumeCapability = list[0] }),
		change(func(r *spec.NodePublishVolumeRequest) { r.VolumeCapability = list[0] }),
		change(func(r *spec.NodeExpandVolumeRequest) { r.VolumeCapability = list[0] }),
	)
}

func modeIsRefused(t *testing.T, c *spec.VolumeCapability) {
	d := serve(t)
	for _, req := range capabilityRequests(c) {
		refused(t, d, req, codes.InvalidArgument, "access_mode")
	}
}

func modeIsServed(t *testing.T, c *spec.VolumeCapability, want domain.Use) {
	d := serve(t)
	for _, req := range capabilityRequests(c) {
		if _, err := call(t.Context(), d.conn, req); err != nil {
			t.Errorf("%s: got %v, want an answer", rpc(req), err)
		}
		for _, called := range append(d.controller.taken(), d.node.taken()...) {
			if got, has := useIn(called, want); has && got != want {
				t.Errorf("%s: got use %+v, want %+v", rpc(req), got, want)
			}
		}
	}
}

// useIn returns the use in a call; where a call has an access only, the rest is
// taken from want.
func useIn(called any, want domain.Use) (domain.Use, bool) {
	switch c := called.(type) {
	case app.Creation:
		want.Access = c.Access
		return want, true
	case app.CapacityQuery:
		want.Access = c.Access
		return want, true
	case supported:
		return c.Uses[0], true
	case published:
		return c.Use, true
	case app.Staging:
		return c.Use, true
	case app.Publication:
		return c.Use, true
	default:
		return domain.Use{}, false
	}
}

func TestReadOnlyPublishOfAWriter(t *testing.T) {
	d := serve(t)
	want := domain.Use{Access: domain.XFS, Mode: domain.SingleWriter, ReadOnly: true}
	for _, req := range []proto.Message{
		change(func(r *spec.ControllerPublishVolumeRequest) { r.Readonly = true }),
		change(func(r *spec.NodePublishVolumeRequest) { r.Readonly = true }),
	} {
		if _, err := call(t.Context(), d.conn, req); err != nil {
			t.Fatal(err)
		}
		for _, called := range append(d.controller.taken(), d.node.taken()...) {
			if got, _ := useIn(called, want); got != want {
				t.Errorf("%s: got use %+v, want %+v", rpc(req), got, want)
			}
		}
	}
}
