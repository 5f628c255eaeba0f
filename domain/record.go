package domain

import (
	"slices"
	"strconv"
	"time"
)

// pairs returns the record's keys and encoded values in the order they are
// written. Empty optional values are left out.
func (r Record) pairs() [][2]string {
	var pairs [][2]string
	put := func(key string, fields ...string) {
		if value := join(fields...); value != "" {
			pairs = append(pairs, [2]string{key, value})
		}
	}
	put("owner", string(r.Owner))
	put("name", r.Name)
	if r.Claim != (Claim{}) {
		put("pvc", r.Claim.Namespace, r.Claim.Name)
	}
	put("size", strconv.FormatInt(int64(r.Size), 10))
	put("access", string(r.Access))
	put("pool", r.Pool)
	put("fsuuid", r.PoolUUID)
	put("array", string(r.Parameters.Array))
	put("inpool", r.Parameters.Pool)
	put("param", timingFields(r.Parameters.Timings)...)
	put("timing", timingFields(r.Modified)...)
	put("content", r.Content.Letter())
	put("state", string(r.State))
	put("epoch", string(r.Epoch))
	putInstant(put, "first", r.FirstGrant)
	if r.Lingering {
		put("lingering", "yes")
	}
	for _, g := range r.Grants {
		put("grant", g.fields()...)
	}
	if r.Origin != (Origin{}) {
		put("origin", string(r.Origin.Kind), r.Origin.Name)
	}
	putInstant(put, "created", r.Created)
	put("nonce", r.Nonce)
	return append(pairs, r.unknown...)
}

func putInstant(put func(string, ...string), key string, t time.Time) {
	if !t.IsZero() {
		put(key, formatInstant(t))
	}
}

func timingFields(t Timings) []string {
	var fields []string
	for _, p := range t.Pairs() {
		fields = append(fields, p[0], p[1])
	}
	return fields
}

func (g Grant) fields() []string {
	readOnly := "rw"
	if g.Use.ReadOnly {
		readOnly = "ro"
	}
	return append([]string{
		string(g.Node), string(g.Use.Access), string(g.Use.Mode), readOnly,
		formatInstant(g.Since), strconv.FormatInt(int64(g.Size), 10), g.Format.String(),
	}, timingFields(g.Timings)...)
}

// A decoder collects the keys of one record.
type decoder struct {
	record Record
	seen   map[string]bool
}

// read takes one pair; ok is false if a known key has a value that encode would
// not have written, or comes twice.
func (d *decoder) read(key, value string) (ok bool) {
	if key != "grant" && d.seen[key] {
		return false
	}
	d.seen[key] = true
	fields, ok := split(value)
	if !ok {
		return false
	}
	if set, known := d.list()[key]; known {
		return set(fields)
	}
	if set, known := d.single()[key]; known {
		return len(fields) == 1 && fields[0] != "" && set(fields[0])
	}
	d.record.unknown = append(d.record.unknown, [2]string{key, value})
	return true
}

// single returns the setters of keys with one field.
func (d *decoder) single() map[string]func(string) bool {
	r := &d.record
	return map[string]func(string) bool{
		"owner":     func(s string) bool { r.Owner = Owner(s); return isBase32(s, 8) },
		"name":      func(s string) bool { r.Name = s; return true },
		"size":      setTo(&r.Size, ParseSize),
		"access":    setTo(&r.Access, parseRecordAccess),
		"pool":      setTo(&r.Pool, ParsePoolName),
		"fsuuid":    func(s string) bool { r.PoolUUID = s; return true },
		"array":     setTo(&r.Parameters.Array, ParseArrayName),
		"inpool":    setTo(&r.Parameters.Pool, ParsePoolName),
		"content":   setTo(&r.Content, ParseContent),
		"state":     setOneOf(&r.State, Making, Ready, Deleting),
		"epoch":     setTo(&r.Epoch, ParseEpoch),
		"first":     setTo(&r.FirstGrant, parseInstant),
		"lingering": func(s string) bool { r.Lingering = true; return s == "yes" },
		"created":   setTo(&r.Created, parseInstant),
		"nonce":     func(s string) bool { r.Nonce = s; return true },
	}
}

// list returns the setters of keys with several fields.
func (d *decoder) list() map[string]func([]string) bool {
	r := &d.record
	return map[string]func([]string) bool{
		"pvc": func(f []string) bool {
			if len(f) != 2 {
				return false
			}
			r.Claim = Claim{Namespace: f[0], Name: f[1]}
			return true
		},
		"origin": func(f []string) bool {
			if len(f) != 2 {
				return false
			}
			r.Origin.Name = f[1]
			return setOneOf(&r.Origin.Kind, FromSnapshot, FromVolume, Adopted)(f[0])
		},
		"param":  func(f []string) bool { return setTimings(&r.Parameters.Timings, f) },
		"timing": func(f []string) bool { return setTimings(&r.Modified, f) },
		"grant": func(f []string) bool {
			g, ok := parseGrant(f)
			r.Grants = append(r.Grants, g)
			return ok
		},
	}
}

func setTo[T any](into *T, parse func(string) (T, error)) func(string) bool {
	return func(s string) bool {
		v, err := parse(s)
		*into = v
		return err == nil
	}
}

func setOneOf[T ~string](into *T, allowed ...T) func(string) bool {
	return func(s string) bool {
		*into = T(s)
		return slices.Contains(allowed, *into)
	}
}

func setTimings(into *Timings, fields []string) bool {
	if len(fields)%2 != 0 {
		return false
	}
	for pair := range slices.Chunk(fields, 2) {
		var err error
		if *into, err = into.With(pair[0], pair[1]); err != nil {
			return false
		}
	}
	return slices.Equal(timingFields(*into), fields)
}

func parseRecordAccess(s string) (Access, error) {
	if Access(s) == Block {
		return Block, nil
	}
	return ParseAccess(s)
}

func parseGrant(f []string) (g Grant, ok bool) {
	if len(f) < 7 || f[3] != "rw" && f[3] != "ro" {
		return Grant{}, false
	}
	if _, ok := ParseNodeID(f[0]); !ok {
		return Grant{}, false
	}
	access, accessErr := parseRecordAccess(f[1])
	use, useErr := NewUse(access, Mode(f[2]), f[3] == "ro")
	since, sinceErr := parseInstant(f[4])
	size, sizeErr := ParseSize(f[5])
	format, formatErr := ParseFormat(f[6])
	g = Grant{Node: NodeID(f[0]), Use: use, Since: since, Size: size, Format: format}
	for _, err := range []error{accessErr, useErr, sinceErr, sizeErr, formatErr} {
		if err != nil {
			return Grant{}, false
		}
	}
	return g, setTimings(&g.Timings, f[7:])
}

// complete reports whether the record says everything a decision needs. A
// record with grants must name their epoch, or no export could be right.
func (d *decoder) complete() bool {
	for _, key := range []string{"owner", "size", "access", "pool", "content", "state", "nonce"} {
		if !d.seen[key] {
			return false
		}
	}
	r := d.record
	return r.Size > 0 && (len(r.Grants) == 0 || r.Epoch != "" && r.State == Ready)
}
