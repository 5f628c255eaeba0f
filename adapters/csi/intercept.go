package csi

import (
	"context"
	"errors"
	"log/slog"
	"path"
	"runtime/debug"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// An interceptor gets the called RPC and what handles it further in.
type (
	called  = *grpc.UnaryServerInfo
	handler = grpc.UnaryHandler
)

// method returns the name of the called RPC, which says its service too.
func method(info called) string { return path.Base(info.FullMethod) }

// meters are the instruments of this package.
type meters struct {
	requests metric.Int64Counter
	duration metric.Float64Histogram
	panics   metric.Int64Counter
}

func newMeters(p metric.MeterProvider) (*meters, error) {
	meter := p.Meter("git.srvlab.io/whiskey/rds-csi-driver/adapters/csi")
	var m meters
	var errs [3]error
	m.requests, errs[0] = meter.Int64Counter("rds_csi_grpc_requests_total",
		metric.WithDescription("CSI calls answered, by method and gRPC code."))
	m.duration, errs[1] = meter.Float64Histogram("rds_csi_grpc_request_duration_seconds",
		metric.WithDescription("Time from the request to the answer of a CSI call."), metric.WithUnit("s"),
		metric.WithExplicitBucketBoundaries(.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60))
	m.panics, errs[2] = meter.Int64Counter("rds_csi_panics_total",
		metric.WithDescription("Panics in CSI calls: bugs."))
	return &m, errors.Join(errs[:]...)
}

// measured counts and times the call, one that panics as Internal.
func (m *meters) measured(ctx context.Context, req any, info called, handle handler) (resp any, err error) {
	start, code := time.Now(), codes.Internal
	defer func() {
		name := attribute.String("method", method(info))
		m.requests.Add(ctx, 1, metric.WithAttributes(name, attribute.String("code", code.String())))
		m.duration.Record(ctx, time.Since(start).Seconds(), metric.WithAttributes(name))
	}()
	resp, err = handle(ctx, req)
	code = status.Code(err)
	return resp, err
}

// recovered turns a panic into Internal: one bad call must not take the others
// down with it.
func recovered(log *slog.Logger, m *meters) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, info called, handle handler) (resp any, err error) {
		defer func() {
			cause := recover()
			if cause == nil {
				return
			}
			m.panics.Add(ctx, 1)
			log.ErrorContext(ctx, "call panicked", "method", method(info),
				"err", cause, "stack", string(debug.Stack()))
			resp, err = nil, status.Error(codes.Internal, "this is a bug of the driver, its log has the stack")
		}()
		return handle(ctx, req)
	}
}

// spans makes the server span of every call. It is a stats handler and so
// around the interceptors: log lines find the trace's id in their context, and
// histograms their exemplars. Its own metrics are left out, we have ours.
func spans(p trace.TracerProvider) stats.Handler {
	return otelgrpc.NewServerHandler(
		otelgrpc.WithTracerProvider(p),
		otelgrpc.WithMeterProvider(noop.NewMeterProvider()),
		otelgrpc.WithPropagators(propagation.TraceContext{}),
	)
}

// traced says on the call's span what the call is about and how it failed.
func traced(ctx context.Context, req any, _ called, handle handler) (any, error) {
	span := trace.SpanFromContext(ctx)
	for _, a := range about(req) {
		span.SetAttributes(attribute.String(a.Key, a.Value.String()))
	}
	resp, err := handle(ctx, req)
	if err != nil {
		span.SetAttributes(attribute.String("kind", domain.KindOf(err).String()))
	}
	return resp, err
}
