package telemetry_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"git.srvlab.io/whiskey/rds-csi-driver/adapters/telemetry"
)

const protobuf = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"

// histogram returns the one metric of a family, as a Prometheus that asks for
// protobuf gets it.
func histogram(t *testing.T, h http.Handler, name string) *dto.Histogram {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil)
	request.Header.Set("Accept", protobuf)
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, request)
	decoder := expfmt.NewDecoder(answer.Body, expfmt.ResponseFormat(answer.Header()))
	for {
		var family dto.MetricFamily
		if err := decoder.Decode(&family); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if family.GetName() == name && len(family.GetMetric()) == 1 {
			return family.GetMetric()[0].GetHistogram()
		}
	}
}

// inBuckets returns how many observations the native buckets have.
func inBuckets(h *dto.Histogram) uint64 {
	total, count := h.GetZeroCount(), int64(0)
	for _, delta := range h.GetPositiveDelta() {
		count += delta
		total += uint64(count)
	}
	return total
}

func duration(t *testing.T, measured *telemetry.Telemetry) metric.Float64Histogram {
	t.Helper()
	h, err := measured.MeterProvider.Meter("test").Float64Histogram("rds_csi_test_duration_seconds")
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestHistogramIsClassicAndNative(t *testing.T) {
	measured := start(t, telemetry.Config{Metrics: true})
	took, method := duration(t, measured), metric.WithAttributes(attribute.String("method", "a"))
	for _, seconds := range []float64{.001, .3, .4, 100} {
		took.Record(t.Context(), seconds, method)
	}
	text := scrape(t, measured.Handler, "text/plain")
	for series, want := range map[string]string{
		`rds_csi_test_duration_seconds_bucket{method="a",le="0.005"}`: "1",
		`rds_csi_test_duration_seconds_bucket{method="a",le="0.5"}`:   "3",
		`rds_csi_test_duration_seconds_bucket{method="a",le="60"}`:    "3",
		`rds_csi_test_duration_seconds_bucket{method="a",le="+Inf"}`:  "4",
		`rds_csi_test_duration_seconds_count{method="a"}`:             "4",
	} {
		if value(text, series) != want {
			t.Errorf("%s is %q, want %q", series, value(text, series), want)
		}
	}
	got := histogram(t, measured.Handler, "rds_csi_test_duration_seconds")
	if got.GetSampleCount() != 4 || inBuckets(got) != 4 || len(got.GetBucket()) < 13 {
		t.Errorf("histogram %v, want 4 observations in native and in classic buckets", got)
	}
}

// A Prometheus drops a native histogram whose buckets do not sum up to its
// count, and one whose classic buckets exceed it is wrong.
func TestHistogramStaysWholeWhileObserved(t *testing.T) {
	measured := start(t, telemetry.Config{Metrics: true})
	took := duration(t, measured)
	took.Record(t.Context(), 1)
	ctx, cancel := context.WithCancel(t.Context())
	var observers sync.WaitGroup
	defer observers.Wait()
	defer cancel()
	for range 4 {
		observers.Go(func() {
			for ctx.Err() == nil {
				took.Record(ctx, 1)
			}
		})
	}
	for end := time.Now().Add(time.Second); time.Now().Before(end); {
		got := histogram(t, measured.Handler, "rds_csi_test_duration_seconds")
		if native := inBuckets(got); native != got.GetSampleCount() {
			t.Fatalf("native buckets have %d, want the count %d", native, got.GetSampleCount())
		}
		for _, b := range got.GetBucket() {
			if b.GetCumulativeCount() > got.GetSampleCount() {
				t.Fatalf("bucket %v, want at most the count %d", b, got.GetSampleCount())
			}
		}
	}
}

func TestHistogramHasExemplars(t *testing.T) {
	measured := start(t, telemetry.Config{Metrics: true})
	tracers := sdktrace.NewTracerProvider()
	ctx, span := tracers.Tracer("test").Start(t.Context(), "work")
	duration(t, measured).Record(ctx, 1)
	span.End()
	id := span.SpanContext().TraceID().String()
	if text := scrape(t, measured.Handler, "application/openmetrics-text;version=1.0.0"); !strings.Contains(text, `trace_id="`+id) {
		t.Errorf("exposition %s, want an exemplar of trace %s", text, id)
	}
}
