package domain

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// asRead returns r as it is read back from its text: without the claim or with
// a cut name if it was too long.
func asRead(r, read Record) Record {
	if read.Claim == (Claim{}) {
		r.Claim = read.Claim
		if strings.HasPrefix(r.Name, read.Name) && len(r.Name)-len(read.Name) > 0 {
			r.Name = read.Name
		}
	}
	return r
}

func TestRecordRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := record().Draw(t, "record")
		text, err := r.Encode()
		if err != nil {
			wantKind(t, err, Exhausted)
			return
		}
		read, standing := Decode(text, r.Owner, rapid.Bool().Draw(t, "made"))
		if standing != Ours || !reflect.DeepEqual(read, asRead(r, read)) {
			t.Fatalf("got standing %d and\n%+v, want\n%+v from\n%s", standing, read, r, text)
		}
		again, err := read.Encode()
		if err != nil || again != text {
			t.Fatalf("got %v and\n%s, want\n%s", err, again, text)
		}
		const allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~%=/-"
		if bad := strings.Trim(text, allowed); bad != "" || len(text) > MaxRecord {
			t.Fatalf("got %d bytes, %q among them", len(text), bad)
		}
		if _, got := Decode(text, "zzzzzzzz", true); got != NotOurs {
			t.Fatalf("another cluster's driver sees standing %d, want not ours", got)
		}
	})
}

func TestOneWrongByteIsNeverOurs(t *testing.T) {
	text := must(fullRecord().Encode())
	for i := range len(text) {
		for _, flip := range []byte{1, 2, 4, 8, 16, 32, 64, 128, 0xff, text[i], text[i] ^ '/', text[i] ^ '='} {
			if flip != 0 {
				wrong := text[:i] + string([]byte{text[i] ^ flip}) + text[i+1:]
				wantNotOurs(t, wrong, fmt.Sprintf("byte %d is wrong", i))
			}
		}
		wantNotOurs(t, text[:i], fmt.Sprintf("cut at %d", i))
		wantNotOurs(t, text[:i]+text[i+1:], fmt.Sprintf("byte %d is missing", i))
		wantNotOurs(t, text[:i]+text[i:i+1]+text[i:], fmt.Sprintf("byte %d is there twice", i))
	}
	for _, s := range []string{" ", "\n", "/", "\x00", "/sum=aaaaaaaa"} {
		wantNotOurs(t, text+s, fmt.Sprintf("%q behind", s))
		wantNotOurs(t, s+text, fmt.Sprintf("%q in front", s))
	}
}

func TestOneWrongByteInAnyRecord(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := record().Draw(t, "record")
		text, err := r.Encode()
		if err != nil {
			return
		}
		i := rapid.IntRange(0, len(text)-1).Draw(t, "at")
		wrong := []byte(text)
		wrong[i] = rapid.Byte().Filter(func(b byte) bool { return b != text[i] }).Draw(t, "byte")
		wantNotOurs(t, string(wrong), "one byte is wrong")
	})
}

func wantNotOurs(t failer, text, why string) {
	t.Helper()
	for _, made := range []bool{false, true} {
		r, standing := Decode(text, cluster.Owner(), made)
		if standing == Ours || !reflect.DeepEqual(r, Record{}) {
			t.Errorf("%s: got standing %d and %+v from %q", why, standing, r, text)
		}
		if standing == NotOurs && made {
			t.Errorf("%s: a slot of our shape is called somebody else's: %q", why, text)
		}
	}
}

