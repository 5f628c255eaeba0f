package config

import (
	"context"
	"strings"
	"testing"

	"github.com/urfave/cli/v3"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// parse runs a command line through the driver's flags.
func parse(t *testing.T, args ...string) Flags {
	t.Helper()
	var f Flags
	command := &cli.Command{Flags: CLI(&f), Action: func(context.Context, *cli.Command) error { return nil }}
	if err := command.Run(t.Context(), append([]string{"rds-csi-plugin"}, args...)); err != nil {
		t.Fatal(err)
	}
	return f
}

var machine = Host{Name: "node-1"}

const fingerprint = "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

const good = `
clusterID: prod-1
arrays:
  - name: rds1
    address: 10.0.0.10
    user: csi
    keyFile: /etc/key
    hostKeys: ["` + fingerprint + `"]
    pools: [pool1]
    portals: ["10.0.1.10"]
`

func TestEmbeddedNeedsNothing(t *testing.T) {
	c, err := Load(parse(t, "--array=embedded"), nil, machine)
	if err != nil {
		t.Fatal(err)
	}
	if !c.Embedded || c.Cluster != "demo" || c.Fabric != Memory || c.NodeID != "node-1" || c.SocketMode != 0o600 {
		t.Errorf("got %+v", c)
	}
	if root, _ := Load(parse(t, "--array=embedded"), nil, Host{Name: "n", Root: true}); root.Fabric != Loop {
		t.Errorf("fabric as root is %q, want loop", root.Fabric)
	}
}

func TestFile(t *testing.T) {
	c, err := Load(parse(t, "--config=x"), []byte(good), machine)
	if err != nil {
		t.Fatal(err)
	}
	a := c.Arrays[0]
	if a.Address != "10.0.0.10:22" || a.Base != "rds-csi" || a.Fencing != domain.FenceByHost ||
		a.Room != domain.DefaultRoom() || a.Portals[0].String() != "10.0.1.10:4420" ||
		c.Prefix != domain.DefaultNQNPrefix || c.Fabric != NVMe {
		t.Errorf("got %+v", c)
	}
}

func TestNodeOnlyNeedsNoKey(t *testing.T) {
	text := "clusterID: prod-1\narrays: [{name: rds1, portals: [10.0.1.10]}]\n"
	if _, err := Load(parse(t, "--config=x", "--controller=false"), []byte(text), machine); err != nil {
		t.Error(err)
	}
	if _, err := Load(parse(t, "--config=x"), []byte(text), machine); err == nil {
		t.Error("a controller without a key was accepted")
	}
}

func TestEnvironmentMirrorsFlagsAndFlagsWin(t *testing.T) {
	t.Setenv("RDS_CSI_LOG_LEVEL", "debug")
	t.Setenv("RDS_CSI_NODE", "false")
	t.Setenv("RDS_CSI_NODE_ID", "from-env")
	f := parse(t, "--node-id=from-flag")
	if f.LogLevel != "debug" || f.Node || f.NodeID != "from-flag" {
		t.Errorf("got %+v", f)
	}
}

func TestFaults(t *testing.T) {
	tests := []struct {
		name string
		args []string
		file string
		want []string // each in the one error
	}{
		{"nothing configured", nil, "", []string{"config: is missing"}},
		{"both kinds", []string{"--array=embedded"}, good, []string{"array: embedded stands in place"}},
		{"an array of another kind", []string{"--array=real"}, "", []string{`array: "real": embedded is allowed`}},
		{"no service", []string{"--array=embedded", "--controller=false", "--node=false"}, "", []string{"controller: neither"}},
		{"many flags at once",
			[]string{"--array=embedded", "--socket-mode=9", "--metrics-address=x", "--log-level=loud", "--log-format=xml",
				"--fabric=fc", "--unstage-grace=0s", "--array-interval=0s", "--max-volumes=-1", "--driver-name=-x",
				"--node-id=" + strings.Repeat("n", 134), "--data-dir=rel"}, "",
			[]string{"socket-mode:", "metrics-address:", "log-level:", "log-format:", "fabric:", "unstage-grace:",
				"array-interval:", "max-volumes:", "driver-name:", "node-id:", "data-dir:"}},
		{"unknown key", nil, good + "shade: red\n", []string{"config:", "shade"}},
		{"not YAML", nil, "\t{", []string{"config:"}},
		{"empty file", nil, "{}", []string{"clusterID:", "arrays: at least one"}},
		{"everything wrong in one array", nil, `
clusterID: X
nqnPrefix: nope
legacyArray: other
nodeTopology: {"": a}
arrays:
  - {name: "A", pools: ["/x"], base: "../up", portals: ["a b"], fencing: maybe, overcommit: "0", reserve: "5",
     hostKeys: [a, b, c], topology: {zone: ""}}
`, []string{"clusterID:", "nqnPrefix:", "legacyArray:", "nodeTopology:", "arrays[0].name:", "arrays[0].pools[0]:",
			"arrays[0].base:", "arrays[0].portals[0]:", "arrays[0].fencing:", "arrays[0].overcommit:", "arrays[0].reserve:",
			"arrays[0].hostKeys: 3 fingerprints", "arrays[0].hostKeys[0]:", "arrays[0].topology:", "arrays[0].address: is missing",
			"arrays[0].user: is missing", "arrays[0].keyFile: is missing"}},
		{"two of one name", nil, good + strings.TrimPrefix(good[strings.Index(good, "  - name"):], ""), []string{`arrays[1].name: "rds1" is taken`}},
		{"no portals, no pools, no host key", nil, "clusterID: prod-1\narrays: [{name: rds1, address: a, user: u, keyFile: k}]",
			[]string{"arrays[0].portals:", "arrays[0].pools:", "arrays[0].hostKeys:"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var file []byte
			if test.file != "" {
				file = []byte(test.file)
			}
			_, err := Load(parse(t, test.args...), file, machine)
			if err == nil {
				t.Fatal("accepted")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %v\nwant %q in it", err, want)
				}
			}
		})
	}
}
