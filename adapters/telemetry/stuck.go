package telemetry

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// Stuck reports at each collection how many calls hang in this host's kernel,
// by what was called.
func Stuck(provider metric.MeterProvider, calls func() map[string]int) error {
	_, err := provider.Meter(scope).Int64ObservableGauge("rds_csi_stuck_calls",
		metric.WithDescription("Calls that hang in the kernel now."),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			for call, n := range calls() {
				o.Observe(int64(n), metric.WithAttributes(attribute.String("call", call)))
			}
			return nil
		}))
	return err
}
