package app

import (
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// A Creation is a wish for a volume and from where it must be reachable.
type Creation struct {
	domain.VolumeRequest
	// Reachable lists topology segments, the preferred first; a fitting array
	// serves at least one. Empty: anywhere.
	Reachable []map[string]string
	// Source is what to copy, named by Origin; its array is Source.
	Source domain.ArrayName
}

// A CapacityQuery asks how much more can be made.
type CapacityQuery struct {
	Parameters domain.Parameters
	Access     domain.Access // "" for any
	Reachable  map[string]string
}

// A Capacity is the answer.
type Capacity struct {
	Available domain.Size // over all arrays that answered
	Largest   domain.Size // the largest single volume
	Least     domain.Size // the smallest
}

// A SnapshotFilter limits a list of snapshots. Zero fields do not limit.
type SnapshotFilter struct {
	ID     *domain.SnapshotID
	Source *domain.VolumeID
}

// A VolumeHealth is what is wrong with one volume.
type VolumeHealth struct {
	ID         domain.VolumeID
	Conditions []domain.Condition
}

// A Staging is a request to make a volume ready on this node.
type Staging struct {
	Attachment domain.Attachment
	Use        domain.Use
	Path       string // the staging path: a directory for a file system
	Options    []string
}

// A Publication is a request to show a staged volume to a workload.
type Publication struct {
	Slot     domain.Slot
	Use      domain.Use // ReadOnly: this target only
	Staging  string
	Target   string
	Options  []string
	Attached domain.Attachment
}

// A NodeInfo is what the node says of itself.
type NodeInfo struct {
	ID         domain.NodeID
	MaxVolumes int64
	Topology   map[string]string
}
