package csi

import (
	"maps"
	"slices"
	"strings"

	spec "github.com/container-storage-interface/spec/lib/go/csi"

	"git.srvlab.io/whiskey/rds-csi-driver/app"
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// snapshotParameters is what a VolumeSnapshotClass may carry: nothing but what
// the orchestrator itself adds.
const snapshotParameters = "csi.storage.k8s.io/"

// A snapshotting is a parsed CreateSnapshot.
type snapshotting struct {
	name   string
	source domain.VolumeID
}

func (s Settings) parseSnapshotting(r *spec.CreateSnapshotRequest) (n snapshotting, err error) {
	if n.name, err = domain.ParseName("name", r.GetName()); err != nil {
		return snapshotting{}, err
	}
	if n.source, err = s.parseVolume("source_volume_id", r.GetSourceVolumeId()); err != nil {
		return snapshotting{}, err
	}
	for _, key := range slices.Sorted(maps.Keys(r.GetParameters())) {
		if !strings.HasPrefix(key, snapshotParameters) {
			return snapshotting{}, invalid("parameter %q is unknown, allowed are %s*", key, snapshotParameters)
		}
	}
	return n, nil
}

// parseSnapshot reads a snapshot id. One of no shape of ours is the zero id: an
// absent snapshot.
func parseSnapshot(given string) (domain.SnapshotID, error) {
	if given == "" {
		return domain.SnapshotID{}, missing("snapshot_id")
	}
	id, _ := domain.ParseSnapshotID(given)
	return id, nil
}

// parseFilter lets an id of no shape of ours through as the zero id: it matches
// nothing.
func (s Settings) parseFilter(r *spec.ListSnapshotsRequest) (f app.SnapshotFilter) {
	if given := r.GetSnapshotId(); given != "" {
		id, _ := domain.ParseSnapshotID(given)
		f.ID = &id
	}
	if given := r.GetSourceVolumeId(); given != "" {
		id, _ := s.Handles.Parse(given)
		f.Source = &id
	}
	return f
}
