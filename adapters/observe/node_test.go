package observe_test

import (
	"context"
	"maps"
	"path/filepath"
	"testing"
	"time"

	"git.srvlab.io/whiskey/rds-csi-driver/adapters/fakehost"
	"git.srvlab.io/whiskey/rds-csi-driver/adapters/fakerds"
	"git.srvlab.io/whiskey/rds-csi-driver/adapters/observe"
	"git.srvlab.io/whiskey/rds-csi-driver/app"
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// A site is a node with a volume that was published to it.
type site struct {
	*observe.Node
	attachment domain.Attachment
	use        domain.Use
	staging    string
	target     string
}

// attached returns a site in which nothing was staged yet.
func attached(t *testing.T, b *bench) *site {
	t.Helper()
	targets := t.TempDir()
	rds, err := fakerds.Open(fakerds.Config{Dir: t.TempDir(), TargetDir: targets, Array: "fast", Cluster: cluster})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, rds) })
	host, err := domain.NewHost(cluster, "worker", "machine")
	if err != nil {
		t.Fatal(err)
	}
	s := &site{
		use:     domain.Use{Access: domain.Ext4, Mode: domain.SingleWriter},
		staging: t.TempDir(), target: filepath.Join(t.TempDir(), "target"),
	}
	s.attachment = published(t, rds, host.ID(), s.use)
	h := fakehost.New(fakehost.Config{TargetDir: targets, Prefix: domain.DefaultNQNPrefix})
	node := app.NewNode(app.NodeSettings{
		Settings: app.Settings{Cluster: cluster, Prefix: domain.DefaultNQNPrefix}, Host: host, UnstageGrace: time.Minute,
	}, app.HostPorts{
		Fabric: h.Fabric(), Devices: h.Devices(), Filesystems: h.Filesystems(), Mounts: h.Mounts(), Hints: h.Hints(),
	}, deaf{})
	t.Cleanup(node.Wait)
	s.Node = b.observer.Node(node)
	return s
}

func published(t *testing.T, rds *fakerds.RDS, node domain.NodeID, use domain.Use) domain.Attachment {
	t.Helper()
	controller := controllerOver(t, rds)
	r := creation("source")
	r.Access = use.Access
	v, err := controller.Create(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	a, err := controller.Publish(t.Context(), v.ID, node, use)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (s *site) stage(ctx context.Context) error {
	return s.Stage(ctx, app.Staging{Attachment: s.attachment, Use: s.use, Path: s.staging})
}

func (s *site) publish(ctx context.Context) error {
	return s.Publish(ctx, app.Publication{
		Slot: s.attachment.ID.Slot, Use: s.use, Staging: s.staging, Target: s.target, Attached: s.attachment,
	})
}

func TestNodeOperations(t *testing.T) {
	slot := string(cluster.Slot("source"))
	for _, c := range []struct {
		name    string
		counted string
		before  []func(*site, context.Context) error
		do      func(*site, context.Context) error
		volume  string
	}{
		{"node.stage", "stage", nil, (*site).stage, "fast:" + slot},
		{"node.publish", "node_publish", []func(*site, context.Context) error{(*site).stage}, (*site).publish, slot},
		{"node.unpublish", "node_unpublish", []func(*site, context.Context) error{(*site).stage, (*site).publish},
			func(s *site, ctx context.Context) error { return s.Unpublish(ctx, s.attachment.ID.Slot, s.target) }, slot},
		{"node.unstage", "unstage", []func(*site, context.Context) error{(*site).stage},
			func(s *site, ctx context.Context) error { return s.Unstage(ctx, s.attachment.ID.Slot, s.staging) }, slot},
		{"node.expand", "", []func(*site, context.Context) error{(*site).stage},
			func(s *site, ctx context.Context) error {
				_, err := s.Expand(ctx, s.attachment.ID.Slot, s.staging, domain.SizeRange{Required: domain.GiB})
				return err
			}, slot},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			s := attached(t, b)
			for _, do := range c.before {
				if err := do(s, t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			want := b.tallies()

			over, cancel := context.WithCancel(t.Context())
			cancel()
			if err := c.do(s, over); err == nil {
				t.Fatal("a call whose context has ended succeeded")
			}
			name, status, about := b.last()
			if name != c.name || status != "Error" || about["kind"] == "" {
				t.Errorf("span %s %s %v, want %s with an error and its kind", name, status, about, c.name)
			}
			if err := c.do(s, t.Context()); err != nil {
				t.Fatal(err)
			}
			name, status, about = b.last()
			wantAbout := map[string]string{"volume": c.volume, "node": "worker"}
			if name != c.name || status != "Unset" || !maps.Equal(about, wantAbout) {
				t.Errorf("span %s %s %v, want %s without an error and %v", name, status, about, c.name, wantAbout)
			}
			if c.counted != "" {
				want[c.counted] = tally{success: 1, failure: 1, timed: 2}
			}
			if got := b.tallies(); !maps.Equal(got, want) {
				t.Errorf("counted %v, want %v", got, want)
			}
		})
	}
}

func TestNodeStartsAtZero(t *testing.T) {
	b := newBench(t)
	attached(t, b)
	want := map[string]tally{"stage": {}, "unstage": {}, "node_publish": {}, "node_unpublish": {}}
	if got := b.tallies(); !maps.Equal(got, want) {
		t.Errorf("counted %v, want %v", got, want)
	}
}

func TestNodeReadsPassThrough(t *testing.T) {
	b := newBench(t)
	s := attached(t, b)
	before := b.tallies()
	if got := s.Info().ID.Name(); got != "worker" {
		t.Errorf("node %s, want worker", got)
	}
	if got := b.tallies(); !maps.Equal(got, before) || len(b.spans.Ended()) != 0 {
		t.Errorf("counted %v with %d spans, want nothing of a read", got, len(b.spans.Ended()))
	}
}
