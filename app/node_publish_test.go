package app_test

import (
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"git.srvlab.io/whiskey/rds-csi-driver/app"
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

func TestPublishShowsTheStagedFileSystem(t *testing.T) {
	r := newRig(t)
	v := r.staged(r.volume("a"))
	pod := v.target("pod")
	for range 2 {
		must(t, r.publish(v, pod))
		r.wantLeft(1, 2)
	}
	must(t, r.kernel.WriteFile(t.Context(), pod+"/file", []byte("written")))
	got, err := r.kernel.ReadFile(t.Context(), v.staging.Path+"/file")
	must(t, err)
	if string(got) != "written" {
		t.Errorf("got %q, want what the workload wrote", got)
	}
	for range 2 {
		must(t, r.unpublish(v, pod))
		r.wantLeft(1, 1)
	}
	if _, err := os.Lstat(pod); err == nil {
		t.Error("got the target directory, want it removed")
	}
}

func TestPublishShowsTheDevice(t *testing.T) {
	r := newRig(t)
	v := r.staged(r.volume("a").as(domain.Block, domain.SingleWriter, false))
	pod := v.target("pod")
	for range 2 {
		must(t, r.publish(v, pod))
		r.wantLeft(1, 1)
	}
	must(t, r.kernel.WriteDevice(t.Context(), pod, []byte("written"), 4096))
	for range 2 {
		must(t, r.unpublish(v, pod))
		r.wantLeft(1, 0)
	}
	image, err := os.ReadFile(v.image)
	must(t, err)
	if got := string(image[4096:4103]); got != "written" {
		t.Errorf("got %q in the image, want what the workload wrote", got)
	}
}

func TestPublishOfWhatIsNotStagedRefuses(t *testing.T) {
	for _, access := range []domain.Access{domain.Ext4, domain.Block} {
		t.Run(string(access), func(t *testing.T) {
			r := newRig(t)
			v := r.volume("a").as(access, domain.SingleWriter, false)
			wantKind(t, r.publish(v, v.target("pod")), domain.DataAtRisk)
			r.wantNothingLeft()
		})
	}
	t.Run("but another volume at its staging path", func(t *testing.T) {
		r := newRig(t)
		other, v := r.staged(r.volume("other")), r.volume("a")
		must(t, r.kernel.Fabric().Connect(t.Context(), v.staging.Attachment.Target))
		v.staging.Path = other.staging.Path
		wantKind(t, r.publish(v, v.target("pod")), domain.DataAtRisk)
		r.wantLeft(2, 1)
	})
}

func TestPublishInAnotherWayThanStagedRefuses(t *testing.T) {
	tests := []struct {
		name   string
		staged func(vol) vol
		asked  func(vol) vol
	}{
		{"a file system as raw block", func(v vol) vol { return v }, block},
		{"raw block as a file system", block, func(v vol) vol { return v.as(domain.Ext4, domain.SingleWriter, false) }},
		{"ext4 as xfs", func(v vol) vol { return v }, func(v vol) vol { return v.as(domain.XFS, domain.SingleWriter, false) }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t)
			v := r.staged(test.staged(r.volume("a")))
			before := r.mounts()
			err := r.publish(test.asked(v), v.target("pod"))
			if !domain.Is(err, domain.InUse) && !domain.Is(err, domain.DataAtRisk) {
				t.Errorf("got %v, want what becomes FailedPrecondition", err)
			}
			if got := r.mounts(); !slices.Equal(got, before) {
				t.Errorf("got mounts %+v, want %+v as before", got, before)
			}
		})
	}
	t.Run("a reader's mount for writing", func(t *testing.T) {
		r := newRig(t)
		v := r.staged(r.volume("a"))
		must(t, r.unstage(v))
		must(t, r.stage(never(reader(v))))
		wantKind(t, r.publish(v, v.target("pod")), domain.InUse)
	})
}

func block(v vol) vol { return v.as(domain.Block, domain.SingleWriter, false) }

// TestSecondPublish is the table of CSI's NodePublishVolume for plugins with
// SINGLE_NODE_MULTI_WRITER.
func TestSecondPublish(t *testing.T) {
	const fine, exists, inUse = "fine", "exists", "in use"
	tests := []struct {
		mode                                           domain.Mode
		sameSame, sameOther, otherSame, otherWithOther string
	}{
		{domain.SingleWriter, fine, exists, inUse, inUse},
		{domain.SingleSingleWriter, fine, exists, inUse, inUse},
		{domain.SingleMultiWriter, fine, exists, fine, fine},
	}
	for _, test := range tests {
		for _, access := range []domain.Access{domain.Ext4, domain.Block} {
			for cell, want := range map[string]string{
				"same target, same arguments":   test.sameSame,
				"same target, other arguments":  test.sameOther,
				"other target, same arguments":  test.otherSame,
				"other target, other arguments": test.otherWithOther,
			} {
				t.Run(test.mode.String()+" "+string(access)+" "+cell, func(t *testing.T) {
					r := newRig(t)
					v := r.staged(r.volume("a").as(access, test.mode, false))
					must(t, r.publish(v, v.target("pod")))
					target := v.target("pod")
					if strings.HasPrefix(cell, "other target") {
						target = v.target("other")
					}
					if strings.HasSuffix(cell, "other arguments") {
						v = v.as(access, test.mode, true)
					}
					if access == domain.Block && want == fine && strings.HasSuffix(cell, "other arguments") {
						want = inUse // a device is writable for all its targets or for none
					}
					err := r.publish(v, target)
					got := domain.KindOf(err).String()
					if err == nil {
						got = fine
					}
					if got != want {
						t.Errorf("got %s (%v), want %s", got, err, want)
					}
				})
			}
		}
	}
}

