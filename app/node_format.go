package app

import (
	"context"
	"fmt"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
	"git.srvlab.io/whiskey/rds-csi-driver/ports"
)

// identify finds the file system that was asked for on the device, or makes it
// if the content rule allows that; made is then true.
func (w *staging) identify(ctx context.Context) (made bool, err error) {
	signature, err := w.probe(ctx)
	switch {
	case err != nil:
		return false, err
	case signature.Type == string(w.Use.Access):
		return false, nil
	case signature != domain.Signature{}:
		return false, w.foreign(ctx, signature)
	}
	if err := w.mayFormat(ctx); err != nil {
		return false, err
	}
	if err := w.format(ctx); err != nil {
		return false, err
	}
	signature, err = w.probe(ctx)
	if err == nil && signature.Type != string(w.Use.Access) {
		err = w.foreign(ctx, signature)
	}
	return err == nil, err
}

// probe asks what is recognized on the device.
func (w *staging) probe(ctx context.Context) (domain.Signature, error) {
	d := w.device.Identity()
	signature, err := watch(ctx, w.node.long, callProbe, w.nqn.String(), nil, func(ctx context.Context) (domain.Signature, error) {
		return w.node.host.Filesystems.Probe(ctx, d)
	})
	if domain.Is(err, domain.DataAtRisk) {
		return domain.Signature{}, w.refuse(ctx, w.unclear(ctx), "what is on the device can not be told: %w", err)
	}
	return signature, err
}

// unclear returns why a probe could not tell what is on the device: reads fail,
// or else it found more than one thing.
func (w *staging) unclear(ctx context.Context) domain.Refusal {
	if _, _, err := w.firstData(ctx, domain.MustBeZero(w.size, domain.ProofQuick)); err != nil {
		return domain.RefusedRead
	}
	return domain.RefusedSignature
}

// foreign refuses a device with something else on it.
func (w *staging) foreign(ctx context.Context, s domain.Signature) error {
	what := s.Type
	if s.Label != "" {
		what += fmt.Sprintf(" labeled %q", s.Label)
	}
	return w.refuse(ctx, domain.RefusedSignature, "the device holds %s, asked for was %s", what, w.Use.Access)
}

// mayFormat refuses unless every condition holds under which a file system may
// be made on a proved, large enough device on which nothing was recognized.
func (w *staging) mayFormat(ctx context.Context) error {
	proof := w.Attachment.Format.Proof(w.node.settings.Now())
	switch {
	case w.Use.ReadOnly:
		return w.refuse(ctx, domain.RefusedContent, "no file system was found and a reader makes none")
	case proof == domain.ProofRefuse:
		return w.refuse(ctx, domain.RefusedContent,
			"no file system was found and the volume may hold data: format is %s", w.Attachment.Format)
	}
	offset, found, err := w.firstData(ctx, domain.MustBeZero(w.size, proof))
	switch {
	case domain.Is(err, domain.DataAtRisk):
		return w.refuse(ctx, domain.RefusedRead, "the device was not shown to be empty: %w", err)
	case err != nil:
		return err
	case found:
		return w.refuse(ctx, domain.RefusedData,
			"no file system was found and the device is not empty: there is data at byte %d", int64(offset))
	}
	return nil
}

func (w *staging) firstData(ctx context.Context, extents []domain.Extent) (domain.Size, bool, error) {
	type first struct {
		offset domain.Size
		found  bool
	}
	device := w.device // the worker may outlive the call
	f, err := watch(ctx, w.node.long, callRead, w.nqn.String(), nil, func(ctx context.Context) (f first, err error) {
		f.offset, f.found, err = device.FirstData(ctx, extents)
		return f, err
	})
	return f.offset, f.found, err
}

// labelLength is what the shortest of the file systems takes: xfs.
const labelLength = 12

// format makes the file system. It goes on if the call ends before: half a file
// system would be refused for ever. Until it is done the call's guard holds.
func (w *staging) format(ctx context.Context) error {
	d := w.device.Identity()
	label := string(w.nqn.Slot)
	making := ports.Making{Access: w.Use.Access, Label: label[:min(labelLength, len(label))]}
	finished, err := w.node.background(ctx, func(ctx context.Context) error {
		return w.node.host.Filesystems.Make(ctx, d, making)
	}, func(ctx context.Context, err error) {
		if err != nil {
			_ = w.undo(ctx) // the next call finds what is left, or an unstage does
			return
		}
		ctx, cancel := context.WithTimeout(ctx, undoLimit)
		defer cancel()
		w.close(ctx)
	})
	if !finished {
		w.handed = true
		return domain.Fail(domain.Unreachable, "stage", w.id,
			"the call ended while %s is made; that goes on, ask again: %w", w.Use.Access, err)
	}
	if domain.Is(err, domain.DataAtRisk) {
		return w.refuse(ctx, domain.RefusedSignature, "the device was not found empty: %w", err)
	}
	return err
}

// refuse reports and returns why a device is not touched.
func (w *staging) refuse(ctx context.Context, reason domain.Refusal, format string, args ...any) error {
	err := domain.Fail(domain.DataAtRisk, "stage", w.id, format, args...)
	if w.Use.Access != domain.Block {
		w.node.recorder.Record(ctx, domain.FormatRefused{Volume: w.Attachment.ID, Reason: reason, Evidence: err.Error()})
	}
	return err
}
