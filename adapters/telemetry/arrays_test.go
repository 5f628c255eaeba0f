package telemetry_test

import (
	"context"
	"io"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"git.srvlab.io/whiskey/rds-csi-driver/adapters/telemetry"
	"git.srvlab.io/whiskey/rds-csi-driver/app"
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
	"git.srvlab.io/whiskey/rds-csi-driver/ports"
)

// A watched array has fixed contents and fails the test if it is asked during a
// scrape.
type watched struct {
	t         *testing.T
	scraping  atomic.Bool
	silent    atomic.Bool
	pools     []domain.Pool
	volumes   []domain.Volume
	snapshots []domain.Snapshot
}

func asked[T any](w *watched, contents *[]T) ([]T, error) {
	if w.scraping.Load() {
		w.t.Error("the array was asked during a scrape")
	}
	if w.silent.Load() {
		return nil, domain.Fail(domain.Unreachable, "list", "fast", "no answer")
	}
	return *contents, nil
}

type watchedPools struct{ *watched }

func (w watchedPools) List(context.Context) ([]domain.Pool, error) {
	return asked(w.watched, &w.pools)
}

type watchedVolumes struct {
	ports.Volumes
	*watched
}

func (w watchedVolumes) List(context.Context, ports.Page) ([]domain.Volume, error) {
	return asked(w.watched, &w.volumes)
}

type watchedSnapshots struct {
	ports.Snapshots
	*watched
}

func (w watchedSnapshots) List(context.Context, ports.Page) ([]domain.Snapshot, error) {
	return asked(w.watched, &w.snapshots)
}

// full is an array in which every figure is another number.
func full(t *testing.T) *watched {
	holders := func(n int) (v domain.Volume) {
		v.Standing, v.Row.Size = domain.Ours, domain.GiB
		v.Record.Grants = make([]domain.Grant, n)
		return v
	}
	return &watched{
		t: t,
		pools: []domain.Pool{
			{Name: "ssd", Total: 100, Free: 60, Mounted: true, State: "clean"},
			{Name: "hdd", Total: 200, Free: 70, Mounted: true, State: "degraded"},
			{Name: "out"},
		},
		volumes: []domain.Volume{
			holders(0), holders(1), holders(2), holders(3),
			{Standing: domain.Damaged, Row: domain.Row{Size: domain.GiB}},
		},
		snapshots: make([]domain.Snapshot, 7),
	}
}

// inventory runs an inventory over w and hangs its figures on measured.
func inventory(t *testing.T, measured *telemetry.Telemetry, w *watched) {
	t.Helper()
	arrays, err := app.NewArrays(app.Array{
		Name: "fast", Volumes: watchedVolumes{watched: w}, Snapshots: watchedSnapshots{watched: w}, Pools: watchedPools{w},
	})
	if err != nil {
		t.Fatal(err)
	}
	recorder, err := telemetry.NewRecorder(measured.MeterProvider, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		t.Fatal(err)
	}
	i := app.NewInventory(app.InventorySettings{}, arrays, recorder)
	if err := telemetry.Arrays(measured.MeterProvider, i.Figures); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); i.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
}

func (w *watched) scrape(t *testing.T, measured *telemetry.Telemetry) string {
	t.Helper()
	synctest.Wait()
	w.scraping.Store(true)
	defer w.scraping.Store(false)
	return scrape(t, measured.Handler, "text/plain")
}

func TestFiguresOfAnArray(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		measured, array := start(t, telemetry.Config{Metrics: true}), full(t)
		inventory(t, measured, array)
		got := array.scrape(t, measured)
		for series, want := range map[string]string{
			`rds_csi_array_up{array="fast"}`:                        "1",
			`rds_csi_array_data_age_seconds{array="fast"}`:          "0",
			`rds_csi_volumes{array="fast"}`:                         "4",
			`rds_csi_volumes_damaged{array="fast"}`:                 "1",
			`rds_csi_volume_provisioned_bytes{array="fast"}`:        "5.36870912e+09",
			`rds_csi_attachments{array="fast"}`:                     "6",
			`rds_csi_attachments_unfenced{array="fast"}`:            "2",
			`rds_csi_snapshots{array="fast"}`:                       "7",
			`rds_csi_pool_capacity_bytes{array="fast",pool="ssd"}`:  "100",
			`rds_csi_pool_free_bytes{array="fast",pool="ssd"}`:      "60",
			`rds_csi_pool_healthy{array="fast",pool="ssd"}`:         "1",
			`rds_csi_pool_capacity_bytes{array="fast",pool="hdd"}`:  "200",
			`rds_csi_pool_free_bytes{array="fast",pool="hdd"}`:      "70",
			`rds_csi_pool_healthy{array="fast",pool="hdd"}`:         "0",
			`rds_csi_pool_healthy{array="fast",pool="out"}`:         "0",
			`rds_csi_pool_capacity_bytes{array="fast",pool="out"}`:  "",
			`rds_csi_pool_free_bytes{array="fast",pool="out"}`:      "",
			`rds_csi_attachment_conflicts_total{array="elsewhere"}`: "",
		} {
			if value(got, series) != want {
				t.Errorf("%s is %q, want %q", series, value(got, series), want)
			}
		}
	})
}

func TestFiguresMove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		measured, array := start(t, telemetry.Config{Metrics: true}), full(t)
		inventory(t, measured, array)
		array.scrape(t, measured)
		array.silent.Store(true)
		<-time.After(90 * time.Second)
		got := array.scrape(t, measured)
		for series, want := range map[string]string{
			`rds_csi_array_up{array="fast"}`:               "0",
			`rds_csi_array_data_age_seconds{array="fast"}`: "90",
			`rds_csi_volumes{array="fast"}`:                "4",
		} {
			if value(got, series) != want {
				t.Errorf("silent array: %s is %q, want %q", series, value(got, series), want)
			}
		}
		array.volumes = nil
		array.silent.Store(false)
		<-time.After(time.Minute)
		got = array.scrape(t, measured)
		if value(got, `rds_csi_array_up{array="fast"}`) != "1" || value(got, `rds_csi_volumes{array="fast"}`) != "0" {
			t.Errorf("array that answers again: %s, want up and empty", got)
		}
	})
}

func TestWhatWasNeverLearnedIsLeftOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		measured, array := start(t, telemetry.Config{Metrics: true}), full(t)
		array.silent.Store(true)
		inventory(t, measured, array)
		got := array.scrape(t, measured)
		if up := value(got, `rds_csi_array_up{array="fast"}`); up != "0" {
			t.Errorf("up is %q, want 0", up)
		}
		for _, name := range []string{"rds_csi_volumes", "rds_csi_snapshots", "rds_csi_pool", "rds_csi_attachments"} {
			if strings.Contains(got, name) {
				t.Errorf("exposition has %s of an array that never answered", name)
			}
		}
	})
}
