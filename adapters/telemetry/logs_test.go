package telemetry_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"git.srvlab.io/whiskey/rds-csi-driver/adapters/telemetry"
)

func TestLogLeadsToTrace(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(telemetry.Traced(slog.NewJSONHandler(&out, nil))).With("node", "a")
	ctx, span := sdktrace.NewTracerProvider().Tracer("test").Start(t.Context(), "work")
	defer span.End()
	for _, c := range []struct {
		name  string
		write func()
		want  any
	}{
		{"within a span", func() { log.InfoContext(ctx, "volume created") }, span.SpanContext().TraceID().String()},
		{"without one", func() { log.InfoContext(t.Context(), "volume created") }, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			out.Reset()
			c.write()
			var got map[string]any
			if err := json.Unmarshal(out.Bytes(), &got); err != nil {
				t.Fatal(err)
			}
			if got["trace_id"] != c.want || got["node"] != "a" {
				t.Errorf("log %v, want trace_id %v and node a", got, c.want)
			}
		})
	}
}
