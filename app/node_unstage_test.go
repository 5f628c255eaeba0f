package app_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"git.srvlab.io/whiskey/rds-csi-driver/app"
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

func TestUnstageOfWhatIsNotThereIsFine(t *testing.T) {
	r := newRig(t)
	v := r.volume("a")
	for range 2 {
		must(t, r.unstage(v))
	}
	r.wantNothingLeft()
}

func TestUnstageNamesWhoHoldsTheVolume(t *testing.T) {
	t.Run("a workload's mount", func(t *testing.T) {
		r := newRig(t)
		v := r.staged(r.volume("a"))
		pod := v.target("pod")
		must(t, r.publish(v, pod))
		for range 2 {
			err := r.unstage(v)
			wantKind(t, err, domain.InUse)
			wantText(t, err, pod)
			r.wantLeft(1, 2) // the staging mount too
		}
		must(t, r.unpublish(v, pod))
		must(t, r.unstage(v))
		r.wantNothingLeft()
	})
	t.Run("a workload's device node", func(t *testing.T) {
		r := newRig(t)
		v := r.staged(r.volume("a").as(domain.Block, domain.SingleWriter, false))
		pod := v.target("pod")
		must(t, r.publish(v, pod))
		err := r.unstage(v)
		wantKind(t, err, domain.InUse)
		wantText(t, err, pod)
		must(t, r.unpublish(v, pod))
		must(t, r.unstage(v))
		r.wantNothingLeft()
	})
	t.Run("another program that has the device", func(t *testing.T) {
		r := newRig(t)
		v := r.staged(r.volume("a").as(domain.Block, domain.SingleWriter, false))
		release, err := r.kernel.Hold(r.devicePath(v))
		must(t, err)
		err = r.unstage(v)
		wantKind(t, err, domain.InUse)
		wantText(t, err, "exclusive open")
		r.wantLeft(1, 0)
		release()
		must(t, r.unstage(v))
		r.wantNothingLeft()
	})
	t.Run("an open file under the staging mount", func(t *testing.T) {
		r := newRig(t)
		v := r.staged(r.volume("a"))
		release, err := r.kernel.Open(v.staging.Path)
		must(t, err)
		if err := r.unstage(v); err == nil {
			t.Error("got no error, want the unmount's")
		}
		r.wantLeft(1, 1)
		release()
		must(t, r.unstage(v))
		r.wantNothingLeft()
	})
}

// devicePath returns the node of a connected volume's device.
func (r *rig) devicePath(v vol) string {
	r.Helper()
	d, err := r.kernel.Devices().Prove(r.Context(), v.nqn())
	must(r.T, err)
	must(r.T, d.Close())
	return d.Identity().Path
}

func TestUnstageTakesEveryEpochOffUnlessOneIsHeld(t *testing.T) {
	r := newRig(t)
	v := r.staged(r.volume("a").as(domain.Block, domain.SingleWriter, false))
	must(t, r.kernel.Fabric().Connect(t.Context(), r.overlap(v).staging.Attachment.Target))
	pod := v.target("pod")
	must(t, r.publish(v, pod))
	wantKind(t, r.unstage(v), domain.InUse)
	r.wantLeft(2, 1) // all must be unheld before any is disconnected
	must(t, r.unpublish(v, pod))
	for _, held := range []vol{v, r.overlap(v)} {
		release, err := r.kernel.Hold(r.devicePath(held))
		must(t, err)
		wantKind(t, r.unstage(v), domain.InUse)
		r.wantLeft(2, 0)
		release()
	}
	must(t, r.unstage(v))
	r.wantNothingLeft()
}

