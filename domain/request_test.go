package domain

import (
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParseParameters(t *testing.T) {
	given := map[string]string{
		"array": "rds1", "pool": "pool-1", "migration": "any", "ctrlLossTmo": "600", "queueSize": "64",
		"csi.storage.k8s.io/pvc/name": "data", "csi.storage.k8s.io/pvc/namespace": "shop",
		"csi.storage.k8s.io/pv/name":                    "pvc-1",
		"csi.storage.k8s.io/volumesnapshotcontent/name": "x", "csi.storage.k8s.io/anything": "",
	}
	p, claim, err := ParseParameters(given)
	want := Parameters{Array: "rds1", Pool: "pool-1", Timings: timings("ctrlLossTmo=600", "queueSize=64")}
	if err != nil || p != want || claim != (Claim{Namespace: "shop", Name: "data"}) {
		t.Errorf("got %+v, %+v and %v, want %+v", p, claim, err, want)
	}
	if p, claim, err := ParseParameters(nil); err != nil || p != (Parameters{}) || claim != (Claim{}) {
		t.Errorf("got %+v, %+v and %v of nothing", p, claim, err)
	}
}

func TestParseParametersNamesTheBadOne(t *testing.T) {
	for _, test := range []struct{ key, value, want string }{
		{"", "x", `parameter "" is unknown`},
		{"fsType", "ext4", `parameter "fsType" is unknown, allowed are array, pool, migration, ctrlLossTmo, `},
		{"Array", "a", `"Array" is unknown`}, {"csi.storage.k8s.io", "x", "is unknown"}, {"mkfsOptions", "-F", "is unknown"},
		{"array", "", `array ""`}, {"array", "a b", `array "a b"`},
		{"pool", "", `pool ""`}, {"pool", "a/b", `pool "a/b"`}, {"pool", "-a", `pool "-a"`},
		{"pool", strings.Repeat("p", 65), "1 to 64"},
		{"migration", "kubevirt", `migration "kubevirt": any is allowed`}, {"migration", "", "migration"},
		{"nrIOQueues", "0", "nrIOQueues"}, {"keepAliveTmo", "5s", "keepAliveTmo"},
	} {
		given := map[string]string{"array": "rds1", "csi.storage.k8s.io/pvc/name": "data"}
		given[test.key] = test.value
		p, claim, err := ParseParameters(given)
		wantKind(t, err, Invalid)
		wantText(t, err, test.want)
		if p != (Parameters{}) || claim != (Claim{}) {
			t.Errorf("got %+v and %+v, want nothing", p, claim)
		}
	}
}

func TestParameterKeysAreTaken(t *testing.T) {
	for _, key := range ParameterKeys() {
		_, _, err := ParseParameters(map[string]string{key: "?"})
		if err == nil || strings.Contains(err.Error(), "unknown") {
			t.Errorf("%s: got %v, want its value refused", key, err)
		}
	}
}

func TestParseMutable(t *testing.T) {
	got, err := ParseMutable(map[string]string{"ctrlLossTmo": "5", "nrIOQueues": "3"})
	if err != nil || got != timings("ctrlLossTmo=5", "nrIOQueues=3") {
		t.Errorf("got %v and %v", got.Pairs(), err)
	}
	for key, value := range map[string]string{
		"array": "rds1", "pool": "p", "csi.storage.k8s.io/pvc/name": "x", "": "", "queueSize": "1",
	} {
		got, err := ParseMutable(map[string]string{key: value, "ctrlLossTmo": "5"})
		wantKind(t, err, Invalid)
		wantText(t, err, "mutable_parameter ")
		wantText(t, err, key)
		if got != (Timings{}) {
			t.Errorf("got %v, want nothing", got.Pairs())
		}
	}
}

func request(edits ...func(*VolumeRequest)) VolumeRequest {
	r := VolumeRequest{Name: "pvc-1", Access: Ext4, Range: SizeRange{Required: GiB}}
	for _, edit := range edits {
		edit(&r)
	}
	return r
}

func ranged(required, limit Size) func(*VolumeRequest) {
	return func(r *VolumeRequest) { r.Range = SizeRange{Required: required, Limit: limit} }
}

func as(a Access) func(*VolumeRequest) {
	return func(r *VolumeRequest) { r.Access = a }
}

func from(kind OriginKind, name string) func(*VolumeRequest) {
	return func(r *VolumeRequest) { r.Origin = Origin{Kind: kind, Name: name} }
}

func in(array ArrayName, pool string) func(*VolumeRequest) {
	return func(r *VolumeRequest) { r.Parameters.Array, r.Parameters.Pool = array, pool }
}

func claimed(r *VolumeRequest) { r.Claim = Claim{Namespace: "shop", Name: "data"} }

func tunedRequest(r *VolumeRequest) { r.Parameters.Timings = timings("nrIOQueues=8") }

func TestSatisfies(t *testing.T) {
	copied := func(v *Volume) { v.Record.Origin = Origin{Kind: FromVolume, Name: "csi-x"} }
	tuned := func(v *Volume) { v.Record.Parameters.Timings = timings("nrIOQueues=8") }
	for _, test := range []struct {
		name string
		v    Volume
		r    VolumeRequest
		kind Kind
		want string // in the error; "": the same volume
	}{
		{"the same", volume(), request(), 0, ""},
		{"no capacity named", volume(), request(ranged(0, 0)), 0, ""},
		{"within the range", volume(), request(ranged(1, GiB)), 0, ""},
		{"a copy that is half made", volume(state(Making)), request(), 0, ""},
		{"the array and pool it is on", volume(), request(in("rds1", "pool1")), 0, ""},
		{"another claim", volume(), request(claimed), 0, ""},
		{"modified since", volume(func(v *Volume) { v.Record.Modified = timings("nrIOQueues=8") }), request(), 0, ""},
		{"too small", volume(), request(ranged(GiB+1, 0)), Exists, "size 1 GiB, asked for at least 1073741825 bytes"},
		{"too large", volume(), request(ranged(0, MiB)), Exists, "size 1 GiB, asked for 0 bytes to 1 MiB"},
		{"another file system", volume(), request(as(XFS)), Exists, "access ext4, asked for xfs"},
		{"block", volume(), request(as(Block)), Exists, "access ext4, asked for block"},
		{"a copy of nothing", volume(copied), request(), Exists, "source csi-x, asked for none"},
		{"not a copy", volume(), request(from(FromSnapshot, "sn-y")), Exists, "source none, asked for sn-y"},
		{"a copy of something else", volume(copied), request(from(FromVolume, "csi-z")), Exists, "asked for csi-z"},
		{"a copy of another kind", volume(copied), request(from(FromSnapshot, "csi-x")), Exists, "source"},
		{"another array", volume(), request(in("rds2", "")), Exists, "array rds1, asked for rds2"},
		{"another pool", volume(), request(in("", "pool2")), Exists, "pool pool1, asked for pool2"},
		{"other timings", volume(), request(tunedRequest), Exists, "timings"},
		{"timings no longer named", volume(tuned), request(), Exists, "timings [[nrIOQueues 8]], asked for []"},
		{"being deleted", volume(state(Deleting)), request(), Busy, "being deleted"},
		{"being deleted and different", volume(state(Deleting)), request(as(XFS)), Busy, "being deleted"},
		{"damaged", volume(standing(Damaged)), request(), DataAtRisk, "damaged"},
		{"newer", volume(standing(Newer)), request(), DataAtRisk, "newer"},
		{"somebody else's", volume(standing(NotOurs)), request(), DataAtRisk, "not ours"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := test.v.Satisfies(test.r)
			if test.want == "" {
				if err != nil {
					t.Errorf("got %v, want the same volume", err)
				}
				return
			}
			wantKind(t, err, test.kind)
			wantText(t, err, test.want)
		})
	}
}

