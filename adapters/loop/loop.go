// Package loop is the fabric on loop devices, for a machine without NVMe/TCP: a
// target is a directory of links to images (package targetdir), a controller is
// a loop device. It obeys export and allowed host when it connects; what is
// connected then stays, as no array can take a loop device away.
//
// It remembers nothing. Which loop device belongs to which subsystem and host
// NQN is read from the kernel each time, so that another process finds what
// this one connected. It refuses to list, open for change or detach any loop
// device that it did not set up.
package loop

import "git.srvlab.io/whiskey/rds-csi-driver/domain"

// A Config says where the target is and whose devices are meant.
type Config struct {
	// TargetDir is the directory into which the array exports.
	TargetDir string
	// Prefix is the part of subsystem names in front of the colon. Nothing
	// outside it is connected, listed or touched.
	Prefix domain.NQNPrefix
	// HostNQN is the host whose devices Prove and Rescan mean where several
	// hosts on this machine have one subsystem. Empty means any.
	HostNQN string
	// Dev is where device nodes are, /dev if empty. Nodes that are missing there
	// are made.
	Dev string
}
