package app_test

import (
	"fmt"
	"testing"

	"git.srvlab.io/whiskey/rds-csi-driver/adapters/fakerds"
	"git.srvlab.io/whiskey/rds-csi-driver/app"
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// Each use of a port is a command over SSH to a slow CPU. These are as many as
// it takes, and no more.
func TestUsesOfPortsWhenAllIsWell(t *testing.T) {
	id, ctx := idOf("one", "vol"), t.Context()
	made := func(s *stand) { s.create(wish("vol", inPool("btrfs"))) }
	held := func(s *stand) { made(s); s.publish(id, "a", useWriter) }
	publish := func(s *stand) error { _, err := s.Publish(ctx, id, nodeOf(t, "a"), useWriter); return err }
	unpublish := func(s *stand) error { return s.Unpublish(ctx, id, nodeOf(t, "a")) }
	expand := func(size domain.Size) func(*stand) error {
		return func(s *stand) error {
			_, err := s.Expand(ctx, id, domain.SizeRange{Required: size})
			return err
		}
	}
	create := func(r app.Creation) func(*stand) error {
		return func(s *stand) error { _, err := s.Create(ctx, r); return err }
	}
	const (
		find, update, pools = "find volume", "update volume", "list pools"
		makes, grow, remove = "create volume", "grow volume", "delete volume"
		findSnapshot, take  = "find snapshot", "create snapshot"
	)
	for _, c := range []struct {
		name   string
		setup  func(*stand)
		act    func(*stand) error
		seen   []string // by a controller that made the setup
		unseen []string // by another one
	}{
		{"create", func(s *stand) { s.create(wish("other")) }, create(wish("vol")), []string{makes}, []string{pools, makes}},
		{"create again", made, create(wish("vol")), []string{makes}, []string{pools, makes}},
		{"restore", withSource, create(wish("vol", restored(snapshotIDOf("one", "snap")))), []string{findSnapshot, makes}, []string{findSnapshot, pools, makes}},
		{"clone", withSource, create(wish("vol", cloned(idOf("one", "source")))), []string{find, makes}, []string{find, pools, makes}},
		{"publish", made, publish, []string{update}, []string{find, update}},
		{"publish again", held, publish, []string{find}, []string{find}},
		{"unpublish", held, unpublish, []string{update}, []string{find, update}},
		{"unpublish an absent grant", made, unpublish, []string{update}, []string{find, update}},
		{"unpublish an absent volume", nil, unpublish, []string{find}, []string{find}},
		{"expand", held, expand(domain.GiB), []string{grow}, []string{find, grow}},
		{"expand to what there is", held, expand(domain.MiB), []string{find}, []string{find}},
		{"modify", made, func(s *stand) error { return s.Modify(ctx, id, domain.DefaultTimings()) }, []string{update}, []string{find, update}},
		{"modify to what it is", func(s *stand) {
			made(s)
			s.must(s.Modify(ctx, id, domain.DefaultTimings()))
		}, func(s *stand) error { return s.Modify(ctx, id, domain.DefaultTimings()) }, []string{find}, []string{find}},
		{"publish after a lost reply", func(s *stand) {
			made(s)
			s.one().Cut(fakerds.Outage{When: fakerds.After, Op: update, Calls: 1})
			wantError(s.t, publish(s), domain.Unreachable)
		}, publish, []string{find}, []string{find}},
		{"delete", made, func(s *stand) error { return s.Delete(ctx, id) }, []string{update, remove}, []string{find, update, remove}},
		{"delete an absent volume", nil, func(s *stand) error { return s.Delete(ctx, id) }, []string{find, remove}, []string{find, remove}},
		{"snapshot", made, func(s *stand) error { _, err := s.Snapshot(ctx, "snap", id); return err }, []string{find, take}, []string{find, pools, take}},
		{"delete snapshot", withSource, func(s *stand) error { return s.DeleteSnapshot(ctx, snapshotIDOf("one", "snap")) }, []string{"delete snapshot"}, []string{"delete snapshot"}},
		{"get", made, func(s *stand) error { _, err := s.Get(ctx, id); return err }, []string{find}, []string{find}},
		{"supports", made, func(s *stand) error { _, err := s.Supports(ctx, id, nil, domain.Parameters{}); return err }, []string{find}, []string{find}},
		{"list", made, func(s *stand) error { _, _, err := s.List(ctx, "", 0); return err }, []string{"list volumes"}, []string{"list volumes"}},
		{"capacity", nil, func(s *stand) error { _, err := s.Capacity(ctx, app.CapacityQuery{}); return err }, []string{pools}, []string{pools}},
		{"health", made, func(s *stand) error { _, err := s.Health(ctx, id); return err }, []string{find, pools}, []string{find, pools}},
	} {
		for _, seen := range []bool{true, false} {
			name, want := c.name+", seen lately", c.seen
			if !seen {
				name, want = c.name+", never seen", c.unseen
			}
			t.Run(name, func(t *testing.T) {
				s := newStand(t)
				if c.setup != nil {
					c.setup(s)
				}
				if !seen {
					s.Controller = s.replica()
				}
				s.wire.listen(nil)
				wantNoError(t, c.act(s))
				s.wire.wantCalls(t, want...)
			})
		}
	}
}

// A list that lets few through does not ask for each of those it drops.
func TestUsesOfPortsForAListThatKeepsFew(t *testing.T) {
	s := newStand(t)
	for i := range 40 {
		s.create(wish(fmt.Sprintf("vol-%d", i), sized(domain.MiB)))
	}
	s.wire.listen(nil)
	_, _, err := s.ListHealth(t.Context(), "", 1)
	wantNoError(t, err)
	s.wire.wantCalls(t, "list volumes", "list pools")
}