func btrfs() Pool {
	return Pool{Name: "pool1", UUID: "uuid-1", FileSystem: "btrfs", Mounted: true, Snapshots: true}
}

func plan(r VolumeRequest, s Source) (Plan, error) {
	return NewPlan(cluster, "rds1", btrfs(), DefaultRoom(), r, s, at(0).Add(999), "n")
}

func TestPlanOfBlankVolume(t *testing.T) {
	r := request(func(r *VolumeRequest) {
		r.Claim = Claim{Namespace: "shop", Name: "data"}
		r.Parameters = Parameters{Pool: "pool1", Timings: timings("nrIOQueues=8")}
		r.Modified = timings("keepAliveTmo=9")
	})
	got, err := plan(r, Source{})
	want := Plan{
		ID: VolumeID{Array: "rds1", Slot: cluster.Slot("pvc-1")},
		Record: Record{
			Owner: cluster.Owner(), Name: "pvc-1", Claim: r.Claim, Size: GiB, Access: Ext4, Pool: "pool1", PoolUUID: "uuid-1",
			Parameters: r.Parameters, Modified: r.Modified, Content: Blank, State: Ready, Created: at(0), Nonce: "n",
		},
		Room: DefaultRoom(),
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v and %v, want %+v", got, err, want)
	}
}

