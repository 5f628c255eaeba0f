package domain

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestConditions(t *testing.T) {
	shown := func(f Fencing) func(*Volume) {
		return func(v *Volume) { v.Row.Export = v.Export(prefix, f) }
	}
	on := func(v *Volume) { v.Row.Export.On = true }
	pool := func(edits ...func(*Pool)) Pool {
		p := btrfs()
		for _, edit := range edits {
			edit(&p)
		}
		return p
	}
	degraded := func(p *Pool) { p.State = "degraded" }
	replaced := func(p *Pool) { p.UUID = "uuid-2" }
	gone := func(p *Pool) { p.Mounted = false }
	const bad, lost, poor = Inaccessible, DataLoss, Degraded
	type status = HealthStatus
	for _, test := range []struct {
		name    string
		v       Volume
		p       Pool
		found   bool
		reasons string // separated by spaces
		status  []status
	}{
		{"healthy and free", volume(), pool(), true, "", nil},
		{"healthy and held", volume(held("a"), shown(FenceByHost)), pool(), true, "", nil},
		{"healthy and shared", volume(held("a", "b"), shown(FenceByHost)), pool(), true, "", nil},
		{"free, its last name still shown", volume(held(), shown(FenceByHost)), pool(), true, "", nil},
		{"no such pool", volume(), Pool{}, false, "PoolNotMounted", []status{bad}},
		{"pool not mounted", volume(), pool(gone), true, "PoolNotMounted", []status{bad}},
		{"pool replaced", volume(), pool(replaced), true, "PoolReplaced", []status{lost}},
		{"pool degraded", volume(), pool(degraded), true, "PoolDegraded", []status{poor}},
		{"image shrunk", volume(sizes(GiB, MiB)), pool(), true, "ImageShrunk", []status{lost}},
		{"image larger", volume(sizes(MiB, GiB)), pool(), true, "", nil},
		{"a copy not yet grown", volume(state(Making), sizes(GiB, MiB)), pool(), true, "", nil},
		{"held but not exported", volume(held("a")), pool(), true, "ExportWrong", []status{bad}},
		{"held but for everybody", volume(held("a"), shown(FenceNone)), pool(), true, "ExportWrong", []status{bad}},
		{"exported to nobody", volume(on), pool(), true, "ExportLeft", []status{poor}},
		{"exported after the last grant", volume(held(), shown(FenceByHost), on), pool(), true, "ExportLeft", []status{poor}},
		{"everything at once", volume(held("a"), sizes(GiB, 0)), pool(replaced), true,
			"PoolReplaced ImageShrunk ExportWrong", []status{lost, lost, bad}},
		{"damaged says only that", volume(standing(Damaged), sizes(GiB, 0)), pool(gone), true, "RecordDamaged", []status{bad}},
		{"newer says only that", volume(standing(Newer), sizes(GiB, 0)), pool(gone), true, "RecordNewer", []status{poor}},
		{"of others nothing is said", volume(standing(NotOurs), sizes(GiB, 0)), pool(gone), true, "", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := test.v.Conditions(test.p, test.found, prefix, FenceByHost)
			reasons := strings.Fields(test.reasons)
			if len(got) != len(reasons) {
				t.Fatalf("got %+v, want %v", got, reasons)
			}
			for i, c := range got {
				if c.Reason != reasons[i] || c.Status != test.status[i] || c.Message == "" || len(c.Message) > 128 {
					t.Errorf("got %+v, want %s", c, reasons[i])
				}
			}
		})
	}
}

func TestConditionsFitTheSpecification(t *testing.T) {
	v := volume(func(v *Volume) { v.Record.Pool = strings.Repeat("p", 64) })
	p := btrfs()
	p.Name, p.State = v.Record.Pool, strings.Repeat("ä", 100)
	got := v.Conditions(p, true, prefix, FenceByHost)
	if len(got) != 1 || len(got[0].Message) > 128 || len(got[0].Message) < 125 || !utf8.ValidString(got[0].Message) {
		t.Errorf("got %+v, want a message of whole characters, at most 128 bytes", got)
	}
}
