package demo

import (
	"bufio"
	"context"
	"net/http"
	"strconv"
	"strings"
)

// scrape returns the driver's counters by name and labels. What can not be read
// is left out: the table then shows less.
func scrape(ctx context.Context, address string) map[string]float64 {
	counters := map[string]float64{}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/metrics", http.NoBody)
	if err != nil {
		return counters
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return counters
	}
	defer answer.Body.Close() //nolint:errcheck // it was read
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() {
		series, value, ok := cutLast(lines.Text(), " ")
		name, _, _ := strings.Cut(series, "{")
		if !ok || !strings.HasPrefix(name, "rds_csi_") || !strings.HasSuffix(name, "_total") {
			continue
		}
		if n, err := strconv.ParseFloat(value, 64); err == nil {
			counters[series] = n
		}
	}
	return counters
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}
