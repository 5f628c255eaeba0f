package filesystem

import (
	"os"
	"path/filepath"
	"testing"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
	"git.srvlab.io/whiskey/rds-csi-driver/ports"
	"git.srvlab.io/whiskey/rds-csi-driver/ports/porttest"
)

const (
	hostPrefix = "nqn.2014-08.org.nvmexpress:uuid:"
	host       = "5d2ec9a8-0000-5000-8000-000000000001"
)

func newHints(t *testing.T) (*Hints, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "run", "driver") // not there yet
	return NewHints(dir, domain.DefaultNQNPrefix), dir
}

func TestHintsContract(t *testing.T) {
	porttest.Hints(t, func(t *testing.T) porttest.Host {
		hints, dir := newHints(t)
		return porttest.Host{
			Hints: hints, Prefix: domain.DefaultNQNPrefix,
			HostNQN: hostPrefix + host, HostID: host,
			CorruptHint: func(t *testing.T, slot domain.Slot) {
				t.Helper()
				if err := os.Truncate(filepath.Join(dir, string(slot)+hintSuffix), 10); err != nil {
					t.Fatal(err)
				}
			},
		}
	})
}

func hintOf(slot domain.Slot) ports.Hint {
	return ports.Hint{
		Attachment: domain.Attachment{
			ID: domain.VolumeID{Array: "rds", Slot: slot}, Size: domain.GiB,
			Target: domain.Target{
				NQN:     domain.NQN{Prefix: domain.DefaultNQNPrefix, Slot: slot, Epoch: "abcdefgh"},
				Portals: []domain.Portal{{Host: "192.0.2.1", Port: 4420}}, HostNQN: hostPrefix + host, HostID: host,
			},
		},
		Use: domain.Use{Access: domain.Ext4, Mode: domain.SingleWriter}, Staging: "/staging",
	}
}

func TestHintsLeaveOutWhatIsNoHint(t *testing.T) {
	hints, dir := newHints(t)
	if err := hints.Save(t.Context(), hintOf("csi-a")); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(filepath.Join(dir, "csi-a.json"))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"csi-b.json": string(good), "csi-c.json": "{}", "csi-d.json": "", "csi-e.json": "null",
		"csi-a.json.new-12": "half", "notes.txt": "x",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "csi-f.json"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("csi-a.json", filepath.Join(dir, "csi-g.json")); err != nil {
		t.Fatal(err)
	}
	got, err := hints.List(t.Context())
	if err != nil || len(got) != 1 || got[0].Attachment.ID.Slot != "csi-a" {
		t.Errorf("got %+v, %v, want csi-a alone: the others say nothing, or are of another slot", got, err)
	}
}

func TestHintOfNoSlotLeavesTheDirectoryAlone(t *testing.T) {
	hints, dir := newHints(t)
	for _, slot := range []domain.Slot{"", "..", "../x", "a/b", "-a"} {
		wantKind(t, hints.Save(t.Context(), hintOf(slot)), domain.Invalid)
		wantKind(t, hints.Delete(t.Context(), slot), domain.Invalid)
	}
	if _, err := os.Stat(filepath.Dir(dir)); err == nil {
		t.Errorf("got %s, want nothing written", filepath.Dir(dir))
	}
}

func TestHintsAreForRootAlone(t *testing.T) {
	hints, dir := newHints(t)
	if err := hints.Save(t.Context(), hintOf("csi-a")); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, "csi-a.json"): 0o600} {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("got %v, %v for %s, want mode %o", info.Mode().Perm(), err, path, want)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("got %v, %v, want one file: nothing half-written stays", entries, err)
	}
}