func TestPlanSizes(t *testing.T) {
	const gi, mi = GiB, MiB
	for _, test := range []struct {
		name            string
		access          Access
		required, limit Size
		source          Size
		want            Size // 0: out of range
	}{
		{"nothing named", Ext4, 0, 0, 0, gi},
		{"one byte", Ext4, 1, 0, 0, 4 * mi},
		{"one byte of block", Block, 1, 0, 0, mi},
		{"one byte of block within one block", Block, 1, 4096, 0, 4096},
		{"one byte of xfs", XFS, 1, 0, 0, 300 * mi},
		{"xfs in less than it needs", XFS, 1, 299 * mi, 0, 0},
		{"btrfs in what it needs", Btrfs, 1, 128 * mi, 0, 128 * mi},
		{"only a limit", Ext4, 0, 100 * mi, 0, 100 * mi},
		{"a copy without a capacity", Ext4, 0, 0, 3 * gi, 3 * gi},
		{"a copy of a small source", Ext4, 0, 0, 8 * mi, 8 * mi},
		{"a copy of an odd source", Ext4, 0, 0, gi + 1, gi + mi},
		{"a copy of the same size", Ext4, 3 * gi, 3 * gi, 3 * gi, 3 * gi},
		{"a bigger copy", Ext4, 5 * gi, 0, 3 * gi, 5 * gi},
		{"a smaller copy", Ext4, 2 * gi, 0, 3 * gi, 0},
		{"a smaller copy although the limit would do", Ext4, 2 * gi, 4 * gi, 3 * gi, 0},
		{"a copy with a limit below its source", Ext4, 0, 2 * gi, 3 * gi, 0},
		{"a copy with only a limit", Ext4, 0, 4 * gi, 3 * gi, 3 * gi},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := request(as(test.access), ranged(test.required, test.limit))
			var s Source
			if test.source > 0 {
				s = Source{Origin: Origin{Kind: FromVolume, Name: "csi-x"}, Size: test.source, Access: test.access, Pool: "pool1"}
				r.Origin = s.Origin
			}
			got, err := plan(r, s)
			if test.want == 0 {
				wantKind(t, err, OutOfRange)
				return
			}
			if err != nil || got.Record.Size != test.want || got.SourceSize != test.source {
				t.Errorf("got %v from %v and %v, want %v", got.Record.Size, got.SourceSize, err, test.want)
			}
		})
	}
}

func TestPlanOfCopy(t *testing.T) {
	for _, content := range []Content{Foreign, Blank} {
		s := Source{Origin: Origin{Kind: FromSnapshot, Name: "sn-x"}, Size: GiB, Content: content, Pool: "pool1"}
		got, err := plan(request(func(r *VolumeRequest) { r.Origin = s.Origin }), s)
		if err != nil || got.Record.State != Making || got.Record.Content != content || got.Record.Origin != s.Origin {
			t.Errorf("got %+v and %v, want a copy in the making with content %s", got.Record, err, content.Letter())
		}
	}
}

