package app_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"git.srvlab.io/whiskey/rds-csi-driver/app"
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// What one controller has seen, another one has changed meanwhile. The first may
// try on what it has seen; it must not answer from it.
func TestWhatAnotherReplicaChangedIsNeverAnsweredFromMemory(t *testing.T) {
	id := idOf("one", "vol")
	type side = *app.Controller
	publish := func(name string) func(*stand, side) error {
		return func(s *stand, c side) error {
			_, err := c.Publish(s.t.Context(), id, nodeOf(s.t, name), useWriter)
			return err
		}
	}
	unpublish := func(name string) func(*stand, side) error {
		return func(s *stand, c side) error { return c.Unpublish(s.t.Context(), id, nodeOf(s.t, name)) }
	}
	remove := func(s *stand, c side) error { return c.Delete(s.t.Context(), id) }
	create := func(size domain.Size) func(*stand, side) error {
		return func(s *stand, c side) error {
			_, err := c.Create(s.t.Context(), wish("vol", sized(size)))
			return err
		}
	}
	expand := func(required, limit domain.Size) func(*stand, side) error {
		return func(s *stand, c side) error {
			_, err := c.Expand(s.t.Context(), id, domain.SizeRange{Required: required, Limit: limit})
			return err
		}
	}
	modify := func(s *stand, c side) error { return c.Modify(s.t.Context(), id, domain.DefaultTimings()) }
	comment := func(text string) func(*stand, side) error {
		return func(s *stand, _ side) error { return s.one().SetComment(string(id.Slot), text) }
	}
	type steps []func(*stand, side) error
	recreated := steps{remove, create(64 * domain.MiB)}
	const fine = domain.Kind(255)

	for _, c := range []struct {
		name      string
		seen      steps // by the first
		meanwhile steps // by the second
		act       func(*stand, side) error
		want      domain.Kind
		says      string
		holders   []string
		size      domain.Size // 0: the volume is gone
	}{
		{"free, then held by another", nil, steps{publish("b")}, publish("a"), domain.InUse, "node b", []string{"b"}, 64},
		{"free, then held by the same", nil, steps{publish("a")}, publish("a"), fine, "", []string{"a"}, 64},
		{"held by another, then free", steps{publish("b")}, steps{unpublish("b")}, publish("a"), fine, "", []string{"a"}, 64},
		{"held by the same, then by another", steps{publish("a")}, steps{unpublish("a"), publish("b")}, publish("a"), domain.InUse, "node b", []string{"b"}, 64},
		{"held by the same, then free", steps{publish("a")}, steps{unpublish("a")}, publish("a"), fine, "", []string{"a"}, 64},
		{"there, then gone: publish", nil, steps{remove}, publish("a"), domain.NotFound, "", nil, 0},
		{"there, then made anew: publish", steps{publish("a"), unpublish("a")}, recreated, publish("a"), fine, "", []string{"a"}, 64},
		{"free, then held: unpublish", nil, steps{publish("a")}, unpublish("a"), fine, "", nil, 64},
		{"held, then free: unpublish", steps{publish("a")}, steps{unpublish("a")}, unpublish("a"), fine, "", nil, 64},
		{"held, then by another: unpublish", steps{publish("a")}, steps{unpublish("a"), publish("b")}, unpublish("a"), fine, "", []string{"b"}, 64},
		{"there, then gone: unpublish", steps{publish("a")}, steps{unpublish("a"), remove}, unpublish("a"), fine, "", nil, 0},
		{"free, then held: delete", nil, steps{publish("b")}, remove, domain.InUse, "held by b", []string{"b"}, 64},
		{"held, then free: delete", steps{publish("b")}, steps{unpublish("b")}, remove, fine, "", nil, 0},
		{"there, then gone: delete", nil, steps{remove}, remove, fine, "", nil, 0},
		{"there, then gone: create", nil, steps{remove}, create(64 * domain.MiB), fine, "", nil, 64},
		{"small, then grown: expand", nil, steps{expand(100*domain.MiB, 0)}, expand(80*domain.MiB, 0), fine, "", nil, 100},
		{"small, then grown: expand with a limit", nil, steps{expand(100*domain.MiB, 0)}, expand(80*domain.MiB, 90*domain.MiB), domain.OutOfRange, "never shrink", nil, 100},
		{"large, then made anew: expand", steps{expand(100*domain.MiB, 0)}, recreated, expand(80*domain.MiB, 0), fine, "", nil, 80},
		{"large, then made anew: expand with a limit", steps{expand(100*domain.MiB, 0)}, recreated, expand(80*domain.MiB, 90*domain.MiB), fine, "", nil, 80},
		{"there, then gone: expand", nil, steps{remove}, expand(80*domain.MiB, 0), domain.NotFound, "", nil, 0},
		{"modified, then made anew: modify", steps{modify}, recreated, modify, fine, "", nil, 64},
		{"there, then gone: modify", nil, steps{remove}, modify, domain.NotFound, "", nil, 0},
		{"whole, then damaged: publish", nil, steps{comment("spoiled")}, publish("a"), domain.DataAtRisk, "damaged", nil, 64},
		{"whole, then damaged: delete", nil, steps{comment("spoiled")}, remove, domain.DataAtRisk, "damaged", nil, 64},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStand(t)
			other := s.replica()
			s.must(create(64*domain.MiB)(s, s.Controller))
			for _, do := range c.seen {
				s.must(do(s, s.Controller))
			}
			for _, do := range c.meanwhile {
				s.must(do(s, other))
			}
			if err := c.act(s, s.Controller); c.want == fine {
				wantNoError(t, err)
			} else {
				wantError(t, err, c.want, c.says)
			}
			if c.size == 0 {
				s.wantVolumes()
				return
			}
			s.wantVolumes("vol")
			s.wantHolders(id, c.holders...)
			if size := s.on(id).Row.Size; size != c.size*domain.MiB {
				t.Errorf("the volume has %s, want %d MiB", size, c.size)
			}
			if c.name == "modified, then made anew: modify" && s.on(id).Record.Modified != domain.DefaultTimings() {
				t.Error("the new volume was not modified")
			}
		})
	}
}

