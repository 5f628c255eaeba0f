package csi

import (
	"context"
	"errors"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// codeOf returns the gRPC code of an error of the call that runs under ctx. A
// call whose own time is over says so. A deadline that only a part of it had is
// silence: somebody did not answer in time, and nothing is known.
func codeOf(ctx context.Context, err error) codes.Code {
	interrupted := errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
	if ctx.Err() != nil && interrupted {
		return status.FromContextError(ctx.Err()).Code()
	}
	kind := domain.KindOf(err)
	if kind == domain.Other && interrupted {
		kind = domain.Unreachable
	}
	return codeOfKind(kind)
}

func codeOfKind(kind domain.Kind) codes.Code {
	switch kind {
	case domain.Invalid:
		return codes.InvalidArgument
	case domain.OutOfRange:
		return codes.OutOfRange
	case domain.NotFound:
		return codes.NotFound
	case domain.Exists:
		return codes.AlreadyExists
	case domain.InUse, domain.Unsupported, domain.DataAtRisk:
		return codes.FailedPrecondition
	case domain.Busy, domain.Conflict:
		return codes.Aborted
	case domain.Exhausted:
		return codes.ResourceExhausted
	case domain.Unreachable:
		return codes.Unavailable
	case domain.Other:
	}
	return codes.Internal
}

// A refusal is an error with the status that the caller gets for it. It is made
// once, so that log, metrics and caller see the same code.
type refusal struct {
	error
	code codes.Code
}

// GRPCStatus tells gRPC what to send.
func (r refusal) GRPCStatus() *status.Status { return status.New(r.code, r.Error()) }

// Unwrap returns the error as the use case gave it.
func (r refusal) Unwrap() error { return r.error }

// answered gives every error its code.
func answered(ctx context.Context, req any, _ called, handle handler) (any, error) {
	resp, err := handle(ctx, req)
	if err != nil {
		return nil, refusal{err, codeOf(ctx, err)}
	}
	return resp, nil
}
