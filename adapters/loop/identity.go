package loop

import (
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"
	"strings"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// An identity is what a loop device of ours stands for: the connection of one
// host to one subsystem.
//
// The kernel keeps it in two places that both go when the device goes. The name
// under which the image was opened is "<dir>/.<nqn>@<host>"; it is a hard link
// that was removed again, and sysfs still shows it. And lo_file_name holds a
// hash of the same, set by the ioctl that made the device. A device is ours
// only if the two agree, so that no name that looks like ours makes it so.
type identity struct {
	nqn  domain.NQN
	host string
}

const (
	hostPrefix = "nqn.2014-08.org.nvmexpress:uuid:" // left out of names: it is always the same
	maxName    = 255                                // NAME_MAX
	tagPrefix  = "rds-csi/1/"
	deleted    = " (deleted)" // what the kernel puts behind the path of a removed file
)

// name returns the identity as a file name. One that could not be read back is
// Invalid: its device would be nobody's.
func (id identity) name() (string, error) {
	name := "." + id.nqn.String() + "@" + strings.TrimPrefix(id.host, hostPrefix)
	if len(name) > maxName {
		return "", domain.Fail(domain.Invalid, "loop connect", id.nqn.String(),
			"subsystem and host nqn have %d bytes together, %d are allowed", len(name), maxName)
	}
	read, ok := parseName(id.nqn.Prefix, "/"+name)
	if !ok || read != id || strings.ContainsAny(name, "/\n\x00") {
		return "", domain.Fail(domain.Invalid, "loop connect", id.nqn.String(),
			"host nqn %q: %s<uuid> is allowed", id.host, hostPrefix)
	}
	return name, nil
}

// tag returns what lo_file_name holds, which has room for 63 bytes.
func (id identity) tag() string {
	sum := sha256.Sum256([]byte(id.nqn.String() + "\x00" + id.host))
	return tagPrefix + hex.EncodeToString(sum[:24])
}

// parseName reads the identity from the path of a backing file as sysfs shows
// it; ok is false for a file that is not named by us, or under another prefix.
func parseName(prefix domain.NQNPrefix, path string) (id identity, ok bool) {
	name := strings.TrimSuffix(filepath.Base(strings.TrimSuffix(path, "\n")), deleted)
	name, dotted := strings.CutPrefix(name, ".")
	at := strings.LastIndexByte(name, '@')
	if !dotted || at < 0 || at == len(name)-1 {
		return identity{}, false
	}
	nqn, err := domain.ParseNQN(prefix, name[:at])
	if err != nil {
		return identity{}, false
	}
	host := name[at+1:]
	if !strings.HasPrefix(host, "nqn.") {
		host = hostPrefix + host
	}
	return identity{nqn: nqn, host: host}, true
}
