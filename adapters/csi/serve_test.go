package csi_test

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	spec "github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"git.srvlab.io/whiskey/rds-csi-driver/adapters/csi"
)

func TestServingOnASocket(t *testing.T) {
	path := filepath.Join(socketDir(t), "csi.sock")
	l, err := csi.Listen("unix://"+path, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	server, err := csi.New(settings(), newFakeController(), newFakeNode())
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx, l) }()
	if _, err := call(t.Context(), dial(t, "unix://"+path), &spec.ProbeRequest{}); err != nil {
		t.Errorf("got %v, want an answer", err)
	}
	stop()
	if err := <-served; err != nil {
		t.Errorf("Serve: got %v, want nil after its context ends", err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want the socket gone", err)
	}
}

func TestAListenerThatFails(t *testing.T) {
	server, err := csi.New(settings(), newFakeController(), nil)
	if err != nil {
		t.Fatal(err)
	}
	l := bufconn.Listen(1)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := server.Serve(t.Context(), l); err == nil {
		t.Error("got nil, want the listener's error")
	}
}

func TestServingWhenItIsOverAlready(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	for range 20 { // the server may begin before it is stopped, or after
		server, err := csi.New(settings(), newFakeController(), nil)
		if err != nil {
			t.Fatal(err)
		}
		l := listen(t, filepath.Join(socketDir(t), "csi.sock"))
		if err := server.Serve(ctx, l); err != nil {
			t.Errorf("got %v, want nil", err)
		}
		if _, err := os.Lstat(l.Addr().String()); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("got %v, want the socket gone", err)
		}
	}
}

// A stopping is a server that is told to stop while a call runs.
type stopping struct {
	conn    *grpc.ClientConn
	answer  chan error // of the running call
	served  chan error
	release chan struct{}
	log     *logs
}

// stopDuring starts a server whose grace is a minute, lets a call come in that
// waits for release or heeds its context, and tells the server to stop.
func stopDuring(t *testing.T, heeds bool) *stopping {
	s := &stopping{answer: make(chan error, 1), served: make(chan error, 1), release: make(chan struct{}), log: &logs{}}
	node := newFakeNode()
	entered := node.entered()
	node.meanwhile(func(ctx context.Context) error {
		if heeds {
			<-ctx.Done()
			return ctx.Err()
		}
		<-s.release
		return nil
	})
	set := settings()
	set.Log = atInfo(s.log)
	server, err := csi.New(set, nil, node)
	if err != nil {
		t.Fatal(err)
	}
	l := bufconn.Listen(1 << 16)
	ctx, stop := context.WithCancel(context.Background())
	go func() { s.served <- server.Serve(ctx, l) }()
	s.conn = dial(t, "passthrough:///bufconn", grpc.WithContextDialer(
		func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }))
	go func() {
		_, err := call(context.Background(), s.conn, goodOf[*spec.NodeStageVolumeRequest]())
		s.answer <- err
	}()
	<-entered.Done()
	stop()
	synctest.Wait()
	return s
}

func TestStopFinishesWhatRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := stopDuring(t, false)
		if _, err := call(t.Context(), s.conn, &spec.ProbeRequest{}); status.Code(err) != codes.Unavailable {
			t.Errorf("a new call while stopping: got %v, want Unavailable", err)
		}
		select {
		case err := <-s.served:
			t.Fatalf("Serve returned %v while a call runs", err)
		default:
		}
		close(s.release)
		if err := <-s.answer; err != nil {
			t.Errorf("the running call: got %v, want its answer", err)
		}
		if err := <-s.served; err != nil {
			t.Errorf("Serve: got %v, want nil", err)
		}
		_ = s.conn.Close()
	})
}

func TestStopCutsOffWhatTakesTooLong(t *testing.T) {
	for _, row := range []struct {
		name  string
		heeds bool
	}{{"a call that heeds its context", true}, {"a call that does not", false}} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				s := stopDuring(t, row.heeds)
				if err := <-s.served; err != nil {
					t.Errorf("Serve: got %v, want nil", err)
				}
				if got := time.Since(start); got != time.Minute {
					t.Errorf("Serve took %s, want the grace of a minute", got)
				}
				if err := <-s.answer; err == nil {
					t.Error("the running call: got an answer, want an error")
				}
				if got := s.log.wait(t, "cut off"); got["level"] != "WARN" {
					t.Errorf("got %v, want a warning", got)
				}
				close(s.release)
				_ = s.conn.Close()
			})
		})
	}
}
