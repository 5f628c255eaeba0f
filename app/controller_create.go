package app

import (
	"context"
	"slices"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// A making is a volume on its way: what is asked for, its slot, the arrays on
// which it may be, and what it copies.
type making struct {
	Creation
	slot   domain.Slot
	arrays []Array
	source domain.Source
}

// Create makes the volume that r asks for, or finds the one that an earlier
// call made. A volume of that name that differs is Exists.
func (c *Controller) Create(ctx context.Context, r Creation) (domain.Volume, error) {
	m := making{Creation: r, slot: c.settings.Cluster.Slot(r.Name)}
	var err error
	if m.arrays, err = c.candidates(r); err != nil {
		return domain.Volume{}, err
	}
	if len(m.arrays) == 1 {
		return c.make(ctx, m) // Volumes.Create finds what is there itself
	}
	// One at a time: between asking all arrays and making it on one of them
	// nobody else may do the same and come to another one.
	ctx, leave, err := c.creating.Enter(ctx, string(m.slot))
	if err != nil {
		return domain.Volume{}, err
	}
	defer leave()
	v, found, err := m.search(ctx)
	switch {
	case err != nil:
		return domain.Volume{}, err
	case found:
		return c.settle(ctx, m, v)
	default:
		return c.make(ctx, m)
	}
}

// candidates returns the arrays on which the volume may be.
func (c *Controller) candidates(r Creation) ([]Array, error) {
	name := r.Parameters.Array
	if r.Origin.Kind != domain.FromNothing {
		if name != "" && name != r.Source {
			return nil, domain.Fail(domain.Invalid, "create", r.Name,
				"parameter array %q: the source is on array %s and copies stay there", name, r.Source)
		}
		name = r.Source
	}
	if name == "" {
		return c.arrays.All(), nil
	}
	a, err := c.arrays.Get(name)
	return []Array{a}, err
}

// search looks for the volume on the arrays. Found on any is an answer; found
// on none is one only if all of them have spoken, or a lost reply would make
// two volumes.
func (m making) search(ctx context.Context) (v domain.Volume, found bool, err error) {
	type answer struct {
		volume domain.Volume
		err    error
	}
	answers, _ := each(ctx, m.arrays, func(ctx context.Context, a Array) (answer, error) {
		v, err := a.Volumes.Find(ctx, domain.VolumeID{Array: a.Name, Slot: m.slot})
		return answer{v, err}, nil
	})
	for i, got := range answers {
		switch {
		case got.err == nil:
			return got.volume, true, nil
		case !domain.Is(got.err, domain.NotFound):
			err = domain.Fail(domain.KindOf(got.err), "find", "", "array %s: %w", m.arrays[i].Name, got.err)
		}
	}
	return domain.Volume{}, false, err
}

// make makes a volume that no array was seen to have. Where that can not be
// planned, because the source or the room is gone, it may still be there from
// an earlier call: then that is the answer.
func (c *Controller) make(ctx context.Context, m making) (domain.Volume, error) {
	var err error
	if m.source, err = c.source(ctx, m.Creation); err != nil {
		return c.orExisting(ctx, m, err)
	}
	lately := slices.ContainsFunc(m.arrays, c.viewed)
	v, planned, err := c.makeOn(ctx, m, c.view)
	if planned && domain.Is(err, domain.Exhausted) || !planned && lately {
		// What was seen of the pools lately chooses, it does not refuse.
		v, planned, err = c.makeOn(ctx, m, c.look)
	}
	switch {
	case err == nil:
		return v, v.Satisfies(m.VolumeRequest)
	case planned:
		return domain.Volume{}, err
	default:
		return c.orExisting(ctx, m, err)
	}
}

// makeOn makes the volume on the best of the pools that look shows. planned
// says that an array was asked to.
func (c *Controller) makeOn(ctx context.Context, m making, look look) (v domain.Volume, planned bool, err error) {
	a, plan, err := c.plan(ctx, m, look)
	if err != nil {
		return domain.Volume{}, false, err
	}
	v, err = c.carryOut(ctx, a, plan)
	return v, true, err
}

// carryOut makes a planned volume.
func (c *Controller) carryOut(ctx context.Context, a Array, plan domain.Plan) (domain.Volume, error) {
	v, err := a.Volumes.Create(ctx, plan)
	if err == nil {
		c.unsettled.drop(plan.ID.Slot)
		c.remember(v)
		return v, nil
	}
	c.pools.drop(a.Name)
	switch kind := domain.KindOf(err); {
	case kind == domain.Unreachable, kind == domain.Other: // no answer
		c.unsettled.put(plan.ID.Slot, a.Name, c.settings.Now())
	case kind == domain.NotFound && plan.Record.Origin.Kind == domain.FromNothing:
		err = domain.Fail(domain.Conflict, "create", plan.ID.String(), "is deleted again already, ask again: %w", err)
	}
	return domain.Volume{}, err
}

// orExisting answers with the volume if it is there, else with why it can not
// be made.
func (c *Controller) orExisting(ctx context.Context, m making, why error) (domain.Volume, error) {
	v, found, err := m.search(ctx)
	switch {
	case found:
		return c.settle(ctx, m, v)
	case err != nil:
		return domain.Volume{}, err
	default:
		return domain.Volume{}, why
	}
}

// settle answers with a volume that is there, completing a copy that an earlier
// call left half-made.
func (c *Controller) settle(ctx context.Context, m making, v domain.Volume) (domain.Volume, error) {
	c.unsettled.drop(v.ID.Slot)
	c.remember(v)
	if err := v.Satisfies(m.VolumeRequest); err != nil || v.Record.State != domain.Making {
		return v, err
	}
	a, err := c.arrays.Get(v.ID.Array)
	if err != nil {
		return domain.Volume{}, err
	}
	plan := domain.Plan{ID: v.ID, Record: v.Record, Room: a.Room}
	if plan.Record.Nonce, err = c.settings.nonce(); err != nil {
		return domain.Volume{}, err
	}
	if v, err = c.carryOut(ctx, a, plan); err != nil {
		return domain.Volume{}, err
	}
	return v, v.Satisfies(m.VolumeRequest)
}

// source reads what the volume is to be copied from.
func (c *Controller) source(ctx context.Context, r Creation) (domain.Source, error) {
	switch r.Origin.Kind {
	case domain.FromSnapshot:
		s, err := c.GetSnapshot(ctx, domain.SnapshotID{Array: r.Source, Name: r.Origin.Name})
		return s.Copied(), err
	case domain.FromVolume:
		v, err := c.find(ctx, domain.VolumeID{Array: r.Source, Slot: domain.Slot(r.Origin.Name)})
		if err != nil {
			return domain.Source{}, err
		}
		return v.Copied(r.Access)
	default:
		return domain.Source{}, nil
	}
}
