// Package telemetry is the one place that knows how the driver is measured: it
// makes the OpenTelemetry meters and tracers that the other packages are handed,
// bridges the meters to a Prometheus exposition on a registry of its own, and
// pushes over OTLP where the environment asks for it. It sets no global, and
// what is switched off is a no-op provider: nobody asks whether it exists.
package telemetry

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"strings"

	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	noopmetric "go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	nooptrace "go.opentelemetry.io/otel/trace/noop"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// scope is the instrumentation scope of this package's own metrics.
const scope = "git.srvlab.io/whiskey/rds-csi-driver/adapters/telemetry"

// A BuildInfo says which driver this is.
type BuildInfo struct {
	Version   string `json:"version"`
	Revision  string `json:"revision"`
	GoVersion string `json:"goversion"`
}

// A Config says what is measured.
type Config struct {
	Metrics bool // serve an exposition
	Build   BuildInfo
	Service string       // the name of this process in what is pushed
	Log     *slog.Logger // of what goes wrong with an exposition; nil: nowhere
}

// A Telemetry hands out meters and tracers. Its fields are never nil.
type Telemetry struct {
	MeterProvider  metric.MeterProvider
	TracerProvider trace.TracerProvider
	Handler        http.Handler // of the exposition; 404 without one

	shutdown []func(context.Context) error
}

// New makes what the config and the OTEL_* variables of the environment ask
// for, and nothing else. A variable with a value that can not be used is
// Invalid.
func New(ctx context.Context, c Config) (*Telemetry, error) {
	t := &Telemetry{
		MeterProvider:  noopmetric.NewMeterProvider(),
		TracerProvider: nooptrace.NewTracerProvider(),
		Handler:        http.NotFoundHandler(),
	}
	if err := errors.Join(t.meter(ctx, c), t.trace(ctx, c)); err != nil {
		return nil, errors.Join(err, t.Shutdown(ctx))
	}
	return t, nil
}

// Shutdown sends what was not sent yet, while ctx lasts, and ends all that New
// started.
func (t *Telemetry) Shutdown(ctx context.Context) error {
	var errs []error
	for _, shutdown := range t.shutdown {
		errs = append(errs, shutdown(ctx))
	}
	t.shutdown = nil
	return errors.Join(errs...)
}

func (t *Telemetry) meter(ctx context.Context, c Config) error {
	if !c.Metrics && !asked("METRICS") {
		return nil
	}
	about, err := describe(ctx, c)
	if err != nil {
		return err
	}
	options := []sdkmetric.Option{sdkmetric.WithResource(about), sdkmetric.WithView(oursOnly)}
	if c.Metrics {
		readers, handler, err := exposition(c.Log)
		if err != nil {
			return err
		}
		options, t.Handler = append(options, readers...), handler
	}
	if asked("METRICS") {
		reader, err := autoexport.NewMetricReader(ctx)
		if err != nil {
			return domain.Fail(domain.Invalid, "configure telemetry", "", "OTEL_METRICS_EXPORTER: %w", err)
		}
		options = append(options, sdkmetric.WithReader(reader))
	}
	provider := sdkmetric.NewMeterProvider(options...)
	t.MeterProvider = provider
	t.shutdown = append(t.shutdown, provider.Shutdown)
	return buildInfo(provider, c.Build)
}

func (t *Telemetry) trace(ctx context.Context, c Config) error {
	if !asked("TRACES") {
		return nil
	}
	about, err := describe(ctx, c)
	if err != nil {
		return err
	}
	exporter, err := autoexport.NewSpanExporter(ctx)
	if err != nil {
		return domain.Fail(domain.Invalid, "configure telemetry", "", "OTEL_TRACES_EXPORTER: %w", err)
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(about))
	t.TracerProvider = provider
	t.shutdown = append(t.shutdown, provider.Shutdown)
	return nil
}

// asked reports whether the environment asks for one kind of signal, METRICS or
// TRACES, to be sent. autoexport alone would send to localhost unasked.
//
// "prometheus" counts as nothing to send: the driver serves its exposition
// itself, and autoexport would open a second server.
func asked(signal string) bool {
	if os.Getenv("OTEL_SDK_DISABLED") == "true" {
		return false
	}
	switch os.Getenv("OTEL_" + signal + "_EXPORTER") {
	case "none", "prometheus":
		return false
	case "":
		return os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" ||
			os.Getenv("OTEL_EXPORTER_OTLP_"+signal+"_ENDPOINT") != ""
	default:
		return true
	}
}

// oursOnly drops what libraries measure about themselves: the exposition is the
// documented set of metrics and grows with no dependency.
func oursOnly(i sdkmetric.Instrument) (sdkmetric.Stream, bool) {
	return sdkmetric.Stream{Aggregation: sdkmetric.AggregationDrop{}}, !strings.HasPrefix(i.Name, "rds_csi_")
}

// describe says who measures. What the environment says wins.
func describe(ctx context.Context, c Config) (*resource.Resource, error) {
	about, err := resource.New(ctx,
		resource.WithTelemetrySDK(), resource.WithHost(),
		resource.WithAttributes(
			attribute.String("service.name", c.Service),
			attribute.String("service.version", c.Build.Version)),
		resource.WithFromEnv())
	if err != nil {
		return nil, domain.Fail(domain.Invalid, "configure telemetry", "",
			"OTEL_RESOURCE_ATTRIBUTES: %w: key=value pairs with commas between are allowed", err)
	}
	return about, nil
}

func buildInfo(provider metric.MeterProvider, b BuildInfo) error {
	labels := metric.WithAttributes(
		attribute.String("version", b.Version),
		attribute.String("revision", b.Revision),
		attribute.String("goversion", b.GoVersion))
	_, err := provider.Meter(scope).Int64ObservableGauge("rds_csi_build_info",
		metric.WithDescription("Which driver this is, always 1."),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(1, labels)
			return nil
		}))
	return err
}
