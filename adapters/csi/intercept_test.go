package csi_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	spec "github.com/container-storage-interface/spec/lib/go/csi"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"git.srvlab.io/whiskey/rds-csi-driver/adapters/csi"
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

const canary = "hunter2"

func TestAPanicIsInternalAndCounted(t *testing.T) {
	d := serve(t)
	d.node.meanwhile(func(context.Context) error { panic("a bug near " + canary) })
	_, err := call(t.Context(), d.conn, goodOf[*spec.NodeStageVolumeRequest]())
	if got := status.Convert(err); got.Code() != codes.Internal || strings.Contains(got.Message(), canary) {
		t.Errorf("got %v, want Internal without the panic's text", got)
	}
	line := d.log.wait(t, "call panicked")
	if got := line["level"]; got != "ERROR" {
		t.Errorf("got level %s, want ERROR", got)
	}
	if got := line["stack"]; !strings.Contains(got, "fakeNode") || line["method"] != "NodeStageVolume" {
		t.Errorf("got %v, want the method and the stack of the panic", line)
	}
	if got := counted(t, d, "rds_csi_panics_total"); got[""] != 1 {
		t.Errorf("got panics %v, want 1", got)
	}
	if got := counted(t, d, "rds_csi_grpc_requests_total"); got["Internal NodeStageVolume"] != 1 {
		t.Errorf("got requests %v, want the panic among them", got)
	}
	d.node.meanwhile(nil)
	if _, err := call(t.Context(), d.conn, goodOf[*spec.NodeStageVolumeRequest]()); err != nil {
		t.Errorf("after a panic: got %v, want an answer", err)
	}
}

// counted returns a counter's values by the values of its attributes.
func counted(t *testing.T, d *driver, name string) map[string]int64 {
	t.Helper()
	sum, ok := d.collected(t)[name].(metricdata.Sum[int64])
	if !ok || !sum.IsMonotonic {
		t.Fatalf("%s is no counter", name)
	}
	list := map[string]int64{}
	for _, p := range sum.DataPoints {
		var labels []string
		for _, a := range p.Attributes.ToSlice() {
			labels = append(labels, a.Value.AsString())
		}
		list[strings.Join(labels, " ")] = p.Value
	}
	return list
}

func TestCallsAreMeasured(t *testing.T) {
	d := serve(t)
	for range 2 {
		if _, err := call(t.Context(), d.conn, goodOf[*spec.DeleteVolumeRequest]()); err != nil {
			t.Fatal(err)
		}
	}
	_, _ = call(t.Context(), d.conn, &spec.DeleteVolumeRequest{})
	got := counted(t, d, "rds_csi_grpc_requests_total")
	if got["OK DeleteVolume"] != 2 || got["InvalidArgument DeleteVolume"] != 1 || len(got) != 2 {
		t.Errorf("got %v, want two OK and one InvalidArgument", got)
	}
	times, ok := d.collected(t)["rds_csi_grpc_request_duration_seconds"].(metricdata.Histogram[float64])
	if !ok || len(times.DataPoints) != 1 {
		t.Fatalf("got %+v, want one histogram", times)
	}
	p := times.DataPoints[0]
	method, _ := p.Attributes.Value("method")
	if p.Count != 3 || method.AsString() != "DeleteVolume" || p.Attributes.Len() != 1 {
		t.Errorf("got count %d of %v, want 3 of method DeleteVolume", p.Count, p.Attributes)
	}
	if b := p.Bounds; b[0] != .005 || b[len(b)-1] != 60 {
		t.Errorf("got buckets %v, want .005 to 60", b)
	}
}

// TestTheSpanIsAroundEverything: the log has the trace's id, the histogram its
// exemplar, and the caller's trace goes on.
func TestTheSpanIsAroundEverything(t *testing.T) {
	const trace = "0af7651916cd43dd8448eb211c80319c"
	d := serve(t)
	d.controller.meanwhile(func(context.Context) error { return domain.Fail(domain.InUse, "admit", "rds:x", "held") })
	ctx := metadata.AppendToOutgoingContext(t.Context(), "traceparent", "00-"+trace+"-b7ad6b7169203331-01")
	_, _ = call(ctx, d.conn, goodOf[*spec.ControllerPublishVolumeRequest]())
	if got := d.log.wait(t, "ControllerPublishVolume")["trace_id"]; got != trace {
		t.Errorf("got trace_id %q, want %q", got, trace)
	}
	times := d.collected(t)["rds_csi_grpc_request_duration_seconds"].(metricdata.Histogram[float64])
	if len(times.DataPoints[0].Exemplars) == 0 {
		t.Error("got no exemplar, want the trace in the histogram")
	}
	_, _ = call(t.Context(), d.conn, &spec.ProbeRequest{}) // the span before ended when this one began
	spans := d.spans.GetSpans()
	if len(spans) == 0 {
		t.Fatal("got no span")
	}
	for _, want := range []attribute.KeyValue{
		attribute.String("volume", newFakeController().volume.ID.String()),
		attribute.String("node", string(nodeA())), attribute.String("kind", "in use"),
	} {
		if !slices.Contains(spans[0].Attributes, want) {
			t.Errorf("got attributes %v, want %v among them", spans[0].Attributes, want)
		}
	}
}

