package domain

// A HealthStatus says how bad a condition is (CSI 1.13, VolumeHealthErrorType
// and StorageHealthErrorType).
type HealthStatus uint8

// The statuses.
const (
	Degraded     HealthStatus = iota // usable, not as it should be
	Inaccessible                     // can not be used from here
	DataLoss                         // data are known or strongly suspected to be lost
)

// A Condition is one thing that is wrong. Reason is CamelCase and from a fixed
// set; both are at most 128 bytes.
type Condition struct {
	Status  HealthStatus
	Reason  string
	Message string
}

// NewCondition returns a condition whose message is cut to 128 bytes.
func NewCondition(status HealthStatus, reason, message string) Condition {
	return Condition{Status: status, Reason: reason, Message: cut(message, 128)}
}

// Conditions returns what is wrong with v as its array sees it; p is its pool,
// found false if the array has no such pool.
func (v Volume) Conditions(p Pool, found bool, prefix NQNPrefix, fencing Fencing) []Condition {
	switch v.Standing {
	case Damaged:
		return []Condition{NewCondition(Inaccessible, "RecordDamaged", "the record in the disk's comment is missing or broken")}
	case Newer:
		return []Condition{NewCondition(Degraded, "RecordNewer", "the record was written by a newer driver")}
	case NotOurs:
		return nil
	case Ours:
	}
	var conditions []Condition
	add := func(status HealthStatus, reason, message string) {
		conditions = append(conditions, NewCondition(status, reason, message))
	}
	switch reason, ok := p.Healthy(); {
	case !found || !p.Mounted:
		add(Inaccessible, "PoolNotMounted", "pool "+v.Record.Pool+" is not mounted on the array")
	case v.Record.PoolUUID != p.UUID:
		add(DataLoss, "PoolReplaced", "pool "+v.Record.Pool+" has another file system than the volume was made on")
	case !ok:
		add(Degraded, "PoolDegraded", "pool "+p.Name+": "+reason)
	}
	if v.Row.Size < v.Record.Size && v.Record.State == Ready { // a copy grows last
		add(DataLoss, "ImageShrunk", "the image has "+v.Row.Size.String()+", the record says "+v.Record.Size.String())
	}
	switch want := v.Export(prefix, fencing); {
	case !want.On && v.Row.Export.On:
		add(Degraded, "ExportLeft", "exported although no node may hold it, an unpublish of any node sets it right")
	case want.On && v.Row.Export != want:
		add(Inaccessible, "ExportWrong", "the export differs from the record, the next publish sets it right")
	}
	return conditions
}
