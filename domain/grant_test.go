package domain_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// ask is a wish of a node, n seconds into these tests.
func ask(name string, u domain.Use, n int) domain.Ask {
	return domain.Ask{Node: nodeID(name), Use: u, Now: at(n), Epoch: "neweepoc", Nonce: "new"}
}

func writer(a domain.Access) domain.Use { return must(domain.NewUse(a, domain.SingleWriter, false)) }

func made(a domain.Access, c domain.Content) func(*domain.Volume) {
	return func(v *domain.Volume) { v.Record.Access, v.Record.Content = a, c }
}

func state(s domain.State) func(*domain.Volume) {
	return func(v *domain.Volume) { v.Record.State = s }
}

func standing(s domain.Standing) func(*domain.Volume) {
	return func(v *domain.Volume) { v.Standing = s }
}

// heldAs gives the volume to a node in a use, through the front door.
func heldAs(name string, u domain.Use, n int) func(*domain.Volume) {
	return func(v *domain.Volume) { *v = must(v.Admit(ask(name, u, n))) }
}

func TestAdmitRefuses(t *testing.T) {
	ext4, block := writer(domain.Ext4), writer(domain.Block)
	reader := must(domain.NewUse(domain.Ext4, domain.MultiReader, false))
	roWriter := must(domain.NewUse(domain.Ext4, domain.SingleWriter, true))
	raw := func(m domain.Mode, readOnly bool) domain.Use { return must(domain.NewUse(domain.Block, m, readOnly)) }
	used, usedBlock := made(domain.Ext4, domain.Used), made(domain.Block, domain.Used)
	reinstalled := ask("a", ext4, 0)
	reinstalled.Node = must(domain.NewHost(cluster, "a", "another machine")).ID()
	for _, test := range []struct {
		name string
		v    domain.Volume
		ask  domain.Ask
		kind domain.Kind
		want string
	}{
		{"damaged", volume(standing(domain.Damaged)), ask("a", ext4, 0), domain.DataAtRisk, "damaged"},
		{"newer", volume(standing(domain.Newer)), ask("a", ext4, 0), domain.DataAtRisk, "upgrade"},
		{"not ours", volume(standing(domain.NotOurs)), ask("a", ext4, 0), domain.DataAtRisk, "not ours"},
		{"deleting", volume(state(domain.Deleting)), ask("a", ext4, 0), domain.InUse, "being deleted"},
		{"half copied", volume(state(domain.Making)), ask("a", ext4, 0), domain.Busy, "copied"},
		{"no node", volume(), domain.Ask{Use: ext4, Now: at(0)}, domain.NotFound, "node_id"},
		{"no node of ours", volume(), domain.Ask{Node: "node-a", Use: ext4, Now: at(0)}, domain.NotFound, `"node-a"`},
		{"same node, another mode", volume(used, heldAs("a", ext4, 0)),
			ask("a", must(domain.NewUse(domain.Ext4, domain.SingleSingleWriter, false)), 1), domain.Exists, "node a holds it as SINGLE_NODE_WRITER"},
		{"same node, now read-only", volume(used, heldAs("a", ext4, 0)), ask("a", roWriter, 1), domain.Exists, "readonly=true"},
		{"same node, another access", volume(used, heldAs("a", ext4, 0)), ask("a", block, 1), domain.Exists, "node a"},
		{"same node reinstalled", volume(used, heldAs("a", ext4, 0)), reinstalled, domain.InUse, "earlier installation of node a"},
		{"another node, single writer", volume(used, heldAs("a", ext4, 0)), ask("b", ext4, 1), domain.InUse, "held by node a"},
		{"a reader beside a writer", volume(used, heldAs("a", ext4, 0)), ask("b", reader, 1), domain.InUse, "held by node a"},
		{"a writer beside a reader", volume(used, heldAs("a", reader, 0)), ask("b", ext4, 1), domain.InUse, "held by node a"},
		{"a read-only writer beside one", volume(used, heldAs("a", roWriter, 0)), ask("b", roWriter, 1), domain.InUse, "held by node a"},
		{"a single writer beside migration", volume(usedBlock, heldAs("a", raw(domain.MultiWriter, false), 0)), ask("b", block, 1), domain.InUse, "held by node a"},
		{"a read-only one beside migration", volume(usedBlock, heldAs("a", raw(domain.MultiWriter, false), 0)), ask("b", raw(domain.MultiWriter, true), 1), domain.InUse, "node a"},
		{"a third writer in a migration", volume(usedBlock, heldAs("a", raw(domain.MultiWriter, false), 0), heldAs("b", raw(domain.MultiWriter, false), 1)),
			ask("c", raw(domain.MultiWriter, false), 2), domain.InUse, "2 nodes hold it, no more may: a, b"},
		{"another file system", volume(), ask("a", writer(domain.XFS), 0), domain.Invalid, "volume_capability xfs: the volume was made for ext4"},
		{"block of a file system", volume(), ask("a", block, 0), domain.Invalid, "block"},
		{"a file system of block", volume(made(domain.Block, domain.Blank)), ask("a", ext4, 0), domain.Invalid, "ext4"},
		{"a reader of a blank file system", volume(), ask("a", reader, 0), domain.InUse, "blank"},
		{"a read-only writer of one", volume(), ask("a", roWriter, 0), domain.InUse, "blank"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := test.v.Admit(test.ask)
			wantKind(t, err, test.kind)
			wantText(t, err, test.want)
			wantText(t, err, test.v.ID.String())
			if !reflect.DeepEqual(got, test.v) {
				t.Errorf("got %+v, want the volume as it was", got)
			}
		})
	}
}