func TestEveryCallIsOneLine(t *testing.T) {
	d := serve(t)
	for _, req := range good() {
		if _, err := call(t.Context(), d.conn, req); err != nil {
			t.Fatal(err)
		}
		line := d.log.wait(t, "method="+rpc(req)+" ")
		want := "INFO"
		if isRead(rpc(req)) {
			want = "DEBUG"
		}
		done := line["msg"] == "call done" && line["code"] == "OK" && line["err"] == ""
		if line["level"] != want || !done || line["took"] == "" {
			t.Errorf("%s: got %v, want one line at %s that says how it went", rpc(req), line, want)
		}
		for name, key := range map[string]string{
			"volume_id": "volume", "source_volume_id": "volume", "snapshot_id": "snapshot", "node_id": "node",
		} {
			f := req.ProtoReflect().Descriptor().Fields().ByName(protoreflect.Name(name))
			if f != nil && line[key] != req.ProtoReflect().Get(f).String() {
				t.Errorf("%s: got %s=%q, want the request's", rpc(req), key, line[key])
			}
		}
		if rest := d.log.all(); rest != "" {
			t.Errorf("%s: got more lines: %s", rpc(req), rest)
		}
	}
}

func TestACreateLogsWhatItMade(t *testing.T) {
	d := serve(t)
	if _, err := call(t.Context(), d.conn, goodOf[*spec.CreateVolumeRequest]()); err != nil {
		t.Fatal(err)
	}
	if got, want := d.log.wait(t, "CreateVolume")["volume"], d.controller.volume.ID.String(); got != want {
		t.Errorf("got volume=%q, want %q", got, want)
	}
	if _, err := call(t.Context(), d.conn, goodOf[*spec.CreateSnapshotRequest]()); err != nil {
		t.Fatal(err)
	}
	if got, want := d.log.wait(t, "CreateSnapshot")["snapshot"], d.controller.snapshot.ID.String(); got != want {
		t.Errorf("got snapshot=%q, want %q", got, want)
	}
}

func TestAnErrorIsLoggedByItsKind(t *testing.T) {
	d := serve(t)
	for kind, want := range map[domain.Kind]string{
		domain.Other: "ERROR", domain.DataAtRisk: "ERROR", domain.Unreachable: "WARN", domain.Exhausted: "WARN",
		domain.Invalid: "WARN", domain.Busy: "WARN",
	} {
		failing(t, d, domain.Fail(kind, "condemn", "rds:x", "it is so"))
		line := d.log.wait(t, "DeleteVolume")
		if line["level"] != want || line["msg"] != "call failed" || line["op"] != "condemn" ||
			line["kind"] != kind.String() || line["err"] != "rds:x: it is so" {
			t.Errorf("%s: got %v, want it at %s with op, kind and err", kind, line, want)
		}
	}
}

// TestNoSecretIsLogged fills every field that the spec marks as secret, the mount
// flags and the volume context, at Debug, in calls that succeed and calls that fail.
func TestNoSecretIsLogged(t *testing.T) {
	d := serve(t)
	for _, kind := range []domain.Kind{domain.Other, domain.Unreachable} {
		for _, req := range good() {
			fill(req.ProtoReflect())
			_, _ = call(t.Context(), d.conn, req)
			line := d.log.wait(t, "method="+rpc(req))
			for key, value := range line {
				if strings.Contains(value, canary) {
					t.Errorf("%s: the log's %s has a secret: %s", rpc(req), key, value)
				}
			}
			if line["request"] == "" {
				t.Errorf("%s: no request in the log", rpc(req))
			}
		}
		fail := func(context.Context) error { return domain.Fail(kind, "x", "", "it is so") }
		d.controller.meanwhile(fail)
		d.node.meanwhile(fail)
	}
}

// fill puts the canary into every secret of m and of the messages in it.
func fill(m protoreflect.Message) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		marked, _ := proto.GetExtension(f.Options(), spec.E_CsiSecret).(bool)
		switch {
		case (marked || f.Name() == "volume_context") && f.IsMap():
			m.Mutable(f).Map().Set(protoreflect.ValueOfString(canary).MapKey(), protoreflect.ValueOfString(canary))
		case f.Name() == "mount_flags":
			m.Mutable(f).List().Append(protoreflect.ValueOfString("key=" + canary))
		case f.IsMap() || f.Kind() != protoreflect.MessageKind || !m.Has(f):
		case f.IsList():
			for i := range m.Get(f).List().Len() {
				fill(m.Get(f).List().Get(i).Message())
			}
		default:
			fill(m.Get(f).Message())
		}
	}
}

func TestTheRequestIsLoggedAtDebugOnly(t *testing.T) {
	quiet := &logs{}
	d := serve(t, func(s *csi.Settings) { s.Log = atInfo(quiet) })
	if _, err := call(t.Context(), d.conn, goodOf[*spec.DeleteVolumeRequest]()); err != nil {
		t.Fatal(err)
	}
	if line := quiet.wait(t, "DeleteVolume"); line["request"] != "" {
		t.Errorf("got %v, want no request at Info", line)
	}
}