func TestUnstageReportsEveryStepThatFails(t *testing.T) {
	for _, call := range []string{"controllers", "mounts", "prove", "unmount", "holders", "disconnect", "delete hint"} {
		t.Run(call, func(t *testing.T) {
			r := newRig(t)
			v := r.staged(r.volume("a"))
			r.tap.arm(func(_ int, c string) error {
				if c == call {
					return kind(domain.Unreachable)
				}
				return nil
			}, nil)
			wantKind(t, r.unstage(v), domain.Unreachable)
			r.tap.arm(nil, nil)
			must(t, r.unstage(v))
			r.wantNothingLeft()
		})
	}
}

// refused returns a rig on which a staged volume's target refuses the host, and
// the kernel goes on asking.
func refused(t *testing.T) (*rig, vol) {
	t.Helper()
	r := newRig(t)
	v := r.staged(r.volume("a"))
	must(t, r.kernel.WriteFile(t.Context(), v.staging.Path+"/file", []byte("kept")))
	r.withdraw(v)
	if got := r.controllers(); got[0].State != domain.Connecting {
		t.Fatalf("got controllers %+v, want one that is connecting", got)
	}
	return r, v
}

// abandoned reports whether the device was taken from under its mount.
func (r *rig) abandoned() bool { return slices.Contains(r.tap.made(), "abandon") }

// until calls Unstage as an orchestrator does, again and again with a deadline of
// a minute, and returns how long it took.
func (r *rig) until(v vol) time.Duration {
	r.Helper()
	began := time.Now()
	for {
		asked := time.Now()
		err := r.unstage(v)
		if took := time.Since(asked); took > patience+time.Second {
			r.Fatalf("got an answer after %s, want one by the deadline of %s", took, patience)
		}
		if err == nil {
			return time.Since(began)
		}
		wantKind(r.T, err, domain.Unreachable)
		if time.Since(began) > time.Hour {
			r.Fatal("got no end within an hour")
		}
		<-time.After(time.Second)
	}
}

