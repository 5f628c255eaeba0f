package domain_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

func TestContentLetters(t *testing.T) {
	for letter, want := range map[string]domain.Content{"f": domain.Foreign, "b": domain.Blank, "u": domain.Used} {
		got, err := domain.ParseContent(letter)
		if err != nil || got != want || got.Letter() != letter {
			t.Errorf("%s: got %v and %v, want %v", letter, got, err, want)
		}
	}
	for _, letter := range []string{"", "x", "F", "fb", "0"} {
		got, err := domain.ParseContent(letter)
		wantKind(t, err, domain.Invalid)
		if got != domain.Foreign {
			t.Errorf("%q: got %v, want foreign: what is not understood is never formatted", letter, got)
		}
	}
	var zero domain.Content
	if zero != domain.Foreign {
		t.Error("a record that fails to say is not foreign")
	}
}

func TestFormatOverTime(t *testing.T) {
	until := at(0)
	for _, test := range []struct {
		name   string
		format domain.Format
		now    time.Time
		want   domain.Proof
	}{
		{"the zero value refuses", domain.Format{}, at(0), domain.ProofRefuse},
		{"never refuses", domain.FormatNever(), at(0), domain.ProofRefuse},
		{"if-empty wants the whole proof", domain.FormatIfEmpty(), at(0), domain.ProofWhole},
		{"if-empty at the beginning of time", domain.FormatIfEmpty(), time.Time{}, domain.ProofWhole},
		{"blank long before the instant", domain.FormatBlankUntil(until), at(-86400), domain.ProofQuick},
		{"blank a moment before it", domain.FormatBlankUntil(until), at(0).Add(-1), domain.ProofQuick},
		{"blank at it", domain.FormatBlankUntil(until), at(0), domain.ProofWhole},
		{"blank after it", domain.FormatBlankUntil(until), at(1), domain.ProofWhole},
		{"blank in another zone", domain.FormatBlankUntil(until.In(time.FixedZone("x", 3600))), at(-1), domain.ProofQuick},
		{"blank without an instant", domain.FormatBlankUntil(time.Time{}), at(0), domain.ProofWhole},
	} {
		if got := test.format.Proof(test.now); got != test.want {
			t.Errorf("%s: got %v, want %v", test.name, got, test.want)
		}
	}
	if domain.ProofQuick >= domain.ProofWhole || domain.ProofWhole >= domain.ProofRefuse {
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
	for want, f := range map[string]domain.Format{
		"never": domain.FormatNever(), "if-empty": domain.FormatIfEmpty(),
		"blank-until:1800000000": domain.FormatBlankUntil(at(0).Add(999 * time.Millisecond)),
	} {
		if got := f.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		want := format().Draw(t, "format")
		if got, err := domain.ParseFormat(want.String()); err != nil || got != want {
			t.Fatalf("got %v and %v, want %v", got, err, want)
		}
	})
	for _, text := range []string{"", "Never", "always", "blank", "blank-until", "blank-until:", "blank-until:0", "blank-until:-1",
		"blank-until:01", "blank-until:1.5", "blank-until:99999999999999999999", "blank-until:2026-01-01T00:00:00Z", "if-empty "} {
		got, err := domain.ParseFormat(text)
		wantKind(t, err, domain.Invalid)
		if got != domain.FormatNever() {
			t.Errorf("%q: got %v, want never", text, got)
		}
	}
}

func TestContentOfVolume(t *testing.T) {
	granted := func(v *domain.Volume) { v.Record.FirstGrant = at(0) }
	content := func(c domain.Content) func(*domain.Volume) {
		return func(v *domain.Volume) { v.Record.Content = c }
	}
	day := int(domain.BlankFor / time.Second)
	for _, test := range []struct {
		name       string
		v          domain.Volume
		now        time.Time
		want, copy domain.Content
	}{
		{"never granted", volume(), at(10 * day), domain.Blank, domain.Blank},
		{"just granted", volume(granted), at(0), domain.Blank, domain.Foreign},
		{"granted by a clock that is ahead", volume(granted), at(-10), domain.Blank, domain.Foreign},
		{"granted for nearly a day", volume(granted), at(day - 1), domain.Blank, domain.Foreign},
		{"granted a day ago", volume(granted), at(day), domain.Used, domain.Foreign},
		{"used", volume(content(domain.Used), granted), at(0), domain.Used, domain.Foreign},
		{"foreign", volume(content(domain.Foreign)), at(0), domain.Foreign, domain.Foreign},
		{"foreign for long", volume(content(domain.Foreign), granted), at(10 * day), domain.Foreign, domain.Foreign},
	} {
		if got := test.v.Content(test.now); got != test.want {
			t.Errorf("%s: got %s, want %s", test.name, got.Letter(), test.want.Letter())
		}
		if got := test.v.CopyContent(); got != test.copy {
			t.Errorf("%s: got %s of a copy, want %s", test.name, got.Letter(), test.copy.Letter())
		}
	}
}
