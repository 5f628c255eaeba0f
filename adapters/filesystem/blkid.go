package filesystem

import (
	"strings"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// A signature is what libblkid recognized.
type signature struct {
	domain.Signature
	table      string // type of partition table
	ambivalent bool   // several at once; libblkid does not say which
}

// parseBlkid reads the output of `blkid -p -o export` about one device. One that
// names neither a type nor a partition table is nothing that is understood here,
// and so not ok.
func parseBlkid(out string) (s signature, ok bool) {
	for line := range strings.Lines(out) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		value = unquote(value)
		switch key {
		case "TYPE":
			s.Type = value
		case "LABEL":
			s.Label = value
		case "UUID":
			s.UUID = value
		case "PTTYPE":
			s.table = value
		case "PTUUID":
			if s.UUID == "" {
				s.UUID = value
			}
		}
	}
	return s, s.Type != "" || s.table != ""
}

// unquote takes away the backslashes that blkid puts before what a shell would
// read.
func unquote(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// isUtilLinux reports whether the output of `blkid -V` is util-linux's. BusyBox
// has a blkid that knows other options and exit codes, and fewer signatures.
func isUtilLinux(version string) bool {
	return strings.HasPrefix(version, "blkid from util-linux") && strings.Contains(version, "libblkid")
}
