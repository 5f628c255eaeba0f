package app_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"git.srvlab.io/whiskey/rds-csi-driver/app"
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
	"git.srvlab.io/whiskey/rds-csi-driver/ports"
)

// looks are the calls that change nothing.
var looks = []string{"controllers", "mounts", "prove", "size", "holders", "statfs", "probe", "read", "hints", "admits"}

func TestStageMakesAndMountsAFileSystem(t *testing.T) {
	for _, access := range []domain.Access{domain.Ext4, domain.XFS, domain.Btrfs} {
		t.Run(string(access), func(t *testing.T) {
			r := newRig(t)
			v := r.sized(r.volume("a"), max(access.Least(), rigSize)).as(access, domain.SingleWriter, false)
			for range 2 {
				must(t, r.stage(v))
				if got := r.mountAt(v.staging.Path); got.Access != string(access) || got.ReadOnly || got.Root != "/" {
					t.Errorf("got mount %+v, want %s for writing", got, access)
				}
				r.wantLeft(1, 1)
			}
			want := []string{"connect", "make", "mount", "save hint", "connect", "save hint"}
			if got := r.tap.made(looks...); !slices.Equal(got, want) {
				t.Errorf("got calls %v, want %v", got, want)
			}
			for range 2 {
				must(t, r.unstage(v))
				r.wantNothingLeft()
			}
		})
	}
}

func TestStageMountsWhatIsThereAfterACheck(t *testing.T) {
	r := newRig(t)
	v := r.volume("a")
	must(t, r.stage(v))
	must(t, r.unstage(v))
	r.tap = &tap{}
	r.restart()
	must(t, r.stage(v.formatted(domain.FormatNever())))
	if got, want := r.tap.made(looks...), []string{"connect", "check", "mount", "grow", "save hint"}; !slices.Equal(got, want) {
		t.Errorf("got calls %v, want %v", got, want)
	}
}

func TestStageForAReaderWritesNothing(t *testing.T) {
	for name, reader := range map[string]func(vol) vol{
		"reader mode": func(v vol) vol { return v.as(domain.Ext4, domain.MultiReader, false) },
		"reader's grant in a writer mode": func(v vol) vol {
			v.staging.Attachment.ReadOnly = true
			return v
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			v := r.volume("a")
			must(t, r.stage(v))
			must(t, r.unstage(v))
			before := r.sum(v)
			r.tap = &tap{}
			r.restart()
			v = reader(v).formatted(domain.FormatNever())
			for range 2 {
				must(t, r.stage(v))
			}
			if !r.mountAt(v.staging.Path).ReadOnly {
				t.Error("got a writable mount, want a read-only one")
			}
			want := []string{"connect", "set read-only", "mount", "save hint", "connect", "save hint"}
			if got := r.tap.made(looks...); !slices.Equal(got, want) {
				t.Errorf("got calls %v, want %v", got, want)
			}
			must(t, r.unstage(v))
			if r.sum(v) != before {
				t.Error("got another image, want it untouched")
			}
			r.wantNothingLeft()
		})
	}
}

func TestStageOfRawBlockLeavesNothingAtTheStagingPath(t *testing.T) {
	for _, readOnly := range []bool{false, true} {
		r := newRig(t)
		v := r.volume("a").as(domain.Block, domain.SingleWriter, readOnly).formatted(domain.FormatNever())
		before := r.sum(v)
		for range 2 {
			must(t, r.stage(v))
			r.wantLeft(1, 0)
		}
		if got := slices.Contains(r.tap.made(), "set read-only"); got != readOnly {
			t.Errorf("got a device that refuses writes: %t, want %t", got, readOnly)
		}
		if r.sum(v) != before || slices.Contains(r.tap.made(), "probe") {
			t.Error("got a device that was looked into, want its content to be nobody's business")
		}
		for range 2 {
			must(t, r.unstage(v))
			r.wantNothingLeft()
		}
	}
}

func TestStageAgain(t *testing.T) {
	tests := []struct {
		name  string
		again func(v vol) vol
		want  error // by kind; nil for fine
	}{
		{"in the same way is fine", func(v vol) vol { return v }, nil},
		{"with other mount options is fine", func(v vol) vol { v.staging.Options = []string{"noatime"}; return v }, nil},
		{"with another context of the same epoch is fine", func(v vol) vol {
			v.staging.Attachment.Target.Portals = []domain.Portal{{Host: "192.0.2.9", Port: 1}}
			return v.formatted(domain.FormatNever())
		}, nil},
		{"in another mode of writing is fine", func(v vol) vol { return v.as(domain.Ext4, domain.SingleMultiWriter, false) }, nil},
		{"read-only exists", func(v vol) vol { return v.as(domain.Ext4, domain.SingleReader, true) }, kind(domain.Exists)},
		{"as raw block exists", func(v vol) vol { return v.as(domain.Block, domain.SingleWriter, false) }, kind(domain.Exists)},
		{"with another file system exists", func(v vol) vol { return v.as(domain.XFS, domain.SingleWriter, false) }, kind(domain.Exists)},
		{"at another path is held", func(v vol) vol { v.staging.Path += "-other"; return v }, kind(domain.InUse)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t)
			v := r.staged(r.volume("a"))
			before := r.mounts()
			if err := r.stage(test.again(v)); !sameKind(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
			if got := r.mounts(); !slices.Equal(got, before) {
				t.Errorf("got mounts %+v, want %+v as before", got, before)
			}
			must(t, r.unstage(v))
			r.wantNothingLeft()
		})
	}
}

