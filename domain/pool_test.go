package domain_test

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

func TestHealthy(t *testing.T) {
	for _, test := range []struct {
		pool domain.Pool
		want string
	}{
		{domain.Pool{Mounted: true}, ""}, {domain.Pool{Mounted: true, State: "clean"}, ""},
		{domain.Pool{}, "not mounted"}, {domain.Pool{State: "clean"}, "not mounted"}, {domain.Pool{Mounted: true, State: "degraded"}, "state degraded"},
	} {
		reason, ok := test.pool.Healthy()
		if reason != test.want || ok != (test.want == "") {
			t.Errorf("got %q and %t, want %q", reason, ok, test.want)
		}
	}
}

func TestRoomLeft(t *testing.T) {
	const ti = domain.TiB
	plain := domain.Room{Overcommit: 1}
	for _, test := range []struct {
		name string
		room domain.Room
		pool domain.Pool
		want domain.Size
	}{
		{"an empty pool", plain, domain.Pool{Total: ti, Free: ti}, ti},
		{"an empty pool with the default reserve", domain.DefaultRoom(), domain.Pool{Total: 100, Free: 100}, 95},
		{"a reserve is rounded up", domain.Room{Overcommit: 1, Reserve: 0.05}, domain.Pool{Total: 101, Free: 101}, 95},
		{"what is promised does not count twice", plain, domain.Pool{Total: ti, Free: ti, Provisioned: ti / 4}, ti * 3 / 4},
		{"more promised than there is", plain, domain.Pool{Total: ti, Free: ti, Provisioned: 2 * ti}, 0},
		{"twice overcommitted", domain.Room{Overcommit: 2}, domain.Pool{Total: ti, Free: ti, Provisioned: ti}, ti},
		{"twice overcommitted, half full, allocating", domain.Room{Overcommit: 2}, domain.Pool{Total: ti, Free: ti / 2, Provisioned: ti, Allocates: true}, ti / 2},
		{"allocating leaves the reserve", domain.Room{Overcommit: 9, Reserve: 0.5}, domain.Pool{Total: 100, Free: 60, Allocates: true}, 10},
		{"thin may promise more than is free", domain.Room{Overcommit: 9, Reserve: 0.5}, domain.Pool{Total: 100, Free: 60}, 850},
		{"thin keeps the reserve free too", domain.Room{Overcommit: 9, Reserve: 0.5}, domain.Pool{Total: 100, Free: 49}, 0},
		{"exactly the reserve is free", domain.Room{Overcommit: 9, Reserve: 0.5}, domain.Pool{Total: 100, Free: 50}, 850},
		{"exactly the reserve is free, allocating", domain.Room{Overcommit: 9, Reserve: 0.5}, domain.Pool{Total: 100, Free: 50, Allocates: true}, 0},
		{"no policy promises nothing", domain.Room{}, domain.Pool{Total: ti, Free: ti}, 0},
		{"no pool", domain.DefaultRoom(), domain.Pool{}, 0},
		{"figures beyond counting", domain.Room{Overcommit: 1e30}, domain.Pool{Total: most, Free: most}, most / 2},
		{"provisioned beyond counting", domain.DefaultRoom(), domain.Pool{Total: ti, Free: ti, Provisioned: most}, 0},
		{"provisioned beyond counting, nothing promised", domain.Room{Reserve: 1}, domain.Pool{Total: 2, Free: 2, Provisioned: most}, 0},
		{"a reserve beyond counting", domain.Room{Overcommit: 1, Reserve: math.Inf(1)}, domain.Pool{Total: ti, Free: ti}, 0},
		{"an overcommit that is no number", domain.Room{Overcommit: math.NaN()}, domain.Pool{Total: ti, Free: ti}, 0},
		{"an overcommit below nothing", domain.Room{Overcommit: -1}, domain.Pool{Total: ti, Free: ti}, 0},
	} {
		if got := test.room.Left(test.pool); got != test.want {
			t.Errorf("%s: got %d, want %d", test.name, got, test.want)
		}
	}
}

func TestFitsSaysWhatIsMissing(t *testing.T) {
	pool := domain.Pool{Name: "pool1", Total: 100, Free: 90, Provisioned: 40}
	if err := domain.DefaultRoom().Fits(pool, 55); err != nil {
		t.Errorf("got %v, want it to fit exactly", err)
	}
	err := domain.DefaultRoom().Fits(pool, 56)
	wantKind(t, err, domain.Exhausted)
	wantText(t, err, "pool1: needs 56 bytes, 55 are left (90 free, reserve 5, overcommit 1)")
}

// Whatever the figures: what fits keeps the promise and the reserve, and one
// more byte than is left does not fit.
func TestRoomKeepsItsPromise(t *testing.T) {
	bytes := rapid.OneOf(rapid.Int64Range(0, 1<<50), rapid.Int64Range(0, math.MaxInt64))
	rapid.Check(t, func(t *rapid.T) {
		p := domain.Pool{
			Total: domain.Size(bytes.Draw(t, "total")), Free: domain.Size(bytes.Draw(t, "free")),
			Provisioned: domain.Size(bytes.Draw(t, "provisioned")), Allocates: rapid.Bool().Draw(t, "allocates"),
		}
		r := domain.Room{Overcommit: rapid.Float64Range(0, 10).Draw(t, "overcommit"), Reserve: rapid.Float64Range(0, 1).Draw(t, "reserve")}
		left := r.Left(p)
		if left < 0 || r.Fits(p, left) != nil || r.Fits(p, 0) != nil {
			t.Fatalf("got %d left", left)
		}
		wantKind(t, r.Fits(p, left+1), domain.Exhausted)
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
		more.Provisioned += min(domain.GiB, most-p.Provisioned)
		if r.Left(more) > left {
			t.Fatal("promising more leaves more")
		}
	})
}
