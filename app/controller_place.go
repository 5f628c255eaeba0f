package app

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// A place is a pool of an array on which a volume could be made.
type place struct {
	array Array
	pool  domain.Pool
	rank  int // of the topology that the array serves, the preferred first
}

func (p place) left() domain.Size { return p.array.Room.Left(p.pool) }

// A look returns the pools of an array.
type look func(context.Context, Array) ([]domain.Pool, error)

// plan plans the volume for the pool with most room among those that the most
// preferred topology can reach and on which it fits.
func (c *Controller) plan(ctx context.Context, m making, look look) (Array, domain.Plan, error) {
	places, err := c.places(ctx, m, look)
	if err != nil {
		return Array{}, domain.Plan{}, err
	}
	nonce, err := c.settings.nonce()
	if err != nil {
		return Array{}, domain.Plan{}, err
	}
	slices.SortStableFunc(places, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(b.left(), a.left()))
	})
	var full error
	for _, p := range places {
		plan, err := domain.NewPlan(c.settings.Cluster, p.array.Name, p.pool, p.array.Room,
			m.VolumeRequest, m.source, c.settings.Now(), nonce)
		if err != nil {
			return Array{}, domain.Plan{}, err
		}
		err = p.array.Room.Fits(p.pool, plan.Record.Size)
		if err == nil {
			return p.array, plan, nil
		}
		full = cmp.Or(full, domain.Fail(domain.KindOf(err), "create", m.Name, "array %s: pool %w", p.array.Name, err))
	}
	return Array{}, domain.Plan{}, full
}

// places returns the pools on which the volume could be made if there were
// room. It fails if there is none.
func (c *Controller) places(ctx context.Context, m making, look look) ([]place, error) {
	arrays := m.arrays
	if tried, ok := c.unsettled.get(m.slot, c.settings.Now()); ok {
		if i := slices.IndexFunc(arrays, func(a Array) bool { return a.Name == tried }); i >= 0 {
			arrays = arrays[i : i+1]
		}
	}
	arrays = slices.DeleteFunc(slices.Clone(arrays), func(a Array) bool { return a.rank(m.Reachable) < 0 })
	if len(arrays) == 0 {
		return nil, domain.Fail(domain.Exhausted, "create", m.Name, "accessibility_requirements: no array serves that topology")
	}
	views, err := each(ctx, arrays, look)
	if err != nil {
		return nil, err
	}
	var places []place
	var reasons []string
	kind := domain.Invalid // the request can not be fulfilled, unless a pool that could is not healthy now
	for i, a := range arrays {
		for _, p := range views[i] {
			why, sick := m.unfit(p)
			if why == "" {
				places = append(places, place{a, p, a.rank(m.Reachable)})
				continue
			}
			reasons = append(reasons, string(a.Name)+"/"+p.Name+" "+why)
			if sick {
				kind = domain.Unreachable
			}
		}
	}
	if len(places) > 0 {
		return places, nil
	}
	field := "parameter pool"
	if m.Origin.Kind != domain.FromNothing {
		field = "volume_content_source"
	}
	return nil, domain.Fail(kind, "create", m.Name, "%s: no pool can take the volume: %s", field, strings.Join(reasons, ", "))
}

// unfit says why a volume can not be made on the pool, "" if it can. A sick
// pool could take it on a better day.
func (m making) unfit(p domain.Pool) (why string, sick bool) {
	copied := m.Origin.Kind != domain.FromNothing
	reason, healthy := p.Healthy()
	switch {
	case m.Parameters.Pool != "" && p.Name != m.Parameters.Pool:
		return "is not the pool asked for", false
	case copied && p.Name != m.source.Pool:
		return "is not the pool of the source", false
	case copied && p.Mounted && !p.Snapshots:
		return "can not copy, a Btrfs pool is needed", false
	case !healthy:
		return "is " + reason, true
	default:
		return "", false
	}
}

// rank returns the place in the list of the first segments that the array
// serves, -1 if it serves none. An empty list asks for nothing.
func (a Array) rank(list []map[string]string) int {
	if len(list) == 0 {
		return 0
	}
	return slices.IndexFunc(list, a.serves)
}

// viewed reports whether the array's pools were seen lately.
func (c *Controller) viewed(a Array) bool {
	_, ok := c.pools.get(a.Name, c.settings.Now())
	return ok
}

// view returns an array's pools as they were seen lately, else as they are now.
func (c *Controller) view(ctx context.Context, a Array) ([]domain.Pool, error) {
	if pools, ok := c.pools.get(a.Name, c.settings.Now()); ok {
		return pools, nil
	}
	return c.look(ctx, a)
}

// look returns an array's pools as they are now.
func (c *Controller) look(ctx context.Context, a Array) ([]domain.Pool, error) {
	pools, err := a.Pools.List(ctx)
	if err != nil {
		return nil, err
	}
	c.pools.put(a.Name, pools, c.settings.Now())
	return pools, nil
}
