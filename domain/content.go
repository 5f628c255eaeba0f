package domain

import (
	"strconv"
	"strings"
	"time"
)

// Content is what the driver knows to be on a volume. The zero value is
// Foreign, so that a record that fails to say is never formatted.
type Content uint8

// What can be on a volume.
const (
	Foreign Content = iota // restored, cloned, adopted: somebody's data
	Blank                  // made empty by us, first granted less than a day ago if ever
	Used                   // revoked once, or granted longer than that
)

// BlankFor is how long after its first grant a volume made empty by us is
// formatted on the word of its record alone.
const BlankFor = 24 * time.Hour

var contentLetters = [...]string{Foreign: "f", Blank: "b", Used: "u"}

// Letter returns the content as records and snapshot names hold it.
func (c Content) Letter() string { return contentLetters[c] }

// ParseContent reads a letter.
func ParseContent(letter string) (Content, error) {
	for c, l := range contentLetters {
		if l == letter {
			return Content(c), nil
		}
	}
	return Foreign, Fail(Invalid, "parse content", "", "content %q: f, b and u are allowed", letter)
}

// A Format says whether a node may make a file system on a volume it finds
// empty. It does not change while its grant lives. The zero value forbids it.
type Format struct {
	ifEmpty bool
	until   time.Time
}

// FormatNever forbids formatting: the volume holds somebody's data.
func FormatNever() Format { return Format{} }

// FormatIfEmpty allows formatting a volume that proves empty everywhere a
// superblock or its copies could be.
func FormatIfEmpty() Format { return Format{ifEmpty: true} }

// FormatBlankUntil allows formatting on a quick proof until that instant, and
// is FormatIfEmpty from then on.
func FormatBlankUntil(t time.Time) Format {
	return Format{ifEmpty: true, until: t.UTC().Truncate(time.Second)}
}

// A Proof is how much of a device must be shown to be empty before a file
// system may be made on it.
type Proof uint8

// The proofs, in rising order of strictness.
const (
	ProofQuick  Proof = iota // no signature, first 4 MiB and last 1 MiB zero
	ProofWhole               // also every superblock copy and 1,024 blocks spread over the device
	ProofRefuse              // nothing is proof enough
)

// Proof returns what the format demands at the instant now.
func (f Format) Proof(now time.Time) Proof {
	switch {
	case !f.ifEmpty:
		return ProofRefuse
	case now.Before(f.until):
		return ProofQuick
	default:
		return ProofWhole
	}
}

// String returns "never", "if-empty" or "blank-until:<unix seconds>".
func (f Format) String() string {
	switch {
	case !f.ifEmpty:
		return "never"
	case f.until.IsZero():
		return "if-empty"
	default:
		return "blank-until:" + strconv.FormatInt(f.until.Unix(), 10)
	}
}

// ParseFormat reads what String wrote.
func ParseFormat(s string) (Format, error) {
	switch s {
	case "never":
		return FormatNever(), nil
	case "if-empty":
		return FormatIfEmpty(), nil
	}
	if seconds, ok := strings.CutPrefix(s, "blank-until:"); ok {
		if t, err := parseInstant(seconds); err == nil {
			return FormatBlankUntil(t), nil
		}
	}
	return Format{}, Fail(Invalid, "parse format", "",
		"format %q: never, if-empty and blank-until:<unix seconds> are allowed", s)
}

// parseInstant reads unix seconds.
func parseInstant(s string) (time.Time, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n <= 0 || strconv.FormatInt(n, 10) != s {
		return time.Time{}, Fail(Invalid, "parse instant", "", "%q is not an instant in unix seconds", s)
	}
	return time.Unix(n, 0).UTC(), nil
}

func formatInstant(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }
