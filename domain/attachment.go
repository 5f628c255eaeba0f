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

// ParsePortal reads "host", "host:port", "v6", "[v6]" or "[v6]:port".
func ParsePortal(s string) (Portal, error) {
	host, port, ok := splitPortal(s)
	n, err := strconv.ParseUint(port, 10, 16)
	if !ok || err != nil || n == 0 || !isAddress(host) && !isHostName(host) {
		return Portal{}, Fail(Invalid, "parse portal", "",
			"portal %q: an address or host name, with :port if it is not %d, is allowed", s, DefaultPort)
	}
	return Portal{Host: host, Port: uint16(n)}, nil
}

// splitPortal takes host and port apart; only IPv6 has brackets or more than
// one colon.
func splitPortal(s string) (host, port string, ok bool) {
	standard := strconv.Itoa(DefaultPort)
	bracketed, opened := strings.CutPrefix(s, "[")
	switch {
	case opened:
		host, rest, closed := strings.Cut(bracketed, "]")
		port, given := strings.CutPrefix(rest, ":")
		if rest == "" {
			port, given = standard, true
		}
		return host, port, closed && given && strings.Contains(host, ":")
	case strings.Count(s, ":") == 1:
		return strings.Cut(s, ":")
	default:
		return s, standard, true
	}
}

// isAddress refuses zones that are not plain words: an address becomes part of
// the options handed to the kernel, which commas separate.
func isAddress(s string) bool {
	a, err := netip.ParseAddr(s)
	return err == nil && escape(a.Zone()) == a.Zone()
}

func isHostName(s string) bool {
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-"
	return s != "" && len(s) <= 253 && strings.Trim(s, allowed) == ""
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
