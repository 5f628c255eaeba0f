package app_test

import (
	"reflect"
	"slices"
	"strconv"
	"testing"
	"time"

	"git.srvlab.io/whiskey/rds-csi-driver/adapters/fakerds"
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// used makes volume "vol" on array one that was held and let go once.
func (s *stand) used() domain.VolumeID {
	s.t.Helper()
	v := s.create(wish("vol", onArray("one")))
	s.publish(v.ID, "first", useWriter)
	s.unpublish(v.ID, "first")
	s.events.take()
	return v.ID
}

func TestPublishThatIsRepeatedReturnsTheSameAttachment(t *testing.T) {
	s := newStand(t)
	v := s.create(wish("vol"))
	first := s.publish(v.ID, "a", useWriter)
	before := s.on(v.ID)
	if first.Target.NQN.Epoch == "" || first.Target.HostNQN != nodeOf(t, "a").HostNQN() || first.ReadOnly || first.Copy {
		t.Errorf("attachment %+v", first)
	}
	s.clock.advance(48 * time.Hour)
	if again := s.publish(v.ID, "a", useWriter); !reflect.DeepEqual(again, first) {
		t.Errorf("again %+v, want %+v", again, first)
	}
	s.Controller = s.replica()
	if elsewhere := s.publish(v.ID, "a", useWriter); !reflect.DeepEqual(elsewhere, first) {
		t.Errorf("from another replica %+v, want %+v", elsewhere, first)
	}
	if after := s.on(v.ID); after.Row != before.Row {
		t.Errorf("row %+v, want it as it was: %+v", after.Row, before.Row)
	}
	if events := s.events.take(); len(events) > 0 {
		t.Errorf("events %v, want none", events)
	}
}

func TestAttachmentIsFixedWhileTheGrantLives(t *testing.T) {
	s := newStand(t)
	v := s.create(wish("vol"))
	first := s.publish(v.ID, "a", useWriter)
	timings, err := domain.Timings{}.With("ctrlLossTmo", "77")
	s.must(err)
	s.must(s.Modify(t.Context(), v.ID, timings))
	_, err = s.Expand(t.Context(), v.ID, domain.SizeRange{Required: domain.GiB})
	s.must(err)
	if again := s.publish(v.ID, "a", useWriter); !reflect.DeepEqual(again, first) {
		t.Errorf("again %+v, want %+v", again, first)
	}
	s.unpublish(v.ID, "a")
	next := s.publish(v.ID, "a", useWriter)
	if loss, _ := next.Target.Timings.Get(domain.CtrlLossTmo); next.Size != domain.GiB || loss != 77 {
		t.Errorf("next grant %+v, want 1 GiB and the modified timings", next)
	}
	if next.Target.NQN.Epoch == first.Target.NQN.Epoch {
		t.Errorf("epoch %s is the one of the earlier holder", next.Target.NQN.Epoch)
	}
}

func TestGrantSaysWhatMayBeFormatted(t *testing.T) {
	s := newStand(t)
	v := s.create(wish("vol", inPool("btrfs")))
	until := domain.FormatBlankUntil(s.clock.Now().Add(domain.BlankFor))
	if got := s.publish(v.ID, "a", useWriter).Format; got != until {
		t.Errorf("first holder of a blank volume: %s, want %s", got, until)
	}
	s.unpublish(v.ID, "a")
	if got := s.publish(v.ID, "b", useWriter).Format; got != domain.FormatIfEmpty() {
		t.Errorf("second holder: %s, want %s", got, domain.FormatIfEmpty())
	}
	s.unpublish(v.ID, "b")
	if got := s.publish(v.ID, "c", useReader); got.Format != domain.FormatNever() || !got.ReadOnly {
		t.Errorf("reader: %s, read-only %t, want %s", got.Format, got.ReadOnly, domain.FormatNever())
	}
	copied := s.create(wish("copy", cloned(v.ID)))
	if got := s.publish(copied.ID, "a", useWriter); got.Format != domain.FormatNever() || !got.Copy {
		t.Errorf("copy: %s, copy %t, want %s", got.Format, got.Copy, domain.FormatNever())
	}
}

func TestPublishRefusesAndChangesNothing(t *testing.T) {
	readOnly, single := useWriter, useWriter
	readOnly.ReadOnly, single.Mode = true, domain.SingleSingleWriter
	held := func(s *stand, id domain.VolumeID) { s.publish(id, "b", useWriter) }
	free := func(*stand, domain.VolumeID) {}
	fault := func(f fakerds.PoolFault) func(*stand, domain.VolumeID) {
		return func(s *stand, id domain.VolumeID) { s.must(s.one().SetPool(s.on(id).Record.Pool, f)) }
	}
	edit := func(do func(*fakerds.Disk)) func(*stand, domain.VolumeID) {
		return func(s *stand, id domain.VolumeID) { s.must(s.one().Edit(string(id.Slot), do)) }
	}
	for _, c := range []struct {
		name  string
		spoil func(*stand, domain.VolumeID)
		node  string
		use   domain.Use
		want  domain.Kind
		says  string
		event bool // an AttachmentConflict
	}{
		{"another node holds it", held, "a", useWriter, domain.InUse, "held by node b", true},
		{"another node holds it and a reader comes", held, "a", useReader, domain.InUse, "held by node b", true},
		{"a reader holds it and a writer comes", func(s *stand, id domain.VolumeID) { s.publish(id, "b", useReader) }, "a", useWriter, domain.InUse, "held by node b", true},
		{"the node holds it read-write and wants to read", held, "b", readOnly, domain.Exists, "readonly=true", false},
		{"the node holds it in another mode", held, "b", single, domain.Exists, "SINGLE_NODE_SINGLE_WRITER", false},
		{"it was made for a file system", free, "a", useMover, domain.Invalid, "volume_capability", false},
		{"the pool is not mounted", fault(fakerds.PoolFault{Unmounted: true}), "a", useWriter, domain.Unreachable, "not mounted", false},
		{"the pool was replaced", fault(fakerds.PoolFault{UUID: "other"}), "a", useWriter, domain.DataAtRisk, "other", false},
		{"the image has shrunk", edit(func(d *fakerds.Disk) { d.Size = domain.MiB }), "a", useWriter, domain.DataAtRisk, "bytes", false},
		{"the array has it mounted", edit(func(d *fakerds.Disk) { d.Mounted = []string{"part1"} }), "a", useWriter, domain.DataAtRisk, "mounted", false},
		{"its record is damaged", edit(func(d *fakerds.Disk) { d.Comment = "?" }), "a", useWriter, domain.DataAtRisk, "damaged", false},
		{"its record is newer", edit(func(d *fakerds.Disk) { d.Comment = "rds-csi/2/" }), "a", useWriter, domain.DataAtRisk, "newer", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStand(t)
			id := s.used()
			c.spoil(s, id)
			before := s.on(id)
			s.events.take()
			for range 2 {
				_, err := s.Publish(t.Context(), id, nodeOf(t, c.node), c.use)
				wantError(t, err, c.want, c.says)
			}
			if after := s.on(id); after.Row != before.Row {
				t.Errorf("row %+v, want it as it was: %+v", after.Row, before.Row)
			}
			s.wantConflicts(id, c.node, c.event)
		})
	}
}

