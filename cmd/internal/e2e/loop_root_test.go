//go:build root && linux

package e2e_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"git.srvlab.io/whiskey/rds-csi-driver/adapters/filesystem"
	"git.srvlab.io/whiskey/rds-csi-driver/adapters/loop"
	"git.srvlab.io/whiskey/rds-csi-driver/app"
	"git.srvlab.io/whiskey/rds-csi-driver/cmd/internal/e2e"
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

func TestLifeOnLoopDevices(t *testing.T) { e2e.Life(t, onLoop) }

// onLoop opens a world of the embedded RDS, loop devices and real file systems.
func onLoop(t *testing.T) e2e.World {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("tests with the tag root mount and format loop devices: run them as root")
	}
	dir := t.TempDir()
	array, worker := newEmbedded(t, dir), self(t)
	return e2e.World{
		Cluster: cluster, Prefix: domain.DefaultNQNPrefix, Array: array, Pool: "btrfs",
		Self: worker, Dir: paths(t, dir), Files: onDisk{}, NoGrow: noGrow(t),
		Host: func() app.HostPorts {
			fabric := loop.New(loop.Config{
				TargetDir: array.TargetDir(), Prefix: domain.DefaultNQNPrefix, HostNQN: worker.NQN(),
			})
			return app.HostPorts{
				Fabric: fabric, Devices: fabric,
				Filesystems: filesystem.NewFilesystems(4), Mounts: filesystem.NewMounts(4),
				Hints: filesystem.NewHints(filepath.Join(dir, "run"), domain.DefaultNQNPrefix),
			}
		},
		Held: func() ([]string, error) { return held(dir) },
	}
}

// noGrow is ext4 where root lacks what the kernel asks of who resizes one.
func noGrow(t *testing.T) map[domain.Access]string {
	t.Helper()
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData // version 3 fills two
	if err := unix.Capget(&header, &data[0]); err != nil {
		t.Fatal(err)
	}
	if data[0].Effective&(1<<unix.CAP_SYS_RESOURCE) != 0 {
		return nil
	}
	return map[domain.Access]string{domain.Ext4: "CAP_SYS_RESOURCE"}
}

// held returns what is mounted below dir and the loop devices over its images.
func held(dir string) (list []string, err error) {
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(table)) {
		if strings.Contains(line, " "+dir+"/") {
			list = append(list, strings.TrimSpace(line))
		}
	}
	backings, err := filepath.Glob("/sys/block/loop*/loop/backing_file")
	for _, path := range backings {
		if image, err := os.ReadFile(path); err == nil && strings.HasPrefix(string(image), dir+"/") {
			list = append(list, path)
		}
	}
	return list, err
}

// onDisk are the files of a real mount table.
type onDisk struct{}

func (onDisk) WriteFile(_ context.Context, path string, data []byte) error {
	return write(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC|os.O_SYNC, data)
}

func (onDisk) ReadFile(_ context.Context, path string) ([]byte, error) { return os.ReadFile(path) }

func (onDisk) WriteDevice(_ context.Context, path string, data []byte) error {
	return write(path, os.O_WRONLY|os.O_SYNC, data)
}

func write(path string, flags int, data []byte) error {
	f, err := os.OpenFile(path, flags, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}

func (onDisk) ReadDevice(_ context.Context, path string, n int) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	data := make([]byte, n)
	_, err = f.ReadAt(data, 0)
	return data, err
}
