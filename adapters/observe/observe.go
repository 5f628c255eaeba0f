// Package observe measures use cases: it wraps the application's controller and
// node so that each call that changes something is counted, timed and made a
// span. What only reads passes through; the span of its gRPC call says all there
// is to say.
package observe

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

const scope = "git.srvlab.io/whiskey/rds-csi-driver/adapters/observe"

// An operation is what one kind of use case is called in metrics. The set is
// closed.
type operation string

const (
	create        operation = "create"
	restore       operation = "restore" // create from a snapshot
	clone         operation = "clone"   // create from a volume
	remove        operation = "delete"
	publish       operation = "publish"
	unpublish     operation = "unpublish"
	expand        operation = "expand"
	snapshot      operation = "snapshot"
	stage         operation = "stage"
	unstage       operation = "unstage"
	nodePublish   operation = "node_publish"
	nodeUnpublish operation = "node_unpublish"
	uncounted     operation = "" // a span is enough
)

// An Observer has the instruments that everything it wraps shares.
type Observer struct {
	tracer   trace.Tracer
	calls    metric.Int64Counter
	duration metric.Float64Histogram
}

// New returns an observer that reports to the providers.
func New(meters metric.MeterProvider, tracers trace.TracerProvider) (*Observer, error) {
	meter := meters.Meter(scope)
	calls, callsErr := meter.Int64Counter("rds_csi_volume_operations_total",
		metric.WithDescription("Operations on volumes that ended, repeated ones included."))
	duration, durationErr := meter.Float64Histogram("rds_csi_volume_operation_duration_seconds",
		metric.WithDescription("How long operations on volumes took."), metric.WithUnit("s"),
		metric.WithExplicitBucketBoundaries(.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60))
	if err := errors.Join(callsErr, durationErr); err != nil {
		return nil, domain.Fail(domain.Other, "configure telemetry", "", "%w", err)
	}
	return &Observer{tracer: tracers.Tracer(scope), calls: calls, duration: duration}, nil
}

// expect starts the counters of operations at zero, so that the first failure
// is seen as an increase.
func (o *Observer) expect(operations ...operation) {
	for _, op := range operations {
		for _, failed := range []bool{false, true} {
			o.calls.Add(context.Background(), 0, metric.WithAttributes(ofOperation(op), ofStatus(failed)))
		}
	}
}

func ofOperation(op operation) attribute.KeyValue { return attribute.String("operation", string(op)) }

func ofStatus(failed bool) attribute.KeyValue {
	if failed {
		return attribute.String("status", "failure")
	}
	return attribute.String("status", "success")
}

// observe runs work within a span of that name and counts it as op. A panic is
// a failure and goes on.
func (o *Observer) observe(
	ctx context.Context, name string, op operation, work func(context.Context) error, about ...attribute.KeyValue,
) (err error) {
	ctx, span := o.tracer.Start(ctx, name, trace.WithAttributes(about...))
	start, failed := time.Now(), true
	defer func() {
		if op != uncounted {
			took := time.Since(start).Seconds()
			o.calls.Add(ctx, 1, metric.WithAttributes(ofOperation(op), ofStatus(failed)))
			o.duration.Record(ctx, took, metric.WithAttributes(ofOperation(op)))
		}
		if failed {
			span.SetAttributes(attribute.String("kind", domain.KindOf(err).String()))
			span.SetStatus(codes.Error, text(err))
		}
		span.End()
	}()
	err = work(ctx)
	failed = err != nil
	return err
}

func text(err error) string {
	if err == nil {
		return "panic"
	}
	return err.Error()
}

// note adds to the span what was not known when it began.
func note(ctx context.Context, attributes ...attribute.KeyValue) {
	trace.SpanFromContext(ctx).SetAttributes(attributes...)
}

func onVolume(id domain.VolumeID) attribute.KeyValue { return attribute.String("volume", id.String()) }

func onSlot(slot domain.Slot) attribute.KeyValue { return attribute.String("volume", string(slot)) }

func onSnapshot(id domain.SnapshotID) attribute.KeyValue {
	return attribute.String("snapshot", id.String())
}

func forNode(id domain.NodeID) attribute.KeyValue { return attribute.String("node", id.Name()) }
