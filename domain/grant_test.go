package domain

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// ask is a wish of a node, n seconds into these tests.
func ask(name string, u Use, n int) Ask {
	return Ask{Node: nodeID(name), Use: u, Now: at(n), Epoch: "neweepoc", Nonce: "new"}
}

func writer(a Access) Use { return must(NewUse(a, SingleWriter, false)) }

func made(a Access, c Content) func(*Volume) {
	return func(v *Volume) { v.Record.Access, v.Record.Content = a, c }
}

func state(s State) func(*Volume) {
	return func(v *Volume) { v.Record.State = s }
}

func standing(s Standing) func(*Volume) {
	return func(v *Volume) { v.Standing = s }
}

func firstGranted(n int) func(*Volume) {
	return func(v *Volume) { v.Record.FirstGrant = at(n) }
}

// heldAs gives the volume to node a in a use, through the front door.
func heldAs(u Use) func(*Volume) {
	return func(v *Volume) { *v = must(v.Admit(ask("a", u, 0))) }
}

func TestAdmitRefuses(t *testing.T) {
	ext4, block := writer(Ext4), writer(Block)
	reader := must(NewUse(Ext4, MultiReader, false))
	roWriter := must(NewUse(Ext4, SingleWriter, true))
	raw := func(m Mode, readOnly bool) Use { return must(NewUse(Block, m, readOnly)) }
	used, usedBlock := made(Ext4, Used), made(Block, Used)
	written := volume(used, heldAs(ext4))
	moving := volume(usedBlock, heldAs(raw(MultiWriter, false)))
	moved := must(moving.Admit(ask("b", raw(MultiWriter, false), 1)))
	reinstalled := ask("a", ext4, 0)
	reinstalled.Node = must(NewHost(cluster, "a", "another machine")).ID()
	for _, test := range []struct {
		name string
		v    Volume
		ask  Ask
		kind Kind
		want string
	}{
		{"damaged", volume(standing(Damaged)), ask("a", ext4, 0), DataAtRisk, "damaged"},
		{"newer", volume(standing(Newer)), ask("a", ext4, 0), DataAtRisk, "upgrade"},
		{"not ours", volume(standing(NotOurs)), ask("a", ext4, 0), DataAtRisk, "not ours"},
		{"deleting", volume(state(Deleting)), ask("a", ext4, 0), InUse, "being deleted"},
		{"half copied", volume(state(Making)), ask("a", ext4, 0), Busy, "copied"},
		{"no node", volume(), Ask{Use: ext4, Now: at(0)}, NotFound, "node_id"},
		{"no node of ours", volume(), Ask{Node: "node-a", Use: ext4, Now: at(0)}, NotFound, `"node-a"`},
		{"same node, another mode", written,
			ask("a", must(NewUse(Ext4, SingleSingleWriter, false)), 1), Exists, "node a holds it as SINGLE_NODE_WRITER"},
		{"same node, now read-only", written, ask("a", roWriter, 1), Exists, "readonly=true"},
		{"same node, another access", written, ask("a", block, 1), Exists, "node a"},
		{"same node reinstalled", written, reinstalled, InUse, "earlier installation of node a"},
		{"another node, single writer", written, ask("b", ext4, 1), InUse, "held by node a"},
		{"a reader beside a writer", written, ask("b", reader, 1), InUse, "held by node a"},
		{"a writer beside a reader", volume(used, heldAs(reader)), ask("b", ext4, 1), InUse, "held by node a"},
		{"a read-only writer beside one", volume(used, heldAs(roWriter)), ask("b", roWriter, 1), InUse, "held by node a"},
		{"a single writer beside migration", moving, ask("b", block, 1), InUse, "held by node a"},
		{"a read-only one beside migration", moving, ask("b", raw(MultiWriter, true), 1), InUse, "node a"},
		{"a third writer in a migration", moved, ask("c", raw(MultiWriter, false), 2), InUse, "2 nodes hold it, no more may: a, b"},
		{"another file system", volume(), ask("a", writer(XFS), 0), Invalid, "xfs: the volume was made for ext4"},
		{"block of a file system", volume(), ask("a", block, 0), Invalid, "block"},
		{"a file system of block", volume(made(Block, Blank)), ask("a", ext4, 0), Invalid, "ext4"},
		{"a reader of a blank file system", volume(), ask("a", reader, 0), InUse, "blank"},
		{"a read-only writer of one", volume(), ask("a", roWriter, 0), InUse, "blank"},
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
	reader := must(NewUse(Ext4, MultiReader, false))
	roWriter := must(NewUse(Ext4, SingleWriter, true))
	blockReader := must(NewUse(Block, SingleReader, false))
	day := int(BlankFor / time.Second)
	for _, test := range []struct {
		name   string
		v      Volume
		ask    Ask
		format string
	}{
		{"blank to a writer", volume(), ask("a", writer(Ext4), 0), "blank-until:1800086400"},
		{"blank, block is never formatted", volume(made(Block, Blank)), ask("a", writer(Block), 0), "never"},
		{"blank, block to a reader", volume(made(Block, Blank)), ask("a", blockReader, 0), "never"},
		{"used to a writer", volume(made(Ext4, Used)), ask("a", writer(Ext4), 0), "if-empty"},
		{"used to a reader", volume(made(Ext4, Used)), ask("a", reader, 0), "never"},
		{"used to a read-only writer", volume(made(Ext4, Used)), ask("a", roWriter, 0), "never"},
		{"foreign to a writer", volume(made(Ext4, Foreign)), ask("a", writer(Ext4), 0), "never"},
		{"foreign to a reader", volume(made(Ext4, Foreign)), ask("a", reader, 0), "never"},
		{"blank and first granted a day ago", volume(firstGranted(-day)), ask("a", writer(Ext4), 0), "if-empty"},
		{"blank and first granted today", volume(firstGranted(-100)), ask("a", writer(Ext4), 0), "blank-until:1800086300"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := test.v.Admit(test.ask)
			if err != nil {
				t.Fatal(err)
			}
			want := Grant{
				Node: test.ask.Node, Use: test.ask.Use, Since: at(0), Size: GiB,
				Format: must(ParseFormat(test.format)), Timings: DefaultTimings(),
			}
			if !slices.Equal(got.Record.Grants, []Grant{want}) {
				t.Errorf("got %+v, want %+v", got.Record.Grants, want)
			}
			if got.Record.Epoch != "neweepoc" || got.Record.Nonce != "new" || got.Record.FirstGrant.IsZero() {
				t.Errorf("got epoch %q, nonce %q, first grant %v", got.Record.Epoch, got.Record.Nonce, got.Record.FirstGrant)
			}
		})
	}
}

