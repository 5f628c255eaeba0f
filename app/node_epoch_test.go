package app_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

func TestStageOverADeadMount(t *testing.T) {
	dead := func(t *testing.T, publish bool) (*rig, vol, string) {
		r := newRig(t, removesControllers)
		v := r.staged(r.volume("a"))
		pod, mounts := v.target("pod"), 1
		if publish {
			must(t, r.publish(v, pod))
			mounts++
		}
		r.withdraw(v)
		r.wantLeft(0, mounts)
		r.export(v)
		return r, v, pod
	}
	t.Run("that nobody uses replaces it", func(t *testing.T) {
		r, v, _ := dead(t, false)
		must(t, r.stage(v))
		r.wantLeft(1, 1)
		must(t, r.node.Unstage(t.Context(), v.slot(), v.staging.Path))
		r.wantNothingLeft()
	})
	t.Run("that a workload uses refuses and names it", func(t *testing.T) {
		r, v, pod := dead(t, true)
		err := r.stage(v)
		wantKind(t, err, domain.InUse)
		wantText(t, err, pod)
		r.wantLeft(0, 2)
	})
}

func TestStageWhereAnotherVolumeIsStagedRefuses(t *testing.T) {
	r := newRig(t)
	other := r.staged(r.volume("other"))
	v := r.volume("a")
	v.staging.Path = other.staging.Path
	before := r.mounts()
	wantKind(t, r.stage(v), domain.InUse)
	r.wantLeft(1, 1)
	if got := r.mounts(); !slices.Equal(got, before) {
		t.Errorf("got mounts %+v, want %+v as before", got, before)
	}
	must(t, r.unstage(v)) // is not staged: nothing to do
	r.wantLeft(1, 1)
}

func TestStageAfterAnotherEpoch(t *testing.T) {
	t.Run("that only staging holds takes it off", func(t *testing.T) {
		r := newRig(t)
		old := r.staged(r.volume("a"))
		v := r.overlap(old)
		must(t, r.stage(v))
		if got := r.controllers(); len(got) != 1 || got[0].NQN != v.nqn() {
			t.Errorf("got controllers %+v, want one of %s", got, v.nqn())
		}
		r.wantLeft(1, 1)
		must(t, r.unstage(v))
		r.wantNothingLeft()
	})
	t.Run("that a workload holds refuses and names it", func(t *testing.T) {
		r := newRig(t)
		old := r.staged(r.volume("a"))
		pod := old.target("pod")
		must(t, r.publish(old, pod))
		v := r.overlap(old)
		err := r.stage(v)
		wantKind(t, err, domain.InUse)
		wantText(t, err, pod)
		r.wantLeft(1, 2)
		must(t, r.unpublish(old, pod))
		must(t, r.stage(v))
		r.wantLeft(1, 1)
	})
	t.Run("that is refused by its target waits for the grace time", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			v := r.next(r.staged(r.volume("a")))
			began := time.Now()
			for err := r.stage(v); err != nil; err = r.stage(v) {
				if time.Since(began) > 2*rigGrace {
					t.Fatalf("got %v, want the old epoch abandoned after the grace time", err)
				}
				<-time.After(time.Second)
			}
			if got := time.Since(began); got < rigGrace {
				t.Errorf("got the old epoch abandoned after %s, want %s", got, rigGrace)
			}
			r.wantLeft(1, 1)
		})
	})
}

// overlap returns the volume's next epoch while the last one is still exported.
func (r *rig) overlap(v vol) vol {
	r.Helper()
	next := r.next(v)
	r.export(v)
	return next
}

func TestStageLeavesOthersAlone(t *testing.T) {
	r := newRig(t)
	other := r.staged(r.volume("other"))
	v := r.volume("a")
	stranger := v.staging.Attachment.Target
	stranger.NQN.Epoch, stranger.HostNQN = "cccccccc", "nqn.2014-08.org.nvmexpress:uuid:stranger"
	must(t, r.target.Export(stranger.NQN, v.image, stranger.HostNQN))
	must(t, r.kernel.Fabric().Connect(t.Context(), stranger))
	strangers, err := r.kernel.Devices().Prove(t.Context(), stranger.NQN)
	must(t, err)
	release, err := r.kernel.Hold(strangers.Identity().Path)
	must(t, err)
	defer release()
	must(t, strangers.Close())
	intact := r.kernel.AddForeign("nqn.2001-01.example:boot")

	must(t, r.stage(v))
	r.wantLeft(3, 2)
	must(t, r.unstage(v))
	r.wantLeft(2, 1)
	must(t, intact())
	must(t, r.unstage(other))
	r.wantLeft(1, 0)
}
