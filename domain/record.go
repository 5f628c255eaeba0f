package domain

import (
	"slices"
	"strconv"
	"strings"
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

// timingFields returns one field for each value that was given: its letter and
// the number.
func timingFields(t Timings) []string {
	var fields []string
	for i, v := range t {
		if v.set {
			fields = append(fields, timingTable[i].mark+strconv.Itoa(v.value))
		}
	}
	return fields
}

// fields leaves out the access, which is the record's: eight readers on nodes
// with long names have to fit.
func (g Grant) fields() []string {
	readOnly := "rw"
	if g.Use.ReadOnly {
		readOnly = "ro"
	}
	return append([]string{
		string(g.Node), string(g.Use.Mode), readOnly,
		formatInstant(g.Since), strconv.FormatInt(int64(g.Size), 10), g.Format.String(),
	}, timingFields(g.Timings)...)
}

// A decoder collects the keys of one record.
type decoder struct {
	record Record
	keys   map[string]func(fields []string) bool // what each known key sets
	seen   map[string]bool
}

// read takes one pair; ok is false if a known key has a value that encode would
// not have written, or comes twice.
func (d *decoder) read(key, value string) (ok bool) {
	fields, ok := split(value)
	if !ok {
		return false
	}
	set, known := d.keys[key]
	if !known {
		d.record.unknown = append(d.record.unknown, [2]string{key, value})
		return true
	}
	if d.seen[key] && key != "grant" {
		return false
	}
	d.seen[key] = true
	return set(fields)
}

func newDecoder() *decoder {
	d := &decoder{seen: map[string]bool{}}
	r := &d.record
	d.keys = map[string]func([]string) bool{
		"owner":     one(func(s string) bool { r.Owner = Owner(s); return isBase32(s, 8) }),
		"name":      one(func(s string) bool { r.Name = s; return true }),
		"pvc":       two(func(ns, name string) bool { r.Claim = Claim{ns, name}; return ns+name != "" }),
		"size":      one(setTo(&r.Size, ParseSize)),
		"access":    one(setTo(&r.Access, parseRecordAccess)),
		"pool":      one(setTo(&r.Pool, ParsePoolName)),
		"fsuuid":    one(func(s string) bool { r.PoolUUID = s; return true }),
		"array":     one(setTo(&r.Parameters.Array, ParseArrayName)),
		"inpool":    one(setTo(&r.Parameters.Pool, ParsePoolName)),
		"param":     setTimings(&r.Parameters.Timings),
		"timing":    setTimings(&r.Modified),
		"content":   one(setTo(&r.Content, ParseContent)),
		"state":     one(setOneOf(&r.State, Making, Ready, Deleting)),
		"epoch":     one(setTo(&r.Epoch, ParseEpoch)),
		"first":     one(setTo(&r.FirstGrant, parseInstant)),
		"lingering": one(func(s string) bool { r.Lingering = true; return s == "yes" }),
		"grant":     d.readGrant,
		"origin": two(func(kind, name string) bool {
			r.Origin.Name = name
			return setOneOf(&r.Origin.Kind, FromSnapshot, FromVolume, Adopted)(kind)
		}),
		"created": one(setTo(&r.Created, parseInstant)),
		"nonce":   one(func(s string) bool { r.Nonce = s; return true }),
	}
	return d
}

// one makes set take a key that has a single field and never an empty one.
func one(set func(string) bool) func([]string) bool {
	return func(f []string) bool { return len(f) == 1 && f[0] != "" && set(f[0]) }
}

func two(set func(string, string) bool) func([]string) bool {
	return func(f []string) bool { return len(f) == 2 && set(f[0], f[1]) }
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

func setTimings(into *Timings) func([]string) bool {
	return func(fields []string) bool {
		for _, field := range fields {
			for _, row := range timingTable {
				if text, ok := strings.CutPrefix(field, row.mark); ok {
					*into, _ = into.With(row.key, text)
				}
			}
		}
		return slices.Equal(timingFields(*into), fields)
	}
}

func parseRecordAccess(s string) (Access, error) {
	if Access(s) == Block {
		return Block, nil
	}
	return ParseAccess(s)
}

// readGrant takes a holder; its use is whole when the record is.
func (d *decoder) readGrant(f []string) bool {
	if len(f) < 6 || f[2] != "rw" && f[2] != "ro" {
		return false
	}
	_, isNode := ParseNodeID(f[0])
	g := Grant{Node: NodeID(f[0]), Use: Use{Mode: Mode(f[1]), ReadOnly: f[2] == "ro"}}
	ok := isNode && setTo(&g.Since, parseInstant)(f[3]) && setTo(&g.Size, ParseSize)(f[4]) &&
		setTo(&g.Format, ParseFormat)(f[5]) && setTimings(&g.Timings)(f[6:])
	d.record.Grants = append(d.record.Grants, g)
	return ok
}

// finish returns the record if it says everything a decision needs. One with
// grants must name their epoch, or no export could be right, and the first of
// them, or a volume somebody holds would count as never written.
func (d *decoder) finish() (r Record, ok bool) {
	for _, key := range []string{"owner", "size", "access", "pool", "content", "state", "nonce"} {
		if !d.seen[key] {
			return Record{}, false
		}
	}
	r = d.record
	for i, g := range r.Grants {
		use, err := NewUse(r.Access, g.Use.Mode, g.Use.ReadOnly)
		if err != nil || use.ReadOnly != g.Use.ReadOnly {
			return Record{}, false
		}
		r.Grants[i].Use = use
	}
	held := len(r.Grants) > 0
	return r, r.Size > 0 && (!held || r.Epoch != "" && !r.FirstGrant.IsZero() && r.State == Ready)
}
