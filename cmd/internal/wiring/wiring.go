// Package wiring puts a driver together from its configuration. It alone knows
// every adapter; it decides nothing about volumes.
package wiring

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"time"

	"golang.org/x/sync/errgroup"

	"git.srvlab.io/whiskey/rds-csi-driver/adapters/csi"
	"git.srvlab.io/whiskey/rds-csi-driver/adapters/observe"
	"git.srvlab.io/whiskey/rds-csi-driver/adapters/telemetry"
	"git.srvlab.io/whiskey/rds-csi-driver/adapters/web"
	"git.srvlab.io/whiskey/rds-csi-driver/app"
	"git.srvlab.io/whiskey/rds-csi-driver/cmd/internal/config"
)

// stopGrace is how long running calls get to finish at the end, and stopping
// everything else after them. Orchestrators kill after 30 s.
const stopGrace = 20 * time.Second

// A Driver is a whole driver, listening but not serving yet.
type Driver struct {
	config    config.Config
	log       *slog.Logger
	telemetry *telemetry.Telemetry
	arrays    arrays
	host      host
	node      *app.Node
	inventory *app.Inventory
	server    *csi.Server
	listener  net.Listener
	web       *web.Server
}

// New puts a driver together: it opens arrays and host, and listens on the CSI
// socket and the metrics address. It never waits for an array. Close or Run
// must be called.
func New(ctx context.Context, c config.Config, build telemetry.BuildInfo, log *slog.Logger) (_ *Driver, err error) {
	d := &Driver{config: c, log: log}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.Close(ctx))
		}
	}()
	if d.telemetry, err = telemetry.New(ctx, telemetry.Config{
		Metrics: c.MetricsAddress != "", Build: build, Service: c.DriverName, Log: log,
	}); err != nil {
		return nil, err
	}
	if d.arrays, err = openArrays(c); err != nil {
		return nil, err
	}
	recorder, err := telemetry.NewRecorder( //nolint:contextcheck // counts nothing of a call
		d.telemetry.MeterProvider, log, d.arrays.names()...)
	if err != nil {
		return nil, err
	}
	if err := d.services(build, recorder); err != nil { //nolint:contextcheck // counters start outside of any call
		return nil, err
	}
	if d.listener, err = csi.Listen(c.Endpoint, c.SocketMode); err != nil { //nolint:contextcheck // at once
		return nil, err
	}
	d.web, err = web.Start(ctx, web.Config{
		Address: c.MetricsAddress, Metrics: d.telemetry.Handler, Ready: d.ready, Version: build,
		Profiles: c.Pprof, Log: log,
	})
	return d, err
}

// services makes the use cases, what watches them and the server over them.
func (d *Driver) services(build telemetry.BuildInfo, recorder *telemetry.Recorder) error {
	settings := app.Settings{Cluster: d.config.Cluster, Prefix: d.config.Prefix}
	watch, err := observe.New(d.telemetry.MeterProvider, d.telemetry.TracerProvider)
	if err != nil {
		return err
	}
	var controller csi.Controller
	if d.config.Controller {
		controller = watch.Controller(app.NewController(settings, d.arrays.routed, recorder))
		d.inventory = app.NewInventory(app.InventorySettings{Every: d.config.ArrayInterval}, d.arrays.routed, recorder)
		if err := telemetry.Arrays(d.telemetry.MeterProvider, d.inventory.Figures); err != nil {
			return err
		}
	}
	var node csi.Node
	if d.config.Node {
		self, err := identity(d.config)
		if err != nil {
			return err
		}
		if d.host, err = openHost(d.config, self); err != nil {
			return err
		}
		d.node = app.NewNode(nodeSettings(d.config, settings, self), d.host.ports, recorder)
		node = watch.Node(d.node)
		if err := telemetry.Stuck(d.telemetry.MeterProvider, d.node.Stuck); err != nil {
			return err
		}
	}
	d.server, err = csi.New(csi.Settings{
		Name: d.config.DriverName, Version: build.Version, Cluster: d.config.Cluster, Prefix: d.config.Prefix,
		Handles: d.config.Handles, PublishedNodes: d.config.PublishedNodes, Grace: stopGrace,
		Log: d.log, Meters: d.telemetry.MeterProvider, Traces: d.telemetry.TracerProvider,
	}, controller, node)
	return err
}

// Run serves until ctx ends, finishes the calls that run, and closes the
// driver.
func (d *Driver) Run(ctx context.Context) error {
	d.log.InfoContext(ctx, "serving", "endpoint", d.config.Endpoint, "metrics", d.MetricsAddress())
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return d.server.Serve(ctx, d.listener) })
	if d.inventory != nil {
		group.Go(func() error { d.inventory.Run(ctx); return nil })
	}
	return errors.Join(group.Wait(), d.Close(ctx))
}

// Close ends everything that New began, work that outlived its call included,
// also when ctx has ended.
func (d *Driver) Close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopGrace)
	defer cancel()
	var errs []error
	if d.listener != nil {
		if err := d.listener.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	if d.node != nil {
		d.node.Wait()
	}
	if d.web != nil {
		errs = append(errs, d.web.Shutdown(ctx))
	}
	errs = append(errs, d.arrays.close())
	if d.telemetry != nil {
		errs = append(errs, d.telemetry.Shutdown(ctx))
	}
	return errors.Join(errs...)
}

// MetricsAddress returns where metrics are served, "" if they are not.
func (d *Driver) MetricsAddress() string { return d.web.Address() }

// Endpoint returns where CSI is served.
func (d *Driver) Endpoint() string { return d.config.Endpoint }

// Files returns the files of published volumes, nil without a node service.
func (d *Driver) Files() Files { return d.host.files }

// NodeID returns the CSI node id of this process, "" without a node service.
func (d *Driver) NodeID() string {
	if d.node == nil {
		return ""
	}
	return string(d.node.Info().ID)
}

// An arrayState is what /readyz says about one array.
type arrayState struct {
	Array string `json:"array"`
	Up    bool   `json:"up"`
	Err   string `json:"error,omitempty"`
}

// ready reports the arrays. A driver is ready with one array down: it still
// serves the others.
func (d *Driver) ready() (ready bool, detail any) {
	if d.inventory == nil {
		return true, nil
	}
	var states []arrayState
	for _, f := range d.inventory.Figures() {
		s := arrayState{Array: string(f.Array), Up: f.Up}
		if f.Err != nil {
			s.Err = f.Err.Error()
		}
		ready = ready || f.Up
		states = append(states, s)
	}
	return ready, states
}
