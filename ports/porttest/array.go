package porttest

import (
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
	"git.srvlab.io/whiskey/rds-csi-driver/ports"
)

// An Array is an array under test: the three ports to it, and hooks that do
// what an administrator, other software, a broken line or bad luck do. The
// hooks go past the ports and are never silent; they may be called while a
// Meanwhile runs.
type Array interface {
	Facts() Facts

	// Volumes, Snapshots and Pools return clients of the array as it runs now.
	// Each call may return another one: two replicas of the driver.
	Volumes() ports.Volumes
	Snapshots() ports.Snapshots
	Pools() ports.Pools

	// Silence makes the array silent as o says, until Speak.
	Silence(o Outage)
	Speak()

	// Meanwhile runs do once, after the given step of the next call that gets
	// so far: what another session does between two commands of one line. do
	// may use ports and hooks.
	Meanwhile(step int, do func())

	// Reboot starts the array again as after a power cut. Clients got before
	// are of no use afterwards.
	Reboot() error

	// AddDisk adds a disk with an image that is sparse and as large as the disk
	// says, unless an image lies there already.
	AddDisk(d Disk) error
	// Edit changes any property of a disk but its slot.
	Edit(slot domain.Slot, edit func(*Disk)) error
	// RemoveDisk removes a disk and keeps its image.
	RemoveDisk(slot domain.Slot) error
	// Disks returns every disk with an image or other backing that was made
	// through a port or AddDisk, by slot.
	Disks() ([]Disk, error)

	// SetPool says what ails a pool from now on.
	SetPool(name string, f PoolFault) error

	// Paths returns the array's path of every file and directory on its pools
	// that a port or a hook made, sorted.
	Paths() ([]string, error)
	// ReadImage and WriteImage work on the bytes of the file with that path.
	ReadImage(path string, offset domain.Size, into []byte) error
	WriteImage(path string, offset domain.Size, from []byte) error

	// Exports returns what the array's target shows on the network now, by NQN.
	Exports() (map[string]Shown, error)
}

// Facts are what a suite must know of an array. Both pools are healthy, of at
// least 8 GiB, and empty; further pools may be there. Every slot and image
// belongs to Cluster unless a hook made it.
type Facts struct {
	Name    domain.ArrayName
	Cluster domain.ClusterID
	Prefix  domain.NQNPrefix
	Fencing domain.Fencing
	Copying string // a pool that can take snapshots
	Plain   string // a pool that can not, and allocates an image fully
}

// A When is the moment at which an array falls silent.
type When uint8

// The moments. For the caller all of them are Unreachable.
const (
	Before When = iota // nothing has happened
	During             // a part of the effect has happened
	After              // the whole effect has happened, the reply is lost
)

// An Outage is a silence of an array.
type Outage struct {
	When When
	// Step is how many steps of a call happen in a silence During. A step is
	// whatever the array does in one go, so that it is never half done; a call
	// that takes fewer is answered. 0: one step, and every call is silenced.
	Step int
	// Hang makes calls wait for their context; else they fail at once.
	Hang bool
}

// A Disk is a disk of an array, as its administrator sees it.
type Disk struct {
	Slot    string
	Type    string // "": file
	Comment string
	Path    string // of the image; "" in AddDisk: one outside our place
	Size    domain.Size
	Export  bool
	NQN     string
	Host    string
	Mounted []string // partitions in the image that the array has mounted
}

// A PoolFault is what ails a pool. The zero value is a healthy one.
type PoolFault struct {
	Unmounted bool
	ReadOnly  bool
	State     string      // of the RAID; "": clean
	UUID      string      // of another file system mounted in its place
	Taken     domain.Size // by data that are not images
}

// Shown is an export as a host finds it.
type Shown struct {
	Path string // of the image, as the array spells it
	Host string // the host NQN that is admitted, "" for every one
}
