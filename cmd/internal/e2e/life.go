package e2e

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	spec "github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// Life is the suite of a volume's whole life, as each file system and as raw
// block. Between any two steps the driver and the array start again, and
// everything is found again.
func Life(t *testing.T, open Open) {
	for _, a := range []domain.Access{domain.Ext4, domain.XFS, domain.Btrfs, domain.Block} {
		t.Run(string(a), func(t *testing.T) {
			w := open(t)
			l := &life{w: w, access: a}
			defer l.step(t, l.removeAll) // whatever a step that failed has left
			for _, step := range l.steps() {
				if !t.Run(step.name, func(t *testing.T) { l.step(t, step.do) }) {
					return
				}
			}
		})
	}
}

// A life is a volume, its snapshot and its copies, each nil until it is made.
type life struct {
	*driver
	w        World
	access   domain.Access
	data     *volume
	restored *volume
	cloned   *volume
	snap     string
	all      []*volume
}

// A volume is one that was asked for.
type volume struct {
	id, dir   string
	published map[string]string
	staged    bool
}

func (v *volume) staging() string { return filepath.Join(v.dir, "staging") }
func (v *volume) target() string  { return filepath.Join(v.dir, "target") }

const (
	first  = "written before the snapshot"
	second = "written after the snapshot "
)

type step struct {
	name string
	do   func()
}

func (l *life) steps() []step {
	return []step{
		{"create", func() { l.data = l.make("data", nil, volSize) }},
		{"publish", func() { l.publish(l.data) }},
		{"a second node is refused", func() { l.code(l.elsewhere(l.data.id, l.access), codes.FailedPrecondition) }},
		{"stage", func() { l.stage(l.data) }},
		{"publish on the node", func() { l.show(l.data) }},
		{"write", func() { l.write(l.data, first) }},
		{"stats", func() { l.fits(l.data, volSize) }},
		{"snapshot", func() { l.snap = l.snapshot("snapshot", l.data.id) }},
		{"write again", func() { l.write(l.data, second) }},
		{"restore", func() { l.restored = l.make("restored", fromSnapshot(l.snap), l.copySize()) }},
		{"attach what was restored", func() { l.attach(l.restored, first, l.copySize()) }},
		{"clone", func() { l.cloned = l.make("cloned", fromVolume(l.data.id), l.copySize()) }},
		{"attach the clone", func() { l.attach(l.cloned, second, l.copySize()) }},
		{"expand", func() { l.expand(l.data) }},
		{"expand on the node", func() { l.grow(l.data) }},
		{"content of the three", func() {
			l.holds(l.data, second)
			l.holds(l.restored, first)
			l.holds(l.cloned, second)
		}},
		{"health", l.healthy},
		{"detach and attach", func() {
			l.detach(l.restored)
			l.attach(l.restored, first, l.copySize())
		}},
		{"unpublish from the node", func() { l.hide(l.data) }},
		{"unstage", func() { l.unstage(l.data) }},
		{"unpublish", func() { l.unpublish(l.data) }},
		{"the second node gets it", func() { l.must(l.elsewhere(l.data.id, l.access)); l.unpublish(l.data) }},
		{"delete", func() { l.remove(l.data.id); l.forget(l.data) }},
		{"copies outlive their source", func() { l.holds(l.restored, first); l.holds(l.cloned, second) }},
		{"take down", func() { l.removeAll(); l.nothing() }},
	}
}

// step does one step with a driver and an array that have just started.
func (l *life) step(t *testing.T, do func()) {
	t.Helper()
	if err := l.w.Array.Reboot(); err != nil {
		t.Fatal(err)
	}
	l.driver = l.w.start(t)
	defer l.stop()
	do()
}

// copySize is larger than the source, so that a copy's file system has to grow,
// unless this machine can not do that.
func (l *life) copySize() int64 {
	if l.w.NoGrow[l.access] != "" {
		return volSize
	}
	return 2 * volSize
}

func (l *life) make(name string, source *spec.VolumeContentSource, size int64) *volume {
	l.t.Helper()
	r := request(name, l.access, l.w.Pool, source)
	r.CapacityRange.RequiredBytes = size
	v := &volume{id: l.create(r), dir: filepath.Join(l.w.Dir, name)}
	l.all = append(l.all, v)
	l.must(os.MkdirAll(v.staging(), 0o750))
	return v
}

func (l *life) publish(v *volume) {
	l.t.Helper()
	answer, err := l.ControllerPublishVolume(l.t.Context(), &spec.ControllerPublishVolumeRequest{
		VolumeId: v.id, NodeId: l.id, VolumeCapability: capability(l.access),
	})
	l.must(err)
	v.published = answer.GetPublishContext()
}

func (l *life) stage(v *volume) {
	l.t.Helper()
	v.staged = true
	_, err := l.NodeStageVolume(l.t.Context(), &spec.NodeStageVolumeRequest{
		VolumeId: v.id, PublishContext: v.published, StagingTargetPath: v.staging(),
		VolumeCapability: capability(l.access),
	})
	l.must(err)
}

// show publishes a volume at its target path.
func (l *life) show(v *volume) {
	l.t.Helper()
	_, err := l.NodePublishVolume(l.t.Context(), &spec.NodePublishVolumeRequest{
		VolumeId: v.id, PublishContext: v.published, StagingTargetPath: v.staging(), TargetPath: v.target(),
		VolumeCapability: capability(l.access),
	})
	l.must(err)
}

// attach takes a volume to its target path and checks what is on it.
func (l *life) attach(v *volume, words string, size int64) {
	l.t.Helper()
	l.publish(v)
	l.stage(v)
	l.show(v)
	l.holds(v, words)
	l.fits(v, size)
}

func (l *life) file(v *volume) string { return filepath.Join(v.target(), "file") }

