package telemetry_test

import (
	"testing"

	"git.srvlab.io/whiskey/rds-csi-driver/adapters/telemetry"
)

func TestStuckCallsAreReadAtEachScrape(t *testing.T) {
	measured, stuck := start(t, telemetry.Config{Metrics: true}), map[string]int{"mount": 0, "statfs": 2}
	if err := telemetry.Stuck(measured.MeterProvider, func() map[string]int { return stuck }); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"0", "3"} {
		got := scrape(t, measured.Handler, "text/plain")
		if value(got, `rds_csi_stuck_calls{call="mount"}`) != want || value(got, `rds_csi_stuck_calls{call="statfs"}`) != "2" {
			t.Errorf("exposition %s, want %s mounts and 2 statfs stuck", got, want)
		}
		stuck["mount"] = 3
	}
}
