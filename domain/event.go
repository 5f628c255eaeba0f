package domain

// An Event is something an operator may have to act on. The set is closed.
type Event interface{ event() }

// FormatRefused says that a node would not make a file system.
type FormatRefused struct {
	Volume   VolumeID
	Reason   Refusal
	Evidence string
}

// AttachmentConflict says that a node was refused a volume another one holds.
type AttachmentConflict struct {
	Volume VolumeID
	Node   NodeID
	Err    error // names the holder
}

// FencingOpened says that the array admits every host to a volume while
// several nodes share it.
type FencingOpened struct {
	Volume VolumeID
}

// RecordDamaged says that a disk in our place has no readable record.
type RecordDamaged struct {
	Volume VolumeID
}

func (FormatRefused) event()      {}
func (AttachmentConflict) event() {}
func (FencingOpened) event()      {}
func (RecordDamaged) event()      {}
