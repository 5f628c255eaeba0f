// Command rds-csi-plugin is a CSI driver for the MikroTik ROSE Data Server.
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"

	"github.com/urfave/cli/v3"

	"git.srvlab.io/whiskey/rds-csi-driver/adapters/telemetry"
	"git.srvlab.io/whiskey/rds-csi-driver/cmd/internal/config"
	"git.srvlab.io/whiskey/rds-csi-driver/cmd/internal/demo"
	"git.srvlab.io/whiskey/rds-csi-driver/cmd/internal/wiring"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := command(os.Stdout, os.Stderr).Run(ctx, os.Args); err != nil {
		fmt.Fprintln(os.Stderr, "rds-csi-plugin:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop was called
	}
}

// command is the command line.
func command(out, errOut io.Writer) *cli.Command {
	var flags config.Flags
	return &cli.Command{
		Name: "rds-csi-plugin", Usage: "CSI driver for the MikroTik ROSE Data Server",
		Flags: config.CLI(&flags), Writer: out, ErrWriter: errOut,
		Action:   func(ctx context.Context, c *cli.Command) error { return serve(ctx, c, flags, errOut) },
		Commands: []*cli.Command{demonstrate(out), version(out)},
	}
}

func serve(ctx context.Context, c *cli.Command, flags config.Flags, errOut io.Writer) error {
	if extra := c.Args().First(); extra != "" {
		return fmt.Errorf("%q is no command: demo and version are", extra)
	}
	var file []byte
	if flags.File != "" {
		var err error
		if file, err = os.ReadFile(flags.File); err != nil {
			return fmt.Errorf("config: %w", err)
		}
	}
	effective, err := config.Load(flags, file, machine())
	if err != nil {
		return err
	}
	log := slog.New(telemetry.Traced(handler(effective, errOut)))
	log.InfoContext(ctx, "effective configuration", "config", effective)
	driver, err := wiring.New(ctx, effective, build(), log)
	if err != nil {
		return err
	}
	return driver.Run(ctx)
}

func demonstrate(out io.Writer) *cli.Command {
	o := demo.Options{Out: out}
	return &cli.Command{
		Name: "demo", Usage: "show the life of a volume on an embedded RDS",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "keep", Destination: &o.Keep, Usage: "go on serving until interrupted"},
			&cli.StringFlag{Name: "fabric", Destination: &o.Fabric, Usage: "loop or memory (default: loop as root on Linux, else memory)"},
		},
		Action: func(ctx context.Context, _ *cli.Command) error {
			// A reader that went away (demo | head) is an interruption too: there
			// are mounts to take down.
			ctx, stop := signal.NotifyContext(ctx, syscall.SIGPIPE)
			defer stop()
			o.Host, o.Build = machine(), build()
			return demo.Run(ctx, o)
		},
	}
}

func version(out io.Writer) *cli.Command {
	return &cli.Command{
		Name: "version", Usage: "print the version",
		Action: func(context.Context, *cli.Command) error {
			b := build()
			_, err := fmt.Fprintf(out, "rds-csi-plugin %s revision %s %s\n", b.Version, b.Revision, b.GoVersion)
			return err
		},
	}
}

// machine returns what defaults depend on.
func machine() config.Host {
	name, err := os.Hostname()
	if err != nil {
		name = "" // --node-id is then needed, and the fault says so
	}
	return config.Host{Name: name, Root: runtime.GOOS == "linux" && os.Geteuid() == 0}
}

func build() telemetry.BuildInfo {
	b := telemetry.BuildInfo{Version: "unknown", Revision: "unknown", GoVersion: runtime.Version()}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	b.Version = info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			b.Revision = s.Value
		}
	}
	return b
}

// handler formats logs: auto is text for people, JSON for machines.
func handler(c config.Config, w io.Writer) slog.Handler {
	options := &slog.HandlerOptions{Level: c.LogLevel}
	if c.LogFormat == "text" || c.LogFormat == "auto" && isTerminal(w) {
		return slog.NewTextHandler(w, options)
	}
	return slog.NewJSONHandler(w, options)
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
