package app

import (
	"fmt"
	"testing"
	"time"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

func slotNumber(i int) domain.Slot { return domain.Slot(fmt.Sprintf("slot-%d", i)) }

func TestSeenForgetsRatherThanGrows(t *testing.T) {
	var s seen
	for i := range seenMost + 10 {
		v := domain.Volume{ID: domain.VolumeID{Array: "one", Slot: slotNumber(i)}}
		s.put(v)
		if _, ok := s.get(v.ID); !ok {
			t.Fatalf("volume %d was forgotten at once", i)
		}
	}
	if len(s.volumes) != seenMost {
		t.Errorf("%d volumes are remembered, want %d", len(s.volumes), seenMost)
	}
}

func TestUnsettledForgetsWhatCanNotLandFirst(t *testing.T) {
	var u unsettled
	start := time.Unix(1_000_000, 0)
	for i := range seenMost {
		u.put(slotNumber(i), "old", start)
	}
	later := start.Add(unsettledAge)
	u.put("fresh", "new", later)
	u.put("next", "new", later)
	if array, ok := u.get("fresh", later); !ok || array != "new" {
		t.Errorf("fresh: %q, %t, want what may still land", array, ok)
	}
	if _, ok := u.get(slotNumber(0), later); ok || len(u.tries) != 2 {
		t.Errorf("%d tries are remembered, want the 2 that may still land", len(u.tries))
	}
	for i := range seenMost {
		u.put(slotNumber(i), "many", later)
	}
	if len(u.tries) > seenMost {
		t.Errorf("%d tries are remembered, want %d at most", len(u.tries), seenMost)
	}
}

func TestPoolsAreSeenForAMoment(t *testing.T) {
	var p poolViews
	now := time.Unix(1_000_000, 0)
	p.put("one", []domain.Pool{{Name: "pool"}}, now)
	if pools, ok := p.get("one", now.Add(poolViewAge-1)); !ok || len(pools) != 1 {
		t.Errorf("pools %v, %t, want what was seen", pools, ok)
	}
	if pools, ok := p.get("one", now.Add(poolViewAge)); ok || pools != nil {
		t.Errorf("pools %v, %t, want nothing: that was long ago", pools, ok)
	}
	p.drop("one")
	if _, ok := p.get("one", now); ok {
		t.Error("pools that were dropped are still there")
	}
}
