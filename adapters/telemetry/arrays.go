package telemetry

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"git.srvlab.io/whiskey/rds-csi-driver/app"
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// A gauge is one figure of an array that a scrape reports.
type gauge struct {
	name, unit, help string
}

// The gauges of arrays, in the order in which ofArray reports them.
const (
	arrayUp = iota
	dataAge
	volumes
	volumesDamaged
	provisioned
	attachments
	unfenced
	snapshots
	poolCapacity
	poolFree
	poolHealthy
	gaugeCount
)

func gauges() [gaugeCount]gauge {
	return [gaugeCount]gauge{
		arrayUp:        {"rds_csi_array_up", "", "Whether the array answered when it was asked last."},
		dataAge:        {"rds_csi_array_data_age_seconds", "s", "Age of the oldest figure that is known of the array."},
		volumes:        {"rds_csi_volumes", "", "Volumes of this cluster on the array."},
		volumesDamaged: {"rds_csi_volumes_damaged", "", "Disks in our place on the array that have no readable record."},
		provisioned:    {"rds_csi_volume_provisioned_bytes", "By", "Sum of the sizes of the volumes on the array."},
		attachments:    {"rds_csi_attachments", "", "Grants of volumes to nodes on the array."},
		unfenced: {"rds_csi_attachments_unfenced", "",
			"Volumes that several nodes share or that a node may still hold after it left."},
		snapshots:    {"rds_csi_snapshots", "", "Snapshots of this cluster on the array."},
		poolCapacity: {"rds_csi_pool_capacity_bytes", "By", "Size of the pool."},
		poolFree:     {"rds_csi_pool_free_bytes", "By", "Free bytes of the pool."},
		poolHealthy:  {"rds_csi_pool_healthy", "", "Whether the pool is mounted and its state is clean."},
	}
}

// Arrays reports the figures at each collection. It only reads what figures
// returns: what was never learned is left out, never zero.
func Arrays(provider metric.MeterProvider, figures func() []app.Figures) error {
	meter := provider.Meter(scope)
	var instruments [gaugeCount]metric.Int64ObservableGauge
	all := make([]metric.Observable, gaugeCount)
	for i, g := range gauges() {
		var err error
		instruments[i], err = meter.Int64ObservableGauge(g.name, metric.WithUnit(g.unit), metric.WithDescription(g.help))
		if err != nil {
			return domain.Fail(domain.Other, "configure telemetry", g.name, "%w", err)
		}
		all[i] = instruments[i]
	}
	_, err := meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		now := time.Now()
		for _, f := range figures() {
			ofArray(f, now, func(which int, value int64, labels ...attribute.KeyValue) {
				o.ObserveInt64(instruments[which], value, metric.WithAttributes(labels...))
			})
		}
		return nil
	}, all...)
	return err
}

// ofArray says the figures of one array.
func ofArray(f app.Figures, now time.Time, say func(which int, value int64, labels ...attribute.KeyValue)) {
	array := attribute.String("array", string(f.Array))
	say(dataAge, int64(f.Age(now)/time.Second), array)
	if !f.Asked.IsZero() {
		say(arrayUp, one(f.Up), array)
	}
	if v := f.Volumes; !v.Taken.IsZero() {
		say(volumes, int64(v.Volumes), array)
		say(volumesDamaged, int64(v.Damaged), array)
		say(provisioned, int64(v.Provisioned), array)
		say(attachments, int64(v.Attachments), array)
		say(unfenced, int64(v.Unfenced), array)
	}
	if s := f.Snapshots; !s.Taken.IsZero() {
		say(snapshots, int64(s.Snapshots), array)
	}
	if f.Pools.Taken.IsZero() {
		return
	}
	for _, p := range f.Pools.Pools {
		pool := attribute.String("pool", p.Name)
		_, healthy := p.Healthy()
		say(poolHealthy, one(healthy), array, pool)
		if p.Mounted { // the size of what is not there is not known
			say(poolCapacity, int64(p.Total), array, pool)
			say(poolFree, int64(p.Free), array, pool)
		}
	}
}

func one(yes bool) int64 {
	if yes {
		return 1
	}
	return 0
}
