package fakerds_test

import (
	"os"
	"path/filepath"
	"testing"

	"git.srvlab.io/whiskey/rds-csi-driver/adapters/fakerds"
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
	"git.srvlab.io/whiskey/rds-csi-driver/ports/porttest"
)

// The suites again, on an array whose process dies where its line would be cut,
// at every point between two things it does, and is started again.

func TestVolumesWhoseArrayDies(t *testing.T)   { porttest.Volumes(t, openMortal) }
func TestSnapshotsWhoseArrayDies(t *testing.T) { porttest.Snapshots(t, openMortal) }

type mortal struct{ *array }

func openMortal(t *testing.T) porttest.Array {
	t.Helper()
	return mortal{open(t).(*array)}
}

func (m mortal) Silence(o porttest.Outage) {
	if o.When != porttest.During || o.Hang {
		m.array.Silence(o)
		return
	}
	if o.Step == 0 { // a call without points is to be silenced too
		m.array.Silence(o)
	}
	m.rds.DieAt(max(1, o.Step))
}

func (m mortal) Speak() {
	m.array.Speak()
	if !m.rds.Died() {
		m.rds.DieAt(0)
		return
	}
	if err := m.Reboot(); err != nil {
		m.t.Errorf("open after a crash: got %v, want no error", err)
	}
}

// TestOpenDies starts an array again and again and lets it die at every point
// of its start.
func TestOpenDies(t *testing.T) {
	a := open(t).(*array)
	volume := exported(t, a)
	want, err := a.Exports()
	if err != nil || len(want) != 1 {
		t.Fatalf("exports: got %v and %v, want one", want, err)
	}
	left := filepath.Join(a.cfg.TargetDir, "nqn.2000-02.com.mikrotik:left")
	others := filepath.Join(a.cfg.TargetDir, "nqn.2000-02.com.mikrotik:others")
	for n := 1; ; n++ {
		if err := a.rds.Close(); err != nil {
			t.Fatalf("close: got %v, want no error", err)
		}
		// What a power cut may leave, and what another array shows.
		links := map[string]string{left: filepath.Join(a.cfg.Dir, "btrfs", "gone.img"), others: "/elsewhere/volume.img"}
		for link, image := range links {
			if err := os.Symlink(image, link); err != nil && !os.IsExist(err) {
				t.Fatalf("link: got %v, want no error", err)
			}
		}
		_, err := fakerds.Open(fakerds.DyingAt(a.cfg, n))
		died := err != nil
		if died && !domain.Is(err, domain.Unreachable) {
			t.Fatalf("open that dies at point %d: got %v, want unreachable", n, err)
		}
		if died {
			if a.rds, err = fakerds.Open(a.cfg); err != nil {
				t.Fatalf("open after death at point %d: got %v, want no error", n, err)
			}
		}
		if _, err := os.Readlink(left); err == nil {
			t.Errorf("link without a disk: got it, want none")
		}
		if _, err := os.Readlink(others); err != nil {
			t.Errorf("another array's link: got %v, want it kept", err)
		}
		if err := os.Remove(others); err != nil {
			t.Fatalf("remove: got %v, want no error", err)
		}
		if !died {
			if n < 4 {
				t.Errorf("points of a start: got %d, want the state's and the export's", n-1)
			}
			return
		}
		got, err := a.Exports()
		if err != nil || len(got) != 1 || got[volume.Row.NQN] != want[volume.Row.NQN] {
			t.Fatalf("exports after death at point %d: got %v and %v, want %v", n, got, err, want)
		}
		v, err := a.Volumes().Find(t.Context(), volume.ID)
		if err != nil || v.Row != volume.Row {
			t.Fatalf("volume: got %v and %v, want it as it was", v, err)
		}
	}
}