func TestAdmitGrants(t *testing.T) {
	reader := must(domain.NewUse(domain.Ext4, domain.MultiReader, false))
	roWriter := must(domain.NewUse(domain.Ext4, domain.SingleWriter, true))
	blockReader := must(domain.NewUse(domain.Block, domain.SingleReader, false))
	day := int(domain.BlankFor / time.Second)
	for _, test := range []struct {
		name   string
		v      domain.Volume
		ask    domain.Ask
		format string
	}{
		{"blank to a writer", volume(), ask("a", writer(domain.Ext4), 0), "blank-until:1800086400"},
		{"blank, block is never formatted", volume(made(domain.Block, domain.Blank)), ask("a", writer(domain.Block), 0), "never"},
		{"blank, block to a reader", volume(made(domain.Block, domain.Blank)), ask("a", blockReader, 0), "never"},
		{"used to a writer", volume(made(domain.Ext4, domain.Used)), ask("a", writer(domain.Ext4), 0), "if-empty"},
		{"used to a reader", volume(made(domain.Ext4, domain.Used)), ask("a", reader, 0), "never"},
		{"used to a read-only writer", volume(made(domain.Ext4, domain.Used)), ask("a", roWriter, 0), "never"},
		{"foreign to a writer", volume(made(domain.Ext4, domain.Foreign)), ask("a", writer(domain.Ext4), 0), "never"},
		{"foreign to a reader", volume(made(domain.Ext4, domain.Foreign)), ask("a", reader, 0), "never"},
		{"blank and first granted a day ago", volume(func(v *domain.Volume) { v.Record.FirstGrant = at(-day) }), ask("a", writer(domain.Ext4), 0), "if-empty"},
		{"blank and first granted today", volume(func(v *domain.Volume) { v.Record.FirstGrant = at(-100) }), ask("a", writer(domain.Ext4), 0), "blank-until:1800086300"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := test.v.Admit(test.ask)
			if err != nil {
				t.Fatal(err)
			}
			want := domain.Grant{
				Node: test.ask.Node, Use: test.ask.Use, Since: at(0), Size: domain.GiB,
				Format: must(domain.ParseFormat(test.format)), Timings: domain.DefaultTimings(),
			}
			if !slices.Equal(got.Record.Grants, []domain.Grant{want}) {
				t.Errorf("got %+v, want %+v", got.Record.Grants, want)
			}
			if got.Record.Epoch != "neweepoc" || got.Record.Nonce != "new" || got.Record.FirstGrant.IsZero() {
				t.Errorf("got epoch %q, nonce %q, first grant %v", got.Record.Epoch, got.Record.Nonce, got.Record.FirstGrant)
			}
		})
	}
}

func TestAdmitAgainChangesNothing(t *testing.T) {
	for _, v := range []domain.Volume{
		volume(heldAs("a", writer(domain.Ext4), 0)),
		volume(made(domain.Ext4, domain.Used), heldAs("a", writer(domain.Ext4), 0)),
		volume(made(domain.Block, domain.Used), heldAs("a", writer(domain.Block), 0)),
	} {
		again := ask("a", v.Record.Grants[0].Use, 2*86400)
		again.Epoch, again.Nonce = "other234", "other"
		if got, err := v.Admit(again); err != nil || !reflect.DeepEqual(got, v) {
			t.Errorf("got %+v and %v, want %+v", got, err, v)
		}
	}
}

// A blank volume has no reader, except one that a record of before tells of:
// the check for an existing grant comes first.
func TestReaderOfBlankThatHoldsIt(t *testing.T) {
	reader := must(domain.NewUse(domain.Ext4, domain.MultiReader, false))
	v := volume(made(domain.Ext4, domain.Used), heldAs("a", reader, 0), made(domain.Ext4, domain.Blank))
	if got, err := v.Admit(ask("a", reader, 1)); err != nil || !reflect.DeepEqual(got, v) {
		t.Errorf("got %v, want the grant it has", err)
	}
}

