package app_test

import (
	"context"
	"errors"
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// used is what a grant says of a volume that was revoked once.
func used(v vol) vol { return v.formatted(domain.FormatIfEmpty()) }

func never(v vol) vol { return v.formatted(domain.FormatNever()) }

func reader(v vol) vol { return v.as(domain.Ext4, domain.SingleReader, true) }

func TestStageFormatsWhatIsProvedEmpty(t *testing.T) {
	past := time.Now().Add(-time.Hour)
	for name, change := range map[string]func(vol) vol{
		"blank":                         func(v vol) vol { return v },
		"used and empty":                used,
		"blank for longer than a grant": func(v vol) vol { return v.formatted(domain.FormatBlankUntil(past)) },
		"larger than was granted":       func(v vol) vol { v.staging.Attachment.Size -= domain.MiB; return v },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			v := change(r.volume("a"))
			must(t, r.stage(v))
			must(t, r.kernel.WriteFile(t.Context(), v.staging.Path+"/file", []byte("kept")))
			must(t, r.unstage(v))
			must(t, r.stage(never(v)))
			got, err := r.kernel.ReadFile(t.Context(), v.staging.Path+"/file")
			must(t, err)
			if string(got) != "kept" || len(r.events.list) != 0 {
				t.Errorf("got %q and events %v, want the file and no event", got, r.events.list)
			}
		})
	}
}

// at returns a change that writes a few bytes into the image.
func at(offset domain.Size, data string) func(*rig, vol) {
	return func(r *rig, v vol) { r.put(v, offset, []byte(data)) }
}

// holding returns a change that puts a file system with a file on the image.
func holding(a domain.Access) func(*rig, vol) {
	return func(r *rig, v vol) {
		r.Helper()
		must(r.T, os.Truncate(v.image, int64(max(a.Least(), rigSize))))
		must(r.T, r.stage(v.as(a, domain.SingleWriter, false)))
		must(r.T, r.kernel.WriteFile(r.Context(), v.staging.Path+"/file", []byte("somebody's")))
		must(r.T, r.unstage(v))
	}
}

// all does one change after the other.
func all(changes ...func(*rig, vol)) func(*rig, vol) {
	return func(r *rig, v vol) {
		for _, change := range changes {
			change(r, v)
		}
	}
}

// replaced puts another disk behind the connected subsystem.
func replaced(r *rig, v vol) {
	r.Helper()
	must(r.T, r.kernel.Fabric().Connect(r.Context(), v.staging.Attachment.Target))
	other := v
	other.image += ".other"
	must(r.T, os.WriteFile(other.image, nil, 0o600))
	must(r.T, os.Truncate(other.image, int64(rigSize)))
	r.export(other)
}

// unreadable connects the subsystem and takes the end of its image away, so that
// reads fail where the host still believes that something is.
func unreadable(left domain.Size) func(*rig, vol) {
	return func(r *rig, v vol) {
		r.Helper()
		must(r.T, r.kernel.Fabric().Connect(r.Context(), v.staging.Attachment.Target))
		must(r.T, os.Truncate(v.image, int64(left)))
	}
}

