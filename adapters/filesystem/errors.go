package filesystem

import (
	"context"
	"errors"
	"io/fs"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// failed gives an error of this package the form that the ports ask for.
func failed(op, id string, err error) error {
	if _, done := errors.AsType[*domain.Error](err); err == nil || done {
		return err
	}
	kind := domain.Other
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		kind = domain.Unreachable
	case errors.Is(err, fs.ErrPermission):
		kind = domain.Unsupported // of root, who this adapter runs as
	}
	return domain.Fail(kind, op, id, "%w", err)
}
