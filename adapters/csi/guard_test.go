package csi_test

import (
	"context"
	"strings"
	"testing"

	spec "github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"git.srvlab.io/whiskey/rds-csi-driver/app"
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// hold starts req and returns when its use case runs; release ends it and
// waits for the answer.
func hold(t *testing.T, d *driver, req proto.Message) (release func()) {
	t.Helper()
	entered, finish, answered := make(chan struct{}, 2), make(chan struct{}), make(chan error, 1)
	wait := func(context.Context) error {
		entered <- struct{}{}
		<-finish
		return nil
	}
	d.controller.meanwhile(wait)
	d.node.meanwhile(wait)
	go func() {
		_, err := call(context.Background(), d.conn, req)
		answered <- err
	}()
	<-entered
	d.controller.meanwhile(nil)
	d.node.meanwhile(nil)
	return func() {
		close(finish)
		if err := <-answered; err != nil {
			t.Errorf("%s: got %v, want the first call to finish", rpc(req), err)
		}
	}
}

func TestCallsThatOverlap(t *testing.T) {
	slot := cluster.Slot("pvc-1")
	id, other := "rds:"+string(slot), "rds:"+string(cluster.Slot("pvc-2"))
	create := func(name string) proto.Message { return change(func(r *spec.CreateVolumeRequest) { r.Name = name }) }
	snap := func(name, source string) proto.Message {
		return &spec.CreateSnapshotRequest{Name: name, SourceVolumeId: source}
	}
	remove := func(id string) proto.Message { return &spec.DeleteVolumeRequest{VolumeId: id} }
	unsnap := func(name string) proto.Message {
		return &spec.DeleteSnapshotRequest{SnapshotId: "rds:" + cluster.SnapshotName(name)}
	}
	publish, unpublish := goodOf[*spec.ControllerPublishVolumeRequest](), goodOf[*spec.ControllerUnpublishVolumeRequest]()
	expand, modify := goodOf[*spec.ControllerExpandVolumeRequest](), goodOf[*spec.ControllerModifyVolumeRequest]()
	stage, unstage := goodOf[*spec.NodeStageVolumeRequest](), goodOf[*spec.NodeUnstageVolumeRequest]()
	show, hide := goodOf[*spec.NodePublishVolumeRequest](), goodOf[*spec.NodeUnpublishVolumeRequest]()
	grow := goodOf[*spec.NodeExpandVolumeRequest]()
	for _, row := range []struct {
		name          string
		first, second proto.Message
		want          codes.Code
	}{
		{"two creates of one name", create("pvc-1"), create("pvc-1"), codes.Aborted},
		{"creates of two names", create("pvc-1"), create("pvc-2"), codes.OK},
		{"create and delete of one volume", create("pvc-1"), remove(id), codes.Aborted},
		{"delete and publish", remove(id), publish, codes.Aborted},
		{"publish and unpublish", publish, unpublish, codes.Aborted},
		{"unpublish and expand", unpublish, expand, codes.Aborted},
		{"expand and modify", expand, modify, codes.Aborted},
		{"modify and delete", modify, remove(id), codes.Aborted},
		{"deletes of two volumes", remove(id), remove(other), codes.OK},
		{"snapshot and delete of its source", snap("s", id), remove(id), codes.Aborted},
		{"two snapshots of one volume", snap("s", id), snap("t", id), codes.Aborted},
		{"one snapshot of two volumes", snap("s", id), snap("s", other), codes.Aborted},
		{"two snapshots of two volumes", snap("s", id), snap("t", other), codes.OK},
		{"create and delete of a snapshot", snap("s", id), unsnap("s"), codes.Aborted},
		{"deletes of two snapshots", unsnap("s"), unsnap("t"), codes.OK},
		{"deletes of malformed ids", remove("a'b"), remove("a'b"), codes.OK},
		{"adopted volumes of one slot on two arrays", remove("rds:disk1"), remove("disk1"), codes.OK},
		{"one adopted volume in two spellings", remove(string(legacy) + ":disk1"), remove("disk1"), codes.Aborted},
		{"stage and unstage", stage, unstage, codes.Aborted},
		{"unstage and publish on the node", unstage, show, codes.Aborted},
		{"publish and unpublish on the node", show, hide, codes.Aborted},
		{"unpublish and expand on the node", hide, grow, codes.Aborted},
		{"controller and node", publish, stage, codes.OK},
		{"node and controller", unstage, unpublish, codes.OK},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := serve(t)
			release := hold(t, d, row.first)
			_, err := call(t.Context(), d.conn, row.second)
			if got := status.Code(err); got != row.want {
				t.Errorf("got %v, want %s", err, row.want)
			}
			release()
			if _, err := call(t.Context(), d.conn, row.second); err != nil {
				t.Errorf("after the first call: got %v, want an answer", err)
			}
		})
	}
}

func TestReadsAreNeverRefused(t *testing.T) {
	for _, busy := range []proto.Message{
		goodOf[*spec.ControllerExpandVolumeRequest](), goodOf[*spec.NodeStageVolumeRequest](),
	} {
		d := serve(t)
		release := hold(t, d, busy)
		for _, req := range good() {
			if !isRead(rpc(req)) {
				continue
			}
			if _, err := call(t.Context(), d.conn, req); err != nil {
				t.Errorf("%s during %s: got %v, want an answer", rpc(req), rpc(busy), err)
			}
		}
		release()
	}
}

func TestABusyCallSaysSo(t *testing.T) {
	d := serve(t)
	defer hold(t, d, goodOf[*spec.DeleteVolumeRequest]())()
	_, err := call(t.Context(), d.conn, goodOf[*spec.DeleteVolumeRequest]())
	if got := status.Convert(err).Message(); !strings.Contains(got, "another call on it is under way") {
		t.Errorf("got %q, want it to say what to wait for", got)
	}
}

// TestBackgroundWorkKeepsItsVolume: a call may end before its work does.
func TestBackgroundWorkKeepsItsVolume(t *testing.T) {
	d := serve(t)
	var done func()
	d.node.meanwhile(func(ctx context.Context) error {
		done = app.Extend(ctx)
		return domain.Fail(domain.Busy, "stage", "", "mkfs goes on")
	})
	if _, err := call(t.Context(), d.conn, goodOf[*spec.NodeStageVolumeRequest]()); status.Code(err) != codes.Aborted {
		t.Fatalf("got %v, want Aborted", err)
	}
	d.node.meanwhile(nil)
	if _, err := call(t.Context(), d.conn, goodOf[*spec.NodeUnstageVolumeRequest]()); status.Code(err) != codes.Aborted {
		t.Errorf("during background work: got %v, want Aborted", err)
	}
	done()
	if _, err := call(t.Context(), d.conn, goodOf[*spec.NodeUnstageVolumeRequest]()); err != nil {
		t.Errorf("after background work: got %v, want an answer", err)
	}
}

func TestAPanicLetsGoOfItsVolume(t *testing.T) {
	d := serve(t)
	d.controller.meanwhile(func(context.Context) error { panic("bug") })
	if _, err := call(t.Context(), d.conn, goodOf[*spec.DeleteVolumeRequest]()); status.Code(err) != codes.Internal {
		t.Fatalf("got %v, want Internal", err)
	}
	d.controller.meanwhile(nil)
	if _, err := call(t.Context(), d.conn, goodOf[*spec.DeleteVolumeRequest]()); err != nil {
		t.Errorf("got %v, want the volume to be free", err)
	}
}
