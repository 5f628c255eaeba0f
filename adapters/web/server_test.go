package web_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"git.srvlab.io/whiskey/rds-csi-driver/adapters/web"
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// config serves on any free port.
func config() web.Config {
	return web.Config{
		Address: "127.0.0.1:0",
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "rds_csi_volumes 1\n") }),
		Ready:   func() (bool, any) { return true, nil },
		Log:     slog.New(slog.DiscardHandler),
	}
}

func start(t *testing.T, c web.Config) *web.Server {
	t.Helper()
	s, err := web.Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Shutdown(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return s
}

// get asks once, over a connection of its own.
func get(t *testing.T, s *web.Server, path string) (code int, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.Address()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

func TestPages(t *testing.T) {
	plain, profiled, notReady := config(), config(), config()
	plain.Version = map[string]string{"version": "v1"}
	plain.Ready = func() (bool, any) { return true, map[string]any{"arrays": []string{"fast"}} }
	notReady.Ready = func() (bool, any) { return false, map[string]any{"arrays": []string{}} }
	notReady.Version = func() {} // nothing that JSON can show
	profiled.Profiles = true
	for _, c := range []struct {
		name   string
		config web.Config
		path   string
		code   int
		want   string
	}{
		{"metrics", plain, "/metrics", 200, "rds_csi_volumes 1\n"},
		{"alive", plain, "/healthz", 200, `{"status":"ok"}`},
		{"ready", plain, "/readyz", 200, `{"arrays":["fast"]}`},
		{"not ready", notReady, "/readyz", 503, `{"arrays":[]}`},
		{"alive though not ready", notReady, "/healthz", 200, `{"status":"ok"}`},
		{"version", plain, "/version", 200, `{"version":"v1"}`},
		{"version that can not be shown", notReady, "/version", 500, `{}`},
		{"no profiles unless asked for", plain, "/debug/pprof/cmdline", 404, "404 page not found\n"},
		{"nothing else", plain, "/", 404, "404 page not found\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, body := get(t, start(t, c.config), c.path)
			if strings.HasPrefix(c.want, "{") {
				var compact bytes.Buffer
				if err := json.Compact(&compact, []byte(body)); err != nil {
					t.Fatalf("body %q: %v", body, err)
				}
				body = compact.String()
			}
			if code != c.code || body != c.want {
				t.Errorf("got %d %q, want %d %q", code, body, c.code, c.want)
			}
		})
	}
	t.Run("profiles if asked for", func(t *testing.T) {
		s := start(t, profiled)
		for _, path := range []string{"/debug/pprof/", "/debug/pprof/cmdline", "/debug/pprof/goroutine?debug=1"} {
			if code, _ := get(t, s, path); code != http.StatusOK {
				t.Errorf("%s: status %d, want 200", path, code)
			}
		}
	})
}

func TestNothingCanBeChanged(t *testing.T) {
	s := start(t, config())
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+s.Address()+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("status %d, want 405", answer.StatusCode)
	}
}

func TestPortInUseIsAnErrorAtStart(t *testing.T) {
	first := start(t, config())
	c := config()
	c.Address = first.Address()
	_, err := web.Start(t.Context(), c)
	if !domain.Is(err, domain.Invalid) || !strings.Contains(err.Error(), "metrics-address") ||
		!strings.Contains(err.Error(), first.Address()) {
		t.Errorf("error %v, want Invalid that names metrics-address and %s", err, first.Address())
	}
}

func TestNoAddressServesNothing(t *testing.T) {
	c := config()
	c.Address = ""
	before := runtime.NumGoroutine()
	s := start(t, c)
	if got := runtime.NumGoroutine(); got != before || s.Address() != "" {
		t.Errorf("%d goroutines at %q, want the %d there were and no address", got, s.Address(), before)
	}
}

// A slow answer that has begun when the server is told to stop.
func slow(t *testing.T, s *web.Server, begun <-chan struct{}) *bufio.Reader {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.Address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := io.WriteString(conn, "GET /metrics HTTP/1.0\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	<-begun
	return bufio.NewReader(conn)
}

func TestShutdownFinishesWhatRuns(t *testing.T) {
	c := config()
	begun, finish := make(chan struct{}), make(chan struct{})
	c.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(begun)
		<-finish
		_, _ = io.WriteString(w, "whole")
	})
	s, err := web.Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	connection := slow(t, s, begun)
	stopped := make(chan error)
	go func() { stopped <- s.Shutdown(t.Context()) }()
	close(finish)
	text, err := io.ReadAll(connection)
	if err != nil || !strings.HasSuffix(string(text), "whole") {
		t.Errorf("answer %q, %v, want it whole", text, err)
	}
	if err := <-stopped; err != nil {
		t.Errorf("shutdown: %v, want nil", err)
	}
}

func TestShutdownCutsOffWhenItsTimeIsOver(t *testing.T) {
	c := config()
	begun, left := make(chan struct{}), make(chan struct{})
	c.Metrics = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		defer close(left)
		close(begun)
		<-r.Context().Done()
	})
	s, err := web.Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	slow(t, s, begun)
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Shutdown(over); !errors.Is(err, context.Canceled) {
		t.Errorf("shutdown: %v, want the context's error", err)
	}
	<-left
}

func TestReadyIsAskedEachTime(t *testing.T) {
	c := config()
	calls := 0
	c.Ready = func() (bool, any) { calls++; return true, calls }
	s := start(t, c)
	var got []string
	for range 2 {
		_, body := get(t, s, "/readyz")
		got = append(got, strings.TrimSpace(body))
	}
	if want := []string{"1", "2"}; !reflect.DeepEqual(got, want) {
		t.Errorf("answers %v, want %v", got, want)
	}
}