func TestVolumeThatWasDamagedWhenSeenIsReadAgain(t *testing.T) {
	s := newStand(t)
	v := s.create(wish("vol"))
	s.must(s.one().SetComment(string(v.ID.Slot), "spoiled"))
	got, err := s.Get(t.Context(), v.ID)
	if err != nil || got.Standing != domain.Damaged {
		t.Fatalf("got %v, %v, want the damaged volume", got, err)
	}
	s.must(s.one().SetComment(string(v.ID.Slot), v.Row.Comment))
	s.publish(v.ID, "a", useWriter)
}

// A record that has no place for one more holder is one that was read now.
func TestRecordThatWasFullWhenSeenIsReadAgain(t *testing.T) {
	s := newStand(t)
	v := s.create(wish("vol"))
	s.publish(v.ID, "a", useWriter)
	s.unpublish(v.ID, "a")
	long := func(i int) string { return fmt.Sprintf("%d%s", i, strings.Repeat("n", 132)) }
	var err error
	held := 0
	for ; err == nil; held++ {
		_, err = s.Publish(t.Context(), v.ID, nodeOf(t, long(held)), useReader)
	}
	wantError(t, err, domain.Exhausted, "too many holders")
	_, err = s.Get(t.Context(), v.ID) // sees it full
	s.must(err)
	s.must(s.replica().Unpublish(t.Context(), v.ID, nodeOf(t, long(0))))
	_, err = s.Publish(t.Context(), v.ID, nodeOf(t, long(held-1)), useReader)
	wantNoError(t, err)
}

