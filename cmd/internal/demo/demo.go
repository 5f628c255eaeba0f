// Package demo shows a driver at work: it starts a whole one on the embedded
// RDS, acts as its orchestrator over the CSI socket, checks what it sees at
// every step and takes everything down again.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"git.srvlab.io/whiskey/rds-csi-driver/adapters/telemetry"
	"git.srvlab.io/whiskey/rds-csi-driver/cmd/internal/config"
	"git.srvlab.io/whiskey/rds-csi-driver/cmd/internal/wiring"
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// Options are what a user may choose.
type Options struct {
	Keep   bool   // go on serving after the story, until interrupted
	Fabric string // "" for the fitting one
	Host   config.Host
	Build  telemetry.BuildInfo
	Out    io.Writer
}

// downLimit bounds taking everything down after an interruption.
const downLimit = time.Minute

// metricsAddress is tried first; a taken port makes the demo pick another.
const metricsAddress = "127.0.0.1:9809"

// Run tells the story. It returns an error if any check failed, or if ctx ended
// before the story did; nothing is left behind either way.
func Run(ctx context.Context, o Options) (err error) {
	dir, err := os.MkdirTemp("", "rds-csi-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cleared(dir)) }()
	set := fitting(o)
	d, err := start(ctx, o, set, dir)
	if err != nil {
		return err
	}
	// The driver outlives an interruption: it is needed to take things down.
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	served := make(chan error, 1)
	go func() { served <- d.Run(serving) }()
	defer func() {
		stop()
		err = errors.Join(err, <-served)
	}()
	return tell(ctx, o, d, set, dir)
}

// start wires a driver that keeps everything below dir.
func start(ctx context.Context, o Options, set setting, dir string) (*wiring.Driver, error) {
	flags := config.Flags{
		Endpoint: "unix://" + filepath.Join(dir, "csi.sock"), SocketMode: "0600", Controller: true, Node: true,
		DriverName: "rds.csi.srvlab.io", MetricsAddress: metricsAddress, Array: "embedded",
		DataDir: filepath.Join(dir, "array"), RunDir: filepath.Join(dir, "run"), Fabric: set.fabric,
		UnstageGrace: time.Minute, ArrayInterval: time.Second, LogLevel: "warn", LogFormat: "text",
	}
	c, err := config.Load(flags, nil, o.Host)
	if err != nil {
		return nil, err
	}
	log := slog.New(slog.NewTextHandler(o.Out, &slog.HandlerOptions{Level: slog.LevelError}))
	d, err := wiring.New(ctx, c, o.Build, log)
	if err != nil && domain.Is(err, domain.Invalid) && c.MetricsAddress != "" {
		fmt.Fprintf(o.Out, "%s is taken, metrics get another port\n", metricsAddress)
		c.MetricsAddress = "127.0.0.1:0"
		d, err = wiring.New(ctx, c, o.Build, log)
	}
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(o.Out, "embedded RDS, volumes reach this host by %s\n", set.why)
	return d, nil
}

// tell runs the story's steps, whatever happens takes everything down, and
// prints the table.
func tell(ctx context.Context, o Options, d *wiring.Driver, set setting, dir string) error {
	conn, err := grpc.NewClient("unix://"+filepath.Join(dir, "csi.sock"),
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithAuthority("localhost"))
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // nothing travels on it any more
	second, err := domain.NewHost("demo", secondNode, "")
	if err != nil {
		return err
	}
	s := &story{orchestrator: newOrchestrator(conn, d.Files(), filepath.Join(dir, "pods"), set.fsType), second: string(second.ID())}
	s.nodeID = d.NodeID()
	r := &report{out: o.Out, start: time.Now()}
	before := scrape(ctx, d.MetricsAddress())
	err = run(ctx, s, r)
	if err == nil && o.Keep {
		keep(ctx, o.Out, d, s)
	}
	down, cancel := context.WithTimeout(context.WithoutCancel(ctx), downLimit)
	defer cancel()
	err = errors.Join(err, r.step("tear down", func() (string, error) { return s.tearDown(down) }))
	r.table(before, scrape(down, d.MetricsAddress()))
	return err
}

func run(ctx context.Context, s *story, r *report) error {
	for _, step := range s.steps() {
		if err := r.step(step.name, func() (string, error) { return step.do(ctx) }); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
		if ctx.Err() != nil {
			return errors.New("interrupted")
		}
	}
	return nil
}

// keep tells how to look at the driver and waits to be interrupted.
func keep(ctx context.Context, out io.Writer, d *wiring.Driver, s *story) {
	fmt.Fprintf(out, "\nserving until interrupted:\n  curl http://%s/metrics\n  CSI socket  %s\n  the file    %s\n",
		d.MetricsAddress(), d.Endpoint(), s.data.file())
	<-ctx.Done()
}

// cleared removes the demo's directory and checks that nothing of it is still
// mounted or attached.
func cleared(dir string) error {
	if err := held(dir); err != nil {
		return err // removing the directory now could remove files of a mounted volume
	}
	if err := os.RemoveAll(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
