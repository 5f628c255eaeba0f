package domain

import (
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

func TestDefaultTimings(t *testing.T) {
	got := DefaultTimings().Pairs()
	want := [][2]string{{"ctrlLossTmo", "-1"}, {"reconnectDelay", "2"}, {"keepAliveTmo", "5"}, {"nrIOQueues", "4"}}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if _, given := DefaultTimings().Get(FastIOFailTmo); given {
		t.Error("got a fastIOFailTmo, want it off")
	}
}

func TestTimingRanges(t *testing.T) {
	var keys []string
	for _, row := range timingRanges() {
		keys = append(keys, row.which.Key())
		for value, ok := range map[string]bool{
			strconv.Itoa(row.least): true, strconv.Itoa(row.most): true,
			strconv.Itoa(row.least - 1): false, strconv.Itoa(row.most + 1): false,
			"": false, "x": false, "1.5": false, "+2": false, "02": false, " 2": false, "2s": false,
			"99999999999999999999": false,
		} {
			got, err := Timings{}.With(row.key, value)
			n, given := got.Get(row.which)
			if (err == nil) != ok || given != ok || (ok && strconv.Itoa(n) != value) {
				t.Errorf("%s=%q: got %v and %v, want ok %t", row.key, value, got.Pairs(), err, ok)
			}
			if !ok {
				wantKind(t, err, Invalid)
				wantText(t, err, row.key)
			}
		}
	}
	if !slices.Equal(keys, TimingKeys()) {
		t.Errorf("got keys %v, want %v", TimingKeys(), keys)
	}
}

func TestUnknownTimingIsNamed(t *testing.T) {
	for _, key := range []string{"", "ctrllosstmo", "mkfsOptions", "size"} {
		given := timings("nrIOQueues=2")
		got, err := given.With(key, "1")
		wantKind(t, err, Invalid)
		wantText(t, err, strconv.Quote(key)+" is unknown, allowed are ctrlLossTmo, ")
		if got != given {
			t.Errorf("got %v, want what was given before", got.Pairs())
		}
	}
}

func TestTimingsOver(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		top, base := someTimings().Draw(t, "top"), someTimings().Draw(t, "base")
		got := top.Over(base)
		for _, row := range timingRanges() {
			want, given := top.Get(row.which)
			if !given {
				want, given = base.Get(row.which)
			}
			if n, ok := got.Get(row.which); n != want || ok != given {
				t.Fatalf("got %s %d and %t, want %d and %t", row.key, n, ok, want, given)
			}
		}
		if got.Over(base) != got || top.Over(Timings{}) != top || (Timings{}).Over(base) != base {
			t.Fatal("laying the same or nothing over it changes it")
		}
	})
}

func TestTimingsFromTheirPairs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := someTimings().Draw(t, "timings")
		var got Timings
		for _, p := range want.Pairs() {
			got = must(got.With(p[0], p[1]))
		}
		if got != want {
			t.Fatalf("got %v, want %v", got.Pairs(), want.Pairs())
		}
	})
}
