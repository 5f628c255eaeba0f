package csi_test

import (
	"fmt"
	"testing"

	spec "github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"git.srvlab.io/whiskey/rds-csi-driver/app"
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// hostile are texts that a command line, a path, a record or a terminal might
// read as something else than a name.
func hostile() []string {
	list := []string{
		`'`, `"`, "`", `''`, `'"'`, `\`, `\"`, `a"; /system reset-configuration; "`, "$(reboot)", "${x}", "$x",
		"[:put 1]", "«»", "‘’“”„‚", "‹›", "「」", "\u2028", "\u202e", "\ufeff", "a b", " ", "\t",
		"a\nb", "\r\n", "\n", "../..", "/", "a/b=c",
		"%2e%2e", "%00", "~", "#", ";", "|", "&", "*", "?", "😀", "é", "e\u0301", "-rf", "--", "=", ":", "{}", "<>", "!",
	}
	for c := rune(0); c < 0x20; c++ {
		list = append(list, fmt.Sprintf("a%cb", c))
	}
	for c := rune(0x7f); c <= 0xa0; c++ {
		list = append(list, fmt.Sprintf("a%cb", c))
	}
	return list
}

func TestNamesMayHoldAnyText(t *testing.T) {
	d := serve(t)
	for _, name := range hostile() {
		for _, req := range []proto.Message{
			change(func(r *spec.CreateVolumeRequest) { r.Name = name }),
			change(func(r *spec.CreateSnapshotRequest) { r.Name = name }),
		} {
			if _, err := call(t.Context(), d.conn, req); err != nil {
				t.Errorf("%s %q: got %v, want an answer", rpc(req), name, err)
				continue
			}
			for _, c := range d.controller.taken() {
				if got := nameIn(c); got != name {
					t.Errorf("%s: got name %q, want %q", rpc(req), got, name)
				}
			}
		}
	}
}

func nameIn(called any) string {
	switch c := called.(type) {
	case app.Creation:
		return c.Name
	case snapshotted:
		return c.Name
	default:
		return fmt.Sprintf("no name in %T", c)
	}
}

// malformed are ids that no volume, snapshot or node of ours has.
func malformed() []string {
	slot := string(cluster.Slot("pvc-1"))
	list := []string{
		"rds:", ":" + slot, "RDS:" + slot, "rds:" + slot + ":x", "rds:" + slot + "'", "rds:" + slot + "\n", " rds:" + slot,
		"rds/" + slot, "rds:../" + slot, "rds:sn-", "rds:-x", "rds:1x",
	}
	for _, text := range hostile() {
		list = append(list, text, "rds:"+text, "rds:x"+text, "rds:"+slot+text)
	}
	handles := domain.Handles{Legacy: legacy}
	kept := list[:0]
	for _, id := range list {
		_, isVolume := handles.Parse(id)
		_, isSlot := handles.ParseSlot(id)
		_, isSnapshot := domain.ParseSnapshotID(id)
		if !isVolume && !isSlot && !isSnapshot {
			kept = append(kept, id)
		}
	}
	return kept
}

// TestMalformedIDsAreAbsent: the use cases get the zero id, which they treat as
// an absent volume or snapshot; the node knows by itself.
func TestMalformedIDsAreAbsent(t *testing.T) {
	if got := len(malformed()); got < 200 {
		t.Fatalf("only %d ids are malformed: the list has lost its point", got)
	}
	d := serve(t)
	for _, id := range malformed() {
		for _, row := range []struct {
			req  proto.Message
			want any
		}{
			{&spec.DeleteVolumeRequest{VolumeId: id}, domain.VolumeID{}},
			{&spec.ControllerGetVolumeRequest{VolumeId: id}, domain.VolumeID{}},
			{&spec.ControllerGetVolumeHealthRequest{VolumeId: id}, domain.VolumeID{}},
			{&spec.ControllerUnpublishVolumeRequest{VolumeId: id}, unpublished{}},
			{&spec.CreateSnapshotRequest{Name: "s", SourceVolumeId: id}, snapshotted{Name: "s"}},
			{&spec.DeleteSnapshotRequest{SnapshotId: id}, domain.SnapshotID{}},
			{&spec.GetSnapshotRequest{SnapshotId: id}, domain.SnapshotID{}},
		} {
			if _, err := call(t.Context(), d.conn, row.req); err != nil {
				t.Errorf("%s %q: got %v, want the use case to answer", rpc(row.req), id, err)
			}
			if got := d.controller.taken(); len(got) != 1 || got[0] != row.want {
				t.Errorf("%s %q: got call %+v, want %+v", rpc(row.req), id, got, row.want)
			}
		}
		for _, req := range good() {
			if _, isNode := req.(interface{ GetNodeId() string }); isNode && id != "" {
				refused(t, d, with(t, req, "node_id", id), codes.NotFound, "node_id")
			}
		}
		for _, req := range []proto.Message{
			goodOf[*spec.NodeStageVolumeRequest](), goodOf[*spec.NodeUnstageVolumeRequest](),
			goodOf[*spec.NodePublishVolumeRequest](), goodOf[*spec.NodeUnpublishVolumeRequest](),
			goodOf[*spec.NodeGetVolumeStatsRequest](), goodOf[*spec.NodeExpandVolumeRequest](),
			goodOf[*spec.NodeGetVolumeHealthRequest](),
		} {
			refused(t, d, with(t, req, "volume_id", id), codes.NotFound, "volume_id")
		}
	}
}

func TestMalformedIDsInAListMatchNothing(t *testing.T) {
	d := serve(t)
	req := &spec.ListSnapshotsRequest{SnapshotId: "'", SourceVolumeId: "\n"}
	if _, err := call(t.Context(), d.conn, req); err != nil {
		t.Fatal(err)
	}
	got, ok := d.controller.taken()[0].(listed)
	if !ok || got.Filter.ID == nil || *got.Filter.ID != (domain.SnapshotID{}) ||
		got.Filter.Source == nil || *got.Filter.Source != (domain.VolumeID{}) {
		t.Errorf("got filter %+v, want zero ids", got.Filter)
	}
}
