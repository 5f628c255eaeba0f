package app_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"git.srvlab.io/whiskey/rds-csi-driver/adapters/fakerds"
	"git.srvlab.io/whiskey/rds-csi-driver/app"
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// atOnce calls do n times at once and returns the errors.
func atOnce(n int, do func(i int) error) []error {
	errs := make([]error, n)
	start := make(chan struct{})
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			<-start
			errs[i] = do(i)
		})
	}
	close(start)
	all.Wait()
	return errs
}

func TestTwoIdenticalCreatesAtOnce(t *testing.T) {
	for _, arrays := range [][]builtArray{nil, twoArrays(), unequal()} {
		for range 10 {
			s := newStand(t, arrays...)
			ids := make([]domain.VolumeID, 4)
			errs := atOnce(len(ids), func(i int) error {
				v, err := s.Create(t.Context(), wish("vol"))
				ids[i] = v.ID
				return err
			})
			made := s.create(wish("vol")).ID
			acknowledged := 0
			for i, err := range errs {
				switch {
				case err == nil && ids[i] == made:
					acknowledged++
				case err == nil:
					t.Errorf("acknowledged %s and %s", ids[i], made)
				case len(arrays) < 2 || !domain.Is(err, domain.Busy):
					t.Errorf("error %v, want none, or busy with several arrays", err)
				}
			}
			if acknowledged == 0 {
				t.Errorf("nobody got the volume: %v", errs)
			}
			s.wantVolumes("vol")
		}
	}
}

func TestIdenticalCreatesFromTwoReplicasOfOneArray(t *testing.T) {
	s := newStand(t)
	replicas := []*app.Controller{s.Controller, s.replica()}
	for _, err := range atOnce(8, func(i int) error {
		_, err := replicas[i%2].Create(t.Context(), wish("vol"))
		return err
	}) {
		wantNoError(t, err)
	}
	s.wantVolumes("vol")
}

func TestManyCreatesAtOnce(t *testing.T) {
	for _, arrays := range [][]builtArray{nil, twoArrays()} {
		s := newStand(t, arrays...)
		names := make([]string, 64)
		for i := range names {
			names[i] = fmt.Sprintf("vol-%d", i)
		}
		for i, err := range atOnce(len(names), func(i int) error {
			_, err := s.Create(t.Context(), wish(names[i], sized(16*domain.MiB)))
			return err
		}) {
			if err != nil {
				t.Errorf("%s: %v", names[i], err)
			}
		}
		s.wantVolumes(names...)
	}
}

// However many come at once, no pool is promised beyond its room, and no room is
// refused that is there.
func TestManyCreatesOnPoolsWithRoomForFew(t *testing.T) {
	small := func(name, fileSystem string) fakerds.PoolConfig {
		return fakerds.PoolConfig{Name: name, Size: domain.GiB, FileSystem: fileSystem}
	}
	for _, c := range []struct {
		name  string
		built []builtArray
		fit   int // volumes of 64 MiB
	}{
		{"a reserve", []builtArray{{name: "one", pools: []fakerds.PoolConfig{small("btrfs", fakerds.Btrfs)}, room: domain.DefaultRoom()}}, 15},
		{"a reserve on a pool that allocates", []builtArray{{name: "one", pools: []fakerds.PoolConfig{small("xfs", fakerds.XFS)}, room: domain.DefaultRoom()}}, 15},
		{"overcommitted", []builtArray{{name: "one", pools: []fakerds.PoolConfig{small("btrfs", fakerds.Btrfs)}, room: domain.Room{Overcommit: 1.5}}}, 24},
		{"overcommitted, on a pool that allocates", []builtArray{{name: "one", pools: []fakerds.PoolConfig{small("xfs", fakerds.XFS)}, room: domain.Room{Overcommit: 1.5}}}, 16},
		{"two pools", []builtArray{{name: "one", pools: []fakerds.PoolConfig{small("a", fakerds.Btrfs), small("b", fakerds.Btrfs)}}}, 32},
		{"two arrays", []builtArray{{name: "one", pools: pool(domain.GiB)}, {name: "two", pools: pool(domain.GiB)}}, 32},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStand(t, c.built...)
			create := func(i int) error {
				_, err := s.Create(t.Context(), wish(fmt.Sprintf("vol-%d", i)))
				return err
			}
			errs := atOnce(64, create)
			var made []string
			for i, err := range errs {
				if domain.Is(err, domain.Exhausted) {
					err = create(i) // what was seen of the pools may have been old
				}
				if err == nil {
					made = append(made, fmt.Sprintf("vol-%d", i))
					continue
				}
				wantError(t, err, domain.Exhausted, "needs 67108864 bytes", "left")
			}
			if len(made) != c.fit {
				t.Errorf("%d volumes were made, want %d", len(made), c.fit)
			}
			s.wantVolumes(made...)
		})
	}
}

