// Package web serves people and machines that look at the driver: metrics,
// liveness, readiness, version and, if asked for, profiles. It has a listener
// of its own and never holds up gRPC; it changes nothing and asks no array.
package web

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// A Config says what is served and where.
type Config struct {
	Address string       // "" serves nothing; ":9809" is every address of the host
	Metrics http.Handler // at /metrics
	// Ready says, at /readyz, whether the driver can work and what that rests on,
	// as something that JSON can show. It must answer from memory.
	Ready    func() (ready bool, detail any)
	Version  any  // at /version, as JSON
	Profiles bool // at /debug/pprof/: whoever may read it sees the process's memory
	Log      *slog.Logger
}

// A Server serves until it is shut down.
type Server struct {
	http     *http.Server
	listener net.Listener // nil if nothing is served
	done     chan struct{}
}

// Start listens, then serves in the background. An address that can not be
// listened on is Invalid.
func Start(ctx context.Context, c Config) (*Server, error) {
	s := &Server{done: make(chan struct{}), http: &http.Server{
		Handler:           routes(c),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		// A profile may run for some time: its handler wants to be done before this.
		WriteTimeout:   2 * time.Minute,
		IdleTimeout:    2 * time.Minute,
		MaxHeaderBytes: 16 << 10,
		ErrorLog:       slog.NewLogLogger(c.Log.Handler(), slog.LevelDebug),
	}}
	if c.Address == "" {
		close(s.done)
		return s, nil
	}
	var err error
	if s.listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", c.Address); err != nil {
		return nil, domain.Fail(domain.Invalid, "listen", "",
			"metrics-address %q: %w: give a free one, or an empty one for no metrics", c.Address, err)
	}
	go func() {
		defer close(s.done)
		if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
			c.Log.Error("metrics server stopped", "err", err)
		}
	}()
	return s, nil
}

// Address returns where the server listens, "" if it serves nothing.
func (s *Server) Address() string {
	if s.listener == nil {
		return ""
	}
	return s.listener.Addr().String()
}

// Shutdown stops listening and lets what is being answered finish while ctx
// lasts, then cuts it off. It returns when nothing of the server runs any more.
func (s *Server) Shutdown(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.http.Close())
	}
	<-s.done
	return err
}

func routes(c Config) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", c.Metrics)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, c.Log, http.StatusOK, map[string]string{"status": "ok"})
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		ready, detail := c.Ready()
		code := http.StatusOK
		if !ready {
			code = http.StatusServiceUnavailable
		}
		answer(w, c.Log, code, detail)
	})
	mux.HandleFunc("GET /version", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, c.Log, http.StatusOK, c.Version)
	})
	if c.Profiles {
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	}
	return mux
}

func answer(w http.ResponseWriter, log *slog.Logger, code int, body any) {
	text, err := json.MarshalIndent(body, "", "  ")
	if err != nil {
		log.Error("answer is not JSON", "err", err)
		code, text = http.StatusInternalServerError, []byte(`{}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_, _ = w.Write(append(text, '\n')) // who hung up does not want it
}
