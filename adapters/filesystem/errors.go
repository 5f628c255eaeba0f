package filesystem

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"syscall"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// failed gives an error of this package the form that the ports ask for: a
// *domain.Error that names the object.
func failed(op, id string, err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*domain.Error](err); ok {
		if e.Error() != err.Error() { // with more around it, which stays
			return &domain.Error{Kind: e.Kind, Op: e.Op, Err: err}
		}
		return &domain.Error{Kind: e.Kind, Op: e.Op, ID: cmp.Or(e.ID, id), Err: e.Err}
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
