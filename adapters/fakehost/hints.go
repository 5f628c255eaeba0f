package fakehost

import (
	"context"
	"encoding/json"
	"maps"
	"slices"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
	"git.srvlab.io/whiskey/rds-csi-driver/ports"
)

// Hints is the hints port of a host. They are lost with it, as at a reboot.
type Hints struct{ host *Host }

var _ ports.Hints = Hints{}

// A savedHint is a hint as it is kept: text, so that what is listed shares
// nothing with what was saved.
type savedHint struct {
	Context map[string]string
	Use     domain.Use
	Staging string
	Options []string
}

// Save implements ports.Hints.
func (p Hints) Save(ctx context.Context, hint ports.Hint) error {
	const op = "save hint"
	slot := hint.Attachment.ID.Slot
	end, err := p.host.begin(ctx, op, string(slot))
	if err != nil {
		return err
	}
	defer end()
	text, err := json.Marshal(savedHint{
		Context: hint.Attachment.Context(), Use: hint.Use, Staging: hint.Staging, Options: hint.Options,
	})
	if err != nil {
		return domain.Fail(domain.Other, op, string(slot), "%w", err)
	}
	p.host.hints[slot] = text
	return nil
}

// List implements ports.Hints.
func (p Hints) List(ctx context.Context) ([]ports.Hint, error) {
	end, err := p.host.begin(ctx, "list hints", "")
	if err != nil {
		return nil, err
	}
	defer end()
	var list []ports.Hint
	for _, slot := range slices.Sorted(maps.Keys(p.host.hints)) {
		var saved savedHint
		if json.Unmarshal(p.host.hints[slot], &saved) != nil {
			continue
		}
		attachment, err := domain.ParseAttachment(p.host.cfg.Prefix, saved.Context)
		if err != nil {
			continue
		}
		list = append(list, ports.Hint{
			Attachment: attachment, Use: saved.Use, Staging: saved.Staging, Options: saved.Options,
		})
	}
	return list, nil
}

// Delete implements ports.Hints.
func (p Hints) Delete(ctx context.Context, slot domain.Slot) error {
	end, err := p.host.begin(ctx, "delete hint", string(slot))
	if err != nil {
		return err
	}
	defer end()
	delete(p.host.hints, slot)
	return nil
}

// CorruptHint breaks what is saved for the slot.
func (h *Host) CorruptHint(slot domain.Slot) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.hints[slot] = []byte(`{"Context":`)
}