func TestDecodeStanding(t *testing.T) {
	whole := "rds-csi/1/owner=mrjubmgy/size=1/access=ext4/pool=p/content=b/state=ready/nonce=n/"
	foreign := strings.Replace(whole, "mrjubmgy", "4ynrxgt7", 1)
	for _, test := range []struct {
		name, text  string
		bare, shape Standing // of a slot of any shape, and of ours
	}{
		{"ours", seal(whole), Ours, Ours},
		{"another cluster's", seal(foreign), NotOurs, NotOurs},
		{"nothing", "", NotOurs, Damaged},
		{"somebody's note", "backup of the mail server", NotOurs, Damaged},
		{"nearly our family", "rds-csj/1/", NotOurs, Damaged},
		{"the family alone", "rds-csi/", Damaged, Damaged},
		{"the version alone", "rds-csi/1/", Damaged, Damaged},
		{"a checksum of nothing", seal("rds-csi/1/"), Damaged, Damaged},
		{"version 0", seal(strings.Replace(whole, "/1/", "/0/", 1)), Damaged, Damaged},
		{"version 2", seal(strings.Replace(whole, "/1/", "/2/", 1)), Newer, Newer},
		{"version 2 alone", "rds-csi/2", Newer, Newer},
		{"version 10", "rds-csi/10/a completely different format", Newer, Newer},
		{"no version", "rds-csi/x/", Damaged, Damaged},
		{"a version below zero", "rds-csi/-2/", Damaged, Damaged},
		{"a version beyond any", "rds-csi/99999999999999999999/", Damaged, Damaged},
		{"version 1 with a zero", seal(strings.Replace(whole, "/1/", "/01/", 1)), Damaged, Damaged},
		{"no checksum", strings.TrimSuffix(whole, "/"), Damaged, Damaged},
		{"a wrong checksum", whole + "sum=aaaaaaaa", Damaged, Damaged},
		{"a checksum in capitals", strings.ToUpper(seal(whole)[len(whole):]), NotOurs, Damaged},
		{"a checksum in the middle", seal(seal(whole) + "/"), Damaged, Damaged},
		{"endless", seal(whole + "name=" + strings.Repeat("n", 3000) + "/"), Damaged, Damaged},
	} {
		t.Run(test.name, func(t *testing.T) {
			for made, want := range map[bool]Standing{false: test.bare, true: test.shape} {
				r, got := Decode(test.text, cluster.Owner(), made)
				if got != want {
					t.Errorf("made=%t: got %d, want %d", made, got, want)
				}
				if got != Ours && !reflect.DeepEqual(r, Record{}) {
					t.Errorf("got %+v, want nothing that could be taken for a record", r)
				}
			}
		})
	}
}

// A record whose checksum is right may still say what no driver of version 1
// writes.
func TestDecodeRefusesWhatIsNotWritten(t *testing.T) {
	base := []string{"owner=mrjubmgy", "size=1", "access=ext4", "pool=p", "content=b", "state=ready", "nonce=n"}
	node := string(nodeID("a"))
	grant := func(fields string) []string {
		return []string{"epoch=abcdefgh", "first=1", "grant=" + node + "~" + fields}
	}
	build := func(without string, more ...string) string {
		var b strings.Builder
		b.WriteString("rds-csi/1/")
		for _, p := range append(append([]string{}, base...), more...) {
			if without == "" || !strings.HasPrefix(p, without+"=") {
				b.WriteString(p + "/")
			}
		}
		return seal(b.String())
	}
	for _, good := range [][]string{
		{}, {"name=a%2Fb"}, {"future=x~y"}, {"future=x", "future=x"},
		{"pvc=a~b"}, {"pvc=~b"}, {"first=1"}, {"lingering=yes"},
		{"origin=volume~x"}, {"param=c-1~n4"}, {"timing=q16"},
		grant("snw~rw~1~1~never"), grant("snw~ro~1~1~if-empty~r2"), grant("snr~ro~1~1~blank-until%3A5"),
	} {
		if _, got := Decode(build("", good...), cluster.Owner(), true); got != Ours {
			t.Errorf("%v: got %d, want ours", good, got)
		}
	}
	for _, key := range []string{"owner", "size", "access", "pool", "content", "state", "nonce"} {
		if _, got := Decode(build(key), cluster.Owner(), true); got != Damaged {
			t.Errorf("without %s: got %d, want damaged", key, got)
		}
	}
	for _, bad := range [][]string{
		{"size=1"}, {"owner=mrjubmgy"}, {"nonce=m"}, {"name=a", "name=a"}, {"pvc=a~b", "pvc=a~b"},
		{"param=c-1", "param=r2"}, {"sum=aaaaaaaa"}, {""}, {"="}, {"=x"}, {"x"},
		{"Fu%20ture=x"}, {"fu ture=x"}, {"future=x=y"}, {"future=x y"}, {"future=%2f"},
		{"future=%41"}, {"future=%"}, {"future=%4"}, {"future=%zz"}, {"future=\n"}, {"future=%+1"}, {"~=x"},
		{"name="}, {"name=a~b"}, {"pvc=a"}, {"pvc=~"}, {"pvc=a~b~c"}, {"fsuuid="}, {"array=A"}, {"array="}, {"inpool=-"},
		{"epoch=x"}, {"first=0"}, {"first=-1"}, {"first=01"}, {"first=x"}, {"created=x"}, {"lingering=no"}, {"lingering="},
		{"origin=x~y"}, {"origin=~y"}, {"origin=volume"},
		{"param="}, {"param=x1"}, {"param=c"}, {"param=c-2"}, {"param=r2~c-1"},
		{"param=c-1~c-1"}, {"param=c-01"}, {"timing=q1"}, {"timing=c-1~"},
		{"epoch=abcdefgh", "first=1", "grant="},
		grant("snw~rw~1~1"), grant("snw~rw~1~1~never~"), grant("snw~rx~1~1~never"), grant("snr~rw~1~1~never"),
		grant("mnmw~rw~1~1~never"), grant("rwx~rw~1~1~never"), grant("snw~rw~0~1~never"), grant("snw~rw~1~-1~never"),
		grant("snw~rw~1~1~always"), grant("snw~rw~1~1~never~x1"), grant("snw~rw~1~1~never~r2~c-1"),
		{"epoch=abcdefgh", "first=1", "grant=a~snw~rw~1~1~never"},
		{"first=1", "grant=" + node + "~snw~rw~1~1~never"},
		{"epoch=abcdefgh", "grant=" + node + "~snw~rw~1~1~never"},
	} {
		if r, got := Decode(build("", bad...), cluster.Owner(), true); got != Damaged {
			t.Errorf("%v: got %d and %+v, want damaged", bad, got, r)
		}
	}
	for key, values := range map[string][]string{
		"owner": {"short", "MRJUBMGY", ""}, "size": {"0", "-1", "1k", ""},
		"access": {"ext3", ""}, "pool": {"", "a%2Fb", "~"},
		"content": {"x", ""}, "state": {"gone", ""}, "nonce": {"", "a~b"},
	} {
		for _, value := range values {
			if _, got := Decode(build(key, key+"="+value), cluster.Owner(), true); got != Damaged {
				t.Errorf("%s=%s: got %d, want damaged", key, value, got)
			}
		}
	}
	for _, s := range []State{Making, Deleting} {
		with := append(grant("snw~rw~1~1~never"), "state="+string(s))
		if _, got := Decode(build("state", with...), cluster.Owner(), true); got != Damaged {
			t.Errorf("held while %s: got %d, want damaged", s, got)
		}
	}
}

