package domain

import (
	"crypto/sha256"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The record's text: "rds-csi/1/" and key=value pairs separated by slashes,
// values percent-encoded down to [A-Za-z0-9._-] with fields joined by "~", the
// checksum last. The format lives as long as volumes do: keys may be added,
// their meaning never changes within a major version.
const (
	recordFamily = "rds-csi/"
	recordPrefix = recordFamily + "1/"
	// MaxRecord is the longest comment we write, in bytes.
	MaxRecord = 1200

	checksumKey    = "sum"
	checksumLength = 8
	joiner         = "~"
)

// Encode returns the record as a comment of at most MaxRecord bytes. Too long,
// it first loses the claim, then as much of the CSI name's end as it takes, both
// of which only people read; a record that is still too long is Exhausted and must not be
// written. Neither must one that Decode would not read, such as one dated by a
// clock that was never set: it would be damaged for ever.
func (r Record) Encode() (string, error) {
	text := r.encode()
	if len(text) > MaxRecord {
		r.Claim = Claim{}
		text = r.encode()
	}
	for len(text) > MaxRecord && r.Name != "" {
		r.Name = cut(r.Name, len(r.Name)-1)
		text = r.encode()
	}
	if len(text) > MaxRecord {
		return "", Fail(Exhausted, "encode record", "",
			"the volume's record would have %d bytes of %d: too many holders, or names too long", len(text), MaxRecord)
	}
	if again, ok := decode(text); !ok || again.encode() != text {
		return "", Fail(Other, "encode record", "", "the volume's record could not be read back: %s", text)
	}
	return text, nil
}

// cut shortens s to at most n bytes without breaking a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

func (r Record) encode() string {
	var b strings.Builder
	b.WriteString(recordPrefix)
	for _, p := range r.pairs() {
		b.WriteString(p[0] + "=" + p[1] + "/")
	}
	return b.String() + checksumKey + "=" + checksum(b.String())
}

func checksum(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base32Lower.EncodeToString(sum[:])[:checksumLength]
}

// escape percent-encodes everything outside [A-Za-z0-9._-].
func escape(s string) string {
	const hexDigits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; isPlain(c) {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'%', hexDigits[c>>4], hexDigits[c&15]})
		}
	}
	return b.String()
}

func isPlain(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '.' || c == '_' || c == '-'
}

// unescape undoes escape. Text that escape would not have written is damaged.
func unescape(s string) (string, bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case isPlain(s[i]):
			b.WriteByte(s[i])
		case s[i] == '%' && i+2 < len(s):
			n, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
			if err != nil {
				return "", false
			}
			b.WriteByte(byte(n))
			i += 2
		default:
			return "", false
		}
	}
	return b.String(), escape(b.String()) == s
}

func join(fields ...string) string {
	escaped := make([]string, len(fields))
	for i, f := range fields {
		escaped[i] = escape(f)
	}
	return strings.Join(escaped, joiner)
}

func split(value string) ([]string, bool) {
	fields := strings.Split(value, joiner)
	for i, f := range fields {
		var ok bool
		if fields[i], ok = unescape(f); !ok {
			return nil, false
		}
	}
	return fields, true
}

// Decode reads a disk's comment. made says that the disk's slot has our shape,
// so that a missing record there is damage and not somebody else's disk. Only
// with standing Ours does the record mean anything.
func Decode(comment string, owner Owner, made bool) (Record, Standing) {
	version, isRecord := strings.CutPrefix(comment, recordFamily)
	if !isRecord {
		if made {
			return Record{}, Damaged
		}
		return Record{}, NotOurs
	}
	major, _, _ := strings.Cut(version, "/")
	if n, err := strconv.ParseUint(major, 10, 16); err == nil && n > 1 {
		return Record{}, Newer
	}
	r, ok := decode(comment)
	switch {
	case !ok:
		return Record{}, Damaged
	case r.Owner != owner:
		return Record{}, NotOurs
	default:
		return r, Ours
	}
}

// decode reads the text of a version 1 record; ok is false if anything in it is
// not what encode writes.
func decode(comment string) (r Record, ok bool) {
	body, sum, found := cutLast(comment, "/"+checksumKey+"=")
	rest, isV1 := strings.CutPrefix(body+"/", recordPrefix)
	if !found || !isV1 || sum != checksum(body+"/") || len(comment) > 2*MaxRecord {
		return Record{}, false
	}
	d := newDecoder()
	for pair := range strings.SplitSeq(strings.TrimSuffix(rest, "/"), "/") {
		key, value, isPair := strings.Cut(pair, "=")
		if !isPair || key == "" || escape(key) != key || key == checksumKey || !d.read(key, value) {
			return Record{}, false
		}
	}
	return d.finish()
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}
