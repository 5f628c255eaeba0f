package porttest

import (
	"context"
	"slices"
	"testing"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// Pools runs the contract of ports.Pools. open returns an array of its own for
// each test; tests run at once.
func Pools(t *testing.T, open func(*testing.T) Array) {
	t.Run("List", func(t *testing.T) { runRack(t, open, poolTests()) })
	t.Run("Silence", func(t *testing.T) { runSilence(t, open, poolVerbs()) })
	t.Run("Context", func(t *testing.T) { runContext(t, open, poolVerbs()) })
}

func poolTests() []rackTest {
	return []rackTest{
		{"pools come by name and say what they can", (*rack).poolsListed},
		{"what is provisioned is the sum of all images, strangers' too", (*rack).poolsProvisioned},
		{"a plain pool loses the full size at once, and gets it back", (*rack).poolAllocates},
		{"a pool that copies loses what is written", (*rack).poolThin},
		{"a pool that is not mounted is listed without room and file system", (*rack).poolUnmounted},
		{"state, another file system and a full pool show", (*rack).poolFaults},
		{"a file system keeps its id through a reboot", (*rack).poolReboot},
	}
}

func (r *rack) poolsListed() {
	list, err := r.Pools().List(r.Context())
	r.must(err)
	sorted := slices.IsSortedFunc(list, func(a, b domain.Pool) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	same(r, "by name", sorted, true)
	copying, plain := r.pool(r.facts.Copying), r.pool(r.facts.Plain)
	type can struct{ snapshots, allocates, mounted bool }
	same(r, "the one that copies", can{copying.Snapshots, copying.Allocates, copying.Mounted}, can{true, false, true})
	same(r, "the plain one", can{plain.Snapshots, plain.Allocates, plain.Mounted}, can{false, true, true})
	for _, p := range []domain.Pool{copying, plain} {
		reason, ok := p.Healthy()
		if !ok || p.UUID == "" || p.FileSystem == "" || p.Total < 8*domain.GiB || p.Free > p.Total {
			r.Errorf("pool: got %+v (%s), want a healthy one with its figures", p, reason)
		}
	}
	same(r, "two file systems", copying.UUID == plain.UUID, false)
}

func (r *rack) poolsProvisioned() {
	for _, pool := range []string{r.facts.Copying, r.facts.Plain} {
		before := r.pool(pool).Provisioned
		v := r.made(pool, "on "+pool, 5*mib+4*domain.KiB)
		r.foreign("foreign-on-"+pool, pool) // 5 MiB
		same(r, "provisioned", r.pool(pool).Provisioned, before+10*mib+4*domain.KiB)
		_, err := r.Volumes().Grow(r.Context(), v, r.grown(v, 7*mib), room())
		r.must(err)
		same(r, "provisioned", r.pool(pool).Provisioned, before+12*mib)
	}
}

func (r *rack) poolAllocates() {
	before := r.pool(r.facts.Plain)
	v := r.made(r.facts.Plain, "web", domain.GiB)
	same(r, "free", r.pool(r.facts.Plain).Free, before.Free-domain.GiB)
	v, err := r.Volumes().Grow(r.Context(), v, r.grown(v, 2*domain.GiB), room())
	r.must(err)
	same(r, "free", r.pool(r.facts.Plain).Free, before.Free-2*domain.GiB)
	r.must(r.Volumes().Delete(r.Context(), r.condemned(v)))
	same(r, "pool", r.pool(r.facts.Plain), before)
}

func (r *rack) poolThin() {
	before := r.pool(r.facts.Copying)
	v := r.made(r.facts.Copying, "web", domain.GiB)
	if lost := before.Free - r.pool(r.facts.Copying).Free; lost > mib {
		r.Errorf("taken by an empty image: got %s, want next to nothing", lost)
	}
	r.must(r.WriteImage(v.Row.Path, 0, slices.Repeat([]byte("x"), int(8*mib))))
	if lost := before.Free - r.pool(r.facts.Copying).Free; lost < 8*mib || lost > 10*mib {
		r.Errorf("taken by 8 MiB: got %s, want about that", lost)
	}
}

func (r *rack) poolUnmounted() {
	v := r.made(r.facts.Plain, "web", 4*mib)
	before := r.pool(r.facts.Plain)
	r.must(r.SetPool(r.facts.Plain, PoolFault{Unmounted: true}))
	got := r.pool(r.facts.Plain)
	same(r, "mounted", got.Mounted, false)
	same(r, "figures", []any{got.Total, got.Free, got.UUID}, []any{domain.Size(0), domain.Size(0), ""})
	same(r, "provisioned", got.Provisioned, v.Row.Size)
	same(r, "the other pool", r.pool(r.facts.Copying).Mounted, true)
	r.must(r.SetPool(r.facts.Plain, PoolFault{}))
	same(r, "pool mounted again", r.pool(r.facts.Plain), before)
}

func (r *rack) poolFaults() {
	before := r.pool(r.facts.Plain)
	r.must(r.SetPool(r.facts.Plain, PoolFault{State: "degraded", UUID: "another", Taken: before.Total}))
	got := r.pool(r.facts.Plain)
	same(r, "state, id and free", []any{got.State, got.UUID, got.Free}, []any{"degraded", "another", domain.Size(0)})
	_, healthy := got.Healthy()
	same(r, "healthy", healthy, false)
}

func (r *rack) poolReboot() {
	before := r.pool(r.facts.Copying)
	r.must(r.SetPool(r.facts.Plain, PoolFault{State: "degraded"}))
	r.must(r.Reboot())
	same(r, "pool", r.pool(r.facts.Copying), before)
	same(r, "state", r.pool(r.facts.Plain).State, "degraded")
}

func poolVerbs() []verb {
	return []verb{{"list", 0, func(r *rack) (repeated, func()) {
		want, err := r.Pools().List(r.Context())
		r.must(err)
		return func(ctx context.Context) error {
			got, err := r.Pools().List(ctx)
			if err == nil {
				same(r, "list", got, want)
			}
			return err
		}, func() {}
	}}}
}
