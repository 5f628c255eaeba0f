package domain

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestHealthy(t *testing.T) {
	for _, test := range []struct {
		pool Pool
		want string
	}{
		{Pool{Mounted: true}, ""}, {Pool{Mounted: true, State: "clean"}, ""},
		{Pool{}, "not mounted"}, {Pool{State: "clean"}, "not mounted"},
		{Pool{Mounted: true, State: "degraded"}, "state degraded"},
	} {
		reason, ok := test.pool.Healthy()
		if reason != test.want || ok != (test.want == "") {
			t.Errorf("got %q and %t, want %q", reason, ok, test.want)
		}
	}
}

func TestRoomLeft(t *testing.T) {
	const ti = TiB
	plain, half := Room{Overcommit: 1}, Room{Overcommit: 9, Reserve: 0.5}
	for _, test := range []struct {
		name string
		room Room
		pool Pool
		want Size
	}{
		{"an empty pool", plain, Pool{Total: ti, Free: ti}, ti},
		{"an empty pool with the default reserve", DefaultRoom(), Pool{Total: 100, Free: 100}, 95},
		{"a reserve is rounded up", Room{Overcommit: 1, Reserve: 0.05}, Pool{Total: 101, Free: 101}, 95},
		{"what is promised does not count twice", plain, Pool{Total: ti, Free: ti, Provisioned: ti / 4}, ti * 3 / 4},
		{"more promised than there is", plain, Pool{Total: ti, Free: ti, Provisioned: 2 * ti}, 0},
		{"twice overcommitted", Room{Overcommit: 2}, Pool{Total: ti, Free: ti, Provisioned: ti}, ti},
		{
			"twice overcommitted, half full, allocating", Room{Overcommit: 2},
			Pool{Total: ti, Free: ti / 2, Provisioned: ti, Allocates: true}, ti / 2,
		},
		{"allocating leaves the reserve", half, Pool{Total: 100, Free: 60, Allocates: true}, 10},
		{"thin may promise more than is free", half, Pool{Total: 100, Free: 60}, 850},
		{"thin keeps the reserve free too", half, Pool{Total: 100, Free: 49}, 0},
		{"exactly the reserve is free", half, Pool{Total: 100, Free: 50}, 850},
		{"exactly the reserve is free, allocating", half, Pool{Total: 100, Free: 50, Allocates: true}, 0},
		{"no policy promises nothing", Room{}, Pool{Total: ti, Free: ti}, 0},
		{"no pool", DefaultRoom(), Pool{}, 0},
		{"figures beyond counting", Room{Overcommit: 1e30}, Pool{Total: most, Free: most}, most / 2},
		{"provisioned beyond counting", DefaultRoom(), Pool{Total: ti, Free: ti, Provisioned: most}, 0},
		{"provisioned beyond counting, nothing promised", Room{Reserve: 1}, Pool{Total: 2, Free: 2, Provisioned: most}, 0},
		{"a reserve beyond counting", Room{Overcommit: 1, Reserve: math.Inf(1)}, Pool{Total: ti, Free: ti}, 0},
		{"an overcommit that is no number", Room{Overcommit: math.NaN()}, Pool{Total: ti, Free: ti}, 0},
		{"an overcommit below nothing", Room{Overcommit: -1}, Pool{Total: ti, Free: ti}, 0},
	} {
		if got := test.room.Left(test.pool); got != test.want {
			t.Errorf("%s: got %d, want %d", test.name, got, test.want)
		}
	}
}

func TestFitsSaysWhatIsMissing(t *testing.T) {
	pool := Pool{Name: "pool1", Total: 100, Free: 90, Provisioned: 40}
	if err := DefaultRoom().Fits(pool, 55); err != nil {
		t.Errorf("got %v, want it to fit exactly", err)
	}
	err := DefaultRoom().Fits(pool, 56)
	wantKind(t, err, Exhausted)
	wantText(t, err, "pool1: needs 56 bytes, 55 are left (90 free, reserve 5, overcommit 1)")
}

// Whatever the figures: what fits keeps the promise and the reserve, and one
// more byte than is left does not fit.
func TestRoomKeepsItsPromise(t *testing.T) {
	bytes := rapid.OneOf(rapid.Int64Range(0, 1<<50), rapid.Int64Range(0, math.MaxInt64))
	rapid.Check(t, func(t *rapid.T) {
		p := Pool{
			Total: Size(bytes.Draw(t, "total")), Free: Size(bytes.Draw(t, "free")),
			Provisioned: Size(bytes.Draw(t, "provisioned")), Allocates: rapid.Bool().Draw(t, "allocates"),
		}
		r := Room{
			Overcommit: rapid.Float64Range(0, 10).Draw(t, "overcommit"),
			Reserve:    rapid.Float64Range(0, 1).Draw(t, "reserve"),
		}
		left := r.Left(p)
		if left < 0 || r.Fits(p, left) != nil || r.Fits(p, 0) != nil {
			t.Fatalf("got %d left", left)
		}
		wantKind(t, r.Fits(p, left+1), Exhausted)
		total := float64(p.Total)
		if slack := total*r.Overcommit*1e-12 + total*1e-12 + 1; left > 0 {
			if float64(p.Provisioned)+float64(left) > total*r.Overcommit-total*r.Reserve+slack {
				t.Fatalf("got %d left, more than is promised", left)
			}
			if float64(p.Free) < total*r.Reserve-slack || p.Allocates && float64(p.Free-left) < total*r.Reserve-slack {
				t.Fatalf("got %d left, the reserve is not kept", left)
			}
		}
		more := p
		more.Provisioned += min(GiB, most-p.Provisioned)
		if r.Left(more) > left {
			t.Fatal("promising more leaves more")
		}
	})
}