func TestReadersArePublishedAsOftenAsTheirModeAllows(t *testing.T) {
	for mode, want := range map[domain.Mode]error{domain.SingleReader: kind(domain.InUse), domain.MultiReader: nil} {
		for _, access := range []domain.Access{domain.Ext4, domain.Block} {
			r := newRig(t)
			v := r.staged(r.volume("a").as(access, domain.SingleWriter, false))
			must(t, r.unstage(v))
			v = r.staged(never(v).as(access, mode, true))
			pod := v.target("pod")
			must(t, r.publish(v, pod))
			if !r.mountAt(pod).ReadOnly {
				t.Error("got a writable target, want a read-only one")
			}
			if err := r.publish(v, v.target("other")); !sameKind(err, want) {
				t.Errorf("%s: got %v, want %v", mode, err, want)
			}
		}
	}
}

func TestPublishOfABlockDeviceForReadingTakesNoWrite(t *testing.T) {
	r := newRig(t)
	writer := r.staged(r.volume("a").as(domain.Block, domain.SingleMultiWriter, false))
	only := writer.as(domain.Block, domain.SingleMultiWriter, true)
	pod := writer.target("pod")
	must(t, r.publish(only, pod))
	if err := r.kernel.WriteDevice(t.Context(), pod, []byte("x"), 0); err == nil {
		t.Error("got no error, want the write refused")
	}
	must(t, r.stage(writer)) // as after a restart of the orchestrator
	must(t, r.unpublish(only, pod))
	must(t, r.publish(writer, pod))
	must(t, r.kernel.WriteDevice(t.Context(), pod, []byte("x"), 0))
}

func TestPublishUnderAReadersGrantIsReadOnly(t *testing.T) {
	r := newRig(t)
	v := r.staged(r.volume("a"))
	must(t, r.unstage(v))
	v = never(v)
	v.staging.Attachment.ReadOnly = true // readonly of a writer mode: only the controller was told
	must(t, r.stage(v))
	pod := v.target("pod")
	must(t, r.publish(v, pod))
	if !r.mountAt(pod).ReadOnly || !r.mountAt(v.staging.Path).ReadOnly {
		t.Errorf("got mounts %+v, want them read-only", r.mounts())
	}
}

func TestPublishDoesNotTrustWhatIsAtTheTarget(t *testing.T) {
	t.Run("another volume's device", func(t *testing.T) {
		r := newRig(t)
		other, v := r.staged(block(r.volume("other"))), r.staged(block(r.volume("a")))
		pod := v.target("pod")
		must(t, r.publish(other, pod))
		wantKind(t, r.publish(v, pod), domain.Exists)
	})
	t.Run("the device before its controller was removed", func(t *testing.T) {
		r := newRig(t, removesControllers)
		v := r.staged(block(r.volume("a")))
		pod := v.target("pod")
		must(t, r.publish(v, pod))
		keep, err := r.kernel.Hold(r.devicePath(v)) // the old number stays taken
		must(t, err)
		r.withdraw(v)
		r.wantLeft(0, 1)
		r.export(v)
		must(t, r.stage(v))
		wantKind(t, r.publish(v, pod), domain.Exists)
		must(t, r.unpublish(v, pod))
		must(t, r.publish(v, pod))
		keep()
	})
	t.Run("another volume's file system", func(t *testing.T) {
		r := newRig(t)
		other, v := r.staged(r.volume("other")), r.staged(r.volume("a"))
		pod := v.target("pod")
		must(t, r.publish(other, pod))
		wantKind(t, r.publish(v, pod), domain.Exists)
	})
}

func TestPublishNeedsALiveController(t *testing.T) {
	for _, access := range []domain.Access{domain.Ext4, domain.Block} {
		r := newRig(t)
		v := r.staged(r.volume("a").as(access, domain.SingleWriter, false))
		r.kernel.Lose(v.nqn())
		wantKind(t, r.publish(v, v.target("pod")), domain.Unreachable)
		r.kernel.Regain(v.nqn())
		must(t, r.publish(v, v.target("pod")))
	}
}

func TestPublishOfBlockTakesTheEpochThatWasPublished(t *testing.T) {
	r := newRig(t)
	old := r.staged(block(r.volume("a")))
	v := r.overlap(old)
	wantKind(t, r.publish(v, v.target("pod")), domain.DataAtRisk)
	v.staging.Attachment.Target = domain.Target{} // a caller that does not say
	must(t, r.publish(v, v.target("pod")))
}

func TestUnpublishOfADeadTarget(t *testing.T) {
	for _, access := range []domain.Access{domain.Ext4, domain.Block} {
		r := newRig(t, removesControllers)
		v := r.staged(r.volume("a").as(access, domain.SingleWriter, false))
		pod := v.target("pod")
		must(t, r.publish(v, pod))
		r.withdraw(v)
		for range 2 {
			must(t, r.unpublish(v, pod))
		}
		must(t, r.unstage(v))
		r.wantNothingLeft()
	}
}

func TestUnpublishDoesNotHangOnAnUnmountThatDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		v := r.staged(r.volume("a"))
		pod := v.target("pod")
		must(t, r.publish(v, pod))
		release := r.hang("unbind")
		wantKind(t, r.unpublish(v, pod), domain.Unreachable)
		release()
		must(t, r.unpublish(v, pod))
	})
}

func TestPublishPassesOptionsOn(t *testing.T) {
	r := newRig(t)
	v := r.staged(r.volume("a"))
	err := r.node.Publish(t.Context(), app.Publication{
		Slot: v.slot(), Use: v.staging.Use, Staging: v.staging.Path, Target: v.target("pod"), Attached: v.staging.Attachment,
		Options: []string{"no such option"},
	})
	wantKind(t, err, domain.Invalid)
	r.node.Wait()
	r.wantLeft(1, 1)
}
