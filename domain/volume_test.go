package domain_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

const testEpoch = domain.Epoch("abcdefgh")

// held is an edit that gives the volume to the nodes, in a use that lets them
// share it.
func held(nodes ...string) func(*domain.Volume) {
	return func(v *domain.Volume) {
		v.Record.Access, v.Record.Epoch, v.Record.FirstGrant = domain.Block, testEpoch, at(0)
		for _, n := range nodes {
			v.Record.Grants = append(v.Record.Grants, domain.Grant{
				Node: nodeID(n), Use: must(domain.NewUse(domain.Block, domain.MultiWriter, false)), Since: at(0), Size: domain.GiB,
			})
		}
	}
}

func lingering(v *domain.Volume) { v.Record.Lingering = true }

func TestExport(t *testing.T) {
	nqn := domain.NQN{Prefix: prefix, Slot: cluster.Slot("pvc-1"), Epoch: testEpoch}
	stranger := func(v *domain.Volume) { v.Record.Grants = []domain.Grant{{Node: "node-without-uuid"}} }
	for _, test := range []struct {
		name    string
		v       domain.Volume
		fencing domain.Fencing
		want    domain.Export
	}{
		{"never granted", volume(), domain.FenceByHost, domain.Export{}},
		{"nobody holds it any more", volume(held()), domain.FenceByHost, domain.Export{NQN: nqn}},
		{"one holder", volume(held("a")), domain.FenceByHost, domain.Export{On: true, NQN: nqn, Host: nodeID("a").HostNQN()}},
		{"two holders", volume(held("a", "b")), domain.FenceByHost, domain.Export{On: true, NQN: nqn}},
		{"one is left, one lingers", volume(held("b"), lingering), domain.FenceByHost, domain.Export{On: true, NQN: nqn, Host: nodeID("b").HostNQN()}},
		{"never granted, unfenced", volume(), domain.FenceNone, domain.Export{}},
		{"nobody, unfenced", volume(held()), domain.FenceNone, domain.Export{NQN: nqn}},
		{"one holder, unfenced", volume(held("a")), domain.FenceNone, domain.Export{On: true, NQN: nqn}},
		{"two holders, unfenced", volume(held("a", "b")), domain.FenceNone, domain.Export{On: true, NQN: nqn}},
		{"a fencing that was never set fences", volume(held("a")), "", domain.Export{On: true, NQN: nqn, Host: nodeID("a").HostNQN()}},
		{"a holder without a host opens nothing", volume(held(), stranger), domain.FenceByHost, domain.Export{NQN: nqn}},
	} {
		if got := test.v.Export(prefix, test.fencing); got != test.want {
			t.Errorf("%s: got %+v, want %+v", test.name, got, test.want)
		}
	}
}

// No grant, no export; and while the filter is in use one holder alone is let in.
func TestExportFollowsGrants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := volume(func(v *domain.Volume) { v.Record = record().Draw(t, "record") })
		fencing := rapid.SampledFrom([]domain.Fencing{domain.FenceByHost, domain.FenceNone}).Draw(t, "fencing")
		e := v.Export(prefix, fencing)
		if e.On != (len(v.Record.Grants) > 0) {
			t.Fatalf("got %+v with %d grants", e, len(v.Record.Grants))
		}
		wantHost := ""
		if len(v.Record.Grants) == 1 && fencing == domain.FenceByHost {
			wantHost = v.Record.Grants[0].Node.HostNQN()
		}
		if e.Host != wantHost || e.NQN.Epoch != v.Record.Epoch {
			t.Fatalf("got %+v, want host %q of epoch %q", e, wantHost, v.Record.Epoch)
		}
	})
}

func TestUnfenced(t *testing.T) {
	for _, test := range []struct {
		name string
		v    domain.Volume
		want bool
	}{
		{"free", volume(), false}, {"one holder", volume(held("a")), false}, {"two holders", volume(held("a", "b")), true},
		{"one holder, one lingers", volume(held("a"), lingering), true},
	} {
		if got := test.v.Unfenced(); got != test.want {
			t.Errorf("%s: got %t, want %t", test.name, got, test.want)
		}
	}
}

func TestGrantedAndHolders(t *testing.T) {
	v := volume(held("a", "b"))
	if got, want := v.Holders(), []domain.NodeID{nodeID("a"), nodeID("b")}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if g, ok := v.Granted(nodeID("b")); !ok || g.Node != nodeID("b") {
		t.Errorf("got %v and %t, want b's grant", g, ok)
	}
	for _, n := range []domain.NodeID{nodeID("c"), "", "a"} {
		if g, ok := v.Granted(n); ok || g != (domain.Grant{}) {
			t.Errorf("got %v and %t for %q, want no grant", g, ok, n)
		}
	}
	if got := volume().Holders(); len(got) != 0 {
		t.Errorf("got %v, want none", got)
	}
}

func TestDetached(t *testing.T) {
	for standing, off := range map[domain.Standing]bool{domain.Ours: false, domain.NotOurs: true, domain.Newer: true, domain.Damaged: true} {
		v := domain.Volume{Standing: standing}
		if got := v.Detached(); got != off {
			t.Errorf("got %t for standing %d not exported, want %t", got, standing, off)
		}
		v.Row.Export.On = true
		if v.Detached() {
			t.Errorf("standing %d is detached although it is exported", standing)
		}
	}
}

func TestVolumeTimings(t *testing.T) {
	v := volume(func(v *domain.Volume) {
		v.Record.Parameters.Timings = timings("nrIOQueues=8", "queueSize=64", "keepAliveTmo=9")
		v.Record.Modified = timings("nrIOQueues=2", "fastIOFailTmo=30")
	})
	want := timings("ctrlLossTmo=-1", "reconnectDelay=2", "keepAliveTmo=9", "fastIOFailTmo=30", "nrIOQueues=2", "queueSize=64")
	if got := v.Timings(); got != want {
		t.Errorf("got %v, want %v", got.Pairs(), want.Pairs())
	}
}
