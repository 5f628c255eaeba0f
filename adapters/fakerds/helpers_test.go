package fakerds_test

import (
	"testing"
	"time"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatalf("got %v (%v), want no error", err, domain.KindOf(err))
		}
		return v
	}
}

func plan(t *testing.T, a *array, pool, name string, size domain.Size) domain.Plan {
	t.Helper()
	for _, p := range must[[]domain.Pool](t)(a.Pools().List(t.Context())) {
		if p.Name == pool {
			request := domain.VolumeRequest{Name: name, Access: domain.Block, Range: domain.SizeRange{Required: size}}
			return must[domain.Plan](t)(domain.NewPlan(a.cfg.Cluster, a.cfg.Array, p, domain.DefaultRoom(), request,
				domain.Source{}, time.Now(), name))
		}
	}
	t.Fatalf("pool %s: got none, want it", pool)
	return domain.Plan{}
}

func made(t *testing.T, a *array, pool, name string) domain.Volume {
	t.Helper()
	return must[domain.Volume](t)(a.Volumes().Create(t.Context(), plan(t, a, pool, name, 4*domain.MiB)))
}

// exported returns a volume that a node holds.
func exported(t *testing.T, a *array) domain.Volume {
	t.Helper()
	v := made(t, a, "btrfs", "web")
	use := must[domain.Use](t)(domain.NewUse(domain.Block, domain.SingleWriter, false))
	host := must[domain.Host](t)(domain.NewHost(a.cfg.Cluster, "node-a", ""))
	next := must[domain.Volume](t)(v.Admit(domain.Ask{
		Node: host.ID(), Use: use, Now: time.Now(), Epoch: domain.NewEpoch([domain.EpochBytes]byte{1}), Nonce: "held",
	}))
	return must[domain.Volume](t)(a.Volumes().Update(t.Context(), v, next))
}

// snapPlan plans a snapshot of a volume on the pool that has them.
func snapPlan(t *testing.T, a *array, v domain.Volume) domain.Snapshot {
	t.Helper()
	btrfs := must[[]domain.Pool](t)(a.Pools().List(t.Context()))[0]
	return must[domain.Snapshot](t)(v.PlanSnapshot(a.cfg.Cluster, "monday", btrfs))
}
