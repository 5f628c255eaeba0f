package csi

import (
	"context"
	"errors"
	"log/slog"
	"time"

	spec "github.com/container-storage-interface/spec/lib/go/csi"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// logged writes one line for each call, when it is over. Errors are logged here
// and nowhere else.
func logged(log *slog.Logger) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, info called, handle handler) (any, error) {
		start := time.Now()
		resp, err := handle(ctx, req)
		attrs := append([]slog.Attr{slog.String("method", method(info))}, about(req)...)
		attrs = append(attrs, made(resp)...)
		attrs = append(attrs, slog.Duration("took", time.Since(start)),
			slog.String("code", status.Code(err).String()))
		attrs = append(attrs, failure(err)...)
		if span := trace.SpanContextFromContext(ctx); span.HasTraceID() {
			attrs = append(attrs, slog.String("trace_id", span.TraceID().String()))
		}
		if log.Enabled(ctx, slog.LevelDebug) {
			attrs = append(attrs, slog.String("request", readable(req)))
		}
		log.LogAttrs(ctx, level(req, err), sentence(err), attrs...)
		return resp, err
	}
}

func sentence(err error) string {
	if err != nil {
		return "call failed"
	}
	return "call done"
}

// level is Info for a call that changed the world and Debug for one that only
// looked. Of errors, those that mean a bug or data in danger are for today.
func level(req any, err error) slog.Level {
	switch {
	case err == nil && writes(req):
		return slog.LevelInfo
	case err == nil:
		return slog.LevelDebug
	case status.Code(err) == codes.Internal, domain.Is(err, domain.DataAtRisk):
		return slog.LevelError
	default:
		return slog.LevelWarn
	}
}

// failure returns what a log says about an error.
func failure(err error) []slog.Attr {
	if err == nil {
		return nil
	}
	attrs := []slog.Attr{slog.String("err", err.Error())}
	if e, ok := errors.AsType[*domain.Error](err); ok {
		attrs = append(attrs, slog.String("op", e.Op), slog.String("kind", e.Kind.String()))
	}
	return attrs
}

// about returns what a request names, under the keys of logs and spans.
func about(req any) []slog.Attr {
	var attrs []slog.Attr
	add := func(key, value string) {
		if value != "" {
			attrs = append(attrs, slog.String(key, value))
		}
	}
	switch r := req.(type) {
	case *spec.CreateVolumeRequest:
		add("name", r.GetName())
	case *spec.CreateSnapshotRequest:
		add("name", r.GetName())
	}
	if r, ok := req.(interface{ GetVolumeId() string }); ok {
		add("volume", r.GetVolumeId())
	}
	if r, ok := req.(interface{ GetSourceVolumeId() string }); ok {
		add("volume", r.GetSourceVolumeId())
	}
	if r, ok := req.(interface{ GetSnapshotId() string }); ok {
		add("snapshot", r.GetSnapshotId())
	}
	if r, ok := req.(interface{ GetNodeId() string }); ok {
		add("node", r.GetNodeId())
	}
	return attrs
}

// made returns what an answer names that its request could not.
func made(resp any) []slog.Attr {
	switch r := resp.(type) {
	case *spec.CreateVolumeResponse:
		return []slog.Attr{slog.String("volume", r.GetVolume().GetVolumeId())}
	case *spec.CreateSnapshotResponse:
		return []slog.Attr{slog.String("snapshot", r.GetSnapshot().GetSnapshotId())}
	default:
		return nil
	}
}

// readable returns a request as JSON without what must not be logged.
func readable(req any) string {
	m, ok := req.(proto.Message)
	if !ok {
		return ""
	}
	copied := proto.Clone(m)
	redact(copied.ProtoReflect())
	return protojson.MarshalOptions{}.Format(copied)
}

// redact empties the secret fields of m and of the messages in it.
func redact(m protoreflect.Message) {
	m.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		switch {
		case secret(field):
			m.Clear(field)
		case field.IsMap() || field.Kind() != protoreflect.MessageKind:
		case field.IsList():
			for i := range value.List().Len() {
				redact(value.List().Get(i).Message())
			}
		default:
			redact(value.Message())
		}
		return true
	})
}

// secret reports whether a field may hold what nobody must read in a log: those
// the spec marks, mount flags, of which it says so, and the volume context, into
// which an orchestrator may put tokens.
func secret(field protoreflect.FieldDescriptor) bool {
	marked, _ := proto.GetExtension(field.Options(), spec.E_CsiSecret).(bool)
	return marked || field.Name() == "mount_flags" || field.Name() == "volume_context"
}
