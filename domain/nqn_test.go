package domain

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

const prefix = DefaultNQNPrefix

func TestEpoch(t *testing.T) {
	for random, want := range map[[EpochBytes]byte]Epoch{
		{}: "aaaaaaaa", {0, 1, 2, 3, 4}: "aaaqeaye", {255, 255, 255, 255, 255}: "77777777",
	} {
		if got := NewEpoch(random); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	for _, text := range []string{"", "aaaaaaa", "aaaaaaaaa", "AAAAAAAA", "aaaaaaa1", "aaaaaaa=", "aaaa.aaa"} {
		got, err := ParseEpoch(text)
		if got != "" {
			t.Errorf("got %q from %q, want nothing", got, text)
		}
		wantKind(t, err, Invalid)
	}
}

func TestEpochsDiffer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := rapid.SliceOfN(rapid.Byte(), EpochBytes, EpochBytes)
		a, b := draw.Draw(t, "a"), draw.Draw(t, "b")
		ea, eb := NewEpoch([EpochBytes]byte(a)), NewEpoch([EpochBytes]byte(b))
		if (ea == eb) != (string(a) == string(b)) {
			t.Fatalf("got %q and %q from %x and %x", ea, eb, a, b)
		}
		if got, err := ParseEpoch(string(ea)); err != nil || got != ea {
			t.Fatalf("got %q and %v, want %q", got, err, ea)
		}
	})
}

func TestParseNQNPrefix(t *testing.T) {
	for text, ok := range map[string]bool{
		"nqn.2000-02.com.mikrotik": true, "nqn.2026-10.eu.example:lab": true, "nqn.2000-02.x": true,
		"nqn.2000-02.com." + strings.Repeat("x", 112): true,
		"nqn.2000-02.com." + strings.Repeat("x", 113): false,
		"": false, "nqn.": false, "nqn.2000-02": false, "nqn.2000-02.": false, "nqn.2000.02.com": false,
		"nqn.20-02.com": false, "nqn.2000-2.com": false, "nqn.abcd-ef.com": false, "iqn.2000-02.com": false,
		"NQN.2000-02.com": false, "nqn.2000-02.Com": false, "nqn.2000-02.com,x": false, "nqn.2000-02.com x": false,
		"nqn.2000-02.com\n": false, "nqn.2000-02.cöm": false,
	} {
		if got, err := ParseNQNPrefix(text); (err == nil) != ok || (ok && string(got) != text) {
			t.Errorf("%q: got %q and %v, want ok %t", text, got, err, ok)
		}
	}
}

func TestParseNQN(t *testing.T) {
	for _, test := range []struct {
		name, text string
		want       NQN // zero: not ours
	}{
		{"ours", "nqn.2000-02.com.mikrotik:csi-x.abcdefgh", NQN{prefix, "csi-x", "abcdefgh"}},
		{"a slot with dots", "nqn.2000-02.com.mikrotik:a.b.c.abcdefgh", NQN{prefix, "a.b.c", "abcdefgh"}},
		{"no epoch", "nqn.2000-02.com.mikrotik:csi-x", NQN{}},
		{"a short epoch", "nqn.2000-02.com.mikrotik:csi-x.abcdefg", NQN{}},
		{"an epoch in capitals", "nqn.2000-02.com.mikrotik:csi-x.ABCDEFGH", NQN{}},
		{"no slot", "nqn.2000-02.com.mikrotik:.abcdefgh", NQN{}},
		{"only an epoch", "nqn.2000-02.com.mikrotik:abcdefgh", NQN{}},
		{"a wrong slot", "nqn.2000-02.com.mikrotik:1x.abcdefgh", NQN{}},
		{"another prefix", "nqn.2000-02.com.mikrotic:csi-x.abcdefgh", NQN{}},
		{"a longer prefix", "nqn.2000-02.com.mikrotik.x:csi-x.abcdefgh", NQN{}},
		{"the prefix alone", "nqn.2000-02.com.mikrotik", NQN{}},
		{"a host", "nqn.2014-08.org.nvmexpress:uuid:53fba971-4ca0-5210-905f-a286573bd5a9", NQN{}},
		{"the boot disk of the node", "nqn.2014-08.com.vendor:nvme:boot.abcdefgh", NQN{}},
		{"discovery", "nqn.2014-08.org.nvmexpress.discovery", NQN{}},
		{"nothing", "", NQN{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := ParseNQN(prefix, test.text)
			if got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
			if (test.want == NQN{}) {
				wantKind(t, err, Invalid)
			}
		})
	}
	if got := (NQN{}).String(); got != "" {
		t.Errorf("got %q for no name, want nothing", got)
	}
}

func TestNQNRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := must(ParseNQNPrefix(rapid.StringMatching(`nqn\.[0-9]{4}-[0-9]{2}\.[a-z0-9.:-]{1,116}`).Draw(t, "prefix")))
		n := NQN{Prefix: p, Slot: slot().Draw(t, "slot"), Epoch: epoch().Draw(t, "epoch")}
		if got, err := ParseNQN(p, n.String()); err != nil || got != n {
			t.Fatalf("got %v and %v, want %v", got, err, n)
		}
		if len(n.String()) > 223 {
			t.Fatalf("got %d bytes, NVMe takes 223", len(n.String()))
		}
	})
}
