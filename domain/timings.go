package domain

import (
	"slices"
	"strconv"
	"strings"
)

// A Timing is one of the NVMe host's connection settings that a StorageClass
// or VolumeAttributesClass may name.
type Timing uint8

// The timings (Linux drivers/nvme/host/fabrics.h).
const (
	CtrlLossTmo    Timing = iota // seconds, -1: never give up
	ReconnectDelay               // seconds
	KeepAliveTmo                 // seconds
	FastIOFailTmo                // seconds, unset: I/O waits
	NrIOQueues                   // number
	QueueSize                    // entries, unset: the kernel's
	timingCount
)

var timingTable = [timingCount]struct {
	key         string
	mark        string // one letter for the key in records, where space is short
	least, most int
	byDefault   string // "" leaves it to the kernel
}{
	CtrlLossTmo:    {"ctrlLossTmo", "c", -1, 86_400, "-1"},
	ReconnectDelay: {"reconnectDelay", "r", 1, 600, "2"},
	KeepAliveTmo:   {"keepAliveTmo", "k", 1, 600, "5"},
	FastIOFailTmo:  {"fastIOFailTmo", "f", 0, 86_400, ""},
	NrIOQueues:     {"nrIOQueues", "n", 1, 128, "4"},
	QueueSize:      {"queueSize", "q", 16, 1024, ""},
}

// Key returns the name of the timing in parameters and contexts.
func (t Timing) Key() string { return timingTable[t].key }

// TimingKeys returns the names of all timings, in a fixed order.
func TimingKeys() []string {
	keys := make([]string, 0, timingCount)
	for _, row := range timingTable {
		keys = append(keys, row.key)
	}
	return keys
}

// Timings holds the values that were given; the zero value holds none. It is
// comparable.
type Timings [timingCount]struct {
	set   bool
	value int
}

// DefaultTimings returns the values used where nobody says otherwise.
func DefaultTimings() Timings {
	var t Timings
	for i, row := range timingTable {
		if row.byDefault != "" {
			t[i].set = true
			t[i].value, _ = strconv.Atoi(row.byDefault)
		}
	}
	return t
}

// Get returns the value of one timing; ok is false if none was given.
func (t Timings) Get(which Timing) (value int, ok bool) {
	return t[which].value, t[which].set
}

// With returns t with the value of key read from text. Unknown keys and values
// outside the range are Invalid.
func (t Timings) With(key, text string) (Timings, error) {
	i := slices.Index(TimingKeys(), key)
	if i < 0 {
		return t, Fail(Invalid, "parse timing", "", "parameter %q is unknown, allowed are %s",
			key, strings.Join(TimingKeys(), ", "))
	}
	row := timingTable[i]
	n, err := strconv.Atoi(text)
	if err != nil || strconv.Itoa(n) != text || n < row.least || n > row.most {
		return t, Fail(Invalid, "parse timing", "", "parameter %s %q: a whole number from %d to %d is allowed",
			key, text, row.least, row.most)
	}
	t[i].set, t[i].value = true, n
	return t, nil
}

// Over returns base with the values of t laid over it.
func (t Timings) Over(base Timings) Timings {
	for i := range t {
		if t[i].set {
			base[i] = t[i]
		}
	}
	return base
}

// Pairs returns the given values as key and decimal text, in a fixed order.
func (t Timings) Pairs() [][2]string {
	var pairs [][2]string
	for i, v := range t {
		if v.set {
			pairs = append(pairs, [2]string{timingTable[i].key, strconv.Itoa(v.value)})
		}
	}
	return pairs
}
