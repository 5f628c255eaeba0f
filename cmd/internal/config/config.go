// Package config turns flags, environment and the configuration file into one
// checked value. Every fault is reported at once, with the name of its field.
package config

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// Flags are the values of the command line, each with its default filled in.
type Flags struct {
	Endpoint       string
	SocketMode     string
	Controller     bool
	Node           bool
	NodeID         string
	DriverName     string
	MetricsAddress string
	File           string
	Array          string // "embedded" or ""
	DataDir        string
	Fabric         string // "nvme", "loop", "memory" or "" for the fitting one
	TargetDir      string
	RunDir         string
	UnstageGrace   time.Duration
	ArrayInterval  time.Duration
	MaxVolumes     int64
	PublishedNodes bool
	Pprof          bool
	LogLevel       string
	LogFormat      string
}

// A Config is the effective configuration: checked, with every default.
type Config struct {
	Endpoint       string
	SocketMode     fs.FileMode
	Controller     bool
	Node           bool
	NodeID         string
	DriverName     string
	MetricsAddress string
	Embedded       bool
	DataDir        string
	Fabric         string
	TargetDir      string
	RunDir         string
	UnstageGrace   time.Duration
	ArrayInterval  time.Duration
	MaxVolumes     int64
	PublishedNodes bool
	Pprof          bool
	LogLevel       slog.Level
	LogFormat      string

	Cluster      domain.ClusterID
	Prefix       domain.NQNPrefix
	Handles      domain.Handles
	Arrays       []Array
	NodeTopology map[string]string
}

// An Array is one configured RDS.
type Array struct {
	Name       domain.ArrayName
	Address    string
	User       string
	KeyFile    string
	HostKeys   []string
	KnownHosts string
	Portals    []domain.Portal
	Pools      []string
	Base       string
	Fencing    domain.Fencing
	Room       domain.Room
	Topology   map[string]string
}

// The fabrics.
const (
	NVMe   = "nvme"
	Loop   = "loop"
	Memory = "memory"
)

// Host tells what the machine is, for defaults that depend on it.
type Host struct {
	Name string // the host name
	Root bool   // on Linux, with the rights to mount
}

// Load checks the flags and the text of the configuration file, nil if there is
// none.
func Load(f Flags, file []byte, host Host) (Config, error) {
	l := &loader{c: Config{
		Endpoint: f.Endpoint, Controller: f.Controller, Node: f.Node, NodeID: f.NodeID,
		DriverName: f.DriverName, MetricsAddress: f.MetricsAddress, DataDir: f.DataDir,
		Fabric: f.Fabric, TargetDir: f.TargetDir, RunDir: f.RunDir, UnstageGrace: f.UnstageGrace,
		ArrayInterval: f.ArrayInterval, MaxVolumes: f.MaxVolumes, PublishedNodes: f.PublishedNodes,
		Pprof: f.Pprof, LogFormat: f.LogFormat,
	}}
	l.flags(f, host)
	switch {
	case f.Array == "embedded" && file != nil:
		l.fault("array", "embedded stands in place of --config, give one of them")
	case f.Array == "embedded":
		l.embedded()
	case f.Array != "":
		l.fault("array", "%q: embedded is allowed", f.Array)
	case file == nil:
		l.fault("config", "is missing: name a file, or try the driver with --array=embedded")
	default:
		l.file(file)
	}
	l.directories()
	return l.c, errors.Join(l.faults...)
}

// A loader collects faults.
type loader struct {
	c      Config
	faults []error
}

func (l *loader) fault(field, format string, args ...any) {
	l.faults = append(l.faults, fmt.Errorf("%s: "+format, append([]any{field}, args...)...))
}

// check notes err, if there is one, under the field's name.
func (l *loader) check(field string, err error) {
	if err != nil {
		l.faults = append(l.faults, fmt.Errorf("%s: %w", field, err))
	}
}

func (l *loader) embedded() {
	l.c.Embedded = true
	l.c.Cluster = "demo"
	l.c.Prefix = domain.DefaultNQNPrefix
	l.c.Arrays = []Array{{
		Name: "embedded", Base: DefaultBase, Fencing: domain.FenceByHost, Room: domain.DefaultRoom(),
		Portals: []domain.Portal{{Host: "127.0.0.1", Port: domain.DefaultPort}},
	}}
}

// LogValue returns the effective configuration for the log. It holds no secret:
// keys are named by their files.
func (c Config) LogValue() slog.Value {
	arrays := make([]string, len(c.Arrays))
	for i, a := range c.Arrays {
		arrays[i] = fmt.Sprintf("%s address=%s user=%s keyFile=%s hostKeys=%d portals=%v pools=%v base=%s fencing=%s overcommit=%g reserve=%g topology=%v",
			a.Name, a.Address, a.User, a.KeyFile, len(a.HostKeys), a.Portals, a.Pools, a.Base, a.Fencing,
			a.Room.Overcommit, a.Room.Reserve, a.Topology)
	}
	return slog.GroupValue(
		slog.String("endpoint", c.Endpoint), slog.String("socket-mode", c.SocketMode.String()),
		slog.Bool("controller", c.Controller), slog.Bool("node", c.Node), slog.String("node-id", c.NodeID),
		slog.String("driver-name", c.DriverName), slog.Int64("max-volumes", c.MaxVolumes),
		slog.Bool("list-published-nodes", c.PublishedNodes), slog.String("metrics-address", c.MetricsAddress),
		slog.Duration("array-interval", c.ArrayInterval), slog.Bool("pprof", c.Pprof),
		slog.Bool("embedded", c.Embedded), slog.String("data-dir", c.DataDir), slog.String("fabric", c.Fabric),
		slog.String("target-dir", c.TargetDir), slog.String("run-dir", c.RunDir),
		slog.Duration("unstage-grace", c.UnstageGrace), slog.String("log-level", c.LogLevel.String()),
		slog.String("log-format", c.LogFormat), slog.String("clusterID", string(c.Cluster)),
		slog.String("nqnPrefix", string(c.Prefix)), slog.String("legacyArray", string(c.Handles.Legacy)),
		slog.Any("nodeTopology", c.NodeTopology), slog.Any("arrays", arrays),
	)
}
