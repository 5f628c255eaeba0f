package domain

import "strings"

// DefaultNQNPrefix is the prefix that RouterOS itself uses.
const DefaultNQNPrefix NQNPrefix = "nqn.2000-02.com.mikrotik"

// An Epoch tells two terms of holding a volume apart. It is drawn anew each
// time the holders go from none to one, so that a host that was cut off keeps
// asking for a subsystem that will never exist again.
type Epoch string

// EpochBytes is how many random bytes make an Epoch.
const EpochBytes = 5

// NewEpoch makes an Epoch from EpochBytes random bytes.
func NewEpoch(random [EpochBytes]byte) Epoch { return Epoch(base32Lower.EncodeToString(random[:])) }

// ParseEpoch accepts 8 base32 characters.
func ParseEpoch(s string) (Epoch, error) {
	if !isBase32(s, 8) {
		return "", Fail(Invalid, "parse epoch", "", "epoch %q: 8 characters of a-z and 2-7 are allowed", s)
	}
	return Epoch(s), nil
}

// An NQNPrefix is the part of our subsystem names in front of the colon.
type NQNPrefix string

// ParseNQNPrefix accepts "nqn.yyyy-mm." and a reverse domain in lower case, at
// most 128 bytes (NVMe Base Specification 2.0, section 4.5).
func ParseNQNPrefix(s string) (NQNPrefix, error) {
	rest, ok := strings.CutPrefix(s, "nqn.")
	date, domain, dotted := strings.Cut(rest, ".")
	ok = ok && dotted && len(date) == 7 && date[4] == '-' &&
		strings.Trim(date[:4]+date[5:], "0123456789") == "" &&
		domain != "" && len(s) <= 128 &&
		strings.Trim(domain, "abcdefghijklmnopqrstuvwxyz0123456789.-:") == ""
	if !ok {
		return "", Fail(Invalid, "parse nqn prefix", "",
			"nqnPrefix %q: nqn.yyyy-mm. and a reverse domain in lower case is allowed, 128 bytes at most", s)
	}
	return NQNPrefix(s), nil
}

// An NQN names the subsystem under which a volume is exported for one epoch:
// "<prefix>:<slot>.<epoch>".
type NQN struct {
	Prefix NQNPrefix
	Slot   Slot
	Epoch  Epoch
}

// String returns the name as NVMe writes it, "" for the zero NQN.
func (n NQN) String() string {
	if n == (NQN{}) {
		return ""
	}
	return string(n.Prefix) + ":" + string(n.Slot) + "." + string(n.Epoch)
}

// ParseNQN reads a subsystem name under prefix. Any other name is Invalid: it
// is not ours to connect or disconnect.
func ParseNQN(prefix NQNPrefix, s string) (NQN, error) {
	rest, ok := strings.CutPrefix(s, string(prefix)+":")
	dot := strings.LastIndexByte(rest, '.')
	if ok && dot > 0 {
		slot, slotErr := ParseSlot(rest[:dot])
		epoch, epochErr := ParseEpoch(rest[dot+1:])
		if slotErr == nil && epochErr == nil {
			return NQN{Prefix: prefix, Slot: slot, Epoch: epoch}, nil
		}
	}
	return NQN{}, Fail(Invalid, "parse nqn", "", "nqn %q: %s:<slot>.<8 base32 characters> is allowed", s, prefix)
}
