package observe_test

import (
	"context"
	"io"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.uber.org/goleak"

	"git.srvlab.io/whiskey/rds-csi-driver/adapters/fakerds"
	"git.srvlab.io/whiskey/rds-csi-driver/adapters/observe"
	"git.srvlab.io/whiskey/rds-csi-driver/app"
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A bench has an observer and reads what it reports.
type bench struct {
	t        *testing.T
	observer *observe.Observer
	reader   *sdkmetric.ManualReader
	spans    *tracetest.SpanRecorder
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, reader: sdkmetric.NewManualReader(), spans: tracetest.NewSpanRecorder()}
	var err error
	b.observer, err = observe.New(
		sdkmetric.NewMeterProvider(sdkmetric.WithReader(b.reader)),
		sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(b.spans)))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A tally is what the metrics say of one operation.
type tally struct{ success, failure, timed int64 }

func (b *bench) collected() (got metricdata.ResourceMetrics) {
	b.t.Helper()
	if err := b.reader.Collect(context.WithoutCancel(b.t.Context()), &got); err != nil {
		b.t.Fatal(err)
	}
	return got
}

// seconds returns how long all calls took together.
func (b *bench) seconds() (sum float64) {
	b.t.Helper()
	for _, scope := range b.collected().ScopeMetrics {
		for _, m := range scope.Metrics {
			if data, ok := m.Data.(metricdata.Histogram[float64]); ok {
				for _, p := range data.DataPoints {
					sum += p.Sum
				}
			}
		}
	}
	return sum
}

// tallies returns what the metrics say now, by operation.
func (b *bench) tallies() map[string]tally {
	b.t.Helper()
	all := map[string]tally{}
	for _, scope := range b.collected().ScopeMetrics {
		for _, m := range scope.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					all[text(p.Attributes, "operation")] = counted(all[text(p.Attributes, "operation")], p)
				}
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					now := all[text(p.Attributes, "operation")]
					now.timed += int64(p.Count)
					all[text(p.Attributes, "operation")] = now
				}
			}
		}
	}
	return all
}

func counted(now tally, p metricdata.DataPoint[int64]) tally {
	switch text(p.Attributes, "status") {
	case "success":
		now.success += p.Value
	case "failure":
		now.failure += p.Value
	}
	return now
}

func text(set attribute.Set, key attribute.Key) string {
	value, _ := set.Value(key)
	return value.AsString()
}

// last returns the span that ended last: its name, status and attributes.
func (b *bench) last() (name, status string, about map[string]string) {
	b.t.Helper()
	ended := b.spans.Ended()
	if len(ended) == 0 {
		b.t.Fatal("no span has ended")
	}
	span := ended[len(ended)-1]
	about = map[string]string{}
	for _, a := range span.Attributes() {
		about[string(a.Key)] = a.Value.AsString()
	}
	return span.Name(), span.Status().Code.String(), about
}

// controller returns an observed controller over an array named fast, and the
// array, which the test may cut off.
func (b *bench) controller() (*observe.Controller, *fakerds.RDS) {
	b.t.Helper()
	rds, err := fakerds.Open(fakerds.Config{Dir: b.t.TempDir(), Array: "fast", Cluster: cluster})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { closed(b.t, rds) })
	return b.observer.Controller(controllerOver(b.t, rds)), rds
}

// controllerOver returns a controller over the array named fast.
func controllerOver(t *testing.T, rds *fakerds.RDS) *app.Controller {
	t.Helper()
	arrays, err := app.NewArrays(app.Array{
		Name: "fast", Volumes: rds.Volumes(), Snapshots: rds.Snapshots(), Pools: rds.Pools(),
		Portals: []domain.Portal{{Host: "192.0.2.1", Port: domain.DefaultPort}},
		Fencing: domain.FenceByHost, Room: domain.DefaultRoom(),
	})
	if err != nil {
		t.Fatal(err)
	}
	settings := app.Settings{Cluster: cluster, Prefix: domain.DefaultNQNPrefix}
	return app.NewController(settings, arrays, deaf{})
}

func closed(t *testing.T, c io.Closer) {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

const cluster domain.ClusterID = "test"

// deaf records nothing.
type deaf struct{}

func (deaf) Record(context.Context, domain.Event) {}
