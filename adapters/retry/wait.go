package retry

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// A Wait waits after a number of tries and says whether there is another: nil,
// or why not.
type Wait func(ctx context.Context, tries int) error

// ErrEnough is why a Wait of Backoff gives up when no tries are left.
var ErrEnough = errors.New("that is enough")

// ErrLate is why it gives up when the caller's deadline comes before the next
// try would.
var ErrLate = errors.New("no time is left for another")

// DefaultWait allows 5 tries, the pauses between them 0.2 to 1.6 seconds at
// most: enough for a dropped connection. What takes longer is the
// orchestrator's to repeat.
func DefaultWait() Wait { return Backoff(5, 200*time.Millisecond, 5*time.Second, rand.Float64) }

// Backoff allows that many tries. The pause before the second is up to first,
// and each later one up to twice as long as the one before, up to most; chance,
// from 0 to 1, says how much of its upper half is left out, so that callers cut
// off together do not come back together. It never waits for a try that the
// caller's deadline would cut off.
func Backoff(tries int, first, most time.Duration, chance func() float64) Wait {
	return func(ctx context.Context, tried int) error {
		if tried >= tries {
			return ErrEnough
		}
		pause := first
		for range tried - 1 {
			pause = min(2*pause, most)
		}
		pause -= time.Duration(chance() * float64(pause) / 2)
		if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= pause {
			return ErrLate
		}
		timer := time.NewTimer(pause)
		defer timer.Stop()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
			return nil
		}
	}
}
