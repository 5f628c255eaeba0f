// Package csi serves the Container Storage Interface 1.13 over gRPC: it turns
// requests into calls of the use cases and their results into answers, and
// decides nothing about volumes.
package csi

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"time"

	spec "github.com/container-storage-interface/spec/lib/go/csi"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// Settings are what the services need to know. Log, Meters and Traces are
// always given; what is switched off is given as a no-op.
type Settings struct {
	Name    string // of the driver, as orchestrators know it
	Version string
	Cluster domain.ClusterID
	Prefix  domain.NQNPrefix
	Handles domain.Handles
	// PublishedNodes makes ListVolumes say who holds each volume. Orchestrators
	// are known to act on that against each other.
	PublishedNodes bool
	// Grace bounds how long Serve waits for running calls when it is to stop.
	Grace time.Duration

	Log    *slog.Logger
	Meters metric.MeterProvider
	Traces trace.TracerProvider
}

// A Server serves Identity and those of Controller and Node that it was given.
type Server struct {
	grpc  *grpc.Server
	log   *slog.Logger
	grace time.Duration
}

// New returns a server of the services; c or n may be nil, and that service is
// then not served.
func New(s Settings, c Controller, n Node) (*Server, error) {
	meters, err := newMeters(s.Meters)
	if err != nil {
		return nil, err
	}
	g := &guards{cluster: s.Cluster, handles: s.Handles}
	server := grpc.NewServer(
		grpc.StatsHandler(spans(s.Traces)),
		grpc.ChainUnaryInterceptor(
			recovered(s.Log, meters), logged(s.Log), meters.measured, traced, answered, g.alone, limited),
	)
	topology := topologyOf(c, n)
	spec.RegisterIdentityServer(server, identity{settings: s, controls: c != nil, topology: topology})
	if c != nil {
		spec.RegisterControllerServer(server, controller{settings: s, app: c})
	}
	if n != nil {
		spec.RegisterNodeServer(server, node{settings: s, app: n, topology: topology})
	}
	return &Server{grpc: server, log: s.Log, grace: s.Grace}, nil
}

// topologyOf reports whether volumes can be reached from some nodes only. A
// process without the arrays takes the node's word for it.
func topologyOf(c Controller, n Node) bool {
	if c != nil {
		return c.Arrays().Topology()
	}
	return n != nil && len(n.Info().Topology) > 0
}

// Serve answers on l until ctx ends, then takes no new call, waits for the
// running ones while the grace lasts, and cuts off what is left. l is closed. It
// serves once.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	served := make(chan error, 1)
	go func() { served <- s.grpc.Serve(l) }()
	select {
	case err := <-served:
		s.grpc.Stop()
		return err
	case <-ctx.Done():
	}
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		s.grpc.GracefulStop()
	}()
	bound := time.NewTimer(s.grace)
	defer bound.Stop()
	select {
	case <-stopped:
	case <-bound.C:
		s.log.WarnContext(ctx, "calls are cut off, the grace is over", "took", s.grace)
		s.grpc.Stop() // ends the calls' contexts; who does not heed that is not waited for
	}
	if err := <-served; !errors.Is(err, grpc.ErrServerStopped) { // that one came too late to begin
		return err
	}
	return nil
}
