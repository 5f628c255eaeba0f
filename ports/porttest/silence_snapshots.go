package porttest

import (
	"context"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
	"git.srvlab.io/whiskey/rds-csi-driver/ports"
)

func snapshotVerbs() []verb {
	return []verb{
		{"create", 1, (*rack).snapshots},
		{"find", 0, (*rack).findsSnapshot},
		{"list", 0, (*rack).listsSnapshots},
		{"delete", 1, (*rack).deletesSnapshot},
	}
}

func (r *rack) snapshots() (call repeated, check func()) {
	v := r.writtenTo("web", "text")
	plan := r.snapPlan(v, "monday")
	call = func(ctx context.Context) error {
		_, err := r.Snapshots().Create(ctx, v, plan)
		return err
	}
	return call, func() {
		s, err := r.Snapshots().Find(r.Context(), plan.ID)
		r.must(err)
		same(r, "created", s.Created.IsZero(), false)
		plan.Created = s.Created
		same(r, "list", r.snapList(ports.Page{}), []domain.Snapshot{plan})
		r.reads(r.restored(s, "copy").Row.Path, 0, "text")
	}
}

func (r *rack) findsSnapshot() (call repeated, check func()) {
	s := r.snapped(r.made(r.facts.Copying, "web", 4*mib), "monday")
	return func(ctx context.Context) error {
		got, err := r.Snapshots().Find(ctx, s.ID)
		if err == nil {
			same(r, "snapshot", got, s)
		}
		return err
	}, func() {}
}

func (r *rack) listsSnapshots() (call repeated, check func()) {
	want := []domain.Snapshot{r.snapped(r.made(r.facts.Copying, "web", 4*mib), "monday")}
	return func(ctx context.Context) error {
		got, err := r.Snapshots().List(ctx, ports.Page{})
		if err == nil {
			same(r, "list", got, want)
		}
		return err
	}, func() {}
}

func (r *rack) deletesSnapshot() (call repeated, check func()) {
	s := r.snapped(r.made(r.facts.Copying, "web", 4*mib), "monday")
	call = func(ctx context.Context) error { return r.Snapshots().Delete(ctx, s.ID) }
	return call, func() { same(r, "list", len(r.snapList(ports.Page{})), 0) }
}