// wantConflicts demands that both of two refusals told of another holder, or
// that none did.
func (s *stand) wantConflicts(id domain.VolumeID, node string, told bool) {
	s.t.Helper()
	events := s.events.take()
	if !told && len(events) > 0 || told && len(events) != 2 {
		s.t.Errorf("events %v, want conflicts: %t", events, told)
	}
	for _, e := range events {
		conflict, ok := e.(domain.AttachmentConflict)
		if !ok || conflict.Volume != id || conflict.Node != nodeOf(s.t, node) {
			s.t.Errorf("event %+v, want the conflict of %s", e, node)
			continue
		}
		wantError(s.t, conflict.Err, domain.InUse, "b")
	}
}

func TestPublishOfWhatNobodyHoldsIsNoConflict(t *testing.T) {
	s := newStand(t)
	v := s.create(wish("vol"))
	_, err := s.Publish(t.Context(), v.ID, nodeOf(t, "a"), useReader)
	wantError(t, err, domain.InUse, "blank")
	s.one().Cut(fakerds.Outage{When: fakerds.Before, Op: "delete volume", Calls: 1})
	wantError(t, s.Delete(t.Context(), v.ID), domain.Unreachable)
	_, err = s.Publish(t.Context(), v.ID, nodeOf(t, "a"), useWriter)
	wantError(t, err, domain.InUse, "being deleted")
	if events := s.events.take(); len(events) > 0 {
		t.Errorf("events %v, want none: nobody holds it", events)
	}
}

