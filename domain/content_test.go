package domain

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestContentLetters(t *testing.T) {
	for letter, want := range map[string]Content{"f": Foreign, "b": Blank, "u": Used} {
		got, err := ParseContent(letter)
		if err != nil || got != want || got.Letter() != letter {
			t.Errorf("%s: got %v and %v, want %v", letter, got, err, want)
		}
	}
	for _, letter := range []string{"", "x", "F", "fb", "0"} {
		got, err := ParseContent(letter)
		wantKind(t, err, Invalid)
		if got != Foreign {
			t.Errorf("%q: got %v, want foreign: what is not understood is never formatted", letter, got)
		}
	}
	var zero Content
	if zero != Foreign {
		t.Error("a record that fails to say is not foreign")
	}
}

func TestFormatOverTime(t *testing.T) {
	until := at(0)
	for _, test := range []struct {
		name   string
		format Format
		now    time.Time
		want   Proof
	}{
		{"the zero value refuses", Format{}, at(0), ProofRefuse},
		{"never refuses", FormatNever(), at(0), ProofRefuse},
		{"if-empty wants the whole proof", FormatIfEmpty(), at(0), ProofWhole},
		{"if-empty at the beginning of time", FormatIfEmpty(), time.Time{}, ProofWhole},
		{"blank long before the instant", FormatBlankUntil(until), at(-86400), ProofQuick},
		{"blank a moment before it", FormatBlankUntil(until), at(0).Add(-1), ProofQuick},
		{"blank at it", FormatBlankUntil(until), at(0), ProofWhole},
		{"blank after it", FormatBlankUntil(until), at(1), ProofWhole},
		{"blank in another zone", FormatBlankUntil(until.In(time.FixedZone("x", 3600))), at(-1), ProofQuick},
		{"blank without an instant", FormatBlankUntil(time.Time{}), at(0), ProofWhole},
	} {
		if got := test.format.Proof(test.now); got != test.want {
			t.Errorf("%s: got %v, want %v", test.name, got, test.want)
		}
	}
	if ProofQuick >= ProofWhole || ProofWhole >= ProofRefuse {
		t.Error("the proofs do not rise in strictness")
	}
}

func TestProofNeverGetsEasier(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f, now := format().Draw(t, "format"), instant().Draw(t, "now")
		later := now.Add(time.Duration(rapid.Int64Range(0, 1<<55).Draw(t, "later")))
		if f.Proof(later) < f.Proof(now) {
			t.Fatalf("got %v at first and %v later", f.Proof(now), f.Proof(later))
		}
	})
}

func TestFormatText(t *testing.T) {
	for want, f := range map[string]Format{
		"never": FormatNever(), "if-empty": FormatIfEmpty(),
		"blank-until:1800000000": FormatBlankUntil(at(0).Add(999 * time.Millisecond)),
	} {
		if got := f.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		want := format().Draw(t, "format")
		if got, err := ParseFormat(want.String()); err != nil || got != want {
			t.Fatalf("got %v and %v, want %v", got, err, want)
		}
	})
	for _, text := range []string{
		"", "Never", "always", "if-empty ", "blank", "blank-until", "blank-until:", "blank-until:0", "blank-until:-1",
		"blank-until:01", "blank-until:1.5", "blank-until:99999999999999999999", "blank-until:2026-01-01T00:00:00Z",
	} {
		got, err := ParseFormat(text)
		wantKind(t, err, Invalid)
		if got != FormatNever() {
			t.Errorf("%q: got %v, want never", text, got)
		}
	}
}

func TestContentOfVolume(t *testing.T) {
	granted := func(v *Volume) { v.Record.FirstGrant = at(0) }
	content := func(c Content) func(*Volume) {
		return func(v *Volume) { v.Record.Content = c }
	}
	day := int(BlankFor / time.Second)
	for _, test := range []struct {
		name       string
		v          Volume
		now        time.Time
		want, copy Content
	}{
		{"never granted", volume(), at(10 * day), Blank, Blank},
		{"just granted", volume(granted), at(0), Blank, Foreign},
		{"granted by a clock that is ahead", volume(granted), at(-10), Blank, Foreign},
		{"granted for nearly a day", volume(granted), at(day - 1), Blank, Foreign},
		{"granted a day ago", volume(granted), at(day), Used, Foreign},
		{"used", volume(content(Used), granted), at(0), Used, Foreign},
		{"foreign", volume(content(Foreign)), at(0), Foreign, Foreign},
		{"foreign for long", volume(content(Foreign), granted), at(10 * day), Foreign, Foreign},
	} {
		if got := test.v.Content(test.now); got != test.want {
			t.Errorf("%s: got %s, want %s", test.name, got.Letter(), test.want.Letter())
		}
		if got := test.v.CopyContent(); got != test.copy {
			t.Errorf("%s: got %s of a copy, want %s", test.name, got.Letter(), test.copy.Letter())
		}
	}
}
