package domain

import (
	"reflect"
	"strings"
	"testing"
)

// The seeds are under testdata/fuzz.

func FuzzDecode(f *testing.F) {
	f.Fuzz(func(t *testing.T, comment string, made bool) {
		for _, text := range []string{comment, seal(comment), seal(comment + "/")} {
			r, standing := Decode(text, cluster.Owner(), made)
			if standing != Ours {
				if !reflect.DeepEqual(r, Record{}) {
					t.Fatalf("got standing %d and %+v", standing, r)
				}
				continue
			}
			written, err := r.Encode()
			if err != nil {
				wantKind(t, err, Exhausted)
				continue
			}
			again, standing := Decode(written, cluster.Owner(), made)
			if standing != Ours || !reflect.DeepEqual(again, asRead(r, again)) {
				t.Fatalf("got standing %d and\n%+v, want\n%+v", standing, again, r)
			}
			v := volume(func(v *Volume) { v.Record = r })
			v.Export(prefix, FenceByHost)
			v.Content(at(0))
			for _, g := range r.Grants {
				if _, ok := v.Attach(g.Node, prefix, nil); !ok {
					t.Fatalf("got a holder %q that can not attach", g.Node)
				}
			}
		}
	})
}

func FuzzParseSize(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseSize(text)
		if err != nil {
			return
		}
		if up, err := s.RoundUp(MiB); s < 0 || err == nil && (up < s || up-s >= MiB) {
			t.Fatalf("got %d, rounded %d", s, up)
		}
		if back := strings.TrimLeft(text, "0123456789"); back != "" || text != "0" && strings.HasPrefix(text, "0") {
			t.Fatalf("got %d from %q", s, text)
		}
	})
}

func FuzzParseNQN(f *testing.F) {
	f.Fuzz(func(t *testing.T, prefixText, text string) {
		p, err := ParseNQNPrefix(prefixText)
		if err != nil {
			p = prefix
		}
		n, err := ParseNQN(p, text)
		if err != nil {
			return
		}
		if n.String() != text || strings.ContainsAny(text, ", \n\x00") || len(text) > 223 {
			t.Fatalf("got %v from %q", n, text)
		}
	})
}

func FuzzParseNodeID(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string) {
		h, ok := ParseNodeID(text)
		if !ok {
			if NodeID(text).HostNQN() != "" {
				t.Fatalf("%q has a host NQN and is no node", text)
			}
			return
		}
		if string(h.ID()) != text || h.Name == "" || len(text) > 160 || NodeID(text).Name() != h.Name {
			t.Fatalf("got %v from %q", h, text)
		}
	})
}

func FuzzParseEntry(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string) {
		s, ok := ParseEntry("rds1", text)
		if !ok {
			return
		}
		if s.Entry() != text || s.Size <= 0 || strings.ContainsAny(text, "/\x00") {
			t.Fatalf("got %+v from %q", s, text)
		}
		if _, isID := ParseSnapshotID(s.ID.String()); !isID {
			t.Fatalf("got id %v", s.ID)
		}
	})
}

// FuzzParseAttachment reads lines of key=value.
func FuzzParseAttachment(f *testing.F) {
	f.Fuzz(func(t *testing.T, lines string) {
		c := map[string]string{}
		for line := range strings.SplitSeq(lines, "\n") {
			key, value, _ := strings.Cut(line, "=")
			c[key] = value
		}
		a, err := ParseAttachment(prefix, c)
		if err != nil {
			wantKind(t, err, Invalid)
			return
		}
		again, err := ParseAttachment(prefix, a.Context())
		if err != nil || !reflect.DeepEqual(again, a) {
			t.Fatalf("got %+v and %v, want %+v", again, err, a)
		}
		words := []string{a.Target.NQN.String(), a.Target.HostNQN, a.Target.HostID}
		for _, p := range a.Target.Portals {
			words = append(words, p.Host)
		}
		for _, w := range words {
			if w == "" || strings.ContainsAny(w, ", \t\r\n\x00=") {
				t.Fatalf("got %q for the kernel's options", w)
			}
		}
	})
}

func FuzzParsePortal(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParsePortal(text)
		if err != nil {
			return
		}
		again, err := ParsePortal(p.String())
		if err != nil || again != p || strings.ContainsAny(p.Host, ", =[]/\n\x00") {
			t.Fatalf("got %+v and %v from %q, want %+v", again, err, p, p)
		}
	})
}
