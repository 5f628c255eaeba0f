package config

import (
	"cmp"
	"fmt"
	"maps"
	"net"
	"path"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// DefaultBase is the directory on each pool under which the driver works.
const DefaultBase = "rds-csi"

// file is the configuration file as it is written.
type file struct {
	ClusterID    string            `yaml:"clusterID"`
	NQNPrefix    string            `yaml:"nqnPrefix"`
	LegacyArray  string            `yaml:"legacyArray"`
	NodeTopology map[string]string `yaml:"nodeTopology"`
	Arrays       []fileArray       `yaml:"arrays"`
}

type fileArray struct {
	Name       string            `yaml:"name"`
	Address    string            `yaml:"address"`
	User       string            `yaml:"user"`
	KeyFile    string            `yaml:"keyFile"`
	HostKeys   []string          `yaml:"hostKeys"`
	KnownHosts string            `yaml:"knownHosts"`
	Portals    []string          `yaml:"portals"`
	Pools      []string          `yaml:"pools"`
	Base       string            `yaml:"base"`
	Fencing    string            `yaml:"fencing"`
	Overcommit string            `yaml:"overcommit"`
	Reserve    string            `yaml:"reserve"`
	Topology   map[string]string `yaml:"topology"`
}

func (l *loader) file(text []byte) {
	var f file
	if err := yaml.Load(text, &f, yaml.WithKnownFields()); err != nil {
		l.check("config", err)
		return
	}
	var err error
	l.c.Cluster, err = domain.ParseClusterID(f.ClusterID)
	l.check("clusterID", err)
	l.c.Prefix, err = domain.ParseNQNPrefix(cmp.Or(f.NQNPrefix, string(domain.DefaultNQNPrefix)))
	l.check("nqnPrefix", err)
	l.c.NodeTopology = f.NodeTopology
	l.topology("nodeTopology", f.NodeTopology)
	if len(f.Arrays) == 0 {
		l.fault("arrays", "at least one is needed")
	}
	for i, a := range f.Arrays {
		l.c.Arrays = append(l.c.Arrays, l.array(fmt.Sprintf("arrays[%d]", i), a))
	}
	l.names(f)
}

// names checks what arrays say of each other.
func (l *loader) names(f file) {
	seen := map[domain.ArrayName]bool{}
	for i, a := range l.c.Arrays {
		if seen[a.Name] && a.Name != "" {
			l.fault(fmt.Sprintf("arrays[%d].name", i), "%q is taken by an array before", a.Name)
		}
		seen[a.Name] = true
	}
	if f.LegacyArray != "" && !seen[domain.ArrayName(f.LegacyArray)] {
		l.fault("legacyArray", "%q names none of the arrays", f.LegacyArray)
	}
	l.c.Handles = domain.Handles{Legacy: domain.ArrayName(f.LegacyArray)}
}

func (l *loader) array(field string, f fileArray) Array {
	a := Array{
		User: f.User, KeyFile: f.KeyFile, HostKeys: f.HostKeys, KnownHosts: f.KnownHosts, Pools: f.Pools,
		Base: cmp.Or(f.Base, DefaultBase), Topology: f.Topology,
		Fencing: domain.Fencing(cmp.Or(f.Fencing, string(domain.FenceByHost))),
	}
	var err error
	a.Name, err = domain.ParseArrayName(f.Name)
	l.check(field+".name", err)
	if len(f.Portals) == 0 {
		l.fault(field+".portals", "at least one address of the NVMe/TCP target is needed")
	}
	for i, text := range f.Portals {
		p, err := domain.ParsePortal(text)
		l.check(fmt.Sprintf("%s.portals[%d]", field, i), err)
		a.Portals = append(a.Portals, p)
	}
	l.oneOf(field+".fencing", string(a.Fencing), string(domain.FenceByHost), string(domain.FenceNone))
	a.Room = l.room(field, f)
	l.topology(field+".topology", f.Topology)
	if l.c.Controller {
		a.Address = l.controllerOnly(field, f)
	}
	return a
}

// controllerOnly checks what only a process needs that speaks to the array.
func (l *loader) controllerOnly(field string, f fileArray) (address string) {
	address = f.Address
	if _, _, err := net.SplitHostPort(address); err != nil && address != "" {
		address = net.JoinHostPort(strings.Trim(address, "[]"), "22")
	}
	for name, value := range map[string]string{"address": f.Address, "user": f.User, "keyFile": f.KeyFile} {
		if value == "" {
			l.fault(field+"."+name, "is missing")
		}
	}
	l.hostKeys(field, f)
	if len(f.Pools) == 0 {
		l.fault(field+".pools", "at least one pool is needed")
	}
	for i, p := range f.Pools {
		_, err := domain.ParsePoolName(p)
		l.check(fmt.Sprintf("%s.pools[%d]", field, i), err)
	}
	if base := cmp.Or(f.Base, DefaultBase); path.Clean(base) != base || path.IsAbs(base) || strings.HasPrefix(base, "..") ||
		strings.Trim(base, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-/") != "" {
		l.fault(field+".base", "%q: a relative path of A-Z, a-z, 0-9, dot, _, - and / is allowed", f.Base)
	}
	return address
}

func (l *loader) hostKeys(field string, f fileArray) {
	if (len(f.HostKeys) == 0) == (f.KnownHosts == "") {
		l.fault(field+".hostKeys", "one or two fingerprints are needed, or a knownHosts file in place of them")
	}
	if len(f.HostKeys) > 2 {
		l.fault(field+".hostKeys", "%d fingerprints, at most 2 are allowed: the key in use and the one to come", len(f.HostKeys))
	}
	for i, k := range f.HostKeys {
		if sum, ok := strings.CutPrefix(k, "SHA256:"); !ok || len(sum) != 43 {
			l.fault(fmt.Sprintf("%s.hostKeys[%d]", field, i), "%q: SHA256: and 43 characters, as ssh-keygen -l prints it, are allowed", k)
		}
	}
}

func (l *loader) room(field string, f fileArray) domain.Room {
	room := domain.DefaultRoom()
	if f.Overcommit != "" {
		n, err := strconv.ParseFloat(f.Overcommit, 64)
		if err != nil || !(n >= 0.01 && n <= 100) {
			l.fault(field+".overcommit", "%q: a number from 0.01 to 100 is allowed", f.Overcommit)
		}
		room.Overcommit = n
	}
	if f.Reserve != "" {
		n, err := strconv.ParseFloat(strings.TrimSuffix(f.Reserve, "%"), 64)
		if err != nil || !strings.HasSuffix(f.Reserve, "%") || !(n >= 0 && n <= 90) {
			l.fault(field+".reserve", "%q: a percentage from 0%% to 90%% is allowed", f.Reserve)
		}
		room.Reserve = n / 100
	}
	return room
}

// topology checks segments against the CSI specification's rules for keys.
func (l *loader) topology(field string, segments map[string]string) {
	for _, key := range slices.Sorted(maps.Keys(segments)) {
		name := key[strings.LastIndexByte(key, '/')+1:]
		if name == "" || len(name) > 63 || len(key) > 253+1+63 || segments[key] == "" || len(segments[key]) > 63 {
			l.fault(field, "%q: %q: a key such as topology.example.com/zone and a value of at most 63 characters are allowed",
				key, segments[key])
		}
	}
}