func TestGrantIsFixedWhileItLives(t *testing.T) {
	v := volume(heldAs("a", writer(domain.Ext4), 0))
	before := v.Record.Grants[0]
	v = must(v.Modify(timings("nrIOQueues=9"), "m"))
	v = must(v.Resize(domain.SizeRange{Required: 2 * domain.GiB}, "r"))
	v = must(v.Admit(ask("a", before.Use, 3*86400)))
	if got := v.Record.Grants[0]; got != before {
		t.Errorf("got %+v, want %+v", got, before)
	}
	v = must(v.Revoke("a", "x"))
	v.Row.Size = v.Record.Size
	v = must(v.Admit(ask("a", before.Use, 4*86400)))
	got := v.Record.Grants[0]
	if n, _ := got.Timings.Get(domain.NrIOQueues); n != 9 || got.Size != 2*domain.GiB || got.Format != domain.FormatIfEmpty() {
		t.Errorf("got %+v, want the new grant to have what changed", got)
	}
}

func TestEightReaders(t *testing.T) {
	reader := must(domain.NewUse(domain.XFS, domain.MultiReader, false))
	v := volume(made(domain.XFS, domain.Foreign))
	for i, name := range strings.Split("abcdefgh", "") {
		v = must(v.Admit(ask(name, reader, i)))
	}
	_, err := v.Admit(ask("i", reader, 9))
	wantKind(t, err, domain.InUse)
	wantText(t, err, "8 nodes hold it, no more may: a, b, c, d, e, f, g, h")
}

func TestRevoke(t *testing.T) {
	both := volume(held("a", "b"))
	reinstalled := volume(held())
	reinstalled.Record.Grants = []domain.Grant{{Node: must(domain.NewHost(cluster, "a", "before it was reinstalled")).ID()}}
	for _, test := range []struct {
		name    string
		v       domain.Volume
		node    string
		left    []string
		linger  bool
		content domain.Content
	}{
		{"the only holder", volume(held("a")), "a", nil, false, domain.Used},
		{"the source of a migration", both, "a", []string{"b"}, true, domain.Used},
		{"the destination of a migration", both, "b", []string{"a"}, true, domain.Used},
		{"the last where one lingers", volume(held("b"), lingering), "b", nil, false, domain.Used},
		{"everybody", both, "", nil, false, domain.Used},
		{"everybody of none", volume(), "", nil, false, domain.Blank},
		{"nobody of that name", both, "c", []string{"a", "b"}, false, domain.Blank},
		{"nobody of that name where one lingers", volume(held("b"), lingering), "c", []string{"b"}, true, domain.Blank},
		{"of a free volume", volume(), "a", nil, false, domain.Blank},
		{"an earlier installation of the node", reinstalled, "a", nil, false, domain.Used},
		{"while it is being deleted", volume(state(domain.Deleting)), "a", nil, false, domain.Blank},
		{"of foreign data", volume(held("a"), made(domain.Block, domain.Foreign)), "a", nil, false, domain.Foreign},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := test.v.Revoke(test.node, "new")
			if err != nil {
				t.Fatal(err)
			}
			var left []string
			for _, n := range got.Holders() {
				left = append(left, n.Name())
			}
			r := got.Record
			if !slices.Equal(left, test.left) || r.Lingering != test.linger || r.Content != test.content {
				t.Errorf("got %v, lingering %t, content %s; want %v, %t, %s",
					left, r.Lingering, r.Content.Letter(), test.left, test.linger, test.content.Letter())
			}
			if r.Nonce != "new" {
				t.Errorf("got nonce %q: a late publish would find its own record", r.Nonce)
			}
			if r.Epoch != test.v.Record.Epoch || r.FirstGrant != test.v.Record.FirstGrant {
				t.Errorf("got epoch %q and first grant %v, want both kept", r.Epoch, r.FirstGrant)
			}
		})
	}
	for _, s := range []domain.Standing{domain.NotOurs, domain.Newer, domain.Damaged} {
		_, err := volume(held("a"), standing(s)).Revoke("a", "new")
		wantKind(t, err, domain.DataAtRisk)
	}
}

