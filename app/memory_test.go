package app

import (
	"testing"
	"time"
)

func TestMemory(t *testing.T) {
	start := time.Unix(1_000_000, 0)
	later := start.Add(time.Minute)
	holds := func(m *memory[int, string], key int, now time.Time) bool {
		_, ok := m.get(key, now)
		return ok
	}
	t.Run("keeps an entry for its age and not longer", func(t *testing.T) {
		m := newMemory[int, string](time.Minute)
		m.put(1, "one", start)
		if got, ok := m.get(1, later.Add(-1)); !ok || got != "one" {
			t.Errorf("got %q and %t, want what was put", got, ok)
		}
		if got, ok := m.get(1, later); ok || got != "" {
			t.Errorf("got %q and %t, want nothing: that was long ago", got, ok)
		}
	})
	t.Run("forgets what is dropped", func(t *testing.T) {
		m := newMemory[int, string](time.Minute)
		m.put(1, "one", start)
		m.drop(1)
		if holds(m, 1, start) {
			t.Error("it is still there")
		}
	})
	t.Run("forgets rather than grows, and never what was just put", func(t *testing.T) {
		m := newMemory[int, string](time.Minute)
		for i := range memoryMost + 10 {
			m.put(i, "", start)
			if !holds(m, i, start) {
				t.Fatalf("entry %d was forgotten at once", i)
			}
		}
		if len(m.entries) != memoryMost {
			t.Errorf("%d entries, want %d", len(m.entries), memoryMost)
		}
	})
	t.Run("forgets the old before the new", func(t *testing.T) {
		m := newMemory[int, string](time.Minute)
		for i := range memoryMost {
			m.put(i, "", start)
		}
		m.put(-1, "", later)
		m.put(-2, "", later)
		if !holds(m, -1, later) || !holds(m, -2, later) || len(m.entries) != 2 {
			t.Errorf("%d entries, want the two that are new", len(m.entries))
		}
	})
}