// A copy whose source was forgotten would be a blank volume with a wrong origin.
func TestPlanNeedsTheSourceThatWasAskedFor(t *testing.T) {
	origin := Origin{Kind: FromSnapshot, Name: "sn-x"}
	for name, pair := range map[string][2]Origin{
		"none was read": {origin, {}}, "none was asked for": {{}, origin},
		"another was read": {origin, {Kind: FromSnapshot, Name: "sn-y"}},
	} {
		_, err := plan(request(func(r *VolumeRequest) { r.Origin = pair[0] }), Source{Origin: pair[1], Size: GiB})
		if !Is(err, Other) {
			t.Errorf("%s: got %v, want a bug", name, err)
		}
	}
}

// The same request again finds the volume it made, also when it is a copy, and
// after the volume has grown.
func TestPlanSatisfiesItsRequest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := VolumeRequest{
			Name: text(128).Draw(t, "name"), Access: rapid.SampledFrom(allAccesses()).Draw(t, "access"),
			Range:      SizeRange{Required: size().Draw(t, "required"), Limit: size().Draw(t, "limit")},
			Parameters: Parameters{Timings: someTimings().Draw(t, "timings")}, Modified: someTimings().Draw(t, "modified"),
		}
		if rapid.Bool().Draw(t, "without required") {
			r.Range.Required = 0
		}
		if rapid.Bool().Draw(t, "without limit") {
			r.Range.Limit = 0
		}
		var s Source
		if rapid.Bool().Draw(t, "copy") {
			s = Source{Origin: Origin{Kind: FromSnapshot, Name: "sn-x"}, Size: size().Draw(t, "source")}
			r.Origin = s.Origin
		}
		p, err := plan(r, s)
		if err != nil {
			wantKind(t, err, OutOfRange)
			return
		}
		v := Volume{ID: p.ID, Standing: Ours, Record: p.Record, Row: Row{Size: p.Record.Size}}
		if err := v.Satisfies(r); err != nil {
			t.Fatal(err)
		}
		if p.Record.Size < s.Size || p.Record.Size < r.Access.Least() {
			t.Fatalf("got %v, source %v", p.Record.Size, s.Size)
		}
		if _, err := p.Record.Encode(); err != nil {
			t.Fatal(err)
		}
		if done := v.Done("m"); done.Satisfies(r) != nil {
			t.Fatal("no longer satisfied when done")
		}
	})
}

func TestUnsuited(t *testing.T) {
	tuned := func(v *Volume) { v.Record.Parameters.Timings = timings("nrIOQueues=8") }
	ext4, xfs := writer(Ext4), writer(XFS)
	for _, test := range []struct {
		name string
		v    Volume
		uses []Use
		p    Parameters
		want string // in the answer; "": suited
	}{
		{"nothing asked", volume(), nil, Parameters{}, ""},
		{"its own access", volume(), []Use{ext4}, Parameters{Array: "rds1", Pool: "pool1"}, ""},
		{"timings not named", volume(tuned), nil, Parameters{}, ""},
		{"its own timings", volume(tuned), nil, Parameters{Timings: timings("nrIOQueues=8")}, ""},
		{"one of several accesses", volume(), []Use{ext4, xfs}, Parameters{}, "volume_capability xfs"},
		{"another array", volume(), nil, Parameters{Array: "rds2"}, "parameter array rds2"},
		{"another pool", volume(), nil, Parameters{Pool: "pool2"}, "parameter pool pool2"},
		{"other timings", volume(tuned), nil, Parameters{Timings: timings("nrIOQueues=9")}, "timings"},
		{"damaged", volume(standing(Damaged)), nil, Parameters{}, "damaged"},
	} {
		got := test.v.Unsuited(test.uses, test.p)
		if (test.want == "") != (got == "") || !strings.Contains(got, test.want) {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}