func TestManyGrowOnAPoolWithRoomForFew(t *testing.T) {
	s := newStand(t, builtArray{name: "one", pools: pool(domain.GiB)})
	var ids []domain.VolumeID
	for i := range 8 {
		ids = append(ids, s.create(wish(fmt.Sprintf("vol-%d", i))).ID)
	}
	grown := 0
	for _, err := range atOnce(len(ids), func(i int) error {
		_, err := s.Expand(t.Context(), ids[i], domain.SizeRange{Required: 192 * domain.MiB})
		return err
	}) {
		if err == nil {
			grown++
			continue
		}
		wantError(t, err, domain.Exhausted, "needs 134217728 bytes", "0 are left")
	}
	if grown != 4 {
		t.Errorf("%d were grown, want the 4 for which there is room", grown)
	}
	s.wantVolumes("vol-0", "vol-1", "vol-2", "vol-3", "vol-4", "vol-5", "vol-6", "vol-7")
}

func TestTwoNodesPublishAtOnceAndOneWins(t *testing.T) {
	for _, warm := range []bool{true, false} {
		for range 10 {
			s := newStand(t)
			v := s.create(wish("vol"))
			replicas := []*app.Controller{s.Controller, s.Controller}
			if !warm {
				replicas = []*app.Controller{s.replica(), s.replica()}
			}
			errs := atOnce(2, func(i int) error {
				_, err := replicas[i].Publish(t.Context(), v.ID, nodeOf(t, fmt.Sprintf("n%d", i)), useWriter)
				return err
			})
			winner := slices.IndexFunc(errs, func(err error) bool { return err == nil })
			if winner < 0 {
				t.Fatalf("nobody won: %v", errs)
			}
			wantError(t, errs[1-winner], domain.InUse, fmt.Sprintf("node n%d", winner))
			s.wantHolders(v.ID, fmt.Sprintf("n%d", winner))
			s.wantVolumes("vol")
		}
	}
}

func TestCreatesAndDeletesOfOneNameAtOnce(t *testing.T) {
	for _, arrays := range [][]builtArray{nil, twoArrays()} {
		for range 10 {
			s := newStand(t, arrays...)
			v := s.create(wish("vol", onArray("one"), inPool("btrfs")))
			replicas := []*app.Controller{s.Controller, s.replica()}
			for i, err := range atOnce(12, func(i int) error {
				if i%3 == 0 {
					return replicas[i%2].Delete(t.Context(), v.ID)
				}
				_, err := replicas[i%2].Create(t.Context(), wish("vol", onArray("one"), inPool("btrfs")))
				return err
			}) {
				if err != nil && !domain.Is(err, domain.Busy) && !domain.Is(err, domain.Conflict) {
					t.Errorf("call %d: %v (%s), want none, or one that says to ask again", i, err, domain.KindOf(err))
				}
			}
			s.create(wish("vol", onArray("one"), inPool("btrfs")))
			s.wantVolumes("vol")
			wantNoError(t, s.Delete(t.Context(), v.ID))
			s.wantVolumes()
		}
	}
}