func TestStageRefusesToFormat(t *testing.T) {
	const last = rigSize - 1
	luks, lvm := "LUKS\xba\xbe\x00\x01", "LABELONE\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x20\x00\x00\x00LVM2 001"
	dos := "\x00\x20\x21\x00\x83\xfe\xff\xff\x00\x08\x00\x00\x00\x78\x00\x00"
	// A superblock of ext4 in the second group of 1 KiB blocks, and none where the
	// first one should be.
	backup := at(8*domain.MiB+domain.KiB+0x38, "\x53\xef")
	tests := []struct {
		name   string
		put    func(*rig, vol)
		change func(vol) vol
		want   domain.Refusal
		names  string // in the message
	}{
		{"xfs", at(0, "XFSB\x00\x00\x10\x00"), nil, domain.RefusedSignature, "xfs"},
		{"btrfs", holding(domain.Btrfs), used, domain.RefusedSignature, "btrfs"},
		{"ext4 where xfs was asked for", holding(domain.Ext4),
			func(v vol) vol { return v.as(domain.XFS, domain.SingleWriter, false) }, domain.RefusedSignature, "ext4"},
		{"LUKS", at(0, luks), nil, domain.RefusedSignature, "crypto_LUKS"},
		{"LVM", at(512, lvm), nil, domain.RefusedSignature, "LVM2_member"},
		{"swap", at(4086, "SWAPSPACE2"), nil, domain.RefusedSignature, "swap"},
		{"a partition table", all(at(446, dos), at(510, "\x55\xaa")), nil, domain.RefusedSignature, "dos"},
		{"a signature for a reader", at(0, luks), reader, domain.RefusedSignature, "crypto_LUKS"},
		{"two signatures", all(holding(domain.Ext4), at(4086, "SWAPSPACE2")), nil, domain.RefusedSignature, "swap"},
		{"a superblock without its magic", all(holding(domain.Ext4), at(1024+0x38, "\x00\x00")), nil, domain.RefusedData, "byte"},
		{"a byte at the head", at(0, "\x01"), nil, domain.RefusedData, "byte 0"},
		{"a byte at the end of the head", at(4*domain.MiB-1, "\x01"), nil, domain.RefusedData, "byte 4194303"},
		{"a byte at the start of the tail", at(rigSize-domain.MiB, "\x01"), nil, domain.RefusedData, "byte 15728640"},
		{"the last byte", at(last, "\x80"), nil, domain.RefusedData, "byte 16777215"},
		{"used, with a backup superblock left", backup, used, domain.RefusedData, "byte"},
		{"blank too long, with a backup superblock left", backup,
			func(v vol) vol { return v.formatted(domain.FormatBlankUntil(time.Now().Add(-time.Second))) }, domain.RefusedData, "byte"},
		{"a tail that can not be read", unreadable(8 * domain.MiB), nil, domain.RefusedRead, ""},
		{"nothing that can be read", unreadable(0), nil, domain.RefusedRead, ""},
		{"smaller than was granted", func(*rig, vol) {},
			func(v vol) vol { v.staging.Attachment.Size++; return v }, domain.RefusedSize, "16 MiB"},
		{"another disk behind the name", replaced, nil, domain.RefusedIdentity, ""},
		{"foreign and empty", func(*rig, vol) {}, never, domain.RefusedContent, "never"},
		{"blank for a reader", func(*rig, vol) {}, reader, domain.RefusedContent, "reader"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t)
			v := r.volume("a")
			if test.put != nil {
				test.put(r, v)
			}
			if test.change != nil {
				v = test.change(v)
			}
			connected, before := len(r.controllers()), r.sum(v)
			r.tap = &tap{}
			r.restart()
			for range 2 {
				r.events.list = nil
				err := r.stage(v)
				wantKind(t, err, domain.DataAtRisk)
				wantText(t, err, test.names)
				if got := r.events.refusals(); !slices.Equal(got, []domain.Refusal{test.want}) {
					t.Errorf("got refusals %v, want %s once", got, test.want)
				}
				if r.sum(v) != before {
					t.Error("got another image, want it byte for byte as it was")
				}
				r.wantLeft(connected, 0)
			}
			for _, call := range []string{"make", "check", "mount", "set read-only"} {
				if slices.Contains(r.tap.made(), call) {
					t.Errorf("got calls %v, want no %s", r.tap.made(), call)
				}
			}
			must(t, r.unstage(v))
			r.wantNothingLeft()
		})
	}
}

func TestStageTellsAReaderOfABlankVolumeWhy(t *testing.T) {
	r := newRig(t)
	err := r.stage(reader(r.volume("a")))
	wantKind(t, err, domain.DataAtRisk)
	refused, ok := r.events.list[0].(domain.FormatRefused)
	if want := (domain.VolumeID{Array: "rds", Slot: rigCluster.Slot("a")}); !ok || refused.Volume != want || refused.Evidence == "" {
		t.Errorf("got event %+v, want one of %s with evidence", r.events.list[0], want)
	}
}