func TestUnknownKeysSurvive(t *testing.T) {
	body, _, _ := strings.Cut(must(fullRecord().Encode()), "sum=")
	text := seal(strings.Replace(body, "/size=", "/later=a~b%2F~/size=", 1) + "other=/later=again/")
	r, standing := Decode(text, cluster.Owner(), true)
	if standing != Ours {
		t.Fatalf("got standing %d, want ours", standing)
	}
	v := volume(func(v *Volume) { v.Record = r })
	v = must(v.Modify(timings("queueSize=99"), "m"))
	v = must(v.Revoke("", "r"))
	v = must(v.Admit(ask("z", must(NewUse(r.Access, SingleWriter, false)), 5)))
	v = must(v.Revoke("", "r"))
	v = must(v.Condemn("c"))
	written := must(v.Record.Encode())
	if want := "/later=a~b%2F~/other=/later=again/sum="; !strings.Contains(written, want) {
		t.Errorf("got %s, want it to end in %s", written, want)
	}
	if again, got := Decode(written, cluster.Owner(), true); got != Ours || must(again.Encode()) != written {
		t.Errorf("got standing %d and %+v, want %+v", got, again, v.Record)
	}
}

func TestLongRecords(t *testing.T) {
	name := strings.Repeat("漢", 42) + "xy" // 128 bytes, 380 as written
	claim := Claim{Namespace: "shop", Name: strings.Repeat("c", 200)}
	for _, test := range []struct {
		name              string
		holders, nodeName int
		claim             bool
		least, most       int // bytes kept of the name
		exhausted         bool
	}{
		{"everything fits", 0, 0, true, 128, 128, false},
		{"the claim goes first", 3, 120, false, 128, 128, false},
		{"then the end of the name", 5, 70, false, 60, 120, false},
		{"then nearly all of it", 6, 84, false, 0, 9, false},
		{"then the grant is refused", 8, 70, false, 0, 0, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := volume(made(XFS, Foreign)).Record
			r.Name, r.Claim, r.Epoch, r.FirstGrant = name, claim, testEpoch, at(0)
			for i := range test.holders {
				r.Grants = append(r.Grants, Grant{
					Node: nodeID(strings.Repeat(string(rune('a'+i)), test.nodeName)), Since: at(0), Size: GiB,
					Use: must(NewUse(XFS, MultiReader, false)), Timings: DefaultTimings(),
				})
			}
			text, err := r.Encode()
			if test.exhausted {
				wantKind(t, err, Exhausted)
				wantText(t, err, "of 1200")
				return
			}
			got, standing := Decode(text, r.Owner, true)
			if err != nil || standing != Ours || len(text) > 1200 || !strings.HasPrefix(name, got.Name) {
				t.Fatalf("got %v, standing %d and %d bytes, name %q", err, standing, len(text), got.Name)
			}
			if kept := len(got.Name); (got.Claim == claim) != test.claim || kept < test.least || kept > test.most {
				t.Errorf("got claim %v and %d bytes of the name, want %d to %d", got.Claim, kept, test.least, test.most)
			}
		})
	}
}