// meddling is what another replica does between two commands of a line.
type meddling struct {
	name  string
	setup func(s *stand)
	act   func(ctx context.Context, c *app.Controller) error
	other func(ctx context.Context, c *app.Controller) error
	// settle is what an orchestrator asks for next, and check what then holds.
	settle func(s *stand) error
	check  func(s *stand)
}

func TestAnotherReplicaBetweenTwoCommandsOfALine(t *testing.T) {
	id := idOf("one", "vol")
	r := wish("vol", inPool("btrfs"))
	create := func(ctx context.Context, c *app.Controller) error {
		_, err := c.Create(ctx, r)
		if domain.Is(err, domain.NotFound) {
			t.Errorf("create: %v: nothing was to be found", err)
		}
		return err
	}
	remove := func(ctx context.Context, c *app.Controller) error { return c.Delete(ctx, id) }
	publish := func(name string) func(context.Context, *app.Controller) error {
		return func(ctx context.Context, c *app.Controller) error {
			_, err := c.Publish(ctx, id, nodeOf(t, name), useWriter)
			return err
		}
	}
	unpublish := func(name string) func(context.Context, *app.Controller) error {
		return func(ctx context.Context, c *app.Controller) error { return c.Unpublish(ctx, id, nodeOf(t, name)) }
	}
	made := func(s *stand) { s.create(r) }
	held := func(s *stand) { s.create(r); s.publish(id, "a", useWriter) }
	there := func(s *stand) { s.t.Helper(); s.wantVolumes("vol") }
	gone := func(s *stand) { s.t.Helper(); s.wantVolumes() }
	of := func(do func(context.Context, *app.Controller) error) func(s *stand) error {
		return func(s *stand) error { return do(s.t.Context(), s.Controller) }
	}
	for _, c := range []meddling{
		{"create and the same create", nil, create, create, of(create), there},
		{"create and delete", nil, create, remove, of(create), there},
		{"create and delete, to stay gone", nil, create, remove, of(remove), gone},
		{"delete and create", made, remove, create, of(create), there},
		{"delete and create, to stay gone", made, remove, create, of(remove), gone},
		{"delete and delete", made, remove, remove, of(remove), gone},
		{"publish and publish elsewhere", made, publish("a"), publish("b"), of(unpublish("b")), there},
		{"publish and delete", made, publish("a"), remove, of(create), there},
		{"publish and unpublish", made, publish("a"), unpublish("a"), of(unpublish("a")), there},
		{"unpublish and publish elsewhere", held, unpublish("a"), publish("b"), of(publish("b")), there},
		{"unpublish and delete", held, unpublish("a"), remove, of(remove), gone},
		{"delete and publish", made, remove, publish("a"), of(remove), gone},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for step, met := 1, true; met; step++ {
				met = c.between(t, step)
			}
		})
	}
}

// between lets the other act after a step; met says that there was such a step.
func (m meddling) between(t *testing.T, step int) (met bool) {
	t.Helper()
	s := newStand(t)
	if m.setup != nil {
		m.setup(s)
	}
	other := s.replica()
	var otherErr error
	s.one().Meanwhile(step, func() {
		met = true
		otherErr = m.other(t.Context(), other)
	})
	err := m.act(t.Context(), s.Controller)
	s.one().Meanwhile(0, nil)
	t.Logf("after step %d: %v; other: %v", step, err, otherErr)
	for _, err := range []error{err, otherErr} {
		if kind := domain.KindOf(err); err != nil && (kind == domain.Other || kind == domain.Exists || kind == domain.Invalid) {
			t.Errorf("after step %d: %v (%s)", step, err, kind)
		}
	}
	if err := m.settle(s); err != nil {
		s.Controller = s.replica()
		t.Errorf("after step %d: settled: %v (%s)", step, err, domain.KindOf(err))
	}
	m.check(s)
	if t.Failed() {
		t.Fatalf("after step %d: %v; other: %v", step, err, otherErr)
	}
	return met
}
