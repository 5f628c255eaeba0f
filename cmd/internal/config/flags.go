package config

import (
	"cmp"
	"io/fs"
	"log/slog"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

func (l *loader) flags(f Flags, host Host) {
	l.c.NodeID = cmp.Or(f.NodeID, host.Name)
	if !f.Controller && !f.Node {
		l.fault("controller", "neither the controller nor the node service is switched on")
	}
	if f.Node {
		_, err := domain.NewHost("check", l.c.NodeID, "")
		l.check("node-id", err)
	}
	if !driverName(f.DriverName) {
		l.fault("driver-name", "%q: a domain name of at most 63 characters of a-z, A-Z, 0-9, dot and - is allowed", f.DriverName)
	}
	mode, err := strconv.ParseUint(f.SocketMode, 8, 9)
	if err != nil {
		l.fault("socket-mode", "%q: an octal file mode such as 0600 is allowed", f.SocketMode)
	}
	l.c.SocketMode = fs.FileMode(mode)
	if f.MetricsAddress != "" {
		_, _, err := net.SplitHostPort(f.MetricsAddress)
		l.check("metrics-address", err)
	}
	if l.c.LogLevel.UnmarshalText([]byte(f.LogLevel)) != nil {
		l.c.LogLevel = slog.LevelInfo
		l.fault("log-level", "%q: debug, info, warn and error are allowed", f.LogLevel)
	}
	l.oneOf("log-format", f.LogFormat, "auto", "json", "text")
	l.oneOf("fabric", f.Fabric, "", NVMe, Loop, Memory)
	l.numbers(f)
	l.c.Fabric = cmp.Or(f.Fabric, fittingFabric(f, host))
}

func (l *loader) numbers(f Flags) {
	if f.UnstageGrace < time.Second {
		l.fault("unstage-grace", "%s: at least 1s is allowed", f.UnstageGrace)
	}
	if f.ArrayInterval < time.Second {
		l.fault("array-interval", "%s: at least 1s is allowed", f.ArrayInterval)
	}
	if f.MaxVolumes < 0 {
		l.fault("max-volumes", "%d: 0 (no limit) or more is allowed", f.MaxVolumes)
	}
}

// fittingFabric is NVMe for real arrays; the embedded one is reached through
// loop devices where that is possible.
func fittingFabric(f Flags, host Host) string {
	switch {
	case f.Array != "embedded":
		return NVMe
	case host.Root:
		return Loop
	default:
		return Memory
	}
}

func (l *loader) oneOf(field, value string, allowed ...string) {
	for _, a := range allowed {
		if a == value {
			return
		}
	}
	l.fault(field, "%q: one of %s is allowed", value, strings.TrimPrefix(strings.Join(allowed, ", "), ", "))
}

// driverName checks what the CSI specification says of GetPluginInfo's name.
func driverName(s string) bool {
	const alnum = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	return s != "" && len(s) <= 63 && strings.Trim(s, alnum+".-") == "" &&
		strings.ContainsRune(alnum, rune(s[0])) && strings.ContainsRune(alnum, rune(s[len(s)-1]))
}

// directories fills in the directories that depend on other values.
func (l *loader) directories() {
	l.c.DataDir = cmp.Or(l.c.DataDir, filepath.Join("/var/lib", l.c.DriverName))
	l.c.TargetDir = cmp.Or(l.c.TargetDir, filepath.Join(l.c.DataDir, "target"))
	l.c.RunDir = cmp.Or(l.c.RunDir, filepath.Join("/run", l.c.DriverName))
	for field, dir := range map[string]string{"data-dir": l.c.DataDir, "target-dir": l.c.TargetDir, "run-dir": l.c.RunDir} {
		if !filepath.IsAbs(dir) {
			l.fault(field, "%q: an absolute path is allowed", dir)
		}
	}
}
