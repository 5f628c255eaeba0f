package ports

import (
	"context"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// A Recorder takes domain events. It never fails and never waits for anything
// outside the process.
type Recorder interface {
	Record(ctx context.Context, e domain.Event)
}
