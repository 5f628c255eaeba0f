package demo

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"git.srvlab.io/whiskey/rds-csi-driver/adapters/telemetry"
	"git.srvlab.io/whiskey/rds-csi-driver/cmd/internal/config"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("net/http.(*persistConn).readLoop"),
		goleak.IgnoreTopFunction("net/http.(*persistConn).writeLoop"))
}

// output collects what the demo prints and tells about it line by line.
type output struct {
	text strings.Builder
	line func(string)
}

func (o *output) Write(p []byte) (int, error) {
	o.text.Write(p)
	if o.line != nil {
		o.line(string(p))
	}
	return len(p), nil
}

func options(out *output) Options {
	return Options{Fabric: config.Memory, Host: config.Host{Name: "node-1"}, Build: telemetry.BuildInfo{Version: "test"}, Out: out}
}

// leftovers makes a temporary directory of the demo's own and returns what is
// in it at the end.
func leftovers(t *testing.T) func() []string {
	dir, err := os.MkdirTemp("", "demo") // short: a socket path has 108 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	t.Setenv("TMPDIR", dir)
	return func() []string {
		left, err := filepath.Glob(filepath.Join(dir, "*"))
		if err != nil {
			t.Fatal(err)
		}
		return left
	}
}

func TestTheStoryHolds(t *testing.T) {
	left := leftovers(t)
	var out output
	if err := Run(t.Context(), options(&out)); err != nil {
		t.Fatalf("%v\n%s", err, out.text.String())
	}
	for _, s := range append((&story{}).steps(), step{name: "tear down"}) {
		if !strings.Contains(out.text.String(), s.name) {
			t.Errorf("step %q is not in the output", s.name)
		}
	}
	if !strings.Contains(out.text.String(), `rds_csi_volume_operations_total{operation="restore",status="success"}`) {
		t.Error("the table does not show the metrics that moved")
	}
	if files := left(); len(files) > 0 {
		t.Errorf("left behind: %v", files)
	}
}

func TestAnInterruptionAtAnyStepLeavesNothing(t *testing.T) {
	for _, at := range (&story{}).steps() {
		t.Run(at.name, func(t *testing.T) {
			left := leftovers(t)
			ctx, interrupt := context.WithCancel(t.Context())
			defer interrupt()
			out := output{line: func(line string) {
				if strings.Contains(line, "s  "+at.name) { // as the step begins
					interrupt()
				}
			}}
			err := Run(ctx, options(&out))
			if err == nil || !errors.Is(ctx.Err(), context.Canceled) {
				t.Errorf("an interrupted demo ended with %v", err)
			}
			if !strings.Contains(out.text.String(), "are gone") {
				t.Errorf("nothing was taken down:\n%s", out.text.String())
			}
			if files := left(); len(files) > 0 {
				t.Errorf("left behind: %v", files)
			}
		})
	}
}

func TestKeepServesUntilInterrupted(t *testing.T) {
	left := leftovers(t)
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	var kept bool
	out := output{line: func(line string) {
		if strings.Contains(line, "serving until interrupted") {
			kept = true
			interrupt()
		}
	}}
	o := options(&out)
	o.Keep = true
	if err := Run(ctx, o); err != nil || !kept {
		t.Errorf("kept %t, then %v", kept, err)
	}
	if !strings.Contains(out.text.String(), "curl http://127.0.0.1:") {
		t.Error("it does not say how to look")
	}
	if files := left(); len(files) > 0 {
		t.Errorf("left behind: %v", files)
	}
}

func TestATakenPortIsNoObstacle(t *testing.T) {
	leftovers(t)
	if l, err := net.Listen("tcp", metricsAddress); err == nil { //nolint:noctx // at once, on loopback
		defer l.Close() //nolint:errcheck // only taken
	} // else another process has it: as good
	var out output
	if err := Run(t.Context(), options(&out)); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.text.String(), "is taken, metrics get another port") {
		t.Errorf("it does not say so:\n%s", out.text.String())
	}
}
