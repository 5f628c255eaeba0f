package porttest

import (
	"cmp"
	"context"
	"reflect"
	"slices"
	"testing"
	"time"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
	"git.srvlab.io/whiskey/rds-csi-driver/ports"
)

// Hints runs the contract of ports.Hints. It needs Hints, Prefix, HostNQN, HostID
// and CorruptHint.
func Hints(t *testing.T, open func(*testing.T) Host) {
	runHost(t, open, hintCases())
}

// newHint returns a hint with a value in every field.
func (h Host) newHint(t *testing.T, n byte) ports.Hint {
	t.Helper()
	nqn := h.newNQN(n)
	timings, err := domain.DefaultTimings().With("fastIOFailTmo", "7")
	must(t, err)
	return ports.Hint{
		Attachment: domain.Attachment{
			ID: domain.VolumeID{Array: "rds-1", Slot: nqn.Slot},
			Target: domain.Target{
				NQN: nqn, HostNQN: h.HostNQN, HostID: h.HostID, Timings: timings,
				Portals: []domain.Portal{{Host: "192.0.2.1", Port: 4420}, {Host: "2001:db8::1", Port: 4421}},
			},
			Size: volumeSize, Format: domain.FormatBlankUntil(time.Unix(1_800_000_000, 0)), Copy: true, ReadOnly: true,
		},
		Use:     domain.Use{Access: domain.XFS, Mode: domain.SingleReader, ReadOnly: true},
		Staging: "/var/lib/kubelet/plugins/a b\"c/globalmount", Options: []string{"noatime", "nodiratime"},
	}
}

// wantHints checks what is saved, in any order.
func (h Host) wantHints(t *testing.T, want ...ports.Hint) {
	t.Helper()
	got, err := h.Hints.List(within(t))
	must(t, err)
	bySlot := func(a, b ports.Hint) int { return cmp.Compare(a.Attachment.ID.Slot, b.Attachment.ID.Slot) }
	slices.SortFunc(got, bySlot)
	slices.SortFunc(want, bySlot)
	if len(got) != len(want) || len(want) > 0 && !reflect.DeepEqual(got, want) {
		t.Errorf("got hints %+v, want %+v", got, want)
	}
}

func hintCases() []hostCase {
	return []hostCase{
		{"the list of a new host is empty", func(t *testing.T, h Host) { h.wantHints(t) }},
		{"a saved hint is listed with all it says", func(t *testing.T, h Host) {
			must(t, h.Hints.Save(within(t), h.newHint(t, 1)))
			must(t, h.Hints.Save(within(t), h.newHint(t, 2)))
			h.wantHints(t, h.newHint(t, 1), h.newHint(t, 2))
		}},
		{"a hint for raw block has no file system", func(t *testing.T, h Host) {
			hint := h.newHint(t, 1)
			hint.Use = domain.Use{Access: domain.Block, Mode: domain.MultiWriter}
			hint.Options, hint.Attachment.Format, hint.Attachment.Copy = nil, domain.FormatNever(), false
			must(t, h.Hints.Save(within(t), hint))
			h.wantHints(t, hint)
		}},
		{"a second hint replaces the first", func(t *testing.T, h Host) {
			hint := h.newHint(t, 1)
			must(t, h.Hints.Save(within(t), hint))
			must(t, h.Hints.Save(within(t), hint))
			h.wantHints(t, hint)
			hint.Staging = "/elsewhere"
			hint.Attachment.Target.NQN.Epoch = domain.NewEpoch([domain.EpochBytes]byte{7})
			must(t, h.Hints.Save(within(t), hint))
			h.wantHints(t, hint)
		}},
		{"a deleted hint is gone, and a second delete is fine", func(t *testing.T, h Host) {
			hint := h.newHint(t, 1)
			must(t, h.Hints.Save(within(t), hint))
			must(t, h.Hints.Save(within(t), h.newHint(t, 2)))
			for range 2 {
				must(t, h.Hints.Delete(within(t), hint.Attachment.ID.Slot))
				h.wantHints(t, h.newHint(t, 2))
			}
		}},
		{"a broken hint is left out, and can be saved again or deleted", func(t *testing.T, h Host) {
			hint, other := h.newHint(t, 1), h.newHint(t, 2)
			must(t, h.Hints.Save(within(t), hint))
			must(t, h.Hints.Save(within(t), other))
			h.CorruptHint(t, hint.Attachment.ID.Slot)
			h.wantHints(t, other)
			must(t, h.Hints.Save(within(t), hint))
			h.wantHints(t, hint, other)
			h.CorruptHint(t, other.Attachment.ID.Slot)
			must(t, h.Hints.Delete(within(t), other.Attachment.ID.Slot))
			h.wantHints(t, hint)
		}},
		{"what is listed is a copy", func(t *testing.T, h Host) {
			hint := h.newHint(t, 1)
			must(t, h.Hints.Save(within(t), hint))
			hint.Options[0] = "changed"
			got, err := h.Hints.List(within(t))
			must(t, err)
			got[0].Options[1] = "changed"
			h.wantHints(t, h.newHint(t, 1))
		}},
		{"a call with an ended context says so", func(t *testing.T, h Host) {
			hint := h.newHint(t, 1)
			ended(t, func(ctx context.Context) error { return h.Hints.Save(ctx, hint) })
			h.wantHints(t)
			ended(t, func(ctx context.Context) error { _, err := h.Hints.List(ctx); return err })
			ended(t, func(ctx context.Context) error { return h.Hints.Delete(ctx, hint.Attachment.ID.Slot) })
		}},
	}
}
