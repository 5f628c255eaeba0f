package config

import (
	"strings"
	"time"

	"github.com/urfave/cli/v3"
)

// envPrefix begins the names of the environment variables that mirror flags.
const envPrefix = "RDS_CSI_"

// Env returns the environment variable that mirrors a flag.
func Env(flag string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

func env(flag string) cli.ValueSourceChain { return cli.EnvVars(Env(flag)) }

// CLI returns the flags of the driver; parsing fills f.
func CLI(f *Flags) []cli.Flag {
	return append(service(f), append(storage(f), operation(f)...)...)
}

// service returns the flags about what is served and where.
func service(f *Flags) []cli.Flag {
	return []cli.Flag{
		text(&f.Endpoint, "endpoint", "unix:///csi/csi.sock", "CSI socket: unix:///path, or tcp://127.0.0.1:port for tests"),
		text(&f.SocketMode, "socket-mode", "0600", "permissions of the CSI socket"),
		flag(&f.Controller, "controller", true, "serve the controller service"),
		flag(&f.Node, "node", true, "serve the node service"),
		text(&f.NodeID, "node-id", "", "name of this node (default: the host's name)"),
		text(&f.DriverName, "driver-name", "rds.csi.srvlab.io", "CSI driver name"),
		&cli.Int64Flag{
			Name: "max-volumes", Value: 100, Destination: &f.MaxVolumes, Sources: env("max-volumes"),
			Usage: "volumes the orchestrator may publish to this node, 0 for no limit",
		},
		flag(&f.PublishedNodes, "list-published-nodes", false, "advertise LIST_VOLUMES_PUBLISHED_NODES"),
	}
}

// storage returns the flags about arrays and how they are reached.
func storage(f *Flags) []cli.Flag {
	return []cli.Flag{
		text(&f.File, "config", "", "configuration file (YAML)"),
		text(&f.Array, "array", "", "embedded: a RDS inside this process in place of --config, for trying things out"),
		text(&f.DataDir, "data-dir", "", "where the embedded RDS keeps its data (default: /var/lib/<driver-name>)"),
		text(&f.Fabric, "fabric", "", "how volumes reach this host: nvme, loop or memory (default: nvme; for the embedded RDS loop as root on Linux, else memory)"),
		text(&f.TargetDir, "target-dir", "", "directory that stands for the NVMe/TCP target with loop and memory (default: <data-dir>/target)"),
		text(&f.RunDir, "run-dir", "", "where the node keeps its hints (default: /run/<driver-name>)"),
		duration(&f.UnstageGrace, "unstage-grace", 2*time.Minute, "how long a target must refuse this host before a dead mount is given up"),
	}
}

// operation returns the flags about watching the driver.
func operation(f *Flags) []cli.Flag {
	return []cli.Flag{
		text(&f.MetricsAddress, "metrics-address", ":9809", "address of /metrics, /healthz, /readyz and /version; empty switches it off"),
		duration(&f.ArrayInterval, "array-interval", time.Minute, "how often figures are collected from each array for metrics"),
		flag(&f.Pprof, "pprof", false, "serve /debug/pprof/ at the metrics address"),
		text(&f.LogLevel, "log-level", "info", "debug, info, warn or error"),
		text(&f.LogFormat, "log-format", "auto", "json, text, or auto: text on a terminal"),
	}
}

func text(into *string, name, value, usage string) cli.Flag {
	return &cli.StringFlag{Name: name, Value: value, Destination: into, Sources: env(name), Usage: usage}
}

func flag(into *bool, name string, value bool, usage string) cli.Flag {
	return &cli.BoolFlag{Name: name, Value: value, Destination: into, Sources: env(name), Usage: usage}
}

func duration(into *time.Duration, name string, value time.Duration, usage string) cli.Flag {
	return &cli.DurationFlag{Name: name, Value: value, Destination: into, Sources: env(name), Usage: usage}
}