// The comment holds 1,200 bytes, the last one too.
func TestLongestRecord(t *testing.T) {
	r := fullRecord()
	r.Claim, r.Name = Claim{}, ""
	r.PoolUUID = ""
	room := MaxRecord - len(must(r.Encode())) - len("fsuuid=/")
	r.PoolUUID = strings.Repeat("u", room)
	if text, err := r.Encode(); err != nil || len(text) != MaxRecord {
		t.Errorf("got %d bytes and %v, want %d", len(text), err, MaxRecord)
	}
	r.PoolUUID += "u"
	_, err := r.Encode()
	wantKind(t, err, Exhausted)
	r.Claim = Claim{Namespace: "a", Name: "b"}
	r.PoolUUID = r.PoolUUID[:room]
	if text := must(r.Encode()); strings.Contains(text, "pvc=") || len(text) != MaxRecord {
		t.Errorf("got %d bytes, want the claim gone and nothing else", len(text))
	}
}

func TestNamesAreCutBetweenCharactersAndNoFurther(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := volume().Record
		r.PoolUUID = strings.Repeat("u", rapid.IntRange(700, 950).Draw(t, "taken"))
		r.Name = rapid.StringOfN(rapid.RuneFrom([]rune("aä漢😀")), 30, 128, 128).Draw(t, "name")
		text, err := r.Encode()
		if err != nil {
			t.Fatal(err)
		}
		got, _ := Decode(text, r.Owner, true)
		if !utf8.ValidString(got.Name) || !strings.HasPrefix(r.Name, got.Name) {
			t.Fatalf("got %q of %q", got.Name, r.Name)
		}
		next, _ := utf8.DecodeRuneInString(r.Name[len(got.Name):])
		written := map[int]int{1: 1, 2: 6, 3: 9, 4: 12}[utf8.RuneLen(next)]
		if got.Name != r.Name && len(text)+written <= MaxRecord {
			t.Fatalf("got %q in %d bytes although %q would fit too", got.Name, len(text), next)
		}
	})
}

// Eight readers fit, on nodes that are named as clouds name them.
func TestEightReadersFitOneRecord(t *testing.T) {
	reader := must(NewUse(XFS, MultiReader, false))
	v := volume(made(XFS, Foreign), func(v *Volume) {
		v.Record.Name = "pvc-2f5bd1c5-7a5c-4e56-9d0c-3a5f4b0c7e11"
		v.Record.PoolUUID = "40437dbc-2318-45dc-817b-b3bb95cf48ab"
		v.Record.Size = 16 * TiB
		v.Record.Origin = Origin{Kind: FromSnapshot, Name: cluster.SnapshotName("s")}
	})
	for i := range 8 {
		v = must(v.Admit(ask(fmt.Sprintf("ip-10-0-12-%d.ec2.internal", 100+i), reader, i)))
	}
	text, err := v.Record.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if r, got := Decode(text, cluster.Owner(), true); got != Ours || len(r.Grants) != 8 {
		t.Errorf("got standing %d and %d grants, want 8", got, len(r.Grants))
	}
}

// A record that could not be read back is not written: it would be damaged for
// ever.
func TestEncodeRefusesWhatDecodeWould(t *testing.T) {
	for name, edit := range map[string]func(*Record){
		"no owner":                     func(r *Record) { r.Owner = "" },
		"no size":                      func(r *Record) { r.Size = 0 },
		"a size below nothing":         func(r *Record) { r.Size = -1 },
		"no pool":                      func(r *Record) { r.Pool = "" },
		"a pool that is a path":        func(r *Record) { r.Pool = "../x" },
		"no nonce":                     func(r *Record) { r.Nonce = "" },
		"no state":                     func(r *Record) { r.State = "" },
		"no access":                    func(r *Record) { r.Access = "" },
		"a clock that was never set":   func(r *Record) { r.FirstGrant = at(0).AddDate(-60, 0, 0) },
		"a holder without an epoch":    func(r *Record) { r.Epoch = "" },
		"a holder without a first":     func(r *Record) { r.FirstGrant = r.FirstGrant.AddDate(-9999, 0, 0) },
		"a holder that is no node":     func(r *Record) { r.Grants[0].Node = "a" },
		"a holder while it is deleted": func(r *Record) { r.State = Deleting },
		"an origin without a kind":     func(r *Record) { r.Origin = Origin{Name: "x"} },
	} {
		t.Run(name, func(t *testing.T) {
			r := fullRecord()
			edit(&r)
			text, err := r.Encode()
			if text != "" {
				t.Errorf("got %s, want nothing", text)
			}
			wantKind(t, err, Other)
		})
	}
}