func TestStageOfPublishedBlockInAnotherWayExists(t *testing.T) {
	r := newRig(t)
	v := r.staged(r.volume("a").as(domain.Block, domain.SingleWriter, false))
	must(t, r.publish(v, v.target("pod")))
	wantKind(t, r.stage(v.as(domain.Ext4, domain.SingleWriter, false)), domain.Exists)
	wantKind(t, r.stage(v.as(domain.Block, domain.SingleWriter, true)), domain.Exists)
	must(t, r.stage(v))
	r.wantLeft(1, 1)
}

func TestStageRefusesWhatIsNotForThisHost(t *testing.T) {
	for name, change := range map[string]func(*domain.Target){
		"another host NQN": func(t *domain.Target) { t.HostNQN = "nqn.2014-08.org.nvmexpress:uuid:other" },
		"another prefix":   func(t *domain.Target) { t.NQN.Prefix = "nqn.2001-01.example.boot" },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			v := r.volume("a")
			change(&v.staging.Attachment.Target)
			wantKind(t, r.stage(v), domain.Invalid)
			if got := r.tap.made(looks...); len(got) != 0 {
				t.Errorf("got calls %v, want none", got)
			}
		})
	}
}

func TestStageAsksTheNodesOwnPortalsFirst(t *testing.T) {
	own := []domain.Portal{{Host: "192.0.2.77", Port: 4421}}
	for name, test := range map[string]struct {
		configured map[domain.ArrayName][]domain.Portal
		want       string
	}{
		"configured for the array":       {map[domain.ArrayName][]domain.Portal{"rds": own}, "192.0.2.77:4421"},
		"configured for another array":   {map[domain.ArrayName][]domain.Portal{"other": own}, "192.0.2.1:4420"},
		"configured for none: context's": {nil, "192.0.2.1:4420"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.restart(func(s *app.NodeSettings) { s.Portals = test.configured })
			v := r.staged(r.volume("a"))
			hints, err := r.kernel.Hints().List(t.Context())
			must(t, err)
			if got := hints[0].Attachment.Target.Portals[0].String(); len(hints) != 1 || got != test.want {
				t.Errorf("got portal %s, want %s", got, test.want)
			}
			must(t, r.unstage(v))
		})
	}
}

func TestStageWaitsForAnExportThatIsOnItsWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		v := r.volume("a")
		r.withdraw(v)
		done := make(chan error, 1)
		go func() { done <- r.stage(v) }()
		<-time.After(20 * time.Second)
		r.export(v)
		must(t, <-done)
		r.wantLeft(1, 1)
		if got := len(r.tap.made()); got > 40 {
			t.Errorf("got %d calls in 20 s, want it to wait between them", got)
		}
	})
}

func TestStageGivesUpAtTheDeadlineAndLeavesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		v := r.volume("a")
		r.withdraw(v)
		began := time.Now()
		wantKind(t, r.stage(v), domain.Unreachable)
		if got := time.Since(began); got < patience || got > patience+time.Second {
			t.Errorf("got an answer after %s, want one at the deadline of %s", got, patience)
		}
		r.node.Wait()
		r.wantNothingLeft()
	})
}

func TestStageWithoutADeadlineEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		v := r.volume("a")
		r.withdraw(v)
		wantKind(t, r.node.Stage(t.Context(), v.staging), domain.Unreachable)
	})
}

func TestStagedIsFineOnlyWhileItAnswers(t *testing.T) {
	t.Run("a controller that is not live", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			v := r.staged(r.volume("a"))
			r.kernel.Lose(v.nqn())
			wantKind(t, r.stage(v), domain.Unreachable)
			r.node.Wait()
			r.wantLeft(1, 1)
			r.kernel.Regain(v.nqn())
			must(t, r.stage(v))
		})
	})
	t.Run("a file system that hangs", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			v := r.staged(r.volume("a"))
			release := r.hang("statfs")
			began := time.Now()
			wantKind(t, r.stage(v), domain.Unreachable)
			if got := time.Since(began); got > 10*time.Second {
				t.Errorf("got an answer after %s, want one soon", got)
			}
			r.wantLeft(1, 1)
			release()
			must(t, r.stage(v))
		})
	})
}