// TestLifeOfGrants lets nodes come and go and holds the volume against a model.
func TestLifeOfGrants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		access := rapid.SampledFrom(allAccesses()).Draw(t, "access")
		v := volume(made(access, rapid.SampledFrom([]domain.Content{domain.Blank, domain.Used, domain.Foreign}).Draw(t, "content")))
		epochs := map[domain.Epoch]bool{}
		first := time.Time{}
		for step := range rapid.IntRange(1, 30).Draw(t, "steps") {
			name := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "node")
			if rapid.Bool().Draw(t, "revoke") {
				next := must(v.Revoke(rapid.SampledFrom([]string{name, name, name, ""}).Draw(t, "of"), "n"))
				if lost := len(next.Record.Grants) < len(v.Record.Grants); lost && next.Record.Content == domain.Blank {
					t.Fatal("a volume that was held is still blank")
				}
				v = next
			} else {
				a := ask(name, use(access).Draw(t, "use"), step)
				a.Epoch = epoch().Draw(t, "epoch")
				next, err := v.Admit(a)
				if err != nil {
					continue
				}
				drawn := len(v.Record.Grants) == 0
				switch {
				case drawn && next.Record.Epoch != a.Epoch:
					t.Fatal("the first holder got no new epoch")
				case !drawn && next.Record.Epoch != v.Record.Epoch:
					t.Fatal("the epoch changed under a holder")
				}
				epochs[next.Record.Epoch] = true
				if first.IsZero() {
					first = a.Now
				}
				v = next
			}
			checkGrants(t, v, first)
		}
	})
}

func checkGrants(t *rapid.T, v domain.Volume, first time.Time) {
	r := v.Record
	names := map[string]bool{}
	for _, g := range r.Grants {
		if names[g.Node.Name()] {
			t.Fatalf("%s holds it twice", g.Node.Name())
		}
		names[g.Node.Name()] = true
		if len(r.Grants) > g.Use.MostHolders() {
			t.Fatalf("%d hold it as %v", len(r.Grants), g.Use)
		}
		if g.Use != r.Grants[0].Use {
			t.Fatalf("held as %v and %v", g.Use, r.Grants[0].Use)
		}
		if g.Format != domain.FormatNever() && (r.Content == domain.Foreign || g.Use.ReadOnly || g.Use.Access == domain.Block) {
			t.Fatalf("%v may be formatted as %s", g.Use, g.Format)
		}
	}
	if !r.FirstGrant.Equal(first) {
		t.Fatalf("got first grant %v, want %v", r.FirstGrant, first)
	}
	if r.Lingering && len(r.Grants) == 0 {
		t.Fatal("lingering without a holder")
	}
	if text, err := r.Encode(); err != nil {
		t.Fatal(err)
	} else if again, got := domain.Decode(text, r.Owner, true); got != domain.Ours || !slices.Equal(again.Grants, r.Grants) {
		t.Fatalf("got standing %d and %+v from %s", got, again.Grants, text)
	}
}

// No method changes the volume that it is called on, nor shares what it returns
// with it.
func TestVolumesAreValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := volume(func(v *domain.Volume) {
			v.Record = record().Draw(t, "record")
			v.Record.Grants = append(make([]domain.Grant, 0, 8), v.Record.Grants...) // room to write into
			v.Row.Size = v.Record.Size
		})
		spare := v.Record.Grants[:cap(v.Record.Grants)]
		before, beforeSpare := v, slices.Clone(spare)
		before.Record.Grants = slices.Clone(v.Record.Grants)
		one := "x"
		if len(v.Record.Grants) > 0 {
			one = v.Record.Grants[0].Node.Name()
		}
		var results []domain.Volume
		keep := func(next domain.Volume, err error) {
			if err == nil && next.Record.Nonce == "new nonce" {
				results = append(results, next)
			}
		}
		keep(v.Admit(domain.Ask{Node: node().Draw(t, "node"), Use: use(v.Record.Access).Draw(t, "use"), Now: at(0), Epoch: testEpoch, Nonce: "new nonce"}))
		keep(v.Revoke(one, "new nonce"))
		keep(v.Revoke("", "new nonce"))
		keep(v.Condemn("new nonce"))
		keep(v.Resize(domain.SizeRange{Required: v.Row.Size + 1}, "new nonce"))
		keep(v.Modify(timings("nrIOQueues=99"), "new nonce"))
		keep(v.Done("new nonce"), nil)
		keep(v.Rewritten("new nonce"), nil)
		for _, next := range results {
			for i := range next.Record.Grants {
				next.Record.Grants[i] = domain.Grant{}
			}
			_ = append(next.Record.Grants, domain.Grant{Node: "intruder"})
		}
		_, _ = v.Record.Encode()
		v.Holders()
		if !reflect.DeepEqual(v, before) || !slices.Equal(spare, beforeSpare) {
			t.Fatalf("got %+v, want %+v", v, before)
		}
	})
}
