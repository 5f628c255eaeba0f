package app

import (
	"maps"
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

// get returns the array's pools; ok is false if they were not seen lately.
func (p *poolViews) get(array domain.ArrayName, now time.Time) (pools []domain.Pool, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	view, ok := p.views[array]
	if !ok || now.Sub(view.at) >= poolViewAge {
		return nil, false
	}
	return view.pools, true
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
// still land. Only that the volume is there settles it, or time: a refusal of
// the retry says nothing about the first try.
type unsettled struct {
	mu    sync.Mutex
	tries map[domain.Slot]try
}

type try struct {
	array domain.ArrayName
	at    time.Time
}

// unsettledAge is how long a command that was thought lost may still land: well
// above any deadline and any time an RDS lets a session live that nobody reads.
const unsettledAge = 10 * time.Minute

func (u *unsettled) get(slot domain.Slot, now time.Time) (domain.ArrayName, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	t, ok := u.tries[slot]
	return t.array, ok && now.Sub(t.at) < unsettledAge
}

// put notes a try. If there are too many, those go that can not land any more,
// then all: a retry asks every array first anyway.
func (u *unsettled) put(slot domain.Slot, array domain.ArrayName, now time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.tries) >= seenMost {
		maps.DeleteFunc(u.tries, func(_ domain.Slot, t try) bool { return now.Sub(t.at) >= unsettledAge })
	}
	if u.tries == nil || len(u.tries) >= seenMost {
		u.tries = make(map[domain.Slot]try)
	}
	u.tries[slot] = try{array: array, at: now}
}

func (u *unsettled) settle(slot domain.Slot) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.tries, slot)
}
