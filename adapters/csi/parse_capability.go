package csi

import (
	"slices"
	"strings"

	spec "github.com/container-storage-interface/spec/lib/go/csi"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// A capability is a parsed volume_capability.
type capability struct {
	use     domain.Use
	options []string
}

// parseCapability reads a volume_capability that has to be given.
func parseCapability(c *spec.VolumeCapability, readOnly bool) (capability, error) {
	const field = "volume_capability"
	if c == nil {
		return capability{}, missing(field)
	}
	return parseCapabilityField(field, c, readOnly)
}

// checkCapability checks one that may be given and is not needed.
func checkCapability(c *spec.VolumeCapability) error {
	if c == nil {
		return nil
	}
	_, err := parseCapability(c, false)
	return err
}

func parseCapabilityField(field string, c *spec.VolumeCapability, readOnly bool) (capability, error) {
	access, err := parseAccess(field, c)
	if err != nil {
		return capability{}, err
	}
	options := c.GetMount().GetMountFlags()
	if slices.ContainsFunc(options, func(o string) bool { return o == "" || strings.ContainsRune(o, 0) }) {
		return capability{}, invalid("%s.mount.mount_flags: a flag is empty or has a NUL character", field)
	}
	use, err := domain.NewUse(access, parseMode(c.GetAccessMode().GetMode()), readOnly)
	if err != nil {
		return capability{}, invalid("%s: %w", field, err)
	}
	return capability{use: use, options: options}, nil
}

func parseAccess(field string, c *spec.VolumeCapability) (domain.Access, error) {
	switch {
	case c.GetBlock() != nil:
		return domain.Block, nil
	case c.GetMount() == nil:
		return "", invalid("%s.access_type is missing, block and mount are allowed", field)
	case c.GetMount().GetVolumeMountGroup() != "":
		return "", invalid("%s.mount.volume_mount_group is not supported, leave it empty", field)
	}
	access, err := domain.ParseAccess(c.GetMount().GetFsType())
	if err != nil {
		return "", invalid("%s.mount: %w", field, err)
	}
	return access, nil
}

// parseMode leaves the zero mode for one that is not served.
func parseMode(m spec.VolumeCapability_AccessMode_Mode) domain.Mode {
	switch m {
	case spec.VolumeCapability_AccessMode_SINGLE_NODE_WRITER:
		return domain.SingleWriter
	case spec.VolumeCapability_AccessMode_SINGLE_NODE_SINGLE_WRITER:
		return domain.SingleSingleWriter
	case spec.VolumeCapability_AccessMode_SINGLE_NODE_MULTI_WRITER:
		return domain.SingleMultiWriter
	case spec.VolumeCapability_AccessMode_SINGLE_NODE_READER_ONLY:
		return domain.SingleReader
	case spec.VolumeCapability_AccessMode_MULTI_NODE_READER_ONLY:
		return domain.MultiReader
	case spec.VolumeCapability_AccessMode_MULTI_NODE_MULTI_WRITER:
		return domain.MultiWriter
	default:
		return ""
	}
}

// parseCapabilities reads what one volume has to do. It has one access: raw
// block or one file system.
func parseCapabilities(list []*spec.VolumeCapability) ([]domain.Use, error) {
	uses := make([]domain.Use, 0, len(list))
	for _, c := range list {
		parsed, err := parseCapabilityField("volume_capabilities", c, false)
		if err != nil {
			return nil, err
		}
		if len(uses) > 0 && parsed.use.Access != uses[0].Access {
			return nil, invalid("volume_capabilities ask for %s and %s, one access type and fs_type is allowed",
				uses[0].Access, parsed.use.Access)
		}
		uses = append(uses, parsed.use)
	}
	return uses, nil
}

// requireCapabilities is parseCapabilities where there has to be one.
func requireCapabilities(list []*spec.VolumeCapability) ([]domain.Use, error) {
	if len(list) == 0 {
		return nil, missing("volume_capabilities")
	}
	return parseCapabilities(list)
}
