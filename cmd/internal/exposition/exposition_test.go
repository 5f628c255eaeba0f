package exposition_test

import (
	"bytes"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	golden    = "../../../testdata/metrics/exposition.txt"
	reference = "../../../docs/reference/metrics.md"
)

// scraped returns the exposition of a driver that has done everything once.
func scraped(t *testing.T) string {
	t.Helper()
	d := newDriver(t)
	d.live()
	answer := httptest.NewRecorder()
	d.measured.Handler.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	if answer.Code != http.StatusOK {
		t.Fatalf("scrape: status %d, body %s", answer.Code, answer.Body)
	}
	return answer.Body.String()
}

// scrub takes out what differs from run to run: values, and which Go this is.
func scrub(exposition string) string {
	var lines []string
	for line := range strings.Lines(exposition) {
		if !strings.HasPrefix(line, "#") {
			line = line[:strings.LastIndexByte(line, ' ')] + " …\n"
		}
		lines = append(lines, regexp.MustCompile(`go_info\{version="[^"]*"`).ReplaceAllString(line, `go_info{version="…"`))
	}
	return strings.Join(lines, "")
}

// everywhere leaves out what only Linux tells about a process.
func everywhere(exposition string) string {
	if runtime.GOOS == "linux" {
		return exposition
	}
	var lines []string
	for line := range strings.Lines(exposition) {
		if !strings.Contains(line, "process_") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

// The golden file is what dashboards and alert rules are checked against.
// UPDATE_GOLDEN=1 writes it anew.
func TestExpositionIsTheGoldenOne(t *testing.T) {
	got := scrub(scraped(t))
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	gotLines, wantLines := set(everywhere(got)), set(everywhere(string(want)))
	for _, line := range slices.Sorted(maps.Keys(gotLines)) {
		if !wantLines[line] {
			t.Errorf("not in %s: %s", golden, line)
		}
	}
	for _, line := range slices.Sorted(maps.Keys(wantLines)) {
		if !gotLines[line] {
			t.Errorf("only in %s: %s", golden, line)
		}
	}
}

func set(text string) map[string]bool {
	lines := map[string]bool{}
	for line := range strings.Lines(text) {
		lines[strings.TrimSuffix(line, "\n")] = true
	}
	return lines
}

func TestExpositionPassesTheLinter(t *testing.T) {
	problems, err := promlint.New(strings.NewReader(scraped(t))).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// families returns our metrics in the exposition.
func families(t *testing.T, exposition string) map[string]*dto.MetricFamily {
	t.Helper()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	all, err := parser.TextToMetricFamilies(bytes.NewBufferString(exposition))
	if err != nil {
		t.Fatal(err)
	}
	maps.DeleteFunc(all, func(name string, _ *dto.MetricFamily) bool { return !strings.HasPrefix(name, "rds_csi_") })
	return all
}

// asDocumented writes a family as its row in the reference begins.
func asDocumented(f *dto.MetricFamily) string {
	labels := map[string]bool{}
	for _, m := range f.GetMetric() {
		for _, l := range m.GetLabel() {
			labels["`"+l.GetName()+"`"] = true
		}
	}
	return "| `" + f.GetName() + "` | " + strings.ToLower(f.GetType().String()) +
		" | " + strings.Join(slices.Sorted(maps.Keys(labels)), ", ") + " |"
}

func TestReferenceListsWhatIsExposed(t *testing.T) {
	text, err := os.ReadFile(reference)
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		if cells := strings.Split(line, "|"); strings.HasPrefix(line, "| `rds_csi_") && len(cells) == 6 {
			listed[strings.Join(cells[:4], "|")+"|"] = strings.TrimSpace(cells[4]) != ""
		}
	}
	exposed := map[string]bool{}
	for _, family := range families(t, scraped(t)) {
		row := strings.ReplaceAll(asDocumented(family), "|  |", "| |")
		exposed[row] = true
		if !listed[row] {
			t.Errorf("%s has no row with a meaning that begins %s", reference, row)
		}
	}
	for row := range listed {
		if !exposed[row] {
			t.Errorf("%s has the row %s, which is not exposed so", reference, row)
		}
	}
}

// What is exposed must have moved: a counter or histogram that stays at zero
// while everything is done once is dead.
func TestEveryCounterMoves(t *testing.T) {
	for name, family := range families(t, scraped(t)) {
		var sum float64
		for _, m := range family.GetMetric() {
			sum += m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
		if family.GetType() != dto.MetricType_GAUGE && sum == 0 {
			t.Errorf("%s did not move", name)
		}
	}
}
