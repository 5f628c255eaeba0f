package domain

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Computed by another program: a node that changed its uuid in an upgrade would
// be refused its own volumes.
func TestHostsNeverChange(t *testing.T) {
	for _, test := range []struct{ cluster, node, machine, uuid, id string }{
		{
			"demo", "node-a", "0123456789abcdef0123456789abcdef",
			"5cde1644-05f8-58b5-b80a-f5fc482a6c9b", "node-a.ltpbmraf7bmlloak6x6eqktmtm",
		},
		{"demo", "node-a", "", "a592db6d-37d2-5a41-a7f9-7ee6d999976b", "node-a.uwjnw3jx2jnedj7zp3tntgmxnm"},
		{
			"demo", "ip-10-0-1-2.eu.example.com", "m",
			"559ecae3-bd13-5328-89f9-13d24e5db8e1", "ip-10-0-1-2.eu.example.com.kwpmvy55cnjsrcpzcpje4xny4e",
		},
		{"prod-eu-1", "node-a", "", "7070f0c5-ee57-5651-80f9-a268f9e395bf", "node-a.obypbrpok5lfdahzujupty4vx4"},
	} {
		h, err := NewHost(ClusterID(test.cluster), test.node, test.machine)
		if err != nil || h.UUID.String() != test.uuid || string(h.ID()) != test.id {
			t.Errorf("got %s, %s and %v, want %s and %s", h.UUID, h.ID(), err, test.uuid, test.id)
		}
		nqn := "nqn.2014-08.org.nvmexpress:uuid:" + test.uuid
		if got := h.NQN(); got != nqn {
			t.Errorf("got %s, want %s", got, nqn)
		}
		if got := NodeID(test.id).HostNQN(); got != nqn {
			t.Errorf("got %s from the id, want %s", got, nqn)
		}
		if got := NodeID(test.id).Name(); got != test.node {
			t.Errorf("got %s from the id, want %s", got, test.node)
		}
	}
}

func TestMachineIDIsReadWithoutItsNewline(t *testing.T) {
	a, b := must(NewHost(cluster, "n", "m")), must(NewHost(cluster, "n", " m\n"))
	if a != b {
		t.Errorf("got %v and %v, want the same host", a, b)
	}
}

func TestNewHostRefuses(t *testing.T) {
	for name, node := range map[string]string{
		"no name": "", "134 bytes": strings.Repeat("x", 134), "67 umlauts": strings.Repeat("ä", 67),
		"a newline": "a\nb", "a NUL": "a\x00b", "delete": "a\x7f", "no UTF-8": "a\xff",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := NewHost(cluster, node, "m")
			wantKind(t, err, Invalid)
			wantText(t, err, "1 to 133 bytes")
		})
	}
	if h, err := NewHost(cluster, strings.Repeat("x", 133), "m"); err != nil || len(h.ID()) != 160 {
		t.Errorf("got an id of %d bytes and %v, want 160", len(h.ID()), err)
	}
}

func TestHostsDifferInEveryPart(t *testing.T) {
	seen := map[UUID]string{}
	for _, c := range []ClusterID{"demo", "demo2"} {
		for _, n := range []string{"a", "ab", "b"} {
			for _, m := range []string{"", "b", "bb"} {
				what := strings.Join([]string{string(c), n, m}, "|")
				u := must(NewHost(c, n, m)).UUID
				if other, taken := seen[u]; taken {
					t.Errorf("%s and %s are one host", what, other)
				}
				seen[u] = what
			}
		}
	}
}

func TestNodeIDRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := nodeName().Draw(t, "name")
		h := must(NewHost(cluster, name, rapid.String().Draw(t, "machine")))
		if h.UUID[6]>>4 != 5 || h.UUID[8]>>6 != 2 {
			t.Fatalf("got %s, want version 5 and the RFC's variant", h.UUID)
		}
		got, ok := ParseNodeID(string(h.ID()))
		if !ok || got != h || h.ID().Name() != name || h.ID().HostNQN() != h.NQN() {
			t.Fatalf("got %v and %t from %q, want %v", got, ok, h.ID(), h)
		}
	})
}

func TestParseNodeIDRefuses(t *testing.T) {
	const uuid = "kp52s4kmubjbbec7ukdfoo6vve"
	for name, id := range map[string]string{
		"nothing": "", "no uuid": "node-a", "no dot": uuid, "no name": "." + uuid, "a short uuid": "node-a." + uuid[1:],
		"a long uuid": "node-a." + uuid + "a", "capitals": "node-a." + strings.ToUpper(uuid),
		"no base32":                  "node-a." + uuid[:25] + "1",
		"another spelling of it":     "node-a." + uuid[:25] + "f", // only the two bits behind the uuid differ
		"a space behind":             "node-a." + uuid + " ",
		"a name too long":            strings.Repeat("x", 134) + "." + uuid,
		"a control character":        "node\x1b." + uuid,
		"a name that is not UTF-8":   "node\xff." + uuid,
		"the uuid in its usual form": "node-a.53fba971-4ca0-5210-905f-a286573bd5a9",
	} {
		t.Run(name, func(t *testing.T) {
			h, ok := ParseNodeID(id)
			if ok {
				t.Errorf("got %v, want no node of ours", h)
			}
			if got := NodeID(id).Name(); got != id {
				t.Errorf("got name %q, want the whole id", got)
			}
			if got := NodeID(id).HostNQN(); got != "" {
				t.Errorf("got host NQN %q, want none", got)
			}
		})
	}
	if _, ok := ParseNodeID("node-a." + uuid); !ok {
		t.Error("the id that the others are made from is refused too")
	}
}

func TestNodeIDIsSplitAtTheLastDot(t *testing.T) {
	const uuid = "kp52s4kmubjbbec7ukdfoo6vve"
	for _, name := range []string{"a.b", "a." + uuid, "a..b", ".", "a."} {
		if got := NodeID(name + "." + uuid).Name(); got != name {
			t.Errorf("got %q, want %q", got, name)
		}
	}
}