func TestUnstageWithAControllerThatIsNotLive(t *testing.T) {
	run := func(name string, test func(t *testing.T)) {
		t.Run(name, func(t *testing.T) { synctest.Test(t, test) })
	}
	run("refused for the grace time abandons and unmounts", func(t *testing.T) {
		r, v := refused(t)
		wantKind(t, r.unstage(v), domain.Unreachable)
		r.wantLeft(1, 1)
		if r.abandoned() || slices.Contains(r.tap.made(), "unmount") {
			t.Errorf("got calls %v, want neither abandon nor unmount before the grace time", r.tap.made())
		}
		if got, least, most := r.until(v)+patience, rigGrace, rigGrace+10*time.Second; got < least || got > most {
			t.Errorf("got it off after %s, want %s to %s", got, least, most)
		}
		made := r.tap.made()
		if slices.Index(made, "abandon") < 0 || slices.Index(made, "unmount") < slices.Index(made, "abandon") {
			t.Errorf("got calls %v, want the device taken away before the unmount", made)
		}
		r.wantNothingLeft()
	})
	run("refused and asked by a patient caller ends in one call", func(t *testing.T) {
		r, v := refused(t)
		began := time.Now()
		must(t, r.node.Unstage(t.Context(), v.slot(), v.staging.Path))
		if got := time.Since(began); got < rigGrace || got > rigGrace+10*time.Second {
			t.Errorf("got it off after %s, want %s", got, rigGrace)
		}
		r.wantNothingLeft()
	})
	run("a silent target is unreachable at once and for ever", func(t *testing.T) {
		r := newRig(t)
		v := r.staged(r.volume("a"))
		r.kernel.Lose(v.nqn())
		for range 100 {
			began := time.Now()
			wantKind(t, r.unstage(v), domain.Unreachable)
			if got := time.Since(began); got > time.Second {
				t.Errorf("got an answer after %s, want one at once", got)
			}
			<-time.After(time.Minute)
		}
		r.wantLeft(1, 1)
		if r.abandoned() || slices.Contains(r.tap.made(), "unmount") {
			t.Errorf("got calls %v, want neither abandon nor unmount", r.tap.made())
		}
		r.kernel.Regain(v.nqn())
		must(t, r.unstage(v))
		r.wantNothingLeft()
	})
	run("silence begins the grace time anew", func(t *testing.T) {
		r, v := refused(t)
		wantKind(t, r.unstage(v), domain.Unreachable)
		r.kernel.Lose(v.nqn())
		wantKind(t, r.unstage(v), domain.Unreachable)
		r.kernel.Regain(v.nqn())
		if got := r.until(v); got < rigGrace {
			t.Errorf("got it off %s after the silence, want %s", got, rigGrace)
		}
	})
	run("a yes begins the grace time anew", func(t *testing.T) {
		r, v := refused(t)
		wantKind(t, r.unstage(v), domain.Unreachable)
		r.tap.admit(1)
		wantKind(t, r.unstage(v), domain.Unreachable)
		if got := r.until(v); got < rigGrace-patience {
			t.Errorf("got it off %s after the call with the yes, want at least %s", got, rigGrace-patience)
		}
	})
	run("refusals far apart do not count as one", func(t *testing.T) {
		r, v := refused(t)
		wantKind(t, r.unstage(v), domain.Unreachable)
		<-time.After(time.Hour)
		wantKind(t, r.unstage(v), domain.Unreachable)
		if r.abandoned() {
			t.Error("got it abandoned, want the grace time begun anew after an hour without a try")
		}
	})
	run("a new process begins the grace time anew", func(t *testing.T) {
		r, v := refused(t)
		wantKind(t, r.unstage(v), domain.Unreachable)
		r.restart()
		if got := r.until(v); got < rigGrace {
			t.Errorf("got it off %s after the restart, want %s", got, rigGrace)
		}
	})
	run("an export that comes back saves what was written", func(t *testing.T) {
		r, v := refused(t)
		done := make(chan error, 1)
		go func() { done <- r.unstage(v) }()
		<-time.After(30 * time.Second)
		r.export(v)
		must(t, <-done)
		r.wantNothingLeft()
		if r.abandoned() {
			t.Error("got it abandoned, want it unmounted")
		}
		must(t, r.stage(never(v)))
		got, err := r.kernel.ReadFile(t.Context(), v.staging.Path+"/file")
		must(t, err)
		if string(got) != "kept" {
			t.Errorf("got %q, want the file", got)
		}
	})
	run("raw block that nobody has open is disconnected at once", func(t *testing.T) {
		r := newRig(t)
		v := r.staged(r.volume("a").as(domain.Block, domain.SingleWriter, false))
		r.kernel.Lose(v.nqn())
		began := time.Now()
		must(t, r.unstage(v))
		if got := time.Since(began); got > time.Second {
			t.Errorf("got it off after %s, want at once: there is nothing to unmount", got)
		}
		r.wantNothingLeft()
	})
	run("a workload's mount is named at once", func(t *testing.T) {
		r := newRig(t)
		v := r.staged(r.volume("a"))
		pod := v.target("pod")
		must(t, r.publish(v, pod))
		r.withdraw(v)
		err := r.unstage(v)
		wantKind(t, err, domain.InUse)
		wantText(t, err, pod)
		if slices.Contains(r.tap.made(), "admits") {
			t.Error("got a probing connect, want none while a workload has the volume")
		}
	})
	run("a fabric that can not take a device away unmounts", func(t *testing.T) {
		r, v := refused(t)
		r.tap.arm(func(_ int, call string) error {
			if call == "abandon" {
				r.export(v) // and on such a fabric nothing waits for the target
				return kind(domain.InUse)
			}
			return nil
		}, nil)
		r.until(v)
		r.wantNothingLeft()
	})
	run("others are left alone", func(t *testing.T) {
		r, v := refused(t)
		other := r.staged(r.volume("other"))
		stranger := v.staging.Attachment.Target
		stranger.NQN.Epoch, stranger.HostNQN = "cccccccc", "nqn.2014-08.org.nvmexpress:uuid:stranger"
		must(t, r.target.Export(stranger.NQN, v.image, stranger.HostNQN))
		must(t, r.kernel.Fabric().Connect(t.Context(), stranger))
		r.until(v)
		r.wantLeft(2, 1)
		must(t, r.stage(other))
	})
}

