package app

import (
	"maps"
	"sync"
	"time"
)

// A memory keeps what was learned lately. What it holds are hints: they save a
// read or choose a place, and are never what a refusal rests on.
type memory[K comparable, V any] struct {
	age time.Duration // after which an entry is forgotten

	mu      sync.Mutex
	entries map[K]remembered[V]
}

type remembered[V any] struct {
	value V
	at    time.Time
}

// memoryMost bounds each memory: with records of at most 1,200 bytes it is about
// ten megabytes.
const memoryMost = 4096

const (
	// seenAge: a stale record costs one write that does nothing, so any age would
	// do; volumes that nobody asks for need not be kept.
	seenAge = time.Hour
	// poolViewAge: pools fill up under others' hands.
	poolViewAge = 10 * time.Second
	// unsettledAge is how long a command that was thought lost may still land:
	// well above any deadline and any time an RDS lets a session live that nobody
	// reads.
	unsettledAge = 10 * time.Minute
)

func newMemory[K comparable, V any](age time.Duration) *memory[K, V] {
	return &memory[K, V]{age: age, entries: make(map[K]remembered[V])}
}

// get returns what was put under the key; ok is false if that is too long ago.
func (m *memory[K, V]) get(key K, now time.Time) (value V, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, ok := m.entries[key]
	if !ok || now.Sub(e.at) >= m.age {
		return value, false
	}
	return e.value, true
}

// put remembers a value. If there are too many, those go that are too old, then
// any other one.
func (m *memory[K, V]) put(key K, value V, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.entries[key] = remembered[V]{value: value, at: now}
	if len(m.entries) <= memoryMost {
		return
	}
	maps.DeleteFunc(m.entries, func(_ K, e remembered[V]) bool { return now.Sub(e.at) >= m.age })
	for other := range m.entries {
		if len(m.entries) <= memoryMost {
			return
		}
		if other != key {
			delete(m.entries, other)
		}
	}
}

func (m *memory[K, V]) drop(key K) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.entries, key)
}
