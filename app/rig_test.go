package app_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"git.srvlab.io/whiskey/rds-csi-driver/adapters/fakehost"
	"git.srvlab.io/whiskey/rds-csi-driver/app"
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
	"git.srvlab.io/whiskey/rds-csi-driver/ports"
)

const (
	rigCluster = domain.ClusterID("app-test")
	rigGrace   = 2 * time.Minute
	// rigSize is large enough for copies of ext4's superblock to lie outside of
	// what a quick proof looks at.
	rigSize = 16 * domain.MiB
)

// A targetDir is what the host connects to: for each export a link to the image
// and a file with the admitted host.
type targetDir string

func (d targetDir) Export(nqn domain.NQN, image, host string) error {
	link := filepath.Join(string(d), nqn.String())
	return errors.Join(os.RemoveAll(link), os.WriteFile(link+".host", []byte(host+"\n"), 0o600), os.Symlink(image, link))
}

func (d targetDir) Withdraw(nqn domain.NQN) error {
	link := filepath.Join(string(d), nqn.String())
	return errors.Join(os.Remove(link), os.Remove(link+".host"))
}

// A rig is a node on a host in memory, and the target that the host connects to.
type rig struct {
	*testing.T
	target targetDir
	kernel *fakehost.Host
	tap    *tap
	guard  app.Guard
	self   domain.Host
	events *events
	node   *app.Node
}

// newRig returns a host as a kernel that goes on connecting, as Linux 6.1 does.
func newRig(t *testing.T, change ...func(*fakehost.Config)) *rig {
	t.Helper()
	cfg := fakehost.Config{TargetDir: filepath.Join(t.TempDir(), "target"), Prefix: domain.DefaultNQNPrefix, KeepsTrying: true}
	for _, c := range change {
		c(&cfg)
	}
	self, err := domain.NewHost(rigCluster, "node-a", "machine")
	must(t, err)
	must(t, os.Mkdir(cfg.TargetDir, 0o700))
	r := &rig{
		T: t, target: targetDir(cfg.TargetDir), kernel: fakehost.New(cfg), tap: &tap{}, self: self, events: &events{},
	}
	r.restart()
	t.Cleanup(func() {
		r.node.Wait()
		if open := r.tap.opened(); open != 0 {
			t.Errorf("got %d devices left open, want none", open)
		}
	})
	return r
}

// removesControllers makes the kernel one that removes a controller as soon as
// its target refuses it, as Linux 6.12 does.
func removesControllers(cfg *fakehost.Config) { cfg.KeepsTrying = false }

// restart replaces the node by a new process on the same host.
func (r *rig) restart(change ...func(*app.NodeSettings)) {
	s := app.NodeSettings{
		Settings: app.Settings{Cluster: rigCluster, Prefix: domain.DefaultNQNPrefix},
		Host:     r.self, UnstageGrace: rigGrace, MaxVolumes: 7, Topology: map[string]string{"zone": "a"},
	}
	for _, c := range change {
		c(&s)
	}
	r.node = app.NewNode(s, r.tap.ports(r.ports()), r.events)
}

// ports returns the host past the tap.
func (r *rig) ports() app.HostPorts {
	return app.HostPorts{
		Fabric: r.kernel.Fabric(), Devices: r.kernel.Devices(), Filesystems: r.kernel.Filesystems(),
		Mounts: r.kernel.Mounts(), Hints: r.kernel.Hints(),
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("got %v (%v), want no error", err, domain.KindOf(err))
	}
}

// wantKind checks the kind of an error.
func wantKind(t *testing.T, err error, want domain.Kind) {
	t.Helper()
	if !domain.Is(err, want) {
		t.Fatalf("got %v (%v), want %v", err, domain.KindOf(err), want)
	}
}

// A vol is a volume that was granted to the node.
type vol struct {
	staging app.Staging
	image   string
}

func (v vol) slot() domain.Slot { return v.staging.Attachment.ID.Slot }

func (v vol) nqn() domain.NQN { return v.staging.Attachment.Target.NQN }

// target returns a path to publish at.
func (v vol) target(name string) string { return filepath.Join(filepath.Dir(v.staging.Path), name) }

