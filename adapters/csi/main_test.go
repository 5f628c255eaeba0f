package csi_test

import (
	"context"
	"log/slog"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	spec "github.com/container-storage-interface/spec/lib/go/csi"
	"go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	notrace "go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"git.srvlab.io/whiskey/rds-csi-driver/adapters/csi"
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	cluster = domain.ClusterID("test")
	legacy  = domain.ArrayName("old")
)

// A driver is a server under test with the fakes behind it and a client.
type driver struct {
	conn       *grpc.ClientConn
	controller *fakeController
	node       *fakeNode
	log        *logs
	metrics    *sdkmetric.ManualReader
	spans      *tracetest.InMemoryExporter
}

func settings() csi.Settings {
	return csi.Settings{
		Name: "rds.csi.srvlab.io", Version: "v1.2.3", Cluster: cluster, Prefix: domain.DefaultNQNPrefix,
		Handles: domain.Handles{Legacy: legacy}, Grace: time.Minute,
		Log: slog.New(slog.DiscardHandler), Meters: noop.NewMeterProvider(), Traces: notrace.NewTracerProvider(),
	}
}

// serve starts a driver with everything on; change may alter its settings.
func serve(t *testing.T, change ...func(*csi.Settings)) *driver {
	t.Helper()
	d := &driver{
		controller: newFakeController(), node: newFakeNode(), log: &logs{},
		metrics: sdkmetric.NewManualReader(), spans: tracetest.NewInMemoryExporter(),
	}
	s := settings()
	s.Log = slog.New(slog.NewTextHandler(d.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s.Meters = sdkmetric.NewMeterProvider(sdkmetric.WithReader(d.metrics))
	s.Traces = sdktrace.NewTracerProvider(sdktrace.WithSyncer(d.spans))
	for _, c := range change {
		c(&s)
	}
	d.conn = connect(t, s, d.controller, d.node)
	return d
}

// connect serves c and n, either of which may be nil, and returns a client.
func connect(t *testing.T, s csi.Settings, c csi.Controller, n csi.Node) *grpc.ClientConn {
	t.Helper()
	server, err := csi.New(s, c, n)
	if err != nil {
		t.Fatal(err)
	}
	l := bufconn.Listen(1 << 20)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx, l) }()
	conn := dial(t, "passthrough:///bufconn", grpc.WithContextDialer(
		func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }))
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("Serve returned %v", err)
		}
	})
	return conn
}

func dial(t *testing.T, target string, options ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	options = append(options, grpc.WithTransportCredentials(insecure.NewCredentials()))
	conn, err := grpc.NewClient(target, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// call sends req to the RPC that takes it.
func call(ctx context.Context, conn *grpc.ClientConn, req proto.Message) (proto.Message, error) {
	m, ok := methods()[req.ProtoReflect().Descriptor().FullName()]
	if !ok {
		panic("no RPC takes " + req.ProtoReflect().Descriptor().FullName())
	}
	out, err := protoregistry.GlobalTypes.FindMessageByName(m.Output().FullName())
	if err != nil {
		return nil, err
	}
	resp := out.New().Interface()
	full := "/" + string(m.Parent().FullName()) + "/" + string(m.Name())
	return resp, conn.Invoke(ctx, full, req, resp)
}

// methods returns the RPCs of the three services by the name of their request.
func methods() map[protoreflect.FullName]protoreflect.MethodDescriptor {
	list := map[protoreflect.FullName]protoreflect.MethodDescriptor{}
	services := new(spec.VolumeCapability).ProtoReflect().Descriptor().ParentFile().Services()
	for _, service := range []protoreflect.Name{"Identity", "Controller", "Node"} {
		m := services.ByName(service).Methods()
		for i := range m.Len() {
			list[m.Get(i).Input().FullName()] = m.Get(i)
		}
	}
	return list
}

// logs collects what is logged, a line for each Write as slog's handlers do.
type logs struct {
	mu    sync.Mutex
	lines []string
	more  chan struct{} // closed and made anew with every line
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, strings.TrimSpace(string(p)))
	if l.more != nil {
		close(l.more)
		l.more = nil
	}
	return len(p), nil
}

// wait takes the first line that holds text, waiting for it, and returns its
// values by key.
func (l *logs) wait(t *testing.T, text string) map[string]string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		l.mu.Lock()
		i := slices.IndexFunc(l.lines, func(line string) bool { return strings.Contains(line, text) })
		if i >= 0 {
			line := l.lines[i]
			l.lines = slices.Delete(l.lines, i, i+1)
			l.mu.Unlock()
			return values(t, line)
		}
		if l.more == nil {
			l.more = make(chan struct{})
		}
		more := l.more
		l.mu.Unlock()
		select {
		case <-more:
		case <-ctx.Done():
			t.Fatalf("no log line with %q", text)
		}
	}
}

// all returns everything logged so far.
func (l *logs) all() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "\n")
}

// values reads a line of slog's text handler.
func values(t *testing.T, line string) map[string]string {
	t.Helper()
	list := map[string]string{}
	for rest := line; rest != ""; {
		key, after, ok := strings.Cut(rest, "=")
		if !ok {
			t.Fatalf("not a line of key=value: %q", line)
		}
		value, next, _ := strings.Cut(after, " ")
		if quoted, err := strconv.QuotedPrefix(after); err == nil {
			next = strings.TrimPrefix(after[len(quoted):], " ")
			value, _ = strconv.Unquote(quoted)
		}
		if _, twice := list[key]; twice {
			t.Errorf("key %s is twice in %q", key, line)
		}
		list[key], rest = value, next
	}
	return list
}

func atInfo(l *logs) *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

// collected returns the metrics by name.
func (d *driver) collected(t *testing.T) map[string]metricdata.Aggregation {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := d.metrics.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	list := map[string]metricdata.Aggregation{}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			list[m.Name] = m.Data
		}
	}
	return list
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
