package telemetry_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel"
	noopmetric "go.opentelemetry.io/otel/metric/noop"
	nooptrace "go.opentelemetry.io/otel/trace/noop"

	"git.srvlab.io/whiskey/rds-csi-driver/adapters/telemetry"
	"git.srvlab.io/whiskey/rds-csi-driver/app"
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

func TestOffMakesNothing(t *testing.T) {
	quiet(t)
	before := runtime.NumGoroutine()
	off, err := telemetry.New(t.Context(), telemetry.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if got := runtime.NumGoroutine(); got != before {
		t.Errorf("%d goroutines, want the %d there were", got, before)
	}
	if _, noop := off.MeterProvider.(noopmetric.MeterProvider); !noop {
		t.Errorf("meter provider is %T, want the no-op one", off.MeterProvider)
	}
	if _, noop := off.TracerProvider.(nooptrace.TracerProvider); !noop {
		t.Errorf("tracer provider is %T, want the no-op one", off.TracerProvider)
	}
	answer := httptest.NewRecorder()
	off.Handler.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	if answer.Code != http.StatusNotFound {
		t.Errorf("status %d, want 404", answer.Code)
	}
	if err := off.Shutdown(t.Context()); err != nil {
		t.Errorf("shutdown: %v, want nil", err)
	}
}

func TestExpositionSaysWhichBuild(t *testing.T) {
	on := start(t, telemetry.Config{Metrics: true, Build: telemetry.BuildInfo{Version: "v1", Revision: "abc", GoVersion: "go1"}})
	got := scrape(t, on.Handler, "text/plain")
	for _, series := range []string{
		`rds_csi_build_info{goversion="go1",revision="abc",version="v1"}`, "go_goroutines", "process_open_fds",
	} {
		if value(got, series) == "" {
			t.Errorf("exposition has no %s:\n%s", series, got)
		}
	}
	for _, unwanted := range []string{"otel_scope", "target_info"} {
		if strings.Contains(got, unwanted) {
			t.Errorf("exposition has %s", unwanted)
		}
	}
}

func TestExpositionIsPrivate(t *testing.T) {
	meters, tracers := otel.GetMeterProvider(), otel.GetTracerProvider()
	on := start(t, telemetry.Config{Metrics: true})
	if otel.GetMeterProvider() != meters || otel.GetTracerProvider() != tracers {
		t.Error("the global providers were changed")
	}
	scrape(t, on.Handler, "text/plain")
	families, err := prometheus.DefaultGatherer.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if strings.HasPrefix(family.GetName(), "rds_csi_") {
			t.Errorf("%s is on the default registry", family.GetName())
		}
	}
}

func TestExpositionHasOnlyOurs(t *testing.T) {
	on := start(t, telemetry.Config{Metrics: true})
	for _, name := range []string{"rds_csi_panics_total", "rpc_server_calls_total"} {
		counter, err := on.MeterProvider.Meter("test").Int64Counter(name)
		if err != nil {
			t.Fatal(err)
		}
		counter.Add(t.Context(), 1)
	}
	got := scrape(t, on.Handler, "text/plain")
	if value(got, "rds_csi_panics_total") != "1" || strings.Contains(got, "rpc_server") {
		t.Errorf("exposition %s, want ours without the library's", got)
	}
}

