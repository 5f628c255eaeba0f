package domain

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// A Portal is an address on which an array's NVMe/TCP target listens.
type Portal struct {
	Host string // an IP address or a host name, resolved by the node
	Port uint16
}

// DefaultPort is NVMe/TCP's registered I/O port.
const DefaultPort = 4420

// ParsePortal reads "host", "host:port" or "[v6]:port".
func ParsePortal(s string) (Portal, error) {
	p := Portal{Host: s, Port: DefaultPort}
	bare := strings.Count(s, ":") > 1 && !strings.HasPrefix(s, "[")
	if colon := strings.LastIndexByte(s, ':'); colon >= 0 && !bare && !strings.HasSuffix(s, "]") {
		port, err := strconv.ParseUint(s[colon+1:], 10, 16)
		if err != nil || port == 0 {
			return Portal{}, badPortal(s)
		}
		p = Portal{Host: s[:colon], Port: uint16(port)}
	}
	p.Host = strings.TrimSuffix(strings.TrimPrefix(p.Host, "["), "]")
	if _, err := netip.ParseAddr(p.Host); err == nil {
		return p, nil
	}
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-"
	if p.Host == "" || len(p.Host) > 253 || strings.Trim(p.Host, allowed) != "" {
		return Portal{}, badPortal(s)
	}
	return p, nil
}

func badPortal(s string) error {
	return Fail(Invalid, "parse portal", "", "portal %q: an address or host name, with :port if it is not 4420, is allowed", s)
}

// String returns "host:port", with brackets around IPv6.
func (p Portal) String() string {
	host := p.Host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return host + ":" + strconv.Itoa(int(p.Port))
}

// A Target is what a host connects to, and as whom.
type Target struct {
	NQN     NQN
	Portals []Portal
	HostNQN string
	HostID  string // the UUID in HostNQN
	Timings Timings
}

// An Attachment is everything a node needs to hold a volume. It travels as the
// CSI publish context and is kept in the node's hints; all but the portals is
// fixed while the grant lives.
type Attachment struct {
	ID     VolumeID
	Target Target
	Size   Size // the device has at least that
	Format Format
	Copy   bool // made from a snapshot or volume: the file system may be smaller
	// ReadOnly: the grant is a reader's, also where the access mode is a writer's.
	ReadOnly bool
}

// Attach returns the attachment of the node's grant; ok is false if it has
// none.
func (v Volume) Attach(node NodeID, prefix NQNPrefix, portals []Portal) (a Attachment, ok bool) {
	g, ok := v.Granted(node)
	host, isHost := ParseNodeID(string(node))
	if !ok || !isHost {
		return Attachment{}, false
	}
	return Attachment{
		ID: v.ID,
		Target: Target{
			NQN:     NQN{Prefix: prefix, Slot: v.ID.Slot, Epoch: v.Record.Epoch},
			Portals: slices.Clone(portals), HostNQN: host.NQN(), HostID: host.UUID.String(), Timings: g.Timings,
		},
		Size: g.Size, Format: g.Format, Copy: v.Record.Origin.Kind != FromNothing, ReadOnly: g.Use.ReadOnly,
	}, true
}

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
	for _, key := range []string{"array", "slot", "nqn", "portals", "hostNQN", "hostID", "size", "format", "copy"} {
		if c[key] == "" {
			return Attachment{}, Fail(Invalid, "parse publish context", "", "publish_context.%s is missing", key)
		}
	}
	var a Attachment
	var errs [7]error
	a.ID.Array, errs[0] = ParseArrayName(c["array"])
	a.ID.Slot, errs[1] = ParseSlot(c["slot"])
	a.Target.NQN, errs[2] = ParseNQN(prefix, c["nqn"])
	a.Target.Portals, errs[3] = parsePortals(c["portals"])
	a.Size, errs[4] = ParseSize(c["size"])
	a.Format, errs[5] = ParseFormat(c["format"])
	a.Target.Timings, errs[6] = contextTimings(c)
	for _, err := range errs {
		if err != nil {
			return Attachment{}, Fail(Invalid, "parse publish context", "", "publish_context: %w", err)
		}
	}
	a.Target.HostNQN, a.Target.HostID = c["hostNQN"], c["hostID"]
	a.Copy, a.ReadOnly = c["copy"] == "true", c["readOnly"] == "true"
	if a.Target.NQN.Slot != a.ID.Slot {
		return Attachment{}, Fail(Invalid, "parse publish context", "",
			"publish_context.nqn %q is not of slot %s", c["nqn"], a.ID.Slot)
	}
	return a, nil
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

func contextTimings(c map[string]string) (t Timings, err error) {
	for _, key := range TimingKeys() {
		if text, given := c[key]; given {
			if t, err = t.With(key, text); err != nil {
				return t, err
			}
		}
	}
	return t, nil
}
