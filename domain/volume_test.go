package domain

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

const testEpoch = Epoch("abcdefgh")

// held is an edit that gives the volume to the nodes, in a use that lets them
// share it.
func held(nodes ...string) func(*Volume) {
	return func(v *Volume) {
		v.Record.Access, v.Record.Epoch, v.Record.FirstGrant = Block, testEpoch, at(0)
		for _, n := range nodes {
			v.Record.Grants = append(v.Record.Grants, Grant{
				Node: nodeID(n), Use: must(NewUse(Block, MultiWriter, false)), Since: at(0), Size: GiB,
			})
		}
	}
}

func lingering(v *Volume) { v.Record.Lingering = true }

func TestExport(t *testing.T) {
	nqn := NQN{Prefix: prefix, Slot: cluster.Slot("pvc-1"), Epoch: testEpoch}
	only := func(name string) Export { return Export{On: true, NQN: nqn, Host: nodeID(name).HostNQN()} }
	stranger := func(v *Volume) { v.Record.Grants = []Grant{{Node: "node-without-uuid"}} }
	for _, test := range []struct {
		name    string
		v       Volume
		fencing Fencing
		want    Export
	}{
		{"never granted", volume(), FenceByHost, Export{}},
		{"nobody holds it any more", volume(held()), FenceByHost, Export{NQN: nqn}},
		{"one holder", volume(held("a")), FenceByHost, only("a")},
		{"two holders", volume(held("a", "b")), FenceByHost, Export{On: true, NQN: nqn}},
		{"one is left, one lingers", volume(held("b"), lingering), FenceByHost, only("b")},
		{"never granted, unfenced", volume(), FenceNone, Export{}},
		{"nobody, unfenced", volume(held()), FenceNone, Export{NQN: nqn}},
		{"one holder, unfenced", volume(held("a")), FenceNone, Export{On: true, NQN: nqn}},
		{"two holders, unfenced", volume(held("a", "b")), FenceNone, Export{On: true, NQN: nqn}},
		{"a fencing that was never set fences", volume(held("a")), "", only("a")},
		{"a holder without a host opens nothing", volume(held(), stranger), FenceByHost, Export{NQN: nqn}},
	} {
		if got := test.v.Export(prefix, test.fencing); got != test.want {
			t.Errorf("%s: got %+v, want %+v", test.name, got, test.want)
		}
	}
}

// No grant, no export; and while the filter is in use one holder alone is let in.
func TestExportFollowsGrants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := volume(func(v *Volume) { v.Record = record().Draw(t, "record") })
		fencing := rapid.SampledFrom([]Fencing{FenceByHost, FenceNone}).Draw(t, "fencing")
		e := v.Export(prefix, fencing)
		if e.On != (len(v.Record.Grants) > 0) {
			t.Fatalf("got %+v with %d grants", e, len(v.Record.Grants))
		}
		wantHost := ""
		if len(v.Record.Grants) == 1 && fencing == FenceByHost {
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
		v    Volume
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
	if got, want := v.Holders(), []NodeID{nodeID("a"), nodeID("b")}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if g, ok := v.Granted(nodeID("b")); !ok || g.Node != nodeID("b") {
		t.Errorf("got %v and %t, want b's grant", g, ok)
	}
	for _, n := range []NodeID{nodeID("c"), "", "a"} {
		if g, ok := v.Granted(n); ok || g != (Grant{}) {
			t.Errorf("got %v and %t for %q, want no grant", g, ok, n)
		}
	}
	if got := volume().Holders(); len(got) != 0 {
		t.Errorf("got %v, want none", got)
	}
}

func TestDetached(t *testing.T) {
	for standing, off := range map[Standing]bool{Ours: false, NotOurs: true, Newer: true, Damaged: true} {
		v := Volume{Standing: standing}
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
	v := volume(func(v *Volume) {
		v.Record.Parameters.Timings = timings("nrIOQueues=8", "queueSize=64", "keepAliveTmo=9")
		v.Record.Modified = timings("nrIOQueues=2", "fastIOFailTmo=30")
	})
	want := timings("ctrlLossTmo=-1", "reconnectDelay=2", "keepAliveTmo=9", "fastIOFailTmo=30",
		"nrIOQueues=2", "queueSize=64")
	if got := v.Timings(); got != want {
		t.Errorf("got %v, want %v", got.Pairs(), want.Pairs())
	}
}