// A receiver takes OTLP over HTTP and keeps which paths were posted to.
type receiver struct {
	mu    sync.Mutex
	paths map[string]bool
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	_, _ = io.Copy(io.Discard, request.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.paths[request.URL.Path] = true
	w.WriteHeader(http.StatusOK)
}

func TestPushFollowsTheEnvironment(t *testing.T) {
	for _, c := range []struct {
		name string
		env  map[string]string // ENDPOINT stands for the receiver's address
		want []string
	}{
		{"nothing is sent unasked", nil, nil},
		{"an endpoint asks for both", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "ENDPOINT"}, []string{"/v1/metrics", "/v1/traces"}},
		{"an endpoint of traces asks for traces",
			map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "ENDPOINT/v1/traces"}, []string{"/v1/traces"}},
		{"an exporter that is none sends none",
			map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "ENDPOINT", "OTEL_METRICS_EXPORTER": "none"}, []string{"/v1/traces"}},
		{"prometheus is what we serve anyway",
			map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "ENDPOINT", "OTEL_METRICS_EXPORTER": "prometheus"}, []string{"/v1/traces"}},
		{"a disabled SDK sends none",
			map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "ENDPOINT", "OTEL_SDK_DISABLED": "true"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := &receiver{paths: map[string]bool{}}
			server := httptest.NewServer(got)
			defer server.Close()
			quiet(t)
			for name, text := range c.env {
				t.Setenv(name, strings.ReplaceAll(text, "ENDPOINT", server.URL))
			}
			work(t)
			if paths := slices.Sorted(maps.Keys(got.paths)); !slices.Equal(paths, c.want) {
				t.Errorf("posted to %v, want %v", paths, c.want)
			}
		})
	}
}

// work counts once, makes one span and shuts down, which sends both.
func work(t *testing.T) {
	t.Helper()
	measured, err := telemetry.New(t.Context(), telemetry.Config{Service: "test"})
	if err != nil {
		t.Fatal(err)
	}
	counter, err := measured.MeterProvider.Meter("test").Int64Counter("rds_csi_panics_total")
	if err != nil {
		t.Fatal(err)
	}
	counter.Add(t.Context(), 1)
	_, span := measured.TracerProvider.Tracer("test").Start(t.Context(), "work")
	span.End()
	if err := measured.Shutdown(context.WithoutCancel(t.Context())); err != nil {
		t.Error(err)
	}
}

func TestEnvironmentThatCanNotBeUsed(t *testing.T) {
	for _, pair := range [][2]string{{"OTEL_METRICS_EXPORTER", "pigeon"}, {"OTEL_TRACES_EXPORTER", "pigeon"}} {
		t.Run(pair[0], func(t *testing.T) {
			quiet(t)
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
			t.Setenv(pair[0], pair[1])
			_, err := telemetry.New(t.Context(), telemetry.Config{Metrics: true})
			if !domain.Is(err, domain.Invalid) || !strings.Contains(err.Error(), pair[0]) {
				t.Errorf("error %v, want Invalid that names %s", err, pair[0])
			}
		})
	}
}

func TestOffAsksNobody(t *testing.T) {
	off := start(t, telemetry.Config{})
	figures := func() []app.Figures { t.Error("figures were asked for"); return nil }
	stuck := func() map[string]int { t.Error("stuck calls were asked for"); return nil }
	if err := errors.Join(telemetry.Arrays(off.MeterProvider, figures), telemetry.Stuck(off.MeterProvider, stuck)); err != nil {
		t.Error(err)
	}
	recorder, err := telemetry.NewRecorder(off.MeterProvider, slog.New(slog.DiscardHandler), "fast")
	if err != nil {
		t.Fatal(err)
	}
	recorder.Record(t.Context(), domain.FencingOpened{})
}

func TestBrokenMetricCostsOnlyItself(t *testing.T) {
	var log bytes.Buffer
	on := start(t, telemetry.Config{Metrics: true, Log: slog.New(slog.NewTextHandler(&log, nil))})
	counter, err := on.MeterProvider.Meter("one").Int64Counter("rds_csi_twice")
	if err != nil {
		t.Fatal(err)
	}
	gauge, err := on.MeterProvider.Meter("other").Int64Gauge("rds_csi_twice")
	if err != nil {
		t.Fatal(err)
	}
	counter.Add(t.Context(), 1)
	gauge.Record(t.Context(), 1)
	if got := scrape(t, on.Handler, "text/plain"); !strings.Contains(got, "rds_csi_build_info") {
		t.Errorf("exposition %s, want what is not broken", got)
	}
	if !strings.Contains(log.String(), "exposition is incomplete") {
		t.Errorf("log %q, want a complaint", log.String())
	}
}
