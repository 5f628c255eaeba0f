package domain

import (
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

func TestCondemn(t *testing.T) {
	for _, s := range []State{Ready, Making} {
		got, err := volume(state(s)).Condemn("new")
		if err != nil || got.Record.State != Deleting || got.Record.Nonce != "new" {
			t.Errorf("got %+v and %v, want it deleting with a new nonce", got.Record, err)
		}
	}
	already := volume(state(Deleting))
	if got, err := already.Condemn("new"); err != nil || !reflect.DeepEqual(got, already) {
		t.Errorf("got %+v and %v, want nothing changed", got.Record, err)
	}
	_, err := volume(held("a", "b")).Condemn("new")
	wantKind(t, err, InUse)
	wantText(t, err, "held by a, b")
	for _, s := range []Standing{NotOurs, Newer, Damaged} {
		_, err := volume(standing(s)).Condemn("new")
		wantKind(t, err, DataAtRisk)
	}
}

// sizes is an edit: what the record says and what the array shows.
func sizes(record, row Size) func(*Volume) {
	return func(v *Volume) { v.Record.Size, v.Row.Size = record, row }
}

func TestResize(t *testing.T) {
	const gi, mi = GiB, MiB
	for _, test := range []struct {
		name            string
		v               Volume
		required, limit Size
		want            Size // 0: the volume itself
		kind            Kind // Other: none
	}{
		{"as large already", volume(), gi, 0, 0, Other},
		{"larger already", volume(), mi, 0, 0, Other},
		{"nothing required", volume(), 0, 0, 0, Other},
		{"exactly the limit", volume(), 0, gi, 0, Other},
		{"above the limit", volume(), 0, gi - 1, 0, OutOfRange},
		{"above the limit and below required can not be", volume(), mi, 2 * mi, 0, OutOfRange},
		{"grown", volume(), 2 * gi, 0, 2 * gi, Other},
		{"grown to whole MiB", volume(), gi + 1, 0, gi + mi, Other},
		{"grown to 4 KiB where the limit is near", volume(), gi + 1, gi + 4096, gi + 4096, Other},
		{"no size between required and limit", volume(), gi + 1, gi + 2, 0, OutOfRange},
		{"the image is larger than its record", volume(sizes(gi, 2*gi)), gi, 0, 2 * gi, Other},
		{"the image is larger by less than a MiB", volume(sizes(gi, gi+5000)), gi, gi + 5000, gi + 5000, Other},
		{"the image is larger, more is asked", volume(sizes(gi, 2*gi)), 3 * gi, 0, 3 * gi, Other},
		{"the image is larger than the limit", volume(sizes(gi, 2*gi)), 0, gi, 0, OutOfRange},
		{"the image is smaller than its record", volume(sizes(2*gi, gi)), gi, 0, 0, DataAtRisk},
		{"and more is asked", volume(sizes(2*gi, gi)), 3 * gi, 0, 0, DataAtRisk},
		{"beyond what can be counted", volume(), most, 0, 0, OutOfRange},
		{"held by a node", volume(held("a")), 2 * gi, 0, 2 * gi, Other},
		{"being deleted", volume(state(Deleting)), 2 * gi, 0, 0, InUse},
		{"half copied", volume(state(Making)), 2 * gi, 0, 0, Busy},
		{"damaged", volume(standing(Damaged)), 2 * gi, 0, 0, DataAtRisk},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := test.v.Resize(SizeRange{Required: test.required, Limit: test.limit}, "new")
			if test.kind != Other {
				wantKind(t, err, test.kind)
				test.want = 0
			} else if err != nil {
				t.Fatal(err)
			}
			if test.want == 0 {
				if !reflect.DeepEqual(got, test.v) {
					t.Errorf("got %+v, want the volume as it was", got)
				}
				return
			}
			if got.Record.Size != test.want || got.Record.Nonce != "new" {
				t.Errorf("got %v with nonce %q, want %v", got.Record.Size, got.Record.Nonce, test.want)
			}
		})
	}
}

func TestNoVolumeEverShrinks(t *testing.T) {
	near := rapid.Map(rapid.Int64Range(0, 1<<34), func(n int64) Size { return Size(n) })
	rapid.Check(t, func(t *rapid.T) {
		v := volume(sizes(near.Draw(t, "record"), near.Draw(t, "row")))
		r := SizeRange{Required: near.Draw(t, "required"), Limit: near.Draw(t, "limit")}
		got, err := v.Resize(r, "new")
		if err == nil && (got.Record.Size < v.Record.Size || got.Record.Size < v.Row.Size || !r.Allows(got.Record.Size)) {
			t.Fatalf("got %d of record %d, row %d for %v", got.Record.Size, v.Record.Size, v.Row.Size, r)
		}
	})
}

func TestModify(t *testing.T) {
	v := volume(func(v *Volume) { v.Record.Modified = timings("nrIOQueues=2", "queueSize=64") })
	got, err := v.Modify(timings("queueSize=32", "keepAliveTmo=9"), "new")
	want := timings("nrIOQueues=2", "queueSize=32", "keepAliveTmo=9")
	if err != nil || got.Record.Modified != want || got.Record.Nonce != "new" {
		t.Errorf("got %v and %v, want %v", got.Record.Modified.Pairs(), err, want.Pairs())
	}
	for _, same := range []Timings{{}, timings("queueSize=64")} {
		if got, err := v.Modify(same, "new"); err != nil || !reflect.DeepEqual(got, v) {
			t.Errorf("got %+v and %v, want nothing changed", got.Record, err)
		}
	}
	for kind, edit := range map[Kind]func(*Volume){
		InUse: state(Deleting), Busy: state(Making), DataAtRisk: standing(Newer),
	} {
		_, err := volume(edit).Modify(timings("queueSize=32"), "new")
		wantKind(t, err, kind)
	}
}

func TestDone(t *testing.T) {
	if got := volume(state(Making)).Done("new"); got.Record.State != Ready || got.Record.Nonce != "new" {
		t.Errorf("got %+v, want it ready", got.Record)
	}
	for _, s := range []State{Ready, Deleting} {
		v := volume(state(s))
		if got := v.Done("new"); !reflect.DeepEqual(got, v) {
			t.Errorf("got %+v, want it %s as before", got.Record, s)
		}
	}
}

func TestRewrittenChangesTheNonceOnly(t *testing.T) {
	v := volume(held("a"))
	got := v.Rewritten("new")
	if got.Record.Nonce != "new" {
		t.Errorf("got nonce %q, want new", got.Record.Nonce)
	}
	got.Record.Nonce = v.Record.Nonce
	if !reflect.DeepEqual(got, v) {
		t.Errorf("got %+v, want %+v", got, v)
	}
}
