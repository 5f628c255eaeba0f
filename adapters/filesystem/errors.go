package filesystem

import (
	"context"
	"errors"
	"io/fs"
	"syscall"

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
	case errors.Is(err, syscall.EIO), errors.Is(err, syscall.ENOTCONN), errors.Is(err, syscall.ESHUTDOWN):
		kind = domain.Unreachable // the disk or its file system does not answer
	case errors.Is(err, fs.ErrPermission):
		kind = domain.Unsupported // of root, who this adapter runs as
	}
	return domain.Fail(kind, op, id, "%w", err)
}
