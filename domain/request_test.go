package domain_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

func TestParseParameters(t *testing.T) {
	given := map[string]string{
		"array": "rds1", "pool": "pool-1", "migration": "any", "ctrlLossTmo": "600", "queueSize": "64",
		"csi.storage.k8s.io/pvc/name": "data", "csi.storage.k8s.io/pvc/namespace": "shop", "csi.storage.k8s.io/pv/name": "pvc-1",
		"csi.storage.k8s.io/volumesnapshotcontent/name": "x", "csi.storage.k8s.io/anything": "",
	}
	p, claim, err := domain.ParseParameters(given)
	want := domain.Parameters{Array: "rds1", Pool: "pool-1", Timings: timings("ctrlLossTmo=600", "queueSize=64")}
	if err != nil || p != want || claim != (domain.Claim{Namespace: "shop", Name: "data"}) {
		t.Errorf("got %+v, %+v and %v, want %+v", p, claim, err, want)
	}
	if p, claim, err := domain.ParseParameters(nil); err != nil || p != (domain.Parameters{}) || claim != (domain.Claim{}) {
		t.Errorf("got %+v, %+v and %v of nothing", p, claim, err)
	}
}

func TestParseParametersNamesTheBadOne(t *testing.T) {
	for _, test := range []struct{ key, value, want string }{
		{"", "x", `parameter "" is unknown`}, {"fsType", "ext4", `parameter "fsType" is unknown, allowed are array, pool, migration, ctrlLossTmo, `},
		{"Array", "a", `"Array" is unknown`}, {"csi.storage.k8s.io", "x", "is unknown"}, {"mkfsOptions", "-F", "is unknown"},
		{"array", "", `array ""`}, {"array", "a b", `array "a b"`}, {"pool", "", `pool ""`}, {"pool", "a/b", `pool "a/b"`}, {"pool", "-a", `pool "-a"`},
		{"pool", strings.Repeat("p", 65), "1 to 64"}, {"migration", "kubevirt", `migration "kubevirt": any is allowed`}, {"migration", "", "migration"},
		{"nrIOQueues", "0", "nrIOQueues"}, {"keepAliveTmo", "5s", "keepAliveTmo"},
	} {
		p, claim, err := domain.ParseParameters(map[string]string{"array": "rds1", "csi.storage.k8s.io/pvc/name": "data", test.key: test.value})
		wantKind(t, err, domain.Invalid)
		wantText(t, err, test.want)
		if p != (domain.Parameters{}) || claim != (domain.Claim{}) {
			t.Errorf("got %+v and %+v, want nothing", p, claim)
		}
	}
}

func TestParameterKeysAreTaken(t *testing.T) {
	for _, key := range domain.ParameterKeys() {
		_, _, err := domain.ParseParameters(map[string]string{key: "?"})
		if err == nil || strings.Contains(err.Error(), "unknown") {
			t.Errorf("%s: got %v, want its value refused", key, err)
		}
	}
}

func TestParseMutable(t *testing.T) {
	if got, err := domain.ParseMutable(map[string]string{"ctrlLossTmo": "5", "nrIOQueues": "3"}); err != nil || got != timings("ctrlLossTmo=5", "nrIOQueues=3") {
		t.Errorf("got %v and %v", got.Pairs(), err)
	}
	for key, value := range map[string]string{"array": "rds1", "pool": "p", "csi.storage.k8s.io/pvc/name": "x", "": "", "queueSize": "1"} {
		got, err := domain.ParseMutable(map[string]string{key: value, "ctrlLossTmo": "5"})
		wantKind(t, err, domain.Invalid)
		wantText(t, err, "mutable_parameter ")
		wantText(t, err, key)
		if got != (domain.Timings{}) {
			t.Errorf("got %v, want nothing", got.Pairs())
		}
	}
}

func request(edits ...func(*domain.VolumeRequest)) domain.VolumeRequest {
	r := domain.VolumeRequest{Name: "pvc-1", Access: domain.Ext4, Range: domain.SizeRange{Required: domain.GiB}}
	for _, edit := range edits {
		edit(&r)
	}
	return r
}

