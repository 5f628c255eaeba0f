package demo

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// held is an error if anything below dir is mounted or backs a loop device.
func held(dir string) error {
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(table)) {
		if strings.Contains(line, " "+dir+"/") {
			return fmt.Errorf("still mounted: %s", strings.TrimSpace(line))
		}
	}
	backings, err := filepath.Glob("/sys/block/loop*/loop/backing_file")
	if err != nil {
		return err
	}
	for _, path := range backings {
		image, err := os.ReadFile(path)
		if err == nil && strings.HasPrefix(string(image), dir+"/") {
			return fmt.Errorf("still attached: %s", path)
		}
	}
	return nil
}
