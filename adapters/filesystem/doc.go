// Package filesystem works on the file systems and the mount table of this Linux
// host, as root: what is on a device, make, check, grow, how full, mount, bind,
// unmount; and it keeps the node's hints under /run.
//
// It believes no path: every device is opened and its number compared before a
// tool or the kernel is told its path, and again afterwards. It believes no
// silence either: a probe that could not read says so. It never forces a mkfs,
// never repairs what needs a decision, never follows a symbolic link at a target
// and never removes a tree. A call that the kernel does not end is left behind
// when its context ends; how many of those there may be is bounded.
//
// Growing, mounting and binding are system calls and need no tool. mkfs.ext4,
// mkfs.xfs, mkfs.btrfs, e2fsck and util-linux's blkid are needed; Linux 5.12 or
// newer is, too.
package filesystem
