package domain

import (
	"fmt"
	"math"
	"strconv"
)

// A Size is a number of bytes. It is never negative.
type Size int64

// Units of Size. RouterOS and Kubernetes both count in powers of two.
const (
	KiB Size = 1 << 10
	MiB Size = 1 << 20
	GiB Size = 1 << 30
	TiB Size = 1 << 40
)

// DefaultSize is what a create that names no capacity gets.
const DefaultSize = GiB

// String returns the size in the largest unit that divides it, such as "1536
// MiB"; nothing is rounded.
func (s Size) String() string {
	for _, u := range []struct {
		unit Size
		name string
	}{{TiB, "TiB"}, {GiB, "GiB"}, {MiB, "MiB"}, {KiB, "KiB"}} {
		if s != 0 && s%u.unit == 0 {
			return fmt.Sprintf("%d %s", s/u.unit, u.name)
		}
	}
	return fmt.Sprintf("%d bytes", int64(s))
}

// ParseSize reads a whole number of bytes in decimal. Anything else, signs and
// units included, is Invalid: a size that is rounded or cut loses data.
func ParseSize(text string) (Size, error) {
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil || strconv.FormatUint(n, 10) != text {
		return 0, Fail(Invalid, "parse size", "", "%q is not a whole number of bytes", text)
	}
	return Size(n), nil
}

// RoundUp returns the smallest multiple of unit that is at least s. It is
// OutOfRange where that number does not fit.
func (s Size) RoundUp(unit Size) (Size, error) {
	over := s % unit
	if over == 0 {
		return s, nil
	}
	if s > math.MaxInt64-(unit-over) {
		return 0, Fail(OutOfRange, "round size", "", "required_bytes %d is beyond what can be counted", int64(s))
	}
	return s + unit - over, nil
}

// A SizeRange is a request for capacity: at least Required and, unless Limit
// is zero, at most Limit bytes.
type SizeRange struct {
	Required, Limit Size
}

// NewSizeRange checks the two numbers of a CSI CapacityRange.
func NewSizeRange(required, limit int64) (SizeRange, error) {
	switch {
	case required < 0:
		return SizeRange{}, Fail(Invalid, "parse size", "", "capacity_range.required_bytes %d is negative", required)
	case limit < 0:
		return SizeRange{}, Fail(Invalid, "parse size", "", "capacity_range.limit_bytes %d is negative", limit)
	case limit > 0 && required > limit:
		return SizeRange{}, Fail(Invalid, "parse size", "",
			"capacity_range.required_bytes %d is above limit_bytes %d", required, limit)
	}
	return SizeRange{Required: Size(required), Limit: Size(limit)}, nil
}

// Allows reports whether a volume of s bytes satisfies the request.
func (r SizeRange) Allows(s Size) bool {
	return s >= r.Required && (r.Limit == 0 || s <= r.Limit)
}

// String returns the range in words.
func (r SizeRange) String() string {
	if r.Limit == 0 {
		return "at least " + r.Required.String()
	}
	return r.Required.String() + " to " + r.Limit.String()
}

// Choose returns the size to make: the required bytes, at least least and 4
// KiB, rounded up to whole MiB, or to 4 KiB where only that stays within the
// limit. Without required bytes it is fallback, or the limit where that is
// smaller.
func (r SizeRange) Choose(least, fallback Size) (Size, error) {
	want := r.Required
	if want == 0 {
		want = fallback
		if r.Limit > 0 {
			want = min(want, r.Limit-r.Limit%(4*KiB))
		}
	}
	want = max(want, least, 4*KiB)
	for _, unit := range []Size{MiB, 4 * KiB} {
		size, err := want.RoundUp(unit)
		if err == nil && (r.Limit == 0 || size <= r.Limit) {
			return size, nil
		}
		if err != nil && unit == 4*KiB {
			return 0, err
		}
	}
	return 0, Fail(OutOfRange, "choose size", "",
		"capacity_range.limit_bytes %d is below %s, the least that fits the request", int64(r.Limit), want)
}