func TestRecordThatOthersKeepChanging(t *testing.T) {
	for _, c := range []struct {
		name    string
		changes int
		want    string
	}{
		{"a few times", 7, ""},
		{"all the time", 1000, "keeps changing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStand(t)
			v := s.create(wish("vol"))
			other, changes := s.replica(), 0
			var meddle around
			meddle = func(ctx context.Context, u use, ask func(context.Context) error) error {
				if u.call == "update volume" && changes < c.changes {
					changes++
					s.wire.pause(meddle, func() { s.must(other.Unpublish(ctx, v.ID, nodeOf(t, "b"))) })
				}
				return ask(ctx)
			}
			s.wire.listen(meddle)
			_, err := s.Publish(t.Context(), v.ID, nodeOf(t, "a"), useWriter)
			s.wire.listen(nil)
			if c.want == "" {
				wantNoError(t, err)
				s.wantHolders(v.ID, "a")
				return
			}
			wantError(t, err, domain.Conflict, c.want)
			s.wantHolders(v.ID)
			if changes > 20 {
				t.Errorf("tried %d times, want an end to it", changes)
			}
		})
	}
}

// A command that was thought lost and lands late must find that it is not meant
// any more.
func TestLateCommandFindsAnotherRecord(t *testing.T) {
	id := idOf("one", "vol")
	publish := func(s *stand) { s.publish(id, "a", useWriter) }
	publishLater := func(s *stand) { s.publish(id, "b", useWriter) }
	unpublish := func(s *stand) { s.unpublish(id, "a") }
	remove := func(s *stand) { s.must(s.Delete(s.t.Context(), id)) }
	create := func(s *stand) { s.create(wish("vol")) }
	for _, c := range []struct {
		name  string
		seen  []func(*stand)
		call  string // that is thought lost
		act   func(context.Context, *stand) error
		later []func(*stand)
	}{
		{"publish after an unpublish of the absent grant", nil, "update volume", func(ctx context.Context, s *stand) error {
			_, err := s.Publish(ctx, id, nodeOf(s.t, "a"), useWriter)
			return err
		}, []func(*stand){unpublish}},
		{"publish after another's", nil, "update volume", func(ctx context.Context, s *stand) error {
			_, err := s.Publish(ctx, id, nodeOf(s.t, "a"), useWriter)
			return err
		}, []func(*stand){publishLater}},
		{"publish after the volume was made anew", nil, "update volume", func(ctx context.Context, s *stand) error {
			_, err := s.Publish(ctx, id, nodeOf(s.t, "a"), useWriter)
			return err
		}, []func(*stand){remove, create}},
		{"unpublish after the same node has it again", []func(*stand){publish}, "update volume", func(ctx context.Context, s *stand) error {
			return s.Unpublish(ctx, id, nodeOf(s.t, "a"))
		}, []func(*stand){unpublish, publish}},
		{"delete after the volume was made anew", nil, "delete volume", func(ctx context.Context, s *stand) error {
			return s.Delete(ctx, id)
		}, []func(*stand){remove, create}},
		{"the mark of a delete after a publish", nil, "update volume", func(ctx context.Context, s *stand) error {
			return s.Delete(ctx, id)
		}, []func(*stand){publish}},
		{"sweep of an absent volume after it was made", []func(*stand){remove}, "delete volume", func(ctx context.Context, s *stand) error {
			return s.Delete(ctx, id)
		}, []func(*stand){create}},
		{"expand after the volume was made anew", nil, "grow volume", func(ctx context.Context, s *stand) error {
			_, err := s.Expand(ctx, id, domain.SizeRange{Required: domain.GiB})
			return err
		}, []func(*stand){remove, create}},
		{"modify after a publish", nil, "update volume", func(ctx context.Context, s *stand) error {
			return s.Modify(ctx, id, domain.DefaultTimings())
		}, []func(*stand){publish}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStand(t)
			create(s)
			for _, do := range c.seen {
				do(s)
			}
			meddle, land := late(c.call)
			s.wire.listen(meddle)
			wantError(t, c.act(t.Context(), s), domain.Unreachable)
			s.wire.listen(nil)
			for _, do := range c.later {
				do(s)
			}
			before := s.on(id)
			if err := land(); err == nil && c.call != "delete volume" {
				t.Error("the late command was carried out")
			}
			if after := s.on(id); after.Row != before.Row || !slices.Equal(after.Holders(), before.Holders()) {
				t.Errorf("after the late command %+v, want %+v", after.Row, before.Row)
			}
			s.wantVolumes("vol")
		})
	}
}
