package domain

import (
	"crypto/sha1" //nolint:gosec // RFC 9562 defines UUIDv5 with SHA-1; it names, it protects nothing
	"encoding/hex"
	"strings"
	"unicode/utf8"
)

const (
	maxNodeName   = 133 // with the dot and 26 characters 160 bytes, so that a record holds two
	uuidCharacter = 26  // base32 characters of 16 bytes
	hostNQNPrefix = "nqn.2014-08.org.nvmexpress:uuid:"
)

// A UUID is 16 bytes in the form of RFC 9562.
type UUID [16]byte

// String returns the UUID in its usual form, lower case.
func (u UUID) String() string {
	h := hex.EncodeToString(u[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// A Host is one node as an NVMe host. Its id is the same after a restart of
// the driver, differs between clones of one machine image that carry different
// names, and says everything a controller needs to admit the host.
type Host struct {
	Name string
	UUID UUID
}

// hostNamespace is the UUIDv5 of the DNS name rds.csi.srvlab.io (RFC 9562,
// section 5.5). It never changes: host ids would.
var hostNamespace = UUID{0x45, 0xc0, 0xbd, 0x33, 0xe1, 0xb2, 0x59, 0x16, 0x91, 0x54, 0x3c, 0x2b, 0xb7, 0x2b, 0xa8, 0xe2}

// NewHost derives the host of a node: UUIDv5 of cluster id, node name and
// machine id. machine is what /etc/machine-id or the DMI product uuid holds,
// white space around it does not count; it may be empty.
func NewHost(cluster ClusterID, node, machine string) (Host, error) {
	if node == "" || len(node) > maxNodeName || !utf8.ValidString(node) || strings.ContainsFunc(node, isControl) {
		return Host{}, Fail(Invalid, "parse node name", "",
			"node id %q: 1 to %d bytes of UTF-8 without control characters are allowed", node, maxNodeName)
	}
	name := strings.Join([]string{string(cluster), node, strings.TrimSpace(machine)}, "\x00")
	digest := sha1.Sum(append(hostNamespace[:], name...)) //nolint:gosec // see the import
	var u UUID
	copy(u[:], digest[:])
	u[6] = u[6]&0x0f | 0x50
	u[8] = u[8]&0x3f | 0x80
	return Host{Name: node, UUID: u}, nil
}

func isControl(r rune) bool { return r < 0x20 || r == 0x7f }

// A NodeID is what CSI calls node_id: "<node name>.<26 base32 of the uuid>".
type NodeID string

// ID returns the node id of the host.
func (h Host) ID() NodeID { return NodeID(h.Name + "." + base32Lower.EncodeToString(h.UUID[:])) }

// NQN returns the host NQN, given on every connect and written into the
// array's filter.
func (h Host) NQN() string { return hostNQNPrefix + h.UUID.String() }

// ParseNodeID reads a node id. One of another shape is no node of ours; ok is
// then false.
func ParseNodeID(s string) (h Host, ok bool) {
	dot := strings.LastIndexByte(s, '.')
	if dot < 1 || dot > maxNodeName || !isBase32(s[dot+1:], uuidCharacter) {
		return Host{}, false
	}
	raw, err := base32Lower.DecodeString(s[dot+1:])
	if err != nil || !utf8.ValidString(s[:dot]) || strings.ContainsFunc(s[:dot], isControl) {
		return Host{}, false
	}
	h = Host{Name: s[:dot], UUID: UUID(raw)}
	return h, string(h.ID()) == s // a second spelling of the same bytes is refused
}

// Name returns the node name in the id, the whole id if it has no shape of ours.
func (n NodeID) Name() string {
	if h, ok := ParseNodeID(string(n)); ok {
		return h.Name
	}
	return string(n)
}

// HostNQN returns the NQN of the host with this id, "" if it has no shape of
// ours.
func (n NodeID) HostNQN() string {
	if h, ok := ParseNodeID(string(n)); ok {
		return h.NQN()
	}
	return ""
}
