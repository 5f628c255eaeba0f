package csi

import (
	"maps"
	"slices"

	spec "github.com/container-storage-interface/spec/lib/go/csi"

	"git.srvlab.io/whiskey/rds-csi-driver/app"
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

func (s Settings) parseCreation(r *spec.CreateVolumeRequest) (c app.Creation, err error) {
	if c.Name, err = domain.ParseName("name", r.GetName()); err != nil {
		return app.Creation{}, err
	}
	uses, err := requireCapabilities(r.GetVolumeCapabilities())
	if err != nil {
		return app.Creation{}, err
	}
	c.Access = uses[0].Access
	if c.Range, err = parseRange(r.GetCapacityRange()); err != nil {
		return app.Creation{}, err
	}
	if c.Parameters, c.Claim, err = domain.ParseParameters(r.GetParameters()); err != nil {
		return app.Creation{}, err
	}
	if c.Modified, err = domain.ParseMutable(r.GetMutableParameters()); err != nil {
		return app.Creation{}, err
	}
	if source := r.GetVolumeContentSource(); source != nil {
		if c.Source, c.Origin, err = s.parseSource(source); err != nil {
			return app.Creation{}, err
		}
	}
	c.Reachable = parseTopologies(r.GetAccessibilityRequirements())
	return c, nil
}

// parseSource reads what to copy. A source of no shape of ours does not exist.
func (s Settings) parseSource(
	source *spec.VolumeContentSource,
) (domain.ArrayName, domain.Origin, error) {
	const field = "volume_content_source"
	switch source.GetType().(type) {
	case *spec.VolumeContentSource_Snapshot:
		given := source.GetSnapshot().GetSnapshotId()
		if given == "" {
			return "", domain.Origin{}, missing(field + ".snapshot.snapshot_id")
		}
		id, ok := domain.ParseSnapshotID(given)
		if !ok {
			return "", domain.Origin{}, noSource(field+".snapshot.snapshot_id", given)
		}
		return id.Array, domain.Origin{Kind: domain.FromSnapshot, Name: id.Name}, nil
	case *spec.VolumeContentSource_Volume:
		given := source.GetVolume().GetVolumeId()
		if given == "" {
			return "", domain.Origin{}, missing(field + ".volume.volume_id")
		}
		id, ok := s.Handles.Parse(given)
		if !ok {
			return "", domain.Origin{}, noSource(field+".volume.volume_id", given)
		}
		return id.Array, domain.Origin{Kind: domain.FromVolume, Name: string(id.Slot)}, nil
	default:
		return "", domain.Origin{}, invalid("%s is empty, snapshot and volume are allowed", field)
	}
}

func noSource(field, given string) error {
	return absent("%s %q names nothing of this driver", field, given)
}

// parseTopologies lists segments in the order in which they are to be tried.
func parseTopologies(r *spec.TopologyRequirement) []map[string]string {
	var list []map[string]string
	for _, t := range slices.Concat(r.GetPreferred(), r.GetRequisite()) {
		segments := t.GetSegments()
		same := func(m map[string]string) bool { return maps.Equal(m, segments) }
		if !slices.ContainsFunc(list, same) {
			list = append(list, segments)
		}
	}
	return list
}

// A publishing is a parsed ControllerPublishVolume.
type publishing struct {
	volume domain.VolumeID
	node   domain.NodeID
	use    domain.Use
}

func (s Settings) parsePublishing(r *spec.ControllerPublishVolumeRequest) (p publishing, err error) {
	if p.volume, err = s.parseVolume("volume_id", r.GetVolumeId()); err != nil {
		return publishing{}, err
	}
	if r.GetNodeId() == "" {
		return publishing{}, missing("node_id")
	}
	c, err := parseCapability(r.GetVolumeCapability(), r.GetReadonly())
	if err != nil {
		return publishing{}, err
	}
	p.use = c.use
	if p.node, err = parseNode(r.GetNodeId()); err != nil {
		return publishing{}, err
	}
	return p, nil
}

// parseUnpublishing reads an empty node id as all nodes.
func (s Settings) parseUnpublishing(
	r *spec.ControllerUnpublishVolumeRequest,
) (domain.VolumeID, domain.NodeID, error) {
	id, err := s.parseVolume("volume_id", r.GetVolumeId())
	if err != nil || r.GetNodeId() == "" {
		return id, "", err
	}
	node, err := parseNode(r.GetNodeId())
	return id, node, err
}

// A validation is a parsed ValidateVolumeCapabilities.
type validation struct {
	volume     domain.VolumeID
	uses       []domain.Use
	parameters domain.Parameters
}

func (s Settings) parseValidation(r *spec.ValidateVolumeCapabilitiesRequest) (v validation, err error) {
	if v.volume, err = s.parseVolume("volume_id", r.GetVolumeId()); err != nil {
		return validation{}, err
	}
	if v.uses, err = requireCapabilities(r.GetVolumeCapabilities()); err != nil {
		return validation{}, err
	}
	if v.parameters, _, err = domain.ParseParameters(r.GetParameters()); err != nil {
		return validation{}, err
	}
	if _, err = domain.ParseMutable(r.GetMutableParameters()); err != nil {
		return validation{}, err
	}
	return v, nil
}

func parseCapacity(r *spec.GetCapacityRequest) (q app.CapacityQuery, err error) {
	uses, err := parseCapabilities(r.GetVolumeCapabilities())
	if err != nil {
		return app.CapacityQuery{}, err
	}
	if len(uses) > 0 {
		q.Access = uses[0].Access
	}
	if q.Parameters, _, err = domain.ParseParameters(r.GetParameters()); err != nil {
		return app.CapacityQuery{}, err
	}
	q.Reachable = r.GetAccessibleTopology().GetSegments()
	return q, nil
}

// An expansion is a parsed ControllerExpandVolume.
type expansion struct {
	volume domain.VolumeID
	sizes  domain.SizeRange
}

func (s Settings) parseExpansion(r *spec.ControllerExpandVolumeRequest) (e expansion, err error) {
	if e.volume, err = s.parseVolume("volume_id", r.GetVolumeId()); err != nil {
		return expansion{}, err
	}
	if e.sizes, err = parseRange(r.GetCapacityRange()); err != nil {
		return expansion{}, err
	}
	if e.sizes == (domain.SizeRange{}) {
		return expansion{}, invalid("capacity_range is missing, its required_bytes say how large to grow")
	}
	return e, checkCapability(r.GetVolumeCapability())
}

// A modification is a parsed ControllerModifyVolume.
type modification struct {
	volume  domain.VolumeID
	timings domain.Timings
}

func (s Settings) parseModification(r *spec.ControllerModifyVolumeRequest) (m modification, err error) {
	if m.volume, err = s.parseVolume("volume_id", r.GetVolumeId()); err != nil {
		return modification{}, err
	}
	if len(r.GetMutableParameters()) == 0 {
		return modification{}, missing("mutable_parameters")
	}
	m.timings, err = domain.ParseMutable(r.GetMutableParameters())
	return m, err
}
