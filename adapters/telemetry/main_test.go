package telemetry_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"git.srvlab.io/whiskey/rds-csi-driver/adapters/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// quiet takes every OTEL_ variable of the surroundings away.
func quiet(t *testing.T) {
	t.Helper()
	for _, pair := range os.Environ() {
		if name, _, _ := strings.Cut(pair, "="); strings.HasPrefix(name, "OTEL_") {
			t.Setenv(name, "")
		}
	}
}

// start returns a telemetry that ends with the test.
func start(t *testing.T, c telemetry.Config) *telemetry.Telemetry {
	t.Helper()
	quiet(t)
	measured, err := telemetry.New(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := measured.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
	return measured
}

// scrape returns the exposition in the format that accept asks for.
func scrape(t *testing.T, h http.Handler, accept string) string {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil)
	request.Header.Set("Accept", accept)
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, request)
	if answer.Code != http.StatusOK {
		t.Fatalf("scrape: status %d, body %s", answer.Code, answer.Body)
	}
	return answer.Body.String()
}

// value returns what the exposition says of one series, "" if it has none.
func value(exposition, series string) string {
	for line := range strings.Lines(exposition) {
		if rest, ok := strings.CutPrefix(line, series+" "); ok {
			return strings.TrimSuffix(rest, "\n")
		}
	}
	return ""
}
