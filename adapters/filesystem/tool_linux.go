package filesystem

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// packages names where a missing tool comes from.
var packages = map[string]string{
	"blkid": "util-linux", "e2fsck": "e2fsprogs",
	"mkfs.ext4": "e2fsprogs", "mkfs.xfs": "xfsprogs", "mkfs.btrfs": "btrfs-progs",
}

// maxOutput is how much of a tool's words is kept.
const maxOutput = 16 << 10

// An answer is what a tool said and how it ended.
type answer struct {
	code     int
	out, err string
}

// words returns what the tool said, on one line, for an error message.
func (a answer) words() string {
	text := strings.Join(strings.Fields(a.err+" "+a.out), " ")
	if len(text) > 400 {
		text = text[:400] + "…"
	}
	return fmt.Sprintf("exit status %d: %s", a.code, text)
}

// run runs a tool to its end. When ctx ends the tool is asked to stop, with a
// signal that it can catch.
//
// It has no terminal to ask on, a process group of its own, so that Ctrl-C on
// the driver does not reach it, and writes to files in memory, so that a driver
// that dies does not take a pipe from under it.
func run(ctx context.Context, tool string, args ...string) (answer, error) {
	path, err := exec.LookPath(tool)
	if err != nil {
		return answer{}, noTool(tool, err)
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(unix.SIGTERM) }
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	stdout, err := memory(tool)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = stdout.Close() }()
	stderr, err := memory(tool)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = stderr.Close() }()
	cmd.Stdout, cmd.Stderr = stdout, stderr
	err = cmd.Run()
	a := answer{code: cmd.ProcessState.ExitCode(), out: text(stdout), err: text(stderr)}
	if _, exited := errors.AsType[*exec.ExitError](err); exited && a.code >= 0 {
		return a, nil
	}
	if ctx.Err() != nil {
		return a, ctx.Err()
	}
	if err != nil {
		return a, fmt.Errorf("%s: %w: %s", tool, err, a.words())
	}
	return a, nil
}

func noTool(tool string, err error) error {
	return domain.Fail(domain.Unsupported, tool, "", "%s is missing on this host, install %s: %w", tool, packages[tool], err)
}

func memory(name string) (*os.File, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("memory for the output of %s: %w", name, err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

func text(f *os.File) string {
	b, _ := io.ReadAll(io.NewSectionReader(f, 0, maxOutput))
	return string(b)
}