func TestSatisfies(t *testing.T) {
	copied := func(v *domain.Volume) { v.Record.Origin = domain.Origin{Kind: domain.FromVolume, Name: "csi-x"} }
	tuned := func(v *domain.Volume) { v.Record.Parameters.Timings = timings("nrIOQueues=8") }
	for _, test := range []struct {
		name string
		v    domain.Volume
		r    domain.VolumeRequest
		kind domain.Kind
		want string // in the error; "": the same volume
	}{
		{"the same", volume(), request(), 0, ""},
		{"no capacity named", volume(), request(func(r *domain.VolumeRequest) { r.Range = domain.SizeRange{} }), 0, ""},
		{"within the range", volume(), request(func(r *domain.VolumeRequest) { r.Range = domain.SizeRange{Required: 1, Limit: domain.GiB} }), 0, ""},
		{"a copy that is half made", volume(state(domain.Making)), request(), 0, ""},
		{"the array and pool it is on", volume(), request(func(r *domain.VolumeRequest) { r.Parameters = domain.Parameters{Array: "rds1", Pool: "pool1"} }), 0, ""},
		{"another claim", volume(), request(func(r *domain.VolumeRequest) { r.Claim.Name = "other" }), 0, ""},
		{"modified since", volume(func(v *domain.Volume) { v.Record.Modified = timings("nrIOQueues=8") }), request(), 0, ""},
		{"too small", volume(), request(func(r *domain.VolumeRequest) { r.Range.Required++ }), domain.Exists, "size 1 GiB, asked for at least 1073741825 bytes"},
		{"too large", volume(), request(func(r *domain.VolumeRequest) { r.Range = domain.SizeRange{Limit: domain.MiB} }), domain.Exists, "size 1 GiB, asked for 0 bytes to 1 MiB"},
		{"another file system", volume(), request(func(r *domain.VolumeRequest) { r.Access = domain.XFS }), domain.Exists, "access ext4, asked for xfs"},
		{"block", volume(), request(func(r *domain.VolumeRequest) { r.Access = domain.Block }), domain.Exists, "access ext4, asked for block"},
		{"a copy of nothing", volume(copied), request(), domain.Exists, "source csi-x, asked for none"},
		{"not a copy", volume(), request(func(r *domain.VolumeRequest) { r.Origin = domain.Origin{Kind: domain.FromSnapshot, Name: "sn-y"} }), domain.Exists, "source none, asked for sn-y"},
		{"a copy of something else", volume(copied), request(func(r *domain.VolumeRequest) { r.Origin = domain.Origin{Kind: domain.FromVolume, Name: "csi-z"} }), domain.Exists, "source csi-x, asked for csi-z"},
		{"a copy of another kind", volume(copied), request(func(r *domain.VolumeRequest) { r.Origin = domain.Origin{Kind: domain.FromSnapshot, Name: "csi-x"} }), domain.Exists, "source"},
		{"another array", volume(), request(func(r *domain.VolumeRequest) { r.Parameters.Array = "rds2" }), domain.Exists, "array rds1, asked for rds2"},
		{"another pool", volume(), request(func(r *domain.VolumeRequest) { r.Parameters.Pool = "pool2" }), domain.Exists, "pool pool1, asked for pool2"},
		{"other timings", volume(), request(func(r *domain.VolumeRequest) { r.Parameters.Timings = timings("nrIOQueues=8") }), domain.Exists, "timings"},
		{"timings no longer named", volume(tuned), request(), domain.Exists, "timings [[nrIOQueues 8]], asked for []"},
		{"being deleted", volume(state(domain.Deleting)), request(), domain.Busy, "being deleted"},
		{"being deleted and different", volume(state(domain.Deleting)), request(func(r *domain.VolumeRequest) { r.Access = domain.XFS }), domain.Busy, "being deleted"},
		{"damaged", volume(standing(domain.Damaged)), request(), domain.DataAtRisk, "damaged"},
		{"newer", volume(standing(domain.Newer)), request(), domain.DataAtRisk, "newer"},
		{"somebody else's", volume(standing(domain.NotOurs)), request(), domain.DataAtRisk, "not ours"},
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

func btrfs() domain.Pool {
	return domain.Pool{Name: "pool1", UUID: "uuid-1", FileSystem: "btrfs", Mounted: true, Snapshots: true}
}

func plan(r domain.VolumeRequest, s domain.Source) (domain.Plan, error) {
	return domain.NewPlan(cluster, "rds1", btrfs(), domain.DefaultRoom(), r, s, at(0).Add(999), "n")
}

func TestPlanOfBlankVolume(t *testing.T) {
	r := request(func(r *domain.VolumeRequest) {
		r.Claim = domain.Claim{Namespace: "shop", Name: "data"}
		r.Parameters = domain.Parameters{Pool: "pool1", Timings: timings("nrIOQueues=8")}
		r.Modified = timings("keepAliveTmo=9")
	})
	got, err := plan(r, domain.Source{})
	want := domain.Plan{
		ID: domain.VolumeID{Array: "rds1", Slot: cluster.Slot("pvc-1")},
		Record: domain.Record{
			Owner: cluster.Owner(), Name: "pvc-1", Claim: r.Claim, Size: domain.GiB, Access: domain.Ext4, Pool: "pool1", PoolUUID: "uuid-1",
			Parameters: r.Parameters, Modified: r.Modified, Content: domain.Blank, State: domain.Ready, Created: at(0), Nonce: "n",
		},
		Room: domain.DefaultRoom(),
	}
	wantText, wantErr := want.Record.Encode()
	gotText, gotErr := got.Record.Encode()
	if err != nil || got.ID != want.ID || got.Room != want.Room || got.SourceSize != 0 || gotText != wantText || gotErr != nil || wantErr != nil {
		t.Errorf("got %+v and %v, want %+v", got, err, want)
	}
}

func TestPlanSizes(t *testing.T) {
	const gi, mi = domain.GiB, domain.MiB
	for _, test := range []struct {
		name            string
		access          domain.Access
		required, limit domain.Size
		source          domain.Size
		want            domain.Size // 0: out of range
	}{
		{"nothing named", domain.Ext4, 0, 0, 0, gi},
		{"one byte", domain.Ext4, 1, 0, 0, 4 * mi},
		{"one byte of block", domain.Block, 1, 0, 0, mi},
		{"one byte of block within one block", domain.Block, 1, 4096, 0, 4096},
		{"one byte of xfs", domain.XFS, 1, 0, 0, 300 * mi},
		{"xfs in less than it needs", domain.XFS, 1, 299 * mi, 0, 0},
		{"btrfs in what it needs", domain.Btrfs, 1, 128 * mi, 0, 128 * mi},
		{"only a limit", domain.Ext4, 0, 100 * mi, 0, 100 * mi},
		{"a copy without a capacity", domain.Ext4, 0, 0, 3 * gi, 3 * gi},
		{"a copy of a small source", domain.Ext4, 0, 0, 8 * mi, 8 * mi},
		{"a copy of an odd source", domain.Ext4, 0, 0, gi + 1, gi + mi},
		{"a copy of the same size", domain.Ext4, 3 * gi, 3 * gi, 3 * gi, 3 * gi},
		{"a bigger copy", domain.Ext4, 5 * gi, 0, 3 * gi, 5 * gi},
		{"a smaller copy", domain.Ext4, 2 * gi, 0, 3 * gi, 0},
		{"a smaller copy although the limit would do", domain.Ext4, 2 * gi, 4 * gi, 3 * gi, 0},
		{"a copy with a limit below its source", domain.Ext4, 0, 2 * gi, 3 * gi, 0},
		{"a copy with only a limit", domain.Ext4, 0, 4 * gi, 3 * gi, 3 * gi},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := request(func(r *domain.VolumeRequest) {
				r.Access, r.Range = test.access, domain.SizeRange{Required: test.required, Limit: test.limit}
			})
			var s domain.Source
			if test.source > 0 {
				s = domain.Source{Origin: domain.Origin{Kind: domain.FromVolume, Name: "csi-x"}, Size: test.source, Access: test.access, Pool: "pool1"}
				r.Origin = s.Origin
			}
			got, err := plan(r, s)
			if test.want == 0 {
				wantKind(t, err, domain.OutOfRange)
				return
			}
			if err != nil || got.Record.Size != test.want || got.SourceSize != test.source {
				t.Errorf("got %v from %v and %v, want %v", got.Record.Size, got.SourceSize, err, test.want)
			}
		})
	}
}