func TestAProbingConnectAsksWhereTheControllerWasConnected(t *testing.T) {
	lost, hinted := domain.Portal{Host: "192.0.2.8", Port: 4421}, domain.Portal{Host: "192.0.2.1", Port: 4420}
	for name, test := range map[string]struct {
		portal domain.Portal
		want   domain.Portal
	}{
		"a controller with an address":     {lost, lost},
		"a controller without: the hint's": {domain.Portal{}, hinted},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, v := refused(t)
				r.tap.seen = func(list []domain.Controller) []domain.Controller {
					list[0].Portal = test.portal
					return append(list, list[0]) // a second path
				}
				wantKind(t, r.unstage(v), domain.Unreachable)
				got := r.tap.asked[0]
				if !slices.Equal(got.Portals, []domain.Portal{test.want}) || got.NQN != v.nqn() || got.HostNQN != r.self.NQN() {
					t.Errorf("got %+v asked, want %s of %s", got, test.want, v.nqn())
				}
			})
		})
	}
}

func TestUnstageOfADeadMount(t *testing.T) {
	r := newRig(t, removesControllers)
	v := r.staged(r.volume("a"))
	r.withdraw(v)
	r.wantLeft(0, 1)
	must(t, r.unstage(v))
	r.wantNothingLeft()
	if slices.Contains(r.tap.made(), "admits") {
		t.Error("got a probing connect, want none where no controller is left")
	}
}

func TestUnstageOfADeadMountThatAWorkloadUsesNamesIt(t *testing.T) {
	r := newRig(t, removesControllers)
	v := r.staged(r.volume("a"))
	pod := v.target("pod")
	must(t, r.publish(v, pod))
	r.withdraw(v)
	err := r.unstage(v)
	wantKind(t, err, domain.InUse)
	wantText(t, err, pod)
	must(t, r.unpublish(v, pod))
	must(t, r.unstage(v))
	r.wantNothingLeft()
}

func TestUnstageOfAReplacedDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		v := r.staged(r.volume("a"))
		replaced(r, v)
		must(t, r.unstage(v))
		r.wantNothingLeft()
	})
}

func TestUnstageDoesNotHangOnAnUnmountThatDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		v := r.staged(r.volume("a"))
		release := r.hang("unmount")
		began := time.Now()
		wantKind(t, r.unstage(v), domain.Unreachable)
		if got := time.Since(began); got > patience+time.Second {
			t.Errorf("got an answer after %s, want one by the deadline of %s", got, patience)
		}
		if got := r.stuck(); got["unmount"] != 1 || len(got) != 1 {
			t.Errorf("got stuck calls %v, want one unmount", got)
		}
		release()
		if got := r.stuck(); len(got) != 0 {
			t.Errorf("got stuck calls %v, want none", got)
		}
		must(t, r.unstage(v))
		r.wantNothingLeft()
	})
}

func TestUnstageOfADeviceThatDoesNotShowUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		v := r.staged(r.volume("a"))
		release := r.hang("prove") // a controller that is live without a device
		defer release()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		must(t, r.node.Unstage(ctx, v.slot(), v.staging.Path))
		release()
		r.wantNothingLeft()
	})
}

func TestStuckNamesEveryWatchedCall(t *testing.T) {
	r := newRig(t)
	r.restart(func(s *app.NodeSettings) { s.MaxStuck = 1 })
	if got := r.node.Stuck(); len(got) < 10 || len(r.stuck()) != 0 {
		t.Errorf("got %v, want every call with none stuck", got)
	}
}