func (l *life) write(v *volume, words string) {
	l.t.Helper()
	if l.access == domain.Block {
		l.must(l.w.Files.WriteDevice(l.t.Context(), v.target(), []byte(words)))
	} else {
		l.must(l.w.Files.WriteFile(l.t.Context(), l.file(v), []byte(words)))
	}
	l.holds(v, words)
}

// holds checks what was written to a volume.
func (l *life) holds(v *volume, words string) {
	l.t.Helper()
	read := func(ctx context.Context) ([]byte, error) { return l.w.Files.ReadFile(ctx, l.file(v)) }
	if l.access == domain.Block {
		read = func(ctx context.Context) ([]byte, error) {
			return l.w.Files.ReadDevice(ctx, v.target(), len(words))
		}
	}
	got, err := read(l.t.Context())
	if err != nil || string(got) != words {
		l.t.Errorf("%s holds %q (%v), want %q", v.id, got, err, words)
	}
}

// fits checks that the volume, or the file system on it, has that size: a file
// system keeps a part for itself.
func (l *life) fits(v *volume, size int64) {
	l.t.Helper()
	answer, err := l.NodeGetVolumeStats(l.t.Context(), &spec.NodeGetVolumeStatsRequest{
		VolumeId: v.id, VolumePath: v.target(), StagingTargetPath: v.staging(),
	})
	l.must(err)
	least := size * 3 / 4
	if l.access == domain.Block {
		least = size
	}
	for _, u := range answer.GetUsage() {
		if got := u.GetTotal(); u.GetUnit() == spec.VolumeUsage_BYTES && (got < least || got > size) {
			l.t.Errorf("%s has %d bytes, want %d to %d", v.id, got, least, size)
		}
	}
	if len(answer.GetUsage()) == 0 {
		l.t.Errorf("%s has no usage", v.id)
	}
}

func (l *life) expand(v *volume) {
	l.t.Helper()
	answer, err := l.ControllerExpandVolume(l.t.Context(), &spec.ControllerExpandVolumeRequest{
		VolumeId: v.id, CapacityRange: &spec.CapacityRange{RequiredBytes: 2 * volSize},
	})
	l.must(err)
	if !answer.GetNodeExpansionRequired() || answer.GetCapacityBytes() != 2*volSize {
		l.t.Errorf("got %v, want %d bytes and something to do for the node", answer, 2*volSize)
	}
}

// grow expands a volume on the node, under its mount.
func (l *life) grow(v *volume) {
	l.t.Helper()
	_, err := l.NodeExpandVolume(l.t.Context(), &spec.NodeExpandVolumeRequest{
		VolumeId: v.id, VolumePath: v.target(), StagingTargetPath: v.staging(),
		CapacityRange: &spec.CapacityRange{RequiredBytes: 2 * volSize},
	})
	if word := l.w.NoGrow[l.access]; word != "" {
		l.code(err, codes.FailedPrecondition)
		if !strings.Contains(err.Error(), word) {
			l.t.Errorf("got %v, want %s in it", err, word)
		}
		return
	}
	l.must(err)
	l.fits(v, 2*volSize)
}

func (l *life) healthy() {
	l.t.Helper()
	for _, v := range l.all {
		array, err := l.ControllerGetVolumeHealth(l.t.Context(), &spec.ControllerGetVolumeHealthRequest{
			VolumeId: v.id,
		})
		l.must(err)
		host, err := l.NodeGetVolumeHealth(l.t.Context(), &spec.NodeGetVolumeHealthRequest{
			VolumeId: v.id, StagingTargetPath: v.staging(), VolumePublishPath: v.target(),
		})
		l.must(err)
		wrong := append(array.GetVolumeHealth().GetHealthStatuses(), host.GetVolumeHealth().GetHealthStatuses()...)
		if len(wrong) > 0 {
			l.t.Errorf("%s: got %v, want nothing wrong", v.id, wrong)
		}
	}
}

func (l *life) hide(v *volume) {
	l.t.Helper()
	_, err := l.NodeUnpublishVolume(l.t.Context(), &spec.NodeUnpublishVolumeRequest{
		VolumeId: v.id, TargetPath: v.target(),
	})
	l.must(err)
}

func (l *life) unstage(v *volume) {
	l.t.Helper()
	_, err := l.NodeUnstageVolume(l.t.Context(), &spec.NodeUnstageVolumeRequest{
		VolumeId: v.id, StagingTargetPath: v.staging(),
	})
	l.must(err)
	v.staged = false
}

func (l *life) unpublish(v *volume) {
	l.t.Helper()
	_, err := l.ControllerUnpublishVolume(l.t.Context(), &spec.ControllerUnpublishVolumeRequest{VolumeId: v.id})
	l.must(err)
}

func (l *life) detach(v *volume) {
	l.t.Helper()
	if v.staged {
		l.hide(v)
		l.unstage(v)
	}
	l.unpublish(v)
}

// forget takes a volume that is gone off the list.
func (l *life) forget(v *volume) {
	for i, x := range l.all {
		if x == v {
			l.all = append(l.all[:i], l.all[i+1:]...)
			return
		}
	}
}

// removeAll takes down whatever is there.
func (l *life) removeAll() {
	l.t.Helper()
	for len(l.all) > 0 {
		v := l.all[0]
		l.forget(v)
		l.detach(v)
		l.remove(v.id)
	}
	if l.snap != "" {
		l.removeSnapshot(l.snap)
		l.snap = ""
	}
}

// nothing checks that array and host have nothing left.
func (l *life) nothing() {
	l.t.Helper()
	l.w.empty(l.t)
	held, err := l.w.Held()
	l.must(err)
	if len(held) > 0 {
		l.t.Errorf("left on the host: %q", held)
	}
}