func TestPublishToWhatIsNoNodeOfOursAsksNobody(t *testing.T) {
	s := newStand(t)
	v := s.create(wish("vol"))
	s.wire.listen(nil)
	for _, id := range []domain.NodeID{"a", "a.b", "", nodeOf(t, "a")[1:]} {
		_, err := s.Publish(t.Context(), v.ID, id, useWriter)
		wantError(t, err, domain.NotFound, "node_id")
	}
	s.wire.wantCalls(t)
}

func TestPublishSetsAWrongExportRight(t *testing.T) {
	for name, spoil := range map[string]func(*fakerds.Disk){
		"switched off":         func(d *fakerds.Disk) { d.Export = false },
		"for another host":     func(d *fakerds.Disk) { d.Host = "nqn.2014-08.org.nvmexpress:uuid:other" },
		"for every host":       func(d *fakerds.Disk) { d.Host = "" },
		"under another name":   func(d *fakerds.Disk) { d.NQN += "x" },
		"under a foreign name": func(d *fakerds.Disk) { d.NQN = "nqn.2026-01.com.example:disk" },
	} {
		t.Run(name, func(t *testing.T) {
			s := newStand(t)
			v := s.create(wish("vol"))
			first := s.publish(v.ID, "a", useWriter)
			s.must(s.one().Edit(string(v.ID.Slot), spoil))
			if again := s.publish(v.ID, "a", useWriter); !reflect.DeepEqual(again, first) {
				t.Errorf("again %+v, want the same epoch and all: %+v", again, first)
			}
			s.wantVolumes("vol")
		})
	}
}

func TestSharedVolumeIsOpenWhileItIsShared(t *testing.T) {
	s := newStand(t)
	v := s.create(wish("vol", asBlock))
	from := s.publish(v.ID, "a", useMover)
	wantHost := func(want string) {
		t.Helper()
		if got := s.on(v.ID).Row.Export; !got.On || got.Host != want {
			t.Errorf("export %+v, want it on for %q", got, want)
		}
	}
	wantHost(nodeOf(t, "a").HostNQN())
	to := s.publish(v.ID, "b", useMover)
	wantHost("")
	if from.Target.NQN != to.Target.NQN {
		t.Errorf("second holder has NQN %s, want %s", to.Target.NQN, from.Target.NQN)
	}
	if events := s.events.take(); !slices.Equal(events, []domain.Event{domain.FencingOpened{Volume: v.ID}}) {
		t.Errorf("events %v, want that fencing opened", events)
	}
	_, err := s.Publish(t.Context(), v.ID, nodeOf(t, "c"), useMover)
	wantError(t, err, domain.InUse, "a, b")

	s.unpublish(v.ID, "a")
	wantHost(nodeOf(t, "b").HostNQN())
	if !s.on(v.ID).Record.Lingering {
		t.Error("who left may still be there, the record does not say so")
	}
	s.publish(v.ID, "c", useMover) // never blocks the next migration
	s.unpublish(v.ID, "")
	if after := s.on(v.ID); after.Row.Export.On || after.Record.Lingering || len(after.Record.Grants) > 0 {
		t.Errorf("after the last has left: %+v", after)
	}
	s.wantVolumes("vol")
}

func TestEightMayRead(t *testing.T) {
	s := newStand(t)
	id := s.used()
	var names []string
	for i := range 8 {
		names = append(names, "n"+strconv.Itoa(i))
		s.publish(id, names[i], useReader)
	}
	_, err := s.Publish(t.Context(), id, nodeOf(t, "n8"), useReader)
	wantError(t, err, domain.InUse, "8 nodes")
	s.wantHolders(id, names...)
	s.unpublish(id, "n3")
	s.publish(id, "n8", useReader)
	s.wantVolumes("vol")
}

