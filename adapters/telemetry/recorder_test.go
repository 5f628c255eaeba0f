package telemetry_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"testing"

	"git.srvlab.io/whiskey/rds-csi-driver/adapters/telemetry"
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
	"git.srvlab.io/whiskey/rds-csi-driver/ports"
)

var _ ports.Recorder = (*telemetry.Recorder)(nil)

func TestEventsAreCountedAndLoggedOnce(t *testing.T) {
	const (
		conflicts = `rds_csi_attachment_conflicts_total{array="fast"}`
		refusals  = `rds_csi_format_refusals_total{reason="signature"}`
	)
	volume := domain.VolumeID{Array: "fast", Slot: "csi-1"}
	for _, c := range []struct {
		name  string
		event domain.Event
		moved string
		log   map[string]any
	}{
		{"attachment conflict",
			domain.AttachmentConflict{Volume: volume, Node: "worker.aaaaaaaaaaaaaaaaaaaaaaaaaa", Err: errors.New("held by other")}, conflicts,
			map[string]any{"level": "WARN", "msg": "attachment conflict", "volume": "fast:csi-1", "node": "worker", "err": "held by other"}},
		{"format refused",
			domain.FormatRefused{Volume: volume, Reason: domain.RefusedSignature, Evidence: "ext4"}, refusals,
			map[string]any{"level": "ERROR", "msg": "format refused", "volume": "fast:csi-1", "reason": "signature", "evidence": "ext4"}},
		{"fencing opened", domain.FencingOpened{Volume: volume}, "",
			map[string]any{"level": "INFO", "msg": "fencing opened", "volume": "fast:csi-1"}},
		{"record damaged", domain.RecordDamaged{Volume: volume}, "",
			map[string]any{"level": "ERROR", "msg": "record damaged", "volume": "fast:csi-1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			measured := start(t, telemetry.Config{Metrics: true})
			var log bytes.Buffer
			recorder, err := telemetry.NewRecorder(measured.MeterProvider, slog.New(slog.NewJSONHandler(&log, nil)), "fast")
			if err != nil {
				t.Fatal(err)
			}
			before := scrape(t, measured.Handler, "text/plain")
			recorder.Record(t.Context(), c.event)
			after := scrape(t, measured.Handler, "text/plain")
			for _, series := range []string{conflicts, refusals} {
				want := "0"
				if value(before, series) != want {
					t.Errorf("%s starts at %q, want 0", series, value(before, series))
				}
				if series == c.moved {
					want = "1"
				}
				if value(after, series) != want {
					t.Errorf("%s is %q, want %q", series, value(after, series), want)
				}
			}
			var got map[string]any
			if err := json.Unmarshal(log.Bytes(), &got); err != nil {
				t.Fatalf("log %q is not one line: %v", log.String(), err)
			}
			delete(got, "time")
			if !maps.Equal(got, c.log) {
				t.Errorf("log %v, want %v", got, c.log)
			}
		})
	}
}
