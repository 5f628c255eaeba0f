package csi

import (
	"context"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// TestCodeOfACallWhoseTimeIsOver is inside the package: over the wire the
// caller's reset and the deadline race.
func TestCodeOfACallWhoseTimeIsOver(t *testing.T) {
	running := t.Context()
	canceled, cancel := context.WithCancel(running)
	cancel()
	late, cancel := context.WithDeadline(running, time.Unix(1, 0))
	defer cancel()
	silent := func(why error) error { return domain.Fail(domain.Unreachable, "ask", "", "no answer: %w", why) }
	atRisk := domain.Fail(domain.DataAtRisk, "read", "", "unreadable: %w", context.DeadlineExceeded)
	for _, row := range []struct {
		name string
		ctx  context.Context
		err  error
		want codes.Code
	}{
		{"canceled", canceled, context.Canceled, codes.Canceled},
		{"canceled and wrapped", canceled, silent(context.Canceled), codes.Canceled},
		{"late", late, context.DeadlineExceeded, codes.DeadlineExceeded},
		{"late and wrapped", late, silent(context.DeadlineExceeded), codes.DeadlineExceeded},
		{"late, with a part of it canceled", late, silent(context.Canceled), codes.DeadlineExceeded},
		{"late while it read", late, atRisk, codes.DeadlineExceeded},
		{"late with an answer all the same", late, domain.Fail(domain.InUse, "", "", "held"), codes.FailedPrecondition},
		{"running, a part of it late", running, silent(context.DeadlineExceeded), codes.Unavailable},
		{"running, a part of it late and no kind", running, context.DeadlineExceeded, codes.Unavailable},
		{"running, a read that was late", running, atRisk, codes.FailedPrecondition},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := codeOf(row.ctx, row.err); got != row.want {
				t.Errorf("got %s, want %s", got, row.want)
			}
		})
	}
}
