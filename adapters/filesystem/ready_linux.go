package filesystem

import (
	"context"
	"errors"
	"os/exec"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// Ready reports whether this process can make, mount and grow that file system:
// Unsupported, with everything that is missing, if not.
func (f *Filesystems) Ready(ctx context.Context, a domain.Access) error {
	maker, ok := makers[a]
	if !ok {
		return domain.Fail(domain.Invalid, "ready", "", "file system %q: ext4, xfs and btrfs are allowed", a)
	}
	_, err := await(ctx, f.workers, job{op: "ready", key: "ready " + string(a)}, func() (struct{}, error) {
		missing := []error{f.needBlkid(ctx)}
		tools := []string{maker.tool}
		if a == domain.Ext4 {
			tools = append(tools, "e2fsck")
			if !mayResizeExt4() {
				missing = append(missing, errNoResize)
			}
		}
		for _, tool := range tools {
			if _, err := exec.LookPath(tool); err != nil {
				missing = append(missing, noTool(tool, err))
			}
		}
		fs, err := fileSystem(string(a))
		if err == nil {
			err = fs.Close()
		}
		if err = errors.Join(append(missing, err)...); err != nil {
			return struct{}{}, domain.Fail(domain.Unsupported, "ready", string(a), "%w", err)
		}
		return struct{}{}, nil
	})
	return err
}
