package csi

import (
	"path"
	"slices"
	"strings"

	spec "github.com/container-storage-interface/spec/lib/go/csi"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

func invalid(format string, args ...any) error {
	return domain.Fail(domain.Invalid, "parse", "", format, args...)
}

// absent is the answer to a name that nothing of ours can have: no array has to
// be asked.
func absent(format string, args ...any) error {
	return domain.Fail(domain.NotFound, "parse", "", format, args...)
}

func missing(field string) error { return invalid("%s is missing", field) }

// parseVolume reads a volume id for the controller. One of no shape of ours is
// the zero id: an absent volume.
func (s Settings) parseVolume(field, handle string) (domain.VolumeID, error) {
	if handle == "" {
		return domain.VolumeID{}, missing(field)
	}
	id, _ := s.Handles.Parse(handle)
	return id, nil
}

// parseSlot reads a volume id for the node.
func (s Settings) parseSlot(handle string) (domain.Slot, error) {
	if handle == "" {
		return "", missing("volume_id")
	}
	slot, ok := s.Handles.ParseSlot(handle)
	if !ok {
		return "", absent("volume_id %q names no volume of this driver", handle)
	}
	return slot, nil
}

// parseNode reads a node id that was given.
func parseNode(id string) (domain.NodeID, error) {
	if _, ok := domain.ParseNodeID(id); !ok {
		return "", absent("node_id %q names no node of this driver", id)
	}
	return domain.NodeID(id), nil
}

// parseRange reads a capacity range; none leaves the choice to us.
func parseRange(r *spec.CapacityRange) (domain.SizeRange, error) {
	return domain.NewSizeRange(r.GetRequiredBytes(), r.GetLimitBytes())
}

// parseMost reads max_entries.
func parseMost(n int32) (int, error) {
	if n < 0 {
		return 0, invalid("max_entries %d is negative, 0 stands for all", n)
	}
	return int(n), nil
}

// parsePath reads a path that has to be given.
func parsePath(field, value string) (string, error) {
	if value == "" {
		return "", missing(field)
	}
	return parseOptionalPath(field, value)
}

// parseOptionalPath reads a path in the spelling of mount tables. Dots that lead
// upwards are refused: what they mean depends on links on the way.
func parseOptionalPath(field, value string) (string, error) {
	switch {
	case value == "":
		return "", nil
	case !path.IsAbs(value):
		return "", invalid("%s %q is not an absolute path", field, value)
	case strings.ContainsRune(value, 0):
		return "", invalid("%s %q has a NUL character", field, value)
	case slices.Contains(strings.Split(value, "/"), ".."):
		return "", invalid("%s %q leads upwards, a path without .. is allowed", field, value)
	}
	return path.Clean(value), nil
}

// parseVolumePath reads where a volume is said to be. The spec wants NotFound
// for a volume that is not at the path, and at a relative one there is none.
func parseVolumePath(value string) (string, error) {
	if value != "" && !path.IsAbs(value) {
		return "", absent("volume_path %q is not absolute, no volume is there", value)
	}
	return parsePath("volume_path", value)
}