func TestAdmitAgainChangesNothing(t *testing.T) {
	for _, v := range []Volume{
		volume(heldAs(writer(Ext4))),
		volume(made(Ext4, Used), heldAs(writer(Ext4))),
		volume(made(Block, Used), heldAs(writer(Block))),
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
	reader := must(NewUse(Ext4, MultiReader, false))
	v := volume(made(Ext4, Used), heldAs(reader), made(Ext4, Blank))
	if got, err := v.Admit(ask("a", reader, 1)); err != nil || !reflect.DeepEqual(got, v) {
		t.Errorf("got %v, want the grant it has", err)
	}
}

func TestGrantIsFixedWhileItLives(t *testing.T) {
	v := volume(heldAs(writer(Ext4)))
	before := v.Record.Grants[0]
	v = must(v.Modify(timings("nrIOQueues=9"), "m"))
	v = must(v.Resize(SizeRange{Required: 2 * GiB}, "r"))
	v = must(v.Admit(ask("a", before.Use, 3*86400)))
	if got := v.Record.Grants[0]; got != before {
		t.Errorf("got %+v, want %+v", got, before)
	}
	v = must(v.Revoke("a", "x"))
	v.Row.Size = v.Record.Size
	v = must(v.Admit(ask("a", before.Use, 4*86400)))
	got := v.Record.Grants[0]
	if n, _ := got.Timings.Get(NrIOQueues); n != 9 || got.Size != 2*GiB || got.Format != FormatIfEmpty() {
		t.Errorf("got %+v, want the new grant to have what changed", got)
	}
}

func TestEightReaders(t *testing.T) {
	reader := must(NewUse(XFS, MultiReader, false))
	v := volume(made(XFS, Foreign))
	for i, name := range strings.Split("abcdefgh", "") {
		v = must(v.Admit(ask(name, reader, i)))
	}
	_, err := v.Admit(ask("i", reader, 9))
	wantKind(t, err, InUse)
	wantText(t, err, "8 nodes hold it, no more may: a, b, c, d, e, f, g, h")
}

func TestRevoke(t *testing.T) {
	both := volume(held("a", "b"))
	reinstalled := volume(held())
	reinstalled.Record.Grants = []Grant{{Node: must(NewHost(cluster, "a", "before it was reinstalled")).ID()}}
	for _, test := range []struct {
		name    string
		v       Volume
		node    string
		left    []string
		linger  bool
		content Content
	}{
		{"the only holder", volume(held("a")), "a", nil, false, Used},
		{"the source of a migration", both, "a", []string{"b"}, true, Used},
		{"the destination of a migration", both, "b", []string{"a"}, true, Used},
		{"the last where one lingers", volume(held("b"), lingering), "b", nil, false, Used},
		{"everybody", both, "", nil, false, Used},
		{"everybody of none", volume(), "", nil, false, Blank},
		{"nobody of that name", both, "c", []string{"a", "b"}, false, Blank},
		{"nobody of that name where one lingers", volume(held("b"), lingering), "c", []string{"b"}, true, Blank},
		{"of a free volume", volume(), "a", nil, false, Blank},
		{"an earlier installation of the node", reinstalled, "a", nil, false, Used},
		{"while it is being deleted", volume(state(Deleting)), "a", nil, false, Blank},
		{"of foreign data", volume(held("a"), made(Block, Foreign)), "a", nil, false, Foreign},
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
	for _, s := range []Standing{NotOurs, Newer, Damaged} {
		_, err := volume(held("a"), standing(s)).Revoke("a", "new")
		wantKind(t, err, DataAtRisk)
	}
}

// TestLifeOfGrants lets nodes come and go and holds the volume against a model.
func TestLifeOfGrants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		access := rapid.SampledFrom(allAccesses()).Draw(t, "access")
		v := volume(made(access, rapid.SampledFrom([]Content{Blank, Used, Foreign}).Draw(t, "content")))
		epochs := map[Epoch]bool{}
		first := time.Time{}
		for step := range rapid.IntRange(1, 30).Draw(t, "steps") {
			name := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "node")
			if rapid.Bool().Draw(t, "revoke") {
				next := must(v.Revoke(rapid.SampledFrom([]string{name, name, name, ""}).Draw(t, "of"), "n"))
				if lost := len(next.Record.Grants) < len(v.Record.Grants); lost && next.Record.Content == Blank {
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

func checkGrants(t *rapid.T, v Volume, first time.Time) {
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
		if g.Format != FormatNever() && (r.Content == Foreign || g.Use.ReadOnly || g.Use.Access == Block) {
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
	} else if again, got := Decode(text, r.Owner, true); got != Ours || !slices.Equal(again.Grants, r.Grants) {
		t.Fatalf("got standing %d and %+v from %s", got, again.Grants, text)
	}
}

// No method changes the volume that it is called on, nor shares what it returns
// with it.
func TestVolumesAreValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := volume(func(v *Volume) {
			v.Record = record().Draw(t, "record")
			v.Record.Grants = append(make([]Grant, 0, 8), v.Record.Grants...) // room to write into
			v.Row.Size = v.Record.Size
		})
		spare := v.Record.Grants[:cap(v.Record.Grants)]
		before, beforeSpare := v, slices.Clone(spare)
		before.Record.Grants = slices.Clone(v.Record.Grants)
		one := "x"
		if len(v.Record.Grants) > 0 {
			one = v.Record.Grants[0].Node.Name()
		}
		var results []Volume
		keep := func(next Volume, err error) {
			if err == nil && next.Record.Nonce == "new nonce" {
				results = append(results, next)
			}
		}
		wish := Ask{Now: at(0), Epoch: testEpoch, Nonce: "new nonce"}
		wish.Node, wish.Use = node().Draw(t, "node"), use(v.Record.Access).Draw(t, "use")
		keep(v.Admit(wish))
		keep(v.Revoke(one, "new nonce"))
		keep(v.Revoke("", "new nonce"))
		keep(v.Condemn("new nonce"))
		keep(v.Resize(SizeRange{Required: v.Row.Size + 1}, "new nonce"))
		keep(v.Modify(timings("nrIOQueues=99"), "new nonce"))
		keep(v.Done("new nonce"), nil)
		keep(v.Rewritten("new nonce"), nil)
		for _, next := range results {
			for i := range next.Record.Grants {
				next.Record.Grants[i] = Grant{}
			}
			_ = append(next.Record.Grants, Grant{Node: "intruder"})
		}
		_, _ = v.Record.Encode()
		v.Holders()
		if !reflect.DeepEqual(v, before) || !slices.Equal(spare, beforeSpare) {
			t.Fatalf("got %+v, want %+v", v, before)
		}
	})
}
