package demo

import (
	"os"
	"os/exec"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// growsExt4 reports whether this process may grow a mounted ext4, which the
// kernel allows to CAP_SYS_RESOURCE only; root in a container may lack it.
func growsExt4() bool {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(status)) {
		if set, ok := strings.CutPrefix(line, "CapEff:"); ok {
			n, err := strconv.ParseUint(strings.TrimSpace(set), 16, 64)
			return err == nil && n&(1<<unix.CAP_SYS_RESOURCE) != 0
		}
	}
	return false
}

// makesXFS reports whether mkfs.xfs is there.
func makesXFS() bool {
	_, err := exec.LookPath("mkfs.xfs")
	return err == nil
}
