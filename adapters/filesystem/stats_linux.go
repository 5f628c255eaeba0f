package filesystem

import (
	"context"
	"errors"
	"path/filepath"

	"golang.org/x/sys/unix"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// Stats asks the file system. On a dead one the call hangs, and is left behind
// when ctx ends; the next call on that target waits for it.
func (f *Filesystems) Stats(ctx context.Context, target string) (domain.Usage, error) {
	j := job{op: "stats", id: target, key: filepath.Clean(target)}
	return await(ctx, f.workers, j, func() (domain.Usage, error) {
		l, err := locate("stats", target)
		if err != nil {
			return domain.Usage{}, err
		}
		there, err := at(l.path)
		if err != nil {
			return domain.Usage{}, err
		}
		if len(there) == 0 {
			return domain.Usage{}, domain.Fail(domain.NotFound, "stats", target, "nothing is mounted there")
		}
		var st unix.Statfs_t
		err = unix.Statfs(l.path, &st)
		if errors.Is(err, unix.ENOENT) {
			return domain.Usage{}, domain.Fail(domain.NotFound, "stats", target, "nothing is mounted there")
		}
		if err != nil {
			return domain.Usage{}, domain.Fail(domain.Unreachable, "stats", target, "the file system does not answer: %w", err)
		}
		return usage(&st), nil
	})
}

// usage counts as df does: what only root could use is not available.
func usage(st *unix.Statfs_t) domain.Usage {
	bytes := func(blocks uint64) domain.Size { return domain.Size(blocks) * domain.Size(st.Frsize) } //nolint:gosec // sizes fit
	return domain.Usage{
		Total: bytes(st.Blocks), Used: bytes(st.Blocks - st.Bfree), Available: bytes(st.Bavail),
		Inodes: int64(st.Files), InodesUsed: int64(st.Files - st.Ffree), InodesFree: int64(st.Ffree), //nolint:gosec // counts fit
	}
}
