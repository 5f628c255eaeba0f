package telemetry

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/otlptranslator"
	bridge "go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// buckets are the upper bounds of the classic histograms, in seconds: from a
// cached answer to an array that is barely there.
func buckets() []float64 {
	return []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}
}

// exposition makes the readers that fill an exposition and the handler that
// serves it.
//
// The bridge gives a histogram either classic buckets or native ones, by the
// aggregation of its reader. So there are two readers: one for everything with
// classic buckets, one for histograms alone with native ones; merged joins what
// they say.
func exposition(log *slog.Logger) ([]sdkmetric.Option, http.Handler, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	classic, native := prometheus.NewRegistry(), prometheus.NewRegistry()
	classic.MustRegister(
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	var options []sdkmetric.Option
	for _, r := range []struct {
		registry  *prometheus.Registry
		aggregate sdkmetric.AggregationSelector
	}{{native, onlyNativeHistograms}, {classic, withClassicHistograms}} { // the order matters to merged
		reader, err := bridge.New(
			bridge.WithRegisterer(r.registry), bridge.WithAggregationSelector(r.aggregate),
			// Names come out as they are written in the code, so that they can be found there.
			bridge.WithTranslationStrategy(otlptranslator.UnderscoreEscapingWithoutSuffixes),
			bridge.WithoutScopeInfo(), bridge.WithoutTargetInfo())
		if err != nil {
			return nil, nil, domain.Fail(domain.Other, "configure telemetry", "", "exposition: %w", err)
		}
		options = append(options, sdkmetric.WithReader(reader))
	}
	return options, promhttp.HandlerFor(merged{classic, native}, promhttp.HandlerOpts{
		ErrorLog:          complaints{log},
		ErrorHandling:     promhttp.ContinueOnError, // half an exposition still raises alarms
		EnableOpenMetrics: true,
		CoalesceGather:    true,
		Timeout:           10 * time.Second,
	}), nil
}

func withClassicHistograms(kind sdkmetric.InstrumentKind) sdkmetric.Aggregation {
	if kind == sdkmetric.InstrumentKindHistogram {
		return sdkmetric.AggregationExplicitBucketHistogram{Boundaries: buckets()}
	}
	return sdkmetric.DefaultAggregationSelector(kind)
}

func onlyNativeHistograms(kind sdkmetric.InstrumentKind) sdkmetric.Aggregation {
	if kind == sdkmetric.InstrumentKindHistogram {
		return sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 8}
	}
	return sdkmetric.AggregationDrop{}
}

// complaints writes what the handler complains about to the log.
type complaints struct{ log *slog.Logger }

func (c complaints) Println(v ...any) { c.log.Error("exposition is incomplete", "err", v[len(v)-1]) }
