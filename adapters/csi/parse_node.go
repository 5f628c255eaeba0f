package csi

import (
	spec "github.com/container-storage-interface/spec/lib/go/csi"

	"git.srvlab.io/whiskey/rds-csi-driver/app"
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// In this file a volume id is read last: what is missing is told before an id
// of no shape of ours turns the answer into NotFound.

// parseAttachment reads the publish context of the volume that handle names.
func (s Settings) parseAttachment(handle string, context map[string]string) (domain.Attachment, error) {
	slot, err := s.parseSlot(handle)
	if err != nil {
		return domain.Attachment{}, err
	}
	a, err := domain.ParseAttachment(s.Prefix, context)
	if err != nil {
		return domain.Attachment{}, err
	}
	id, qualified := domain.Handles{}.Parse(handle)
	if a.ID.Slot != slot || qualified && a.ID != id {
		return domain.Attachment{}, invalid("publish_context is of volume %s, volume_id is %q", a.ID, handle)
	}
	return a, nil
}

func (s Settings) parseStaging(r *spec.NodeStageVolumeRequest) (app.Staging, error) {
	staging, err := parsePath("staging_target_path", r.GetStagingTargetPath())
	if err != nil {
		return app.Staging{}, err
	}
	c, err := parseCapability(r.GetVolumeCapability(), false)
	if err != nil {
		return app.Staging{}, err
	}
	a, err := s.parseAttachment(r.GetVolumeId(), r.GetPublishContext())
	if err != nil {
		return app.Staging{}, err
	}
	return app.Staging{Attachment: a, Use: c.use, Path: staging, Options: c.options}, nil
}

func (s Settings) parsePublication(r *spec.NodePublishVolumeRequest) (app.Publication, error) {
	target, err := parsePath("target_path", r.GetTargetPath())
	if err != nil {
		return app.Publication{}, err
	}
	c, err := parseCapability(r.GetVolumeCapability(), r.GetReadonly())
	if err != nil {
		return app.Publication{}, err
	}
	staging, err := parseOptionalPath("staging_target_path", r.GetStagingTargetPath())
	if err != nil {
		return app.Publication{}, err
	}
	a, err := s.parseAttachment(r.GetVolumeId(), r.GetPublishContext())
	if err != nil {
		return app.Publication{}, err
	}
	if staging == "" { // the one missing field that the spec has another code for
		return app.Publication{}, domain.Fail(domain.Unsupported, "parse", r.GetVolumeId(),
			"staging_target_path is missing, stage the volume first")
	}
	return app.Publication{
		Slot: a.ID.Slot, Use: c.use, Staging: staging, Target: target, Options: c.options, Attached: a,
	}, nil
}

// parseAt reads a request about a volume at a path that has to be given.
func (s Settings) parseAt(handle, field, value string) (domain.Slot, string, error) {
	at, err := parsePath(field, value)
	if err != nil {
		return "", "", err
	}
	slot, err := s.parseSlot(handle)
	return slot, at, err
}

// parseFound reads a request about a volume that is said to be at a path, and
// staged at another.
func (s Settings) parseFound(handle, volumePath, staging string) (domain.Slot, string, error) {
	if handle == "" {
		return "", "", missing("volume_id")
	}
	at, err := parseVolumePath(volumePath)
	if err != nil {
		return "", "", err
	}
	if _, err := parseOptionalPath("staging_target_path", staging); err != nil {
		return "", "", err
	}
	slot, err := s.parseSlot(handle)
	return slot, at, err
}

// A growth is a parsed NodeExpandVolume.
type growth struct {
	slot  domain.Slot
	path  string
	sizes domain.SizeRange
}

func (s Settings) parseGrowth(r *spec.NodeExpandVolumeRequest) (g growth, err error) {
	if g.sizes, err = parseRange(r.GetCapacityRange()); err != nil {
		return growth{}, err
	}
	if err = checkCapability(r.GetVolumeCapability()); err != nil {
		return growth{}, err
	}
	g.slot, g.path, err = s.parseFound(r.GetVolumeId(), r.GetVolumePath(), r.GetStagingTargetPath())
	return g, err
}

// An examination is a parsed NodeGetVolumeHealth.
type examination struct {
	slot            domain.Slot
	staging, target string
}

func (s Settings) parseExamination(r *spec.NodeGetVolumeHealthRequest) (e examination, err error) {
	if e.staging, err = parseOptionalPath("staging_target_path", r.GetStagingTargetPath()); err != nil {
		return examination{}, err
	}
	if e.target, err = parseOptionalPath("volume_publish_path", r.GetVolumePublishPath()); err != nil {
		return examination{}, err
	}
	e.slot, err = s.parseSlot(r.GetVolumeId())
	return e, err
}
