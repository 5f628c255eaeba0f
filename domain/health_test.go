package domain_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

func TestConditions(t *testing.T) {
	shown := func(f domain.Fencing) func(*domain.Volume) {
		return func(v *domain.Volume) { v.Row.Export = v.Export(prefix, f) }
	}
	on := func(v *domain.Volume) { v.Row.Export.On = true }
	pool := func(edits ...func(*domain.Pool)) domain.Pool {
		p := btrfs()
		for _, edit := range edits {
			edit(&p)
		}
		return p
	}
	degraded := func(p *domain.Pool) { p.State = "degraded" }
	replaced := func(p *domain.Pool) { p.UUID = "uuid-2" }
	gone := func(p *domain.Pool) { p.Mounted = false }
	const bad, lost, poor = domain.Inaccessible, domain.DataLoss, domain.Degraded
	type status = domain.HealthStatus
	for _, test := range []struct {
		name    string
		v       domain.Volume
		p       domain.Pool
		found   bool
		reasons []string
		status  []status
	}{
		{"healthy and free", volume(), pool(), true, nil, nil},
		{"healthy and held", volume(held("a"), shown(domain.FenceByHost)), pool(), true, nil, nil},
		{"healthy and shared", volume(held("a", "b"), shown(domain.FenceByHost)), pool(), true, nil, nil},
		{"free, its last name still shown", volume(held(), shown(domain.FenceByHost)), pool(), true, nil, nil},
		{"no such pool", volume(), domain.Pool{}, false, []string{"PoolNotMounted"}, []status{bad}},
		{"pool not mounted", volume(), pool(gone), true, []string{"PoolNotMounted"}, []status{bad}},
		{"pool replaced", volume(), pool(replaced), true, []string{"PoolReplaced"}, []status{lost}},
		{"pool degraded", volume(), pool(degraded), true, []string{"PoolDegraded"}, []status{poor}},
		{"image shrunk", volume(sizes(domain.GiB, domain.MiB)), pool(), true, []string{"ImageShrunk"}, []status{lost}},
		{"image larger", volume(sizes(domain.MiB, domain.GiB)), pool(), true, nil, nil},
		{"a copy not yet grown", volume(state(domain.Making), sizes(domain.GiB, domain.MiB)), pool(), true, nil, nil},
		{"held but not exported", volume(held("a")), pool(), true, []string{"ExportWrong"}, []status{bad}},
		{"held but for everybody", volume(held("a"), shown(domain.FenceNone)), pool(), true, []string{"ExportWrong"}, []status{bad}},
		{"exported to nobody", volume(on), pool(), true, []string{"ExportLeft"}, []status{poor}},
		{"exported after the last grant", volume(held(), shown(domain.FenceByHost), on), pool(), true, []string{"ExportLeft"}, []status{poor}},
		{"everything at once", volume(held("a"), sizes(domain.GiB, 0)), pool(replaced), true,
			[]string{"PoolReplaced", "ImageShrunk", "ExportWrong"}, []status{lost, lost, bad}},
		{"damaged says only that", volume(standing(domain.Damaged), sizes(domain.GiB, 0)), pool(gone), true, []string{"RecordDamaged"}, []status{bad}},
		{"newer says only that", volume(standing(domain.Newer), sizes(domain.GiB, 0)), pool(gone), true, []string{"RecordNewer"}, []status{poor}},
		{"of others nothing is said", volume(standing(domain.NotOurs), sizes(domain.GiB, 0)), pool(gone), true, nil, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := test.v.Conditions(test.p, test.found, prefix, domain.FenceByHost)
			if len(got) != len(test.reasons) {
				t.Fatalf("got %+v, want %v", got, test.reasons)
			}
			for i, c := range got {
				if c.Reason != test.reasons[i] || c.Status != test.status[i] || c.Message == "" || len(c.Message) > 128 {
					t.Errorf("got %+v, want %s", c, test.reasons[i])
				}
			}
		})
	}
}

func TestConditionsFitTheSpecification(t *testing.T) {
	v := volume(func(v *domain.Volume) { v.Record.Pool = strings.Repeat("p", 64) })
	p := btrfs()
	p.Name, p.State = v.Record.Pool, strings.Repeat("ä", 100)
	got := v.Conditions(p, true, prefix, domain.FenceByHost)
	if len(got) != 1 || len(got[0].Message) > 128 || len(got[0].Message) < 125 || !utf8.ValidString(got[0].Message) {
		t.Errorf("got %+v, want a message of whole characters, at most 128 bytes", got)
	}
}
