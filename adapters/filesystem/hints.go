package filesystem

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
	"git.srvlab.io/whiskey/rds-csi-driver/ports"
)

// Hints keeps one file per slot in a directory, which belongs under /run. A file
// is replaced by a rename, so that a reader sees the old or the new one; a
// leftover of a crash has another suffix.
type Hints struct {
	dir    string
	prefix domain.NQNPrefix
}

// NewHints returns the hints in a directory, which is made at the first Save.
// prefix is the one that the subsystem names in them have.
func NewHints(dir string, prefix domain.NQNPrefix) *Hints { return &Hints{dir: dir, prefix: prefix} }

const hintSuffix = ".json"

// A hintFile is a hint as the file holds it: the publish context as the
// orchestrator gave it, and what was asked of the node.
type hintFile struct {
	Context  map[string]string `json:"context"`
	Access   domain.Access     `json:"access"`
	Mode     domain.Mode       `json:"mode"`
	ReadOnly bool              `json:"readOnly,omitempty"`
	Staging  string            `json:"staging"`
	Options  []string          `json:"options,omitempty"`
}

// Save writes the hint's file.
func (s *Hints) Save(ctx context.Context, h ports.Hint) error {
	slot := h.Attachment.ID.Slot
	if err := ctx.Err(); err != nil {
		return hintError("save hint", slot, err)
	}
	path, err := s.path(slot)
	if err != nil {
		return err
	}
	text, err := json.Marshal(hintFile{
		Context: h.Attachment.Context(), Access: h.Use.Access, Mode: h.Use.Mode, ReadOnly: h.Use.ReadOnly,
		Staging: h.Staging, Options: h.Options,
	})
	if err == nil {
		err = os.MkdirAll(s.dir, 0o700)
	}
	if err == nil {
		err = replace(path, append(text, '\n'))
	}
	return hintError("save hint", slot, err)
}

// replace writes a file under another name and renames it into place.
func replace(path string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// List reads the files that can be read.
func (s *Hints) List(ctx context.Context) ([]ports.Hint, error) {
	if err := ctx.Err(); err != nil {
		return nil, hintError("list hints", "", err)
	}
	entries, err := os.ReadDir(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, hintError("list hints", "", err)
	}
	var hints []ports.Hint
	for _, e := range entries {
		slot, isHint := strings.CutSuffix(e.Name(), hintSuffix)
		if !isHint || !e.Type().IsRegular() {
			continue
		}
		if h, err := s.read(e.Name()); err == nil && string(h.Attachment.ID.Slot) == slot {
			hints = append(hints, h)
		}
	}
	return hints, nil
}

func (s *Hints) read(name string) (ports.Hint, error) {
	text, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil {
		return ports.Hint{}, err
	}
	var file hintFile
	if err := json.Unmarshal(text, &file); err != nil {
		return ports.Hint{}, err
	}
	a, err := domain.ParseAttachment(s.prefix, file.Context)
	if err != nil {
		return ports.Hint{}, err
	}
	use, err := domain.NewUse(file.Access, file.Mode, file.ReadOnly)
	if err != nil {
		return ports.Hint{}, err
	}
	return ports.Hint{Attachment: a, Use: use, Staging: file.Staging, Options: file.Options}, nil
}

// Delete removes the slot's file.
func (s *Hints) Delete(ctx context.Context, slot domain.Slot) error {
	if err := ctx.Err(); err != nil {
		return hintError("delete hint", slot, err)
	}
	path, err := s.path(slot)
	if err == nil {
		err = os.Remove(path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return hintError("delete hint", slot, err)
}

// path returns the slot's file. A slot has no character that leaves the
// directory; a string that only claims to be one is Invalid.
func (s *Hints) path(slot domain.Slot) (string, error) {
	if _, err := domain.ParseSlot(string(slot)); err != nil {
		return "", err
	}
	return filepath.Join(s.dir, string(slot)+hintSuffix), nil
}

func hintError(op string, slot domain.Slot, err error) error {
	return failed(op, string(slot), err)
}
