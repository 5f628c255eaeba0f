package observe_test

import (
	"context"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/trace"

	"git.srvlab.io/whiskey/rds-csi-driver/adapters/fakerds"
	"git.srvlab.io/whiskey/rds-csi-driver/adapters/observe"
	"git.srvlab.io/whiskey/rds-csi-driver/app"
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

func creation(name string) app.Creation {
	return app.Creation{VolumeRequest: domain.VolumeRequest{
		Name: name, Range: domain.SizeRange{Required: domain.GiB}, Access: domain.Block,
		Parameters: domain.Parameters{Array: "fast", Pool: "btrfs"},
	}}
}

func copied(name string, kind domain.OriginKind, source string) app.Creation {
	r := creation(name)
	r.Origin, r.Source = domain.Origin{Kind: kind, Name: source}, "fast"
	return r
}

// A stock is what the cases work on: a volume, and a snapshot of it.
type stock struct {
	*observe.Controller
	rds      *fakerds.RDS
	node     domain.NodeID
	volume   domain.VolumeID
	snapshot domain.SnapshotID
}

func stocked(t *testing.T, b *bench) *stock {
	t.Helper()
	c, rds := b.controller()
	host, err := domain.NewHost(cluster, "worker", "machine")
	if err != nil {
		t.Fatal(err)
	}
	// What is laid in is not to be seen in the metrics.
	v, err := c.Controller.Create(t.Context(), creation("source"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.Controller.Snapshot(t.Context(), "source", v.ID)
	if err != nil {
		t.Fatal(err)
	}
	return &stock{Controller: c, rds: rds, node: host.ID(), volume: v.ID, snapshot: s.ID}
}

func TestControllerOperations(t *testing.T) {
	slot, use := cluster.Slot("source"), domain.Use{Access: domain.Block, Mode: domain.SingleWriter}
	sn := "fast:" + cluster.SnapshotName("source")
	source := "fast:" + string(slot)
	for _, c := range []struct {
		name    string
		counted string
		do      func(context.Context, *stock) error
		about   map[string]string // of the span when all went well
	}{
		{"controller.create", "create", func(ctx context.Context, s *stock) error {
			_, err := s.Create(ctx, creation("new"))
			return err
		}, map[string]string{"name": "new", "volume": "fast:" + string(cluster.Slot("new"))}},
		{"controller.restore", "restore", func(ctx context.Context, s *stock) error {
			_, err := s.Create(ctx, copied("new", domain.FromSnapshot, s.snapshot.Name))
			return err
		}, map[string]string{"name": "new", "volume": "fast:" + string(cluster.Slot("new"))}},
		{"controller.clone", "clone", func(ctx context.Context, s *stock) error {
			_, err := s.Create(ctx, copied("new", domain.FromVolume, string(s.volume.Slot)))
			return err
		}, map[string]string{"name": "new", "volume": "fast:" + string(cluster.Slot("new"))}},
		{"controller.delete", "delete", func(ctx context.Context, s *stock) error {
			return s.Delete(ctx, s.volume)
		}, map[string]string{"volume": source}},
		{"controller.publish", "publish", func(ctx context.Context, s *stock) error {
			_, err := s.Publish(ctx, s.volume, s.node, use)
			return err
		}, map[string]string{"volume": source, "node": "worker"}},
		{"controller.unpublish", "unpublish", func(ctx context.Context, s *stock) error {
			return s.Unpublish(ctx, s.volume, s.node)
		}, map[string]string{"volume": source, "node": "worker"}},
		{"controller.expand", "expand", func(ctx context.Context, s *stock) error {
			_, err := s.Expand(ctx, s.volume, domain.SizeRange{Required: 2 * domain.GiB})
			return err
		}, map[string]string{"volume": source}},
		{"controller.snapshot", "snapshot", func(ctx context.Context, s *stock) error {
			_, err := s.Snapshot(ctx, "source", s.volume)
			return err
		}, map[string]string{"name": "source", "volume": source, "snapshot": sn}},
		{"controller.modify", "", func(ctx context.Context, s *stock) error {
			timings, err := domain.Timings{}.With("queueSize", "64")
			if err != nil {
				return err
			}
			return s.Modify(ctx, s.volume, timings)
		}, map[string]string{"volume": source}},
		{"controller.delete_snapshot", "", func(ctx context.Context, s *stock) error {
			return s.DeleteSnapshot(ctx, s.snapshot)
		}, map[string]string{"snapshot": sn}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			s := stocked(t, b)
			before := b.tallies()

			s.rds.Silence(fakerds.Before)
			err := c.do(t.Context(), s)
			_, status, about := b.last()
			if !domain.Is(err, domain.Unreachable) || status != "Error" || about["kind"] != "unreachable" {
				t.Errorf("silent array: %v, span %s of kind %q, want unreachable in both", err, status, about["kind"])
			}
			s.rds.Speak()
			if err := c.do(t.Context(), s); err != nil {
				t.Fatal(err)
			}
			name, status, about := b.last()
			if name != c.name || status != "Unset" || !maps.Equal(about, c.about) {
				t.Errorf("span %s %s %v, want %s without an error and %v", name, status, about, c.name, c.about)
			}
			want := maps.Clone(before)
			if c.counted != "" {
				want[c.counted] = tally{success: 1, failure: 1, timed: 2}
			}
			if got := b.tallies(); !maps.Equal(got, want) {
				t.Errorf("counted %v, want %v", got, want)
			}
		})
	}
}

func TestControllerStartsAtZero(t *testing.T) {
	b := newBench(t)
	b.controller()
	want := map[string]tally{}
	for _, op := range []string{"create", "restore", "clone", "delete", "publish", "unpublish", "expand", "snapshot"} {
		want[op] = tally{}
	}
	if got := b.tallies(); !maps.Equal(got, want) {
		t.Errorf("counted %v, want %v", got, want)
	}
}

func TestControllerReadsPassThrough(t *testing.T) {
	b := newBench(t)
	s := stocked(t, b)
	before := b.tallies()
	if v, err := s.Get(t.Context(), s.volume); err != nil || v.ID != s.volume {
		t.Errorf("get %v, %v, want %v", v.ID, err, s.volume)
	}
	if got := b.tallies(); !maps.Equal(got, before) || len(b.spans.Ended()) != 0 {
		t.Errorf("counted %v with %d spans, want nothing of a read", got, len(b.spans.Ended()))
	}
}

func TestPanicIsAFailureAndGoesOn(t *testing.T) {
	b := newBench(t)
	broken := b.observer.Controller(nil)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		_ = broken.Delete(t.Context(), domain.VolumeID{Array: "fast", Slot: "a"})
	}()
	want := tally{failure: 1, timed: 1}
	if got := b.tallies()["delete"]; got != want {
		t.Errorf("counted %v, want %v", got, want)
	}
	if _, status, _ := b.last(); status != "Error" {
		t.Errorf("span status %s, want Error", status)
	}
}

func TestDurationIsThatOfTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		s := stocked(t, b)
		s.rds.Cut(fakerds.Outage{Hang: true})
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		if err := s.Delete(ctx, s.volume); !domain.Is(err, domain.Unreachable) {
			t.Fatalf("delete on an array that hangs: %v, want unreachable", err)
		}
		if got := b.seconds(); got != 3 {
			t.Errorf("took %g s, want 3", got)
		}
	})
}

func TestSpansOfOneCallAreOneTrace(t *testing.T) {
	b := newBench(t)
	s := stocked(t, b)
	parent := trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled,
	})
	if err := s.Delete(trace.ContextWithSpanContext(t.Context(), parent), s.volume); err != nil {
		t.Fatal(err)
	}
	if got := b.spans.Ended()[0].Parent(); got.SpanID() != parent.SpanID() {
		t.Errorf("parent %v, want %v", got.SpanID(), parent.SpanID())
	}
}