func TestWithoutFencingTheFilterStaysEmpty(t *testing.T) {
	s := newStand(t, builtArray{name: "one", fencing: domain.FenceNone})
	v := s.create(wish("vol"))
	s.publish(v.ID, "a", useWriter)
	if got := s.on(v.ID).Row.Export; !got.On || got.Host != "" {
		t.Errorf("export %+v, want it on and for nobody in particular", got)
	}
	s.wire.listen(nil)
	s.publish(v.ID, "a", useWriter)
	s.wire.wantCalls(t, "find volume") // it is as it should be
	_, err := s.Publish(t.Context(), v.ID, nodeOf(t, "b"), useWriter)
	wantError(t, err, domain.InUse, "node a")
	s.unpublish(v.ID, "a")
	s.wantVolumes("vol")
}

// The node was set up anew under its name: it has another host NQN, and nothing
// of it will ever let go of what it held.
func TestReinstalledNodeFreesWhatItHeld(t *testing.T) {
	s := newStand(t)
	v := s.create(wish("vol"))
	s.publish(v.ID, "a", useWriter)
	fresh := installedOn(t, "a", "another machine")
	_, err := s.Publish(t.Context(), v.ID, fresh, useWriter)
	wantError(t, err, domain.InUse, "earlier installation of node a", "unpublish")
	s.wantHolders(v.ID, "a")
	wantNoError(t, s.Unpublish(t.Context(), v.ID, fresh))
	s.wantHolders(v.ID)
	a, err := s.Publish(t.Context(), v.ID, fresh, useWriter)
	if err != nil || a.Target.HostNQN != fresh.HostNQN() {
		t.Errorf("published %+v, %v, want it for the new installation", a, err)
	}
	s.wantVolumes("vol")
}

func TestUnpublishOfAnAbsentGrantWritesANewNonce(t *testing.T) {
	s := newStand(t)
	id := s.used()
	s.publish(id, "a", useWriter)
	before := s.on(id)
	for range 2 {
		s.unpublish(id, "b")
	}
	after := s.on(id)
	if after.Record.Nonce == before.Record.Nonce {
		t.Errorf("nonce %s stays: a late publish could still land", after.Record.Nonce)
	}
	s.wantHolders(id, "a")
	s.wantVolumes("vol")
}

func TestUnpublishNeedsTheArrayOnly(t *testing.T) {
	s := newStand(t)
	v := s.create(wish("vol"))
	s.publish(v.ID, "a", useWriter)
	for _, f := range []fakerds.PoolFault{{Unmounted: true}, {UUID: "other"}, {ReadOnly: true}} {
		s.must(s.one().SetPool(v.Record.Pool, f))
		s.unpublish(v.ID, "a")
		s.must(s.one().SetPool(v.Record.Pool, fakerds.PoolFault{}))
		s.wantVolumes("vol")
		s.wantHolders(v.ID)
		s.publish(v.ID, "a", useWriter)
	}
}

// What we may not write we may not detach either, unless nothing is shown.
func TestUnpublishOfWhatIsNotOursToWrite(t *testing.T) {
	for name, comment := range map[string]string{
		"damaged": "rds-csi/1/owner", "newer": "rds-csi/2/x", "without a record": "",
	} {
		for _, node := range []string{"a", "b", ""} {
			s := newStand(t)
			v := s.create(wish("vol"))
			s.publish(v.ID, "a", useWriter)
			s.must(s.one().SetComment(string(v.ID.Slot), comment))
			var id domain.NodeID
			if node != "" {
				id = nodeOf(t, node)
			}
			before := s.on(v.ID)
			err := s.Unpublish(t.Context(), v.ID, id)
			if !domain.Is(err, domain.DataAtRisk) {
				t.Errorf("%s and exported, node %q: %v, want data at risk", name, node, err)
			}
			if after := s.on(v.ID); after.Row != before.Row {
				t.Errorf("%s: row %+v, want it as it was", name, after.Row)
			}
			s.editExport(v.ID, false, "")
			if err := s.Unpublish(t.Context(), v.ID, id); err != nil {
				t.Errorf("%s and not exported, node %q: %v, want none", name, node, err)
			}
		}
	}
}
