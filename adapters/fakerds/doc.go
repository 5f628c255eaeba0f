// Package fakerds is a whole ROSE Data Server in this process: disks, pools,
// snapshots and exports, kept in a directory. It is the embedded default and
// the fake of the tests, and keeps the promises of the array ports.
//
// It knows what RouterOS knows and no more: the record of a volume is its
// disk's comment, removing a disk keeps its file, the host filter is one name,
// and a line of several commands can be cut, or another session's command can
// run, between any two of them.
package fakerds
