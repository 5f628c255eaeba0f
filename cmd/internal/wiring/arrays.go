package wiring

import (
	"errors"
	"io"

	"git.srvlab.io/whiskey/rds-csi-driver/adapters/fakerds"
	"git.srvlab.io/whiskey/rds-csi-driver/adapters/retry"
	"git.srvlab.io/whiskey/rds-csi-driver/app"
	"git.srvlab.io/whiskey/rds-csi-driver/cmd/internal/config"
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// arrays are the opened arrays.
type arrays struct {
	routed app.Arrays
	open   []io.Closer
}

func (a arrays) names() []domain.ArrayName {
	var names []domain.ArrayName
	for _, x := range a.routed.All() {
		names = append(names, x.Name)
	}
	return names
}

func (a arrays) close() error {
	var errs []error
	for _, c := range a.open {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// openArrays opens the arrays that the controller service works on. A process
// without that service touches none.
func openArrays(c config.Config) (a arrays, err error) {
	if !c.Controller {
		return arrays{}, nil
	}
	if !c.Embedded {
		return arrays{}, domain.Fail(domain.Unsupported, "open array", "",
			"arrays: this build knows the embedded RDS only, start it with --array=embedded")
	}
	var list []app.Array
	for _, x := range c.Arrays {
		rds, err := fakerds.Open(fakerds.Config{
			Dir: c.DataDir, TargetDir: c.TargetDir, Array: x.Name, Cluster: c.Cluster, Prefix: c.Prefix,
			Fencing: x.Fencing, Base: x.Base,
		})
		if err != nil {
			return a, err
		}
		a.open = append(a.open, rds)
		list = append(list, app.Array{
			Name: x.Name, Volumes: retry.Volumes(rds.Volumes(), retry.DefaultWait()),
			Snapshots: retry.Snapshots(rds.Snapshots(), retry.DefaultWait()), Pools: retry.Pools(rds.Pools(), retry.DefaultWait()),
			Portals: x.Portals, Fencing: x.Fencing, Room: x.Room, Topology: x.Topology,
		})
	}
	a.routed, err = app.NewArrays(list...)
	return a, err
}
