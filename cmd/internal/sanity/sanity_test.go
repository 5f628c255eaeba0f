package sanity

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kubernetes-csi/csi-test/v5/pkg/sanity"
	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"

	"git.srvlab.io/whiskey/rds-csi-driver/adapters/telemetry"
	"git.srvlab.io/whiskey/rds-csi-driver/cmd/internal/config"
	"git.srvlab.io/whiskey/rds-csi-driver/cmd/internal/wiring"
)

const gib = 1 << 30

// A process can run one Ginkgo suite, so every driver has a container in this
// one. That they all run at once matters to nobody: they share nothing.
func TestSanity(t *testing.T) {
	gomega.RegisterFailHandler(ginkgo.Fail)
	var containers []string
	for _, fabric := range fabrics(t) {
		for _, access := range []string{"mount", "block"} {
			c := start(t, fabric, access)
			name := fabric + ", " + access
			containers = append(containers, name)
			ginkgo.Describe(name, func() {
				sc := sanity.GinkgoTest(&c)
				t.Cleanup(sc.Finalize)
			})
		}
	}
	documented := readTable(t, "Skipped by csi-sanity")
	ginkgo.ReportAfterSuite("what is skipped is what the page says", func(r ginkgo.Report) {
		if len(r.SuiteConfig.FocusStrings) > 0 {
			return // somebody looks at one spec
		}
		for _, c := range containers {
			for _, wrong := range documented.compare(skipped(r, c)) {
				t.Errorf("%s: %s", c, wrong)
			}
		}
	})
	ginkgo.RunSpecs(t, "csi-sanity")
}

// start runs a whole driver on the embedded RDS until the test ends and returns
// how csi-sanity reaches and uses it.
func start(t *testing.T, fabric, access string) sanity.TestConfig {
	t.Helper()
	dir := t.TempDir()
	serve(t, settings(t, dir, fabric))
	c := sanity.NewTestConfig()
	c.Address = endpoint(dir)
	c.TargetPath = filepath.Join(dir, "targets")
	c.StagingPath = filepath.Join(dir, "staging")
	c.TestVolumeAccessType = access
	c.TestVolumeSize = gib
	c.TestVolumeExpandSize = 2 * gib
	c.TestVolumeParameters = map[string]string{"nrIOQueues": "2"}
	c.TestVolumeMutableParameters = map[string]string{"reconnectDelay": "3"}
	c.TestInvalidListVolumesStartingToken = "no such token"
	c.IdempotentCount = 5
	return c
}

func endpoint(dir string) string { return "unix://" + filepath.Join(dir, "csi.sock") }

// settings are those of a driver that keeps everything below dir.
func settings(t *testing.T, dir, fabric string) config.Config {
	t.Helper()
	name, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(config.Flags{
		Endpoint: endpoint(dir), SocketMode: "0600", Controller: true, Node: true, DriverName: "rds.csi.srvlab.io",
		Array: "embedded", DataDir: filepath.Join(dir, "array"), RunDir: filepath.Join(dir, "run"), Fabric: fabric,
		UnstageGrace: time.Minute, ArrayInterval: time.Minute, MaxVolumes: 100, LogLevel: "warn", LogFormat: "text",
	}, nil, config.Host{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func serve(t *testing.T, c config.Config) {
	t.Helper()
	build := telemetry.BuildInfo{Version: "v0", Revision: "0", GoVersion: "go0"}
	d, err := wiring.New(t.Context(), c, build, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	served := make(chan error, 1)
	go func() { served <- d.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
}