// as returns the volume with another access or use.
func (v vol) as(a domain.Access, m domain.Mode, readOnly bool) vol {
	use, err := domain.NewUse(a, m, readOnly)
	if err != nil {
		panic(err)
	}
	v.staging.Use = use
	return v
}

// formatted returns the volume with another word of its grant on formatting.
func (v vol) formatted(f domain.Format) vol {
	v.staging.Attachment.Format = f
	return v
}

// volume makes an image of 16 MiB and exports it: blank, for ext4 and one
// writer.
func (r *rig) volume(name string) vol {
	r.Helper()
	image := filepath.Join(r.TempDir(), "volume.img")
	must(r.T, os.WriteFile(image, nil, 0o600))
	must(r.T, os.Truncate(image, int64(rigSize)))
	id := domain.VolumeID{Array: "rds", Slot: rigCluster.Slot(name)}
	v := vol{image: image, staging: app.Staging{
		Attachment: domain.Attachment{
			ID: id,
			Target: domain.Target{
				NQN:     domain.NQN{Prefix: domain.DefaultNQNPrefix, Slot: id.Slot, Epoch: "aaaaaaaa"},
				Portals: []domain.Portal{{Host: "192.0.2.1", Port: domain.DefaultPort}},
				HostNQN: r.self.NQN(), HostID: r.self.UUID.String(), Timings: domain.DefaultTimings(),
			},
			Size: rigSize, Format: domain.FormatBlankUntil(time.Now().Add(time.Hour)),
		},
		Path: filepath.Join(r.TempDir(), "staging"),
	}}
	v = v.as(domain.Ext4, domain.SingleWriter, false)
	r.export(v)
	return v
}

// export shows the volume to this host.
func (r *rig) export(v vol) {
	r.Helper()
	must(r.T, r.target.Export(v.nqn(), v.image, r.self.NQN()))
}

func (r *rig) withdraw(v vol) {
	r.Helper()
	must(r.T, r.target.Withdraw(v.nqn()))
}

// next returns the volume as it is granted the next time: exported under a new
// epoch only.
func (r *rig) next(v vol) vol {
	r.Helper()
	r.withdraw(v)
	v.staging.Attachment.Target.NQN.Epoch = "bbbbbbbb"
	v.staging.Attachment.Format = domain.FormatNever()
	r.export(v)
	return v
}

// call calls the node under the guard, as the gRPC server does.
func (r *rig) call(ctx context.Context, slot domain.Slot, do func(context.Context) error) error {
	ctx, leave, err := r.guard.Enter(ctx, string(slot))
	if err != nil {
		return err
	}
	defer leave()
	return do(ctx)
}

// patience is the deadline of an orchestrator.
const patience = time.Minute

func (r *rig) within() (context.Context, context.CancelFunc) {
	return context.WithTimeout(r.Context(), patience)
}

func (r *rig) stage(v vol) error {
	ctx, cancel := r.within()
	defer cancel()
	return r.call(ctx, v.slot(), func(ctx context.Context) error { return r.node.Stage(ctx, v.staging) })
}

func (r *rig) unstage(v vol) error {
	ctx, cancel := r.within()
	defer cancel()
	return r.call(ctx, v.slot(), func(ctx context.Context) error { return r.node.Unstage(ctx, v.slot(), v.staging.Path) })
}

func (r *rig) publish(v vol, target string) error {
	ctx, cancel := r.within()
	defer cancel()
	return r.call(ctx, v.slot(), func(ctx context.Context) error {
		return r.node.Publish(ctx, app.Publication{
			Slot: v.slot(), Use: v.staging.Use, Staging: v.staging.Path, Target: target, Attached: v.staging.Attachment,
		})
	})
}

func (r *rig) unpublish(v vol, target string) error {
	ctx, cancel := r.within()
	defer cancel()
	return r.call(ctx, v.slot(), func(ctx context.Context) error { return r.node.Unpublish(ctx, v.slot(), target) })
}

// staged stages the volume.
func (r *rig) staged(v vol) vol {
	r.Helper()
	must(r.T, r.stage(v))
	return v
}

