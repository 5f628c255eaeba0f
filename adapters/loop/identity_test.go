package loop

import (
	"strings"
	"testing"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

const (
	prefix = domain.DefaultNQNPrefix
	host   = "nqn.2014-08.org.nvmexpress:uuid:5d2ec9a8-0000-5000-8000-000000000001"
)

func nqnOf(slot domain.Slot) domain.NQN {
	return domain.NQN{Prefix: prefix, Slot: slot, Epoch: "abcdefgh"}
}

func TestNameIsReadBack(t *testing.T) {
	long := domain.Slot("A" + strings.Repeat("z", 63))
	for _, c := range []struct {
		name string
		id   identity
		want string
	}{
		{"a volume of ours", identity{nqnOf("csi-a"), host}, "nqn.2000-02.com.mikrotik:csi-a.abcdefgh@5d2ec9a8-0000-5000-8000-000000000001"},
		{"an adopted slot with dots", identity{nqnOf("Old.disk_1"), host}, "nqn.2000-02.com.mikrotik:Old.disk_1.abcdefgh@5d2ec9a8-0000-5000-8000-000000000001"},
		{"the longest slot", identity{nqnOf(long), host}, "nqn.2000-02.com.mikrotik:" + string(long) + ".abcdefgh@5d2ec9a8-0000-5000-8000-000000000001"},
		{"a host of another form", identity{nqnOf("csi-a"), "nqn.2001-01.example:h"}, "nqn.2000-02.com.mikrotik:csi-a.abcdefgh@nqn.2001-01.example:h"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := c.id.name()
			if err != nil || got != "."+c.want {
				t.Fatalf("got name %q, %v, want %q", got, err, "."+c.want)
			}
			for _, path := range []string{"/var/t/" + got + "\n", "/a b/" + got + " (deleted)\n"} {
				if id, ok := parseName(prefix, path); !ok || id != c.id {
					t.Errorf("got %+v, %t of %q, want %+v", id, ok, path, c.id)
				}
			}
			if got := len(c.id.tag()); got > 63 {
				t.Errorf("got a tag of %d bytes, want 63 at most", got)
			}
		})
	}
}

func TestNameThatCouldNotBeReadBackIsInvalid(t *testing.T) {
	for _, host := range []string{
		"", hostPrefix, "someone", hostPrefix + "a/b", hostPrefix + "a@b", hostPrefix + "a\nb",
		hostPrefix + "x (deleted)", hostPrefix + "nqn.x", "nqn." + strings.Repeat("x", 255),
	} {
		if got, err := (identity{nqnOf("csi-a"), host}).name(); !domain.Is(err, domain.Invalid) {
			t.Errorf("got name %q, %v for host %q, want Invalid", got, err, host)
		}
	}
}

func TestOtherNamesAreNotOurs(t *testing.T) {
	for _, path := range []string{
		"", "/", "/var/lib/volume.img", "/x/nqn.2000-02.com.mikrotik:csi-a.abcdefgh@h", "/x/.nqn.2000-02.com.mikrotik:csi-a.abcdefgh",
		"/x/.nqn.2000-02.com.mikrotik:csi-a.abcdefgh@", "/x/.nqn.2001-01.example:csi-a.abcdefgh@h",
		"/x/.nqn.2000-02.com.mikrotik:csi-a.abc@h", "/x/.nqn.2000-02.com.mikrotik:csi-a.abcdefgh@h/volume.img",
	} {
		if id, ok := parseName(prefix, path); ok {
			t.Errorf("got %+v of %q, want nothing of ours", id, path)
		}
	}
}

func TestTagTellsIdentitiesApart(t *testing.T) {
	seen := map[string]identity{}
	for _, id := range []identity{
		{nqnOf("csi-a"), host}, {nqnOf("csi-b"), host}, {nqnOf("csi-a"), host + "0"},
		{domain.NQN{Prefix: prefix, Slot: "csi-a", Epoch: "abcdefgi"}, host},
	} {
		if other, taken := seen[id.tag()]; taken {
			t.Errorf("got tag %s for %+v and %+v, want two", id.tag(), id, other)
		}
		seen[id.tag()] = id
	}
}