func TestPlanOfCopy(t *testing.T) {
	for _, content := range []domain.Content{domain.Foreign, domain.Blank} {
		s := domain.Source{Origin: domain.Origin{Kind: domain.FromSnapshot, Name: "sn-x"}, Size: domain.GiB, Content: content, Pool: "pool1"}
		got, err := plan(request(func(r *domain.VolumeRequest) { r.Origin = s.Origin }), s)
		if err != nil || got.Record.State != domain.Making || got.Record.Content != content || got.Record.Origin != s.Origin {
			t.Errorf("got %+v and %v, want a copy in the making with content %s", got.Record, err, content.Letter())
		}
	}
}

// A copy whose source was forgotten would be a blank volume with a wrong origin.
func TestPlanNeedsTheSourceThatWasAskedFor(t *testing.T) {
	origin := domain.Origin{Kind: domain.FromSnapshot, Name: "sn-x"}
	for name, pair := range map[string][2]domain.Origin{
		"none was read": {origin, {}}, "another was read": {origin, {Kind: domain.FromSnapshot, Name: "sn-y"}}, "none was asked for": {{}, origin},
	} {
		_, err := plan(request(func(r *domain.VolumeRequest) { r.Origin = pair[0] }), domain.Source{Origin: pair[1], Size: domain.GiB})
		if !domain.Is(err, domain.Other) {
			t.Errorf("%s: got %v, want a bug", name, err)
		}
	}
}

