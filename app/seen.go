package app

import (
	"sync"
	"time"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// seen keeps volumes as they were read or written last. They are hints: a stale
// one makes a conditional write do nothing. The zero seen is ready to use.
type seen struct {
	mu      sync.Mutex
	volumes map[domain.VolumeID]domain.Volume
}

// seenMost bounds the memory for hints: with records of at most 1,200 bytes it
// is about ten megabytes.
const seenMost = 4096

func (s *seen) get(id domain.VolumeID) (domain.Volume, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.volumes[id]
	return v, ok
}

// put remembers v; when there are too many, any other one is forgotten.
func (s *seen) put(v domain.Volume) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.volumes == nil {
		s.volumes = make(map[domain.VolumeID]domain.Volume)
	}
	s.volumes[v.ID] = v
	for id := range s.volumes {
		if len(s.volumes) <= seenMost {
			return
		}
		if id != v.ID {
			delete(s.volumes, id)
		}
	}
}

func (s *seen) drop(id domain.VolumeID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.volumes, id)
}

// poolViews keeps the pools of each array for a moment. They only choose where
// to make something; the array judges on figures of its own.
type poolViews struct {
	mu    sync.Mutex
	views map[domain.ArrayName]poolView
}

type poolView struct {
	pools []domain.Pool
	at    time.Time
}

const poolViewAge = 10 * time.Second

func (p *poolViews) get(array domain.ArrayName, now time.Time) ([]domain.Pool, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	view, ok := p.views[array]
	return view.pools, ok && now.Sub(view.at) < poolViewAge
}

func (p *poolViews) put(array domain.ArrayName, pools []domain.Pool, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.views == nil {
		p.views = make(map[domain.ArrayName]poolView)
	}
	p.views[array] = poolView{pools: pools, at: now}
}

func (p *poolViews) drop(array domain.ArrayName) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.views, array)
}

// unsettled remembers on which array a create was tried whose outcome nobody
// knows: its retry goes there again, for a command that was thought lost may
// still land.
type unsettled struct {
	mu     sync.Mutex
	arrays map[domain.Slot]domain.ArrayName
}

func (u *unsettled) get(slot domain.Slot) (domain.ArrayName, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	array, ok := u.arrays[slot]
	return array, ok
}

func (u *unsettled) begin(slot domain.Slot, array domain.ArrayName) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.arrays == nil {
		u.arrays = make(map[domain.Slot]domain.ArrayName)
	}
	if len(u.arrays) >= seenMost {
		clear(u.arrays) // creates nobody repeated: a retry asks every array first anyway
	}
	u.arrays[slot] = array
}

func (u *unsettled) settle(slot domain.Slot) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.arrays, slot)
}