func TestStageOfRawBlockFormatsNothing(t *testing.T) {
	r := newRig(t)
	v := r.volume("a").as(domain.Block, domain.SingleWriter, false)
	v.staging.Attachment.Size++
	wantKind(t, r.stage(v), domain.DataAtRisk)
	if len(r.events.list) != 0 {
		t.Errorf("got events %v, want none: nobody would have formatted it", r.events.list)
	}
	r.wantNothingLeft()
}

func TestStageBelievesNoUnsettledAnswerAboutADevice(t *testing.T) {
	for _, call := range []string{"probe", "read", "size", "prove", "holders"} {
		t.Run(call, func(t *testing.T) {
			r := newRig(t)
			v := r.volume("a")
			before := r.sum(v)
			r.tap.arm(nil, func(_ int, c string) error {
				if c == call {
					return kind(domain.Unreachable)
				}
				return nil
			})
			wantKind(t, r.stage(v), domain.Unreachable)
			if r.sum(v) != before || len(r.events.list) != 0 {
				t.Errorf("got a changed image or events %v, want neither", r.events.list)
			}
			r.tap.arm(nil, nil)
			r.wantNothingLeft()
			must(t, r.stage(v))
		})
	}
}

func TestStageChecksWhatItMade(t *testing.T) {
	r := newRig(t)
	v := r.volume("a")
	r.tap.arm(func(_ int, call string) error {
		if call == "make" { // a mkfs that lies
			return errDone
		}
		return nil
	}, nil)
	wantKind(t, r.stage(v), domain.DataAtRisk)
	r.wantNothingLeft()
}

// making starts a Stage that is cut off by its caller while the file system is
// made, and returns what lets that end.
func making(t *testing.T, r *rig, v vol) (finish func(error)) {
	t.Helper()
	begun, let := make(chan struct{}), make(chan error)
	first := true
	r.tap.arm(func(_ int, call string) error {
		if call == "make" && first {
			first = false
			close(begun)
			return <-let
		}
		return nil
	}, nil)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- r.call(ctx, v.slot(), func(ctx context.Context) error { return r.node.Stage(ctx, v.staging) })
	}()
	<-begun
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want the caller's own end", err)
	}
	return func(err error) { let <- err; r.node.Wait(); r.tap.arm(nil, nil) }
}

func TestMakingGoesOnWhenItsCallEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		v := r.volume("a")
		finish := making(t, r, v)
		for name, call := range map[string]func() error{
			"stage":   func() error { return r.stage(v) },
			"unstage": func() error { return r.unstage(v) },
			"publish": func() error { return r.publish(v, v.target("pod")) },
		} {
			if err := call(); !domain.Is(err, domain.Busy) {
				t.Errorf("%s: got %v, want Busy while the file system is made", name, err)
			}
		}
		must(t, r.stage(r.volume("other")))
		finish(nil)
		must(t, r.stage(v))
		if got := r.tap.made(looks...); slices.Contains(got[len(got)-4:], "make") {
			t.Errorf("got calls %v, want the file system made once", got)
		}
		must(t, r.unstage(v))
		r.wantLeft(1, 1)
	})
}

func TestMakingThatFailsAfterItsCallIsUndone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		v := r.volume("a")
		making(t, r, v)(kind(domain.Other))
		r.wantNothingLeft()
		must(t, r.stage(v))
	})
}

func TestWaitReturnsWhenTheFileSystemIsMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		v := r.volume("a")
		begun := time.Now()
		let := make(chan struct{})
		r.tap.arm(func(_ int, call string) error {
			if call == "make" {
				<-let
			}
			return nil
		}, nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := r.node.Stage(ctx, v.staging); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the deadline's error", err)
		}
		go func() { <-time.After(time.Minute); close(let) }()
		r.node.Wait()
		if got := time.Since(begun); got < time.Minute {
			t.Errorf("got Wait back after %s, want it to wait for mkfs", got)
		}
	})
}

func TestInfo(t *testing.T) {
	r := newRig(t)
	got := r.node.Info()
	if got.ID != r.self.ID() || got.MaxVolumes != 7 || got.Topology["zone"] != "a" {
		t.Errorf("got %+v, want what the node was told", got)
	}
	got.Topology["zone"] = "changed"
	if r.node.Info().Topology["zone"] != "a" {
		t.Error("got the node's own map, want a copy")
	}
}
