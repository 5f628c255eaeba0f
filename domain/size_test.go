package domain

import (
	"math"
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

const most = Size(math.MaxInt64)

func TestSizeString(t *testing.T) {
	for size, want := range map[Size]string{
		0: "0 bytes", 1: "1 bytes", 1023: "1023 bytes", KiB: "1 KiB", 1536 * KiB: "1536 KiB",
		GiB: "1 GiB", 1536 * MiB: "1536 MiB", 1024 * GiB: "1 TiB", most: "9223372036854775807 bytes",
	} {
		if got := size.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestParseSize(t *testing.T) {
	for _, test := range []struct {
		text string
		want Size
		ok   bool
	}{
		{"0", 0, true}, {"1", 1, true}, {"9223372036854775807", most, true},
		{"9223372036854775808", 0, false}, {"18446744073709551616", 0, false}, {"-1", 0, false}, {"+1", 0, false},
		{"01", 0, false}, {"1k", 0, false}, {"1 ", 0, false}, {"", 0, false}, {"0x10", 0, false}, {"1_000", 0, false},
		{"1.0", 0, false}, {"١", 0, false},
	} {
		got, err := ParseSize(test.text)
		if got != test.want || (err == nil) != test.ok {
			t.Errorf("%q: got %d and %v, want %d, ok %t", test.text, got, err, test.want, test.ok)
		}
		if !test.ok {
			wantKind(t, err, Invalid)
		}
	}
}

func TestParseSizeReadsWhatIsWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(0, math.MaxInt64).Draw(t, "bytes")
		got, err := ParseSize(strconv.FormatInt(n, 10))
		if err != nil || got != Size(n) {
			t.Fatalf("got %d and %v, want %d", got, err, n)
		}
	})
}

func TestRoundUp(t *testing.T) {
	for _, test := range []struct{ size, unit, want Size }{
		{0, MiB, 0}, {1, MiB, MiB}, {MiB, MiB, MiB},
		{MiB + 1, MiB, 2 * MiB}, {4095, 4096, 4096}, {most, 1, most},
		{most - MiB + 1, MiB, most - MiB + 1}, // the last whole MiB there is
		{most - 9, 10, most - 7},              // and the last ten
	} {
		got, err := test.size.RoundUp(test.unit)
		if err != nil || got != test.want {
			t.Errorf("%d to %d: got %d and %v, want %d", test.size, test.unit, got, err, test.want)
		}
	}
	for _, size := range []Size{most, most - 1, most - MiB + 2} {
		got, err := size.RoundUp(MiB)
		if !Is(err, OutOfRange) {
			t.Errorf("%d: got %d and %v, want out of range", size, got, err)
		}
	}
}

func TestRoundUpIsTheNextMultiple(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := Size(rapid.Int64Range(0, math.MaxInt64).Draw(t, "size"))
		unit := Size(rapid.Int64Range(1, 1<<40).Draw(t, "unit"))
		got, err := size.RoundUp(unit)
		if err != nil {
			if next := size/unit + 1; next <= most/unit {
				t.Fatalf("%d is refused although %d fits", size, next*unit)
			}
			return
		}
		if got < size || got%unit != 0 || got-size >= unit {
			t.Fatalf("got %d, want the next multiple of %d from %d", got, unit, size)
		}
	})
}

func TestNewSizeRange(t *testing.T) {
	for _, test := range []struct {
		required, limit int64
		ok              bool
	}{
		{0, 0, true}, {1, 0, true}, {0, 1, true}, {5, 5, true}, {4, 5, true}, {math.MaxInt64, math.MaxInt64, true},
		{-1, 0, false}, {0, -1, false}, {6, 5, false}, {math.MinInt64, math.MaxInt64, false},
	} {
		got, err := NewSizeRange(test.required, test.limit)
		if !test.ok {
			wantKind(t, err, Invalid)
			continue
		}
		if want := (SizeRange{Required: Size(test.required), Limit: Size(test.limit)}); err != nil || got != want {
			t.Errorf("got %v and %v, want %v", got, err, want)
		}
	}
}

