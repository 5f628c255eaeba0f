package csi_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"testing"

	spec "github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"git.srvlab.io/whiskey/rds-csi-driver/adapters/csi"
	"git.srvlab.io/whiskey/rds-csi-driver/app"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestCapabilities holds what every kind of process advertises against the
// golden file.
func TestCapabilities(t *testing.T) {
	here, err := app.NewArrays(app.Array{Name: "rds", Topology: map[string]string{"zone": "1"}})
	if err != nil {
		t.Fatal(err)
	}
	zoned, placed := newFakeController(), newFakeNode()
	zoned.arrays, placed.info.Topology = here, map[string]string{"zone": "1"}
	talkative := settings()
	talkative.PublishedNodes = true
	var text bytes.Buffer
	for _, row := range []struct {
		name       string
		settings   csi.Settings
		controller csi.Controller
		node       csi.Node
	}{
		{"both services", settings(), newFakeController(), newFakeNode()},
		{"controller only", settings(), newFakeController(), nil},
		{"controller only, arrays with topology", settings(), zoned, nil},
		{"controller only, published nodes listed", talkative, newFakeController(), nil},
		{"node only", settings(), nil, newFakeNode()},
		{"node only, with topology", settings(), nil, placed},
		{"both services, topology of the node alone", settings(), newFakeController(), placed},
	} {
		fmt.Fprintf(&text, "# %s\n", row.name)
		advertise(t, &text, connect(t, row.settings, row.controller, row.node))
	}
	const golden = "testdata/capabilities.golden"
	if *update {
		if err := os.WriteFile(golden, text.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := text.String(), read(t, golden); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func advertise(t *testing.T, text *bytes.Buffer, conn *grpc.ClientConn) {
	t.Helper()
	for _, req := range []proto.Message{
		&spec.GetPluginCapabilitiesRequest{}, &spec.ControllerGetCapabilitiesRequest{},
		&spec.NodeGetCapabilitiesRequest{},
	} {
		resp, err := call(t.Context(), conn, req)
		fmt.Fprintf(text, "%s: %s\n", rpc(req), status.Code(err))
		switch r := resp.(type) {
		case *spec.GetPluginCapabilitiesResponse:
			for _, c := range r.GetCapabilities() {
				if c.GetService() != nil {
					fmt.Fprintf(text, "  service %s\n", c.GetService().GetType())
				} else {
					fmt.Fprintf(text, "  volume expansion %s\n", c.GetVolumeExpansion().GetType())
				}
			}
		case *spec.ControllerGetCapabilitiesResponse:
			for _, c := range r.GetCapabilities() {
				fmt.Fprintf(text, "  %s\n", c.GetRpc().GetType())
			}
		case *spec.NodeGetCapabilitiesResponse:
			for _, c := range r.GetCapabilities() {
				fmt.Fprintf(text, "  %s\n", c.GetRpc().GetType())
			}
		}
	}
}

func TestIdentity(t *testing.T) {
	d := serve(t)
	answers(t, d, &spec.GetPluginInfoRequest{}, &spec.GetPluginInfoResponse{
		Name: "rds.csi.srvlab.io", VendorVersion: "v1.2.3",
	})
	resp, err := call(t.Context(), d.conn, &spec.ProbeRequest{})
	if got, _ := resp.(*spec.ProbeResponse); err != nil || !got.GetReady().GetValue() {
		t.Errorf("got %v and %v, want ready", resp, err)
	}
}

func TestAServiceThatIsNotServed(t *testing.T) {
	controls := &driver{conn: connect(t, settings(), newFakeController(), nil)}
	hosts := &driver{conn: connect(t, settings(), nil, newFakeNode())}
	for _, req := range good() {
		service := methods()[req.ProtoReflect().Descriptor().FullName()].Parent().Name()
		for absent, d := range map[string]*driver{"Node": controls, "Controller": hosts} {
			_, err := call(t.Context(), d.conn, req)
			if got, want := status.Code(err) == codes.Unimplemented, string(service) == absent; got != want {
				t.Errorf("%s without %s: got %v, want unimplemented %t", rpc(req), absent, err, want)
			}
		}
	}
}