func TestStageGrowsTheFileSystemOfALargerDevice(t *testing.T) {
	r := newRig(t)
	v := r.staged(r.volume("a"))
	must(t, r.unstage(v))
	v = r.sized(v, 2*rigSize).formatted(domain.FormatNever())
	reader := v.as(domain.Ext4, domain.MultiReader, true)
	must(t, r.stage(reader))
	if got := r.total(v); got > rigSize {
		t.Errorf("got a file system of %s for a reader, want %s", got, rigSize)
	}
	must(t, r.unstage(reader))
	must(t, r.stage(v))
	if got := r.total(v); got <= rigSize {
		t.Errorf("got a file system of %s, want it to fill the device of %s", got, 2*rigSize)
	}
}

// total returns the size of the staged file system.
func (r *rig) total(v vol) domain.Size {
	r.Helper()
	usage, err := r.kernel.Filesystems().Stats(r.Context(), v.staging.Path)
	must(r.T, err)
	return usage.Total
}

func TestStageSavesAHintAndNeedsNone(t *testing.T) {
	r := newRig(t)
	r.tap.arm(func(_ int, call string) error {
		if call == "save hint" {
			return kind(domain.Unreachable)
		}
		return nil
	}, nil)
	v := r.staged(r.volume("a"))
	r.tap.arm(nil, nil)
	must(t, r.stage(v))
	hints, err := r.kernel.Hints().List(t.Context())
	must(t, err)
	if len(hints) != 1 || hints[0].Staging != v.staging.Path || hints[0].Attachment.ID != v.staging.Attachment.ID {
		t.Errorf("got hints %+v, want what was staged", hints)
	}
}

func TestStageOfWhatIsHeldTouchesNothing(t *testing.T) {
	r := newRig(t)
	v := r.volume("a")
	must(t, r.stage(v))
	elsewhere := v.target("elsewhere")
	d, err := r.kernel.Devices().Prove(t.Context(), v.nqn())
	must(t, err)
	must(t, r.kernel.Mounts().Mount(t.Context(), ports.Mounting{Device: d.Identity(), Access: domain.Ext4, Target: elsewhere}))
	must(t, d.Close())
	must(t, r.kernel.Mounts().Unmount(t.Context(), v.staging.Path))
	r.tap = &tap{}
	r.restart()
	err = r.stage(v)
	wantKind(t, err, domain.InUse)
	wantText(t, err, elsewhere)
	if got := r.tap.made(looks...); !slices.Equal(got, []string{"connect"}) {
		t.Errorf("got calls %v, want no check of a file system that is mounted", got)
	}
}

func TestStageBehindALinkIsTheSamePlace(t *testing.T) {
	r := newRig(t)
	v := r.volume("a")
	dir := filepath.Dir(v.staging.Path)
	must(t, os.Symlink(dir, dir+"-link"))
	v.staging.Path = filepath.Join(dir+"-link", "staging")
	for range 2 {
		must(t, r.stage(v))
		must(t, r.publish(v, v.target("pod")))
		r.wantLeft(1, 2)
	}
	_, err := r.node.Stats(t.Context(), v.slot(), v.staging.Path)
	must(t, err)
	must(t, r.unpublish(v, v.target("pod")))
	must(t, r.unstage(v))
	r.wantNothingLeft()
}

func TestStageWhoseConnectionIsLostAgain(t *testing.T) {
	r := newRig(t)
	v := r.volume("a")
	r.tap.arm(nil, func(_ int, call string) error {
		if call == "connect" {
			must(t, r.kernel.Fabric().Disconnect(t.Context(), v.nqn(), r.self.NQN()))
		}
		return nil
	})
	wantKind(t, r.stage(v), domain.Unreachable) // not NotFound: the volume is there
}

func TestStageThatFailsMakesTheDeviceWritableAgain(t *testing.T) {
	r := newRig(t)
	v := r.volume("a")
	must(t, r.stage(v))
	must(t, r.unstage(v))
	must(t, r.kernel.Fabric().Connect(t.Context(), v.staging.Attachment.Target)) // so that it stays
	r.tap.arm(func(_ int, call string) error {
		if call == "mount" {
			return kind(domain.Other)
		}
		return nil
	}, nil)
	wantKind(t, r.stage(never(reader(v))), domain.Other)
	must(t, r.kernel.WriteDevice(t.Context(), r.devicePath(v), []byte("x"), 0))
}

func TestStageCalledWithAnEndedContext(t *testing.T) {
	r := newRig(t)
	v := r.volume("a")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.node.Stage(ctx, v.staging); err == nil {
		t.Error("got no error, want the context's")
	}
	r.node.Wait()
	r.wantNothingLeft()
}
