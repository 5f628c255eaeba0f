package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	gib         = 1 << 30
	secondNode  = "a-second-node"
	firstWords  = "written before the snapshot\n"
	secondWords = "written after the snapshot\n"
)

// makeDir makes a directory for a staging path, as an orchestrator does.
func makeDir(path string) error { return os.MkdirAll(path, 0o750) }

// A step is one line of the demonstration.
type step struct {
	name string
	do   func(ctx context.Context) (string, error)
}

// A story is the life of a volume: what each step makes is what the next ones
// use.
type story struct {
	*orchestrator
	second   string // node id of a node that does not hold the volume
	data     *volume
	restored *volume
	cloned   *volume
	snapshot string
}

func (s *story) steps() []step {
	return []step{
		{"create", s.createFirst},
		{"attach", s.attachFirst},
		{"write", s.write(firstWords)},
		{"stats", s.stats},
		{"expand", s.expand},
		{"snapshot", s.takeSnapshot},
		{"change", s.write(secondWords)},
		{"restore", s.restore},
		{"clone", s.clone},
		{"second node", s.refuseSecond},
		{"health", s.health},
	}
}

func (s *story) createFirst(ctx context.Context) (what string, err error) {
	if s.data, err = s.create(ctx, "demo-data", gib, nil); err != nil {
		return "", err
	}
	again, err := s.controller.CreateVolume(ctx, s.data.request)
	if err != nil {
		return "", fmt.Errorf("the same create again: %w", err)
	}
	if id := again.GetVolume().GetVolumeId(); id != s.data.id {
		return "", fmt.Errorf("the same create again gave %s", id)
	}
	return "1 GiB as " + s.data.id + ", the same when asked again", nil
}

func (s *story) attachFirst(ctx context.Context) (string, error) {
	if err := s.attach(ctx, s.data); err != nil {
		return "", err
	}
	return s.data.published["nqn"], nil
}

func (s *story) write(words string) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		if err := s.files.WriteFile(ctx, s.data.file(), []byte(words)); err != nil {
			return "", err
		}
		return fmt.Sprintf("%q", words), s.holds(ctx, s.data, words)
	}
}

// holds checks that the volume's file has exactly those words.
func (s *story) holds(ctx context.Context, v *volume, words string) error {
	got, err := s.files.ReadFile(ctx, v.file())
	if err != nil {
		return err
	}
	if !bytes.Equal(got, []byte(words)) {
		return fmt.Errorf("%s holds %q, want %q", v.name, got, words)
	}
	return nil
}

func (s *story) total(ctx context.Context, v *volume) (int64, error) {
	answer, err := s.node.NodeGetVolumeStats(ctx, &csi.NodeGetVolumeStatsRequest{
		VolumeId: v.id, VolumePath: v.targetPath(), StagingTargetPath: v.staging(),
	})
	if err != nil {
		return 0, err
	}
	for _, u := range answer.GetUsage() {
		if u.GetUnit() == csi.VolumeUsage_BYTES {
			return u.GetTotal(), nil
		}
	}
	return 0, errors.New("the stats name no bytes")
}

func (s *story) stats(ctx context.Context) (string, error) {
	total, err := s.total(ctx, s.data)
	if err == nil && (total < gib/2 || total > gib) {
		err = fmt.Errorf("the file system has %d bytes on a volume of 1 GiB", total)
	}
	return fmt.Sprintf("%d bytes in the file system", total), err
}

func (s *story) expand(ctx context.Context) (string, error) {
	answer, err := s.controller.ControllerExpandVolume(ctx, &csi.ControllerExpandVolumeRequest{
		VolumeId: s.data.id, CapacityRange: &csi.CapacityRange{RequiredBytes: 2 * gib}, VolumeCapability: s.capability(),
	})
	if err != nil {
		return "", err
	}
	if !answer.GetNodeExpansionRequired() {
		return "", errors.New("the controller says that the node has nothing to do")
	}
	if _, err := s.node.NodeExpandVolume(ctx, &csi.NodeExpandVolumeRequest{
		VolumeId: s.data.id, VolumePath: s.data.targetPath(), StagingTargetPath: s.data.staging(),
		CapacityRange: &csi.CapacityRange{RequiredBytes: 2 * gib}, VolumeCapability: s.capability(),
	}); err != nil {
		return "", err
	}
	total, err := s.total(ctx, s.data)
	if err == nil && total <= gib {
		err = fmt.Errorf("the file system still has %d bytes", total)
	}
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("under the mount, now %d bytes", total), s.holds(ctx, s.data, firstWords)
}