// The same request again finds the volume it made, also when it is a copy, and
// after the volume has grown.
func TestPlanSatisfiesItsRequest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := domain.VolumeRequest{
			Name: text(128).Draw(t, "name"), Access: rapid.SampledFrom(allAccesses()).Draw(t, "access"),
			Range:      domain.SizeRange{Required: size().Draw(t, "required"), Limit: size().Draw(t, "limit")},
			Parameters: domain.Parameters{Timings: someTimings().Draw(t, "timings")}, Modified: someTimings().Draw(t, "modified"),
		}
		if rapid.Bool().Draw(t, "without required") {
			r.Range.Required = 0
		}
		if rapid.Bool().Draw(t, "without limit") {
			r.Range.Limit = 0
		}
		var s domain.Source
		if rapid.Bool().Draw(t, "copy") {
			s = domain.Source{Origin: domain.Origin{Kind: domain.FromSnapshot, Name: "sn-x"}, Size: size().Draw(t, "source")}
			r.Origin = s.Origin
		}
		p, err := plan(r, s)
		if err != nil {
			wantKind(t, err, domain.OutOfRange)
			return
		}
		v := domain.Volume{ID: p.ID, Standing: domain.Ours, Record: p.Record, Row: domain.Row{Size: p.Record.Size}}
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
	tuned := func(v *domain.Volume) { v.Record.Parameters.Timings = timings("nrIOQueues=8") }
	ext4, xfs := writer(domain.Ext4), writer(domain.XFS)
	for _, test := range []struct {
		name string
		v    domain.Volume
		uses []domain.Use
		p    domain.Parameters
		want string // in the answer; "": suited
	}{
		{"nothing asked", volume(), nil, domain.Parameters{}, ""},
		{"its own access", volume(), []domain.Use{ext4}, domain.Parameters{Array: "rds1", Pool: "pool1"}, ""},
		{"timings not named", volume(tuned), nil, domain.Parameters{}, ""},
		{"its own timings", volume(tuned), nil, domain.Parameters{Timings: timings("nrIOQueues=8")}, ""},
		{"one of several accesses", volume(), []domain.Use{ext4, xfs}, domain.Parameters{}, "volume_capability xfs"},
		{"another array", volume(), nil, domain.Parameters{Array: "rds2"}, "parameter array rds2"},
		{"another pool", volume(), nil, domain.Parameters{Pool: "pool2"}, "parameter pool pool2"},
		{"other timings", volume(tuned), nil, domain.Parameters{Timings: timings("nrIOQueues=9")}, "timings"},
		{"damaged", volume(standing(domain.Damaged)), nil, domain.Parameters{}, "damaged"},
	} {
		got := test.v.Unsuited(test.uses, test.p)
		if (test.want == "") != (got == "") || !strings.Contains(got, test.want) {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}
