package domain

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The golden values were computed by another program. A volume made by one
// release is found by the next only as long as they never change.
func TestNamesNeverChange(t *testing.T) {
	for _, test := range []struct{ cluster, name, slot, snapshot string }{
		{"demo", "pvc-1", "csi-qhpjoa4hu6674kowqup7clp6ma", "sn-fq6ub2t5i57o7pchri3wnnbltd"},
		{"demo", "pvc-2", "csi-7dt5gxrvubx7ciwj5ywqcjefns", "sn-6fxiaymb6dtlkxxqzuywbvmg7x"},
		{"prod-eu-1", "pvc-1", "csi-75x6amvra3py4soxql764usxfw", "sn-suvgmvjj3hphtnl4x4m6a7e34n"},
		{"demo", "ä\"'\n\x00;", "csi-cmcd3hn6unoz2cg5guhbqzc2ny", "sn-gjcqwxiecqpf56of3xcoz35kh6"},
	} {
		c := ClusterID(test.cluster)
		if got := string(c.Slot(test.name)); got != test.slot {
			t.Errorf("got slot %s of %s/%q, want %s", got, c, test.name, test.slot)
		}
		if got := c.SnapshotName(test.name); got != test.snapshot {
			t.Errorf("got snapshot %s of %s/%q, want %s", got, c, test.name, test.snapshot)
		}
	}
	for c, want := range map[ClusterID]Owner{"demo": "mrjubmgy", "prod-eu-1": "4ynrxgt7", "a-b": "xy2uhsng"} {
		if got := c.Owner(); got != want {
			t.Errorf("got owner %s of %s, want %s", got, c, want)
		}
	}
}

func TestSlotsFitRouterOS(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := cluster.Slot(rapid.String().Draw(t, "name"))
		_, err := ParseSlot(string(s))
		if err != nil || !s.Made() || len(s) != 30 || s != Slot(strings.ToLower(string(s))) {
			t.Fatalf("got slot %q, want 30 lower case characters that RouterOS 7.24 takes", s)
		}
	})
}

func TestParseClusterID(t *testing.T) {
	for text, ok := range map[string]bool{
		"demo": true, "a-b": true, "123": true, strings.Repeat("x", 40): true,
		"": false, "ab": false, strings.Repeat("x", 41): false, "Demo": false, "de mo": false, "dém": false,
		"de_mo": false, "demo\n": false, "demo\x00": false, "d.mo": false,
	} {
		got, err := ParseClusterID(text)
		if (err == nil) != ok || (ok && string(got) != text) || (!ok && got != "") {
			t.Errorf("%q: got %q and %v, want ok %t", text, got, err, ok)
		}
	}
}

func TestParseArrayName(t *testing.T) {
	for text, ok := range map[string]bool{
		"a": true, "rds-1": true, strings.Repeat("x", 32): true,
		"": false, strings.Repeat("x", 33): false, "Rds": false, "r:s": false, "r/s": false, "rds ": false,
	} {
		if got, err := ParseArrayName(text); (err == nil) != ok || (ok && string(got) != text) {
			t.Errorf("%q: got %q and %v, want ok %t", text, got, err, ok)
		}
	}
}

func TestParseSlot(t *testing.T) {
	for text, ok := range map[string]bool{
		"a": true, "A": true, "pvc-1": true, "data.disk_2": true, "z" + strings.Repeat("9", 63): true,
		"": false, "1disk": false, "-a": false, ".a": false, "_a": false, "z" + strings.Repeat("9", 64): false,
		"a b": false, "a:b": false, "a/b": false, "ä": false, "aä": false, "a\x00": false, "a\"": false, "a\xff": false,
	} {
		if got, err := ParseSlot(text); (err == nil) != ok || (ok && string(got) != text) {
			t.Errorf("%q: got %q and %v, want ok %t", text, got, err, ok)
		}
	}
}

func TestMade(t *testing.T) {
	for slot, want := range map[Slot]bool{
		"csi-qhpjoa4hu6674kowqup7clp6ma":  true,
		"csi-qhpjoa4hu6674kowqup7clp6m":   false,
		"csi-qhpjoa4hu6674kowqup7clp6maa": false,
		"csi-qhpjoa4hu6674kowqup7clp6m1":  false, // no base32 digit
		"csi-QHPJOA4HU6674KOWQUP7CLP6MA":  false,
		"sn-qhpjoa4hu6674kowqup7clp6ma":   false,
		"pvc-1":                           false,
		"":                                false,
	} {
		if got := slot.Made(); got != want {
			t.Errorf("%q: got %t, want %t", slot, got, want)
		}
	}
}

func TestParseName(t *testing.T) {
	for _, test := range []struct {
		name, text, want string // want: in the error; "" for none
	}{
		{"plain", "pvc-1", ""}, {"not Latin", "漢字", ""},
		{"every quote and control character", "\"'`\\\n\r\t\x00\x7f${}", ""},
		{"128 bytes", strings.Repeat("x", 128), ""}, {"128 bytes of umlauts", strings.Repeat("ä", 64), ""},
		{"empty", "", "name is missing"}, {"129 bytes", strings.Repeat("x", 129), "name has 129 bytes, at most 128"},
		{"65 umlauts", strings.Repeat("ä", 65), "name has 130 bytes"}, {"not UTF-8", "a\xff", "name is not valid UTF-8"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := ParseName("name", test.text)
			if test.want != "" {
				wantKind(t, err, Invalid)
				wantText(t, err, test.want)
			} else if err != nil || got != test.text {
				t.Errorf("got %q and %v, want it unchanged", got, err)
			}
		})
	}
}

