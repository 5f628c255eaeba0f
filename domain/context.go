package domain

import (
	"encoding/hex"
	"strconv"
	"strings"
)

// Context returns the attachment as a CSI publish context.
func (a Attachment) Context() map[string]string {
	portals := make([]string, len(a.Target.Portals))
	for i, p := range a.Target.Portals {
		portals[i] = p.String()
	}
	c := map[string]string{
		"array": string(a.ID.Array), "slot": string(a.ID.Slot), "nqn": a.Target.NQN.String(),
		"portals": strings.Join(portals, ","), "hostNQN": a.Target.HostNQN, "hostID": a.Target.HostID,
		"size": strconv.FormatInt(int64(a.Size), 10), "format": a.Format.String(),
		"copy": strconv.FormatBool(a.Copy), "readOnly": strconv.FormatBool(a.ReadOnly),
	}
	for _, p := range a.Target.Timings.Pairs() {
		c[p[0]] = p[1]
	}
	return c
}

// ParseAttachment reads a publish context. A missing or wrong key is Invalid
// and named; unknown keys are ignored.
func ParseAttachment(prefix NQNPrefix, c map[string]string) (Attachment, error) {
	var a Attachment
	for _, field := range a.contextFields(prefix) {
		text := c[field.key]
		if text == "" {
			return Attachment{}, badContext("%s is missing", field.key)
		}
		if err := field.read(text); err != nil {
			return Attachment{}, badContext("%s: %w", field.key, err)
		}
	}
	for _, key := range TimingKeys() {
		text, given := c[key]
		if !given {
			continue
		}
		var err error
		if a.Target.Timings, err = a.Target.Timings.With(key, text); err != nil {
			return Attachment{}, badContext("%s: %w", key, err)
		}
	}
	switch {
	case a.Target.NQN.Slot != a.ID.Slot:
		return Attachment{}, badContext("nqn %q is not of slot %s", c["nqn"], a.ID.Slot)
	case a.Target.HostNQN != hostNQNPrefix+a.Target.HostID:
		return Attachment{}, badContext("hostNQN %q is not of hostID %s", a.Target.HostNQN, a.Target.HostID)
	}
	return a, nil
}

func badContext(format string, args ...any) error {
	return Fail(Invalid, "parse publish context", "", "publish_context."+format, args...)
}

// A contextField reads the value of one key into an attachment.
type contextField struct {
	key  string
	read func(text string) error
}

// contextFields returns the keys that must be there, in the order they are
// complained of.
func (a *Attachment) contextFields(prefix NQNPrefix) []contextField {
	return []contextField{
		{"array", into(&a.ID.Array, ParseArrayName)},
		{"slot", into(&a.ID.Slot, ParseSlot)},
		{"nqn", into(&a.Target.NQN, func(s string) (NQN, error) { return ParseNQN(prefix, s) })},
		{"portals", into(&a.Target.Portals, parsePortals)},
		{"hostNQN", into(&a.Target.HostNQN, func(s string) (string, error) { return s, nil })},
		{"hostID", into(&a.Target.HostID, parseHostID)},
		{"size", into(&a.Size, parseGrantedSize)},
		{"format", into(&a.Format, ParseFormat)},
		{"copy", into(&a.Copy, parseFlag)},
		{"readOnly", into(&a.ReadOnly, parseFlag)},
	}
}

func into[T any](to *T, parse func(string) (T, error)) func(string) error {
	return func(s string) (err error) {
		*to, err = parse(s)
		return err
	}
}

func parsePortals(list string) ([]Portal, error) {
	var portals []Portal
	for s := range strings.SplitSeq(list, ",") {
		p, err := ParsePortal(s)
		if err != nil {
			return nil, err
		}
		portals = append(portals, p)
	}
	return portals, nil
}

// parseHostID accepts a UUID in its usual form, the only one the kernel takes.
func parseHostID(s string) (string, error) {
	raw, err := hex.DecodeString(strings.ReplaceAll(s, "-", ""))
	if err != nil || len(raw) != len(UUID{}) || UUID(raw).String() != s {
		return "", Fail(Invalid, "parse host id", "", "%q is not a UUID in lower case", s)
	}
	return s, nil
}

// parseGrantedSize refuses nothing at all: any device would be large enough.
func parseGrantedSize(s string) (Size, error) {
	size, err := ParseSize(s)
	if err == nil && size == 0 {
		err = Fail(Invalid, "parse size", "", "0 bytes are no volume")
	}
	return size, err
}

func parseFlag(s string) (bool, error) {
	if s != "true" && s != "false" {
		return false, Fail(Invalid, "parse flag", "", "%q: true and false are allowed", s)
	}
	return s == "true", nil
}