func (s *story) takeSnapshot(ctx context.Context) (string, error) {
	answer, err := s.controller.CreateSnapshot(ctx, &csi.CreateSnapshotRequest{
		Name: "demo-snapshot", SourceVolumeId: s.data.id,
	})
	if err != nil {
		return "", err
	}
	s.snapshot = answer.GetSnapshot().GetSnapshotId()
	s.snapshots = append(s.snapshots, s.snapshot)
	if !answer.GetSnapshot().GetReadyToUse() {
		return "", errors.New("it is not ready to use")
	}
	return s.snapshot, nil
}

func (s *story) restore(ctx context.Context) (what string, err error) {
	source := &csi.VolumeContentSource{Type: &csi.VolumeContentSource_Snapshot{
		Snapshot: &csi.VolumeContentSource_SnapshotSource{SnapshotId: s.snapshot},
	}}
	if s.restored, err = s.create(ctx, "demo-restored", 2*gib, source); err != nil {
		return "", err
	}
	if err := s.attach(ctx, s.restored); err != nil {
		return "", err
	}
	return s.restored.id + " holds what was there then", s.holds(ctx, s.restored, firstWords)
}

func (s *story) clone(ctx context.Context) (what string, err error) {
	source := &csi.VolumeContentSource{Type: &csi.VolumeContentSource_Volume{
		Volume: &csi.VolumeContentSource_VolumeSource{VolumeId: s.data.id},
	}}
	if s.cloned, err = s.create(ctx, "demo-clone", 2*gib, source); err != nil {
		return "", err
	}
	if err := s.attach(ctx, s.cloned); err != nil {
		return "", err
	}
	if err := s.holds(ctx, s.data, secondWords); err != nil {
		return "", err
	}
	return s.cloned.id + " holds what is there now", s.holds(ctx, s.cloned, secondWords)
}

func (s *story) refuseSecond(ctx context.Context) (string, error) {
	_, err := s.publish(ctx, s.data, s.second)
	if status.Code(err) != codes.FailedPrecondition {
		return "", fmt.Errorf("a second node got code %s, want FailedPrecondition", status.Code(err))
	}
	return "refused: " + status.Convert(err).Message(), nil
}

func (s *story) health(ctx context.Context) (string, error) {
	array, err := s.controller.ControllerGetVolumeHealth(ctx, &csi.ControllerGetVolumeHealthRequest{VolumeId: s.data.id})
	if err != nil {
		return "", err
	}
	host, err := s.node.NodeGetVolumeHealth(ctx, &csi.NodeGetVolumeHealthRequest{
		VolumeId: s.data.id, StagingTargetPath: s.data.staging(), VolumePublishPath: s.data.targetPath(),
	})
	if err != nil {
		return "", err
	}
	wrong := append(array.GetVolumeHealth().GetHealthStatuses(), host.GetVolumeHealth().GetHealthStatuses()...)
	if len(wrong) > 0 {
		return "", fmt.Errorf("reported: %v", wrong)
	}
	return "nothing wrong on the array and on the node", nil
}

// tearDown removes everything and checks that the array has nothing left.
func (s *story) tearDown(ctx context.Context) (string, error) {
	volumes := len(s.volumes)
	if err := s.removeAll(ctx); err != nil {
		return "", err
	}
	left, err := s.controller.ListVolumes(ctx, &csi.ListVolumesRequest{})
	if err != nil {
		return "", err
	}
	snapshots, err := s.controller.ListSnapshots(ctx, &csi.ListSnapshotsRequest{})
	if err != nil {
		return "", err
	}
	if n := len(left.GetEntries()) + len(snapshots.GetEntries()); n > 0 {
		return "", fmt.Errorf("%d volumes and snapshots are left", n)
	}
	return fmt.Sprintf("%d volumes and the snapshot are gone", volumes), nil
}