func TestParseSnapshotID(t *testing.T) {
	const name = "sn-fq6ub2t5i57o7pchri3wnnbltd"
	for text, ok := range map[string]bool{
		"rds1:" + name: true,
		name:           false, ":" + name: false, "rds1:": false, "rds1:" + name + "x": false, "RDS:" + name: false,
		"rds1:x:" + name: false, "": false, "rds1:" + strings.ToUpper(name): false,
		"rds1:csi-qhpjoa4hu6674kowqup7clp6ma": false,
	} {
		id, got := ParseSnapshotID(text)
		if got != ok || (ok && id.String() != text) {
			t.Errorf("%q: got %v and %t, want %t", text, id, got, ok)
		}
	}
}

func TestHandles(t *testing.T) {
	const made = "csi-qhpjoa4hu6674kowqup7clp6ma"
	none, legacy := Handles{}, Handles{Legacy: "old"}
	for _, test := range []struct {
		name    string
		handles Handles
		handle  string
		want    VolumeID // zero: an absent volume
		shown   string   // "": as it came
	}{
		{"ours", none, "rds1:" + made, VolumeID{Array: "rds1", Slot: made}, ""},
		{"adopted elsewhere", none, "rds1:pvc-1", VolumeID{Array: "rds1", Slot: "pvc-1"}, ""},
		{"bare without the key", none, "pvc-1", VolumeID{}, ""},
		{"bare and made without the key", none, made, VolumeID{}, ""},
		{"bare on the legacy array", legacy, "pvc-1", VolumeID{Array: "old", Slot: "pvc-1"}, ""},
		{"its long form is shown as the bare one", legacy, "old:pvc-1", VolumeID{Array: "old", Slot: "pvc-1"}, "pvc-1"},
		{"the same slot elsewhere", legacy, "rds1:pvc-1", VolumeID{Array: "rds1", Slot: "pvc-1"}, ""},
		{"ours on the legacy array", legacy, "old:" + made, VolumeID{Array: "old", Slot: made}, ""},
		{"bare and of our shape is never legacy", legacy, made, VolumeID{}, ""},
		{"no slot", legacy, "old:", VolumeID{}, ""},
		{"no array", legacy, ":pvc-1", VolumeID{}, ""},
		{"nothing", legacy, "", VolumeID{}, ""},
		{"only a colon", legacy, ":", VolumeID{}, ""},
		{"two colons", legacy, "old:a:b", VolumeID{}, ""},
		{"a wrong array", legacy, "OLD:pvc-1", VolumeID{}, ""},
		{"a wrong slot", legacy, "old:1", VolumeID{}, ""},
		{"a wrong bare slot", legacy, "../etc", VolumeID{}, ""},
		{"a snapshot", none, "sn-fq6ub2t5i57o7pchri3wnnbltd", VolumeID{}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, ok := test.handles.Parse(test.handle)
			if got != test.want || ok != (test.want != VolumeID{}) {
				t.Fatalf("got %v and %t, want %v", got, ok, test.want)
			}
			want := test.handle
			if test.shown != "" {
				want = test.shown
			}
			if shown := test.handles.Format(got); ok && shown != want {
				t.Errorf("got %q shown, want %q", shown, want)
			}
		})
	}
}

func TestSlotOfHandle(t *testing.T) {
	for handle, want := range map[string]Slot{
		"rds1:csi-qhpjoa4hu6674kowqup7clp6ma": "csi-qhpjoa4hu6674kowqup7clp6ma",
		"rds1:pvc-1":                          "pvc-1",
		"pvc-1":                               "pvc-1",

		"": "", ":pvc-1": "", "RDS:pvc-1": "", "rds1:": "", "rds1:a:b": "", "a/b": "", "../x": "",
	} {
		got, ok := Handles{}.ParseSlot(handle)
		if got != want || ok != (want != "") {
			t.Errorf("%q: got %q and %t, want %q", handle, got, ok, want)
		}
	}
}

func TestHandlesRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := volumeID().Draw(t, "id")
		h := Handles{Legacy: rapid.SampledFrom([]ArrayName{"", "old", id.Array}).Draw(t, "legacy")}
		handle := h.Format(id)
		if got, ok := h.Parse(handle); !ok || got != id {
			t.Fatalf("got %v and %t from %q, want %v", got, ok, handle, id)
		}
		if got, ok := h.ParseSlot(handle); !ok || got != id.Slot {
			t.Fatalf("got slot %v and %t from %q, want %v", got, ok, handle, id.Slot)
		}
		if len(handle) > 128 {
			t.Fatalf("got a handle of %d bytes, CSI takes 128", len(handle))
		}
	})
}

func TestHandlesHaveOneSpelling(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := Handles{Legacy: "old"}
		text := rapid.StringMatching(`(old:|new:|:)?[a-zA-Z0-9.:_-]{0,34}`).Draw(t, "handle")
		id, ok := h.Parse(text)
		if again, _ := h.Parse(h.Format(id)); ok && again != id {
			t.Fatalf("got %v from %q, and %v from what it is shown as", id, text, again)
		}
	})
}