// controllers returns what is connected.
func (r *rig) controllers() []domain.Controller {
	r.Helper()
	list, err := r.kernel.Fabric().List(r.Context())
	must(r.T, err)
	return list
}

func (r *rig) mounts() []ports.Mount {
	r.Helper()
	list, err := r.kernel.Mounts().List(r.Context())
	must(r.T, err)
	return list
}

// mountAt returns the one mount at a path.
func (r *rig) mountAt(path string) ports.Mount {
	r.Helper()
	at := slices.DeleteFunc(r.mounts(), func(m ports.Mount) bool { return m.Target != path })
	if len(at) != 1 {
		r.Fatalf("got %+v at %s, want one mount", at, path)
	}
	return at[0]
}

// wantNothingLeft checks that nothing of any volume is on the host.
func (r *rig) wantNothingLeft() {
	r.Helper()
	r.wantLeft(0, 0)
	hints, err := r.kernel.Hints().List(r.Context())
	must(r.T, err)
	if len(hints) != 0 {
		r.Errorf("got hints %+v, want none", hints)
	}
}

// wantLeft checks how much there is.
func (r *rig) wantLeft(controllers, mounts int) {
	r.Helper()
	if got := r.controllers(); len(got) != controllers {
		r.Errorf("got controllers %+v, want %d", got, controllers)
	}
	if got := r.mounts(); len(got) != mounts {
		r.Errorf("got mounts %+v, want %d", got, mounts)
	}
}

// sum returns what tells one content of an image from another.
func (r *rig) sum(v vol) [sha256.Size]byte {
	r.Helper()
	data, err := os.ReadFile(v.image)
	must(r.T, err)
	return sha256.Sum256(data)
}

// put writes bytes into an image behind the host's back.
func (r *rig) put(v vol, offset domain.Size, data []byte) {
	r.Helper()
	f, err := os.OpenFile(v.image, os.O_WRONLY, 0)
	must(r.T, err)
	_, err = f.WriteAt(data, int64(offset))
	must(r.T, err)
	must(r.T, f.Close())
}

// Events keeps what was recorded.
type events struct {
	mu   sync.Mutex
	list []domain.Event
}

// Record implements ports.Recorder.
func (e *events) Record(_ context.Context, event domain.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = append(e.list, event)
}

// refusals returns why formatting was refused.
func (e *events) refusals() []domain.Refusal {
	e.mu.Lock()
	defer e.mu.Unlock()
	var reasons []domain.Refusal
	for _, event := range e.list {
		if refused, ok := event.(domain.FormatRefused); ok {
			reasons = append(reasons, refused.Reason)
		}
	}
	return reasons
}

// stuck returns the calls that hang.
func (r *rig) stuck() map[string]int {
	counts := maps.Clone(r.node.Stuck())
	maps.DeleteFunc(counts, func(_ string, n int) bool { return n == 0 })
	return counts
}

// kind returns an error of that kind.
func kind(k domain.Kind) error { return domain.Fail(k, "test", "", "%s by the test", k) }

// sameKind reports whether two errors are of one kind, or both nil.
func sameKind(got, want error) bool {
	return (got == nil) == (want == nil) && domain.KindOf(got) == domain.KindOf(want)
}

// wantText checks that an error names what it is about.
func wantText(t *testing.T, err error, text string) {
	t.Helper()
	if !strings.Contains(err.Error(), text) {
		t.Errorf("got %q, want it to name %q", err, text)
	}
}

// sized makes the image that large, and the grant.
func (r *rig) sized(v vol, size domain.Size) vol {
	r.Helper()
	must(r.T, os.Truncate(v.image, int64(size)))
	v.staging.Attachment.Size = size
	return v
}

// hang makes the calls of that name hang, whatever their context, until release.
// It needs the bubble of a synctest.
func (r *rig) hang(name string) (release func()) {
	let := make(chan struct{})
	r.tap.arm(func(_ int, call string) error {
		if call == name {
			<-let
		}
		return nil
	}, nil)
	return sync.OnceFunc(func() {
		r.tap.arm(nil, nil)
		close(let)
		synctest.Wait()
	})
}
