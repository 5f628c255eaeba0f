package app

import (
	"testing"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

func TestGuardLetsOneHaveAKey(t *testing.T) {
	var g Guard
	_, leave, err := g.Enter(t.Context(), "a", "b")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := g.Enter(t.Context(), "b", "c"); !domain.Is(err, domain.Busy) {
		t.Errorf("overlapping keys: %v, want busy", err)
	}
	_, leaveOther, err := g.Enter(t.Context(), "c")
	if err != nil {
		t.Errorf("a refused entry kept a key of its own: %v", err)
	}
	leaveOther()
	leave()
	leave() // a second call takes nothing from whoever entered meanwhile
	_, leave, err = g.Enter(t.Context(), "a", "a", "b")
	if err != nil {
		t.Errorf("after leave: %v", err)
	}
	leave()
}

func TestExtendOutlivesTheCall(t *testing.T) {
	var g Guard
	ctx, leave, err := g.Enter(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	done := Extend(ctx)
	leave()
	if _, _, err := g.Enter(t.Context(), "a"); !domain.Is(err, domain.Busy) {
		t.Errorf("while extended: %v, want busy", err)
	}
	done()
	if _, leave, err = g.Enter(t.Context(), "a"); err != nil {
		t.Fatalf("after the extension: %v", err)
	}
	leave()
	Extend(t.Context())() // without an entry there is nothing to keep
}
