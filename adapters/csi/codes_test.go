package csi_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	spec "github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// failing makes the use case behind DeleteVolume return err and returns what
// the caller gets.
func failing(t *testing.T, d *driver, err error) *status.Status {
	t.Helper()
	d.controller.meanwhile(func(context.Context) error { return err })
	_, got := call(t.Context(), d.conn, goodOf[*spec.DeleteVolumeRequest]())
	return status.Convert(got)
}

func TestEveryKindHasItsCode(t *testing.T) {
	want := map[domain.Kind]codes.Code{
		domain.Other:       codes.Internal,
		domain.Invalid:     codes.InvalidArgument,
		domain.OutOfRange:  codes.OutOfRange,
		domain.NotFound:    codes.NotFound,
		domain.Exists:      codes.AlreadyExists,
		domain.InUse:       codes.FailedPrecondition,
		domain.Busy:        codes.Aborted,
		domain.Conflict:    codes.Aborted,
		domain.Exhausted:   codes.ResourceExhausted,
		domain.Unsupported: codes.FailedPrecondition,
		domain.DataAtRisk:  codes.FailedPrecondition,
		domain.Unreachable: codes.Unavailable,
	}
	d := serve(t)
	for kind := domain.Other; kind.String() != "other" || kind == domain.Other; kind++ {
		code, ok := want[kind]
		if !ok {
			t.Errorf("kind %s has no code in this table", kind)
		}
		got := failing(t, d, domain.Fail(kind, "delete", "rds:x", "it is so: %w", errors.New("because")))
		if got.Code() != code || got.Message() != "rds:x: it is so: because" || len(got.Details()) > 0 {
			t.Errorf("%s: got %v, want %s with the error's message and no details", kind, got, code)
		}
	}
}

func TestTheOutermostKindDecides(t *testing.T) {
	inner := domain.Fail(domain.NotFound, "find", "", "absent")
	outer := domain.Fail(domain.Unreachable, "ask", "", "array rds: %w", inner)
	got := failing(t, serve(t), fmt.Errorf("then: %w", outer))
	if got.Code() != codes.Unavailable {
		t.Errorf("got %v, want Unavailable", got)
	}
}

func TestAnErrorWithoutKindIsABug(t *testing.T) {
	if got := failing(t, serve(t), errors.New("what")); got.Code() != codes.Internal {
		t.Errorf("got %v, want Internal", got)
	}
}

// TestADeadlineWithinTheCallIsSilence: only the end of the call's own time is
// DeadlineExceeded or Canceled.
func TestADeadlineWithinTheCallIsSilence(t *testing.T) {
	d := serve(t)
	for _, ended := range []error{context.DeadlineExceeded, context.Canceled} {
		for _, err := range []error{
			ended, fmt.Errorf("ask: %w", ended), domain.Fail(domain.Unreachable, "ask", "", "no answer: %w", ended),
		} {
			if got := failing(t, d, err); got.Code() != codes.Unavailable {
				t.Errorf("%v: got %v, want Unavailable", err, got)
			}
		}
	}
}

// TestACallerThatGivesUp: the caller makes a code of its own, the driver's is in
// its log.
func TestACallerThatGivesUp(t *testing.T) {
	d := serve(t)
	ctx, cancel := context.WithCancel(t.Context())
	context.AfterFunc(d.controller.entered(), cancel)
	d.controller.meanwhile(func(ctx context.Context) error {
		<-ctx.Done()
		return domain.Fail(domain.Unreachable, "ask", "rds:x", "no answer: %w", ctx.Err())
	})
	_, _ = call(ctx, d.conn, goodOf[*spec.DeleteVolumeRequest]())
	if got := d.log.wait(t, "DeleteVolume")["code"]; got != codes.Canceled.String() {
		t.Errorf("got %s, want Canceled", got)
	}
}
