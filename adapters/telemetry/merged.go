package telemetry

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// merged gives each histogram of classic the native buckets that native has of
// it. Only a client that asks for protobuf gets to see them.
type merged struct {
	classic, native prometheus.Gatherer
}

// Gather returns a histogram that holds together although its two halves are
// read one after the other. An observation reaches native first, and classic is
// read first: native then has all that classic has, and its count is right for
// both. What came between shows up above the last classic bucket and moves to
// its own with the next scrape. The other way round buckets would sum up to more
// than the count, and Prometheus drops such a histogram.
func (m merged) Gather() ([]*dto.MetricFamily, error) {
	families, classicErr := m.classic.Gather()
	natives, nativeErr := m.native.Gather()
	byLabels := map[string]*dto.Histogram{}
	for _, family := range natives {
		for _, metric := range family.GetMetric() {
			byLabels[series(family, metric)] = metric.GetHistogram()
		}
	}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			if native := byLabels[series(family, metric)]; native != nil {
				native.Bucket = metric.GetHistogram().GetBucket()
				metric.Histogram = native
			}
		}
	}
	return families, errors.Join(classicErr, nativeErr)
}

// series names a metric of a family; labels are sorted by the registry. The
// bytes between can not be in a label: names have no NUL, values are UTF-8.
func series(family *dto.MetricFamily, metric *dto.Metric) string {
	name := family.GetName()
	for _, label := range metric.GetLabel() {
		name += "\x00" + label.GetName() + "\xff" + label.GetValue()
	}
	return name
}
