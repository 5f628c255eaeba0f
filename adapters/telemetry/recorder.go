package telemetry

import (
	"context"
	"fmt"
	"log/slog"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// A Recorder is a ports.Recorder that counts domain events and logs each once.
type Recorder struct {
	log       *slog.Logger
	conflicts metric.Int64Counter
	refusals  metric.Int64Counter
}

// NewRecorder returns a recorder. The counters of the arrays and of all
// refusals start at zero, so that the first event is seen as an increase.
func NewRecorder(provider metric.MeterProvider, log *slog.Logger, arrays ...domain.ArrayName) (*Recorder, error) {
	meter := provider.Meter(scope)
	conflicts, err := meter.Int64Counter("rds_csi_attachment_conflicts_total",
		metric.WithDescription("Publishes that were refused because another node holds the volume."))
	if err != nil {
		return nil, domain.Fail(domain.Other, "configure telemetry", "", "%w", err)
	}
	refusals, err := meter.Int64Counter("rds_csi_format_refusals_total",
		metric.WithDescription("Devices that were not formatted because they may hold data."))
	if err != nil {
		return nil, domain.Fail(domain.Other, "configure telemetry", "", "%w", err)
	}
	r := &Recorder{log: log, conflicts: conflicts, refusals: refusals}
	for _, array := range arrays {
		r.conflicts.Add(context.Background(), 0, onArray(array))
	}
	for _, reason := range domain.Refusals() {
		r.refusals.Add(context.Background(), 0, because(reason))
	}
	return r, nil
}

func onArray(name domain.ArrayName) metric.MeasurementOption {
	return metric.WithAttributes(attribute.String("array", string(name)))
}

func because(reason domain.Refusal) metric.MeasurementOption {
	return metric.WithAttributes(attribute.String("reason", string(reason)))
}

// Record counts and logs the event.
func (r *Recorder) Record(ctx context.Context, e domain.Event) {
	switch e := e.(type) {
	case domain.FormatRefused:
		r.refusals.Add(ctx, 1, because(e.Reason))
		r.log.ErrorContext(ctx, "format refused",
			"volume", e.Volume.String(), "reason", e.Reason, "evidence", e.Evidence)
	case domain.AttachmentConflict:
		r.conflicts.Add(ctx, 1, onArray(e.Volume.Array))
		r.log.WarnContext(ctx, "attachment conflict", "volume", e.Volume.String(), "node", e.Node.Name(), "err", e.Err)
	case domain.FencingOpened:
		r.log.InfoContext(ctx, "fencing opened", "volume", e.Volume.String())
	case domain.RecordDamaged:
		r.log.ErrorContext(ctx, "record damaged", "volume", e.Volume.String())
	default:
		r.log.WarnContext(ctx, "event without a name", "event", fmt.Sprintf("%T", e))
	}
}