func TestSizeRangeInWords(t *testing.T) {
	for r, want := range map[SizeRange]string{
		{}:                              "at least 0 bytes",
		{Required: GiB}:                 "at least 1 GiB",
		{Limit: GiB}:                    "0 bytes to 1 GiB",
		{Required: MiB, Limit: 2 * MiB}: "1 MiB to 2 MiB",
	} {
		if got := r.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestChoose(t *testing.T) {
	const k4, mi, gi = 4 * KiB, MiB, GiB
	for _, test := range []struct {
		name                             string
		required, limit, least, fallback Size
		want                             Size // 0: out of range
	}{
		{"nothing named is the fallback", 0, 0, k4, gi, gi},
		{"nothing named, the file system needs more", 0, 0, 2 * gi, gi, 2 * gi},
		{"nothing named, an odd source is rounded up", 0, 0, k4, gi + 1, gi + mi},
		{"only a limit above the fallback", 0, 2 * gi, k4, gi, gi},
		{"only a limit below the fallback", 0, 5 * mi, k4, gi, 5 * mi},
		{"only an odd limit is rounded down to 4 KiB", 0, 5*mi + 4097, k4, gi, 5*mi + k4},
		{"only an odd limit that is the fallback", 0, 5*mi + 1, k4, 5*mi + 1, 5 * mi},
		{"only a limit below the least", 0, 5 * mi, 6 * mi, gi, 0},
		{"only a limit that is the least", 0, 300 * mi, 300 * mi, gi, 300 * mi},
		{"only a limit below a block", 0, 4095, 0, gi, 0},
		{"required is rounded up to MiB", 1, 0, k4, gi, mi},
		{"required is kept where it is whole", 7 * mi, 0, k4, gi, 7 * mi},
		{"required below the least", mi, 0, 300 * mi, gi, 300 * mi},
		{"an odd least is rounded up", mi, 0, 2*mi + 1, gi, 3 * mi},
		{"required is the limit", 5 * mi, 5 * mi, k4, gi, 5 * mi},
		{"MiB passes the limit, 4 KiB does not", 5*mi + 1, 5*mi + k4, k4, gi, 5*mi + k4},
		{"not even 4 KiB fits", 5*mi + 1, 5*mi + k4 - 1, k4, gi, 0},
		{"the least is above the limit", mi, 5 * mi, 300 * mi, gi, 0},
		{"nothing is no size", 0, 0, 0, 0, mi},
		{"the largest that can be counted", most - mi + 1, 0, k4, gi, most - mi + 1},
		{"MiB overflows, 4 KiB does not", most - k4, 0, k4, gi, most - k4 + 1},
		{"everything overflows", most, 0, k4, gi, 0},
		{"everything overflows within a limit", most, most, k4, gi, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := SizeRange{Required: test.required, Limit: test.limit}.Choose(test.least, test.fallback)
			if test.want == 0 {
				wantKind(t, err, OutOfRange)
				return
			}
			if err != nil || got != test.want {
				t.Errorf("got %d and %v, want %d", got, err, test.want)
			}
		})
	}
}

func TestChooseStaysInRange(t *testing.T) {
	near := rapid.OneOf(rapid.Int64Range(0, 1<<14), rapid.Int64Range(0, 1<<42),
		rapid.Int64Range(math.MaxInt64-1<<22, math.MaxInt64))
	rapid.Check(t, func(t *rapid.T) {
		r := SizeRange{Required: Size(near.Draw(t, "required")), Limit: Size(near.Draw(t, "limit"))}
		least, fallback := Size(near.Draw(t, "least")), Size(near.Draw(t, "fallback"))
		got, err := r.Choose(least, fallback)
		if err != nil {
			wantKind(t, err, OutOfRange)
			if down := r.Limit / 4096 * 4096; down >= max(r.Required, least, 4096) {
				t.Fatalf("%v is refused although %d would do", r, down)
			}
			return
		}
		switch {
		case !r.Allows(got), got < least, got <= 0, got%4096 != 0:
			t.Fatalf("got %d for %v, least %d", got, r, least)
		case r.Required == 0 && r.Limit == 0 && got-max(fallback, least) >= MiB:
			t.Fatalf("got %d, want at most a MiB above the fallback %d", got, fallback)
		}
	})
}
