package app

import (
	"crypto/rand"
	"encoding/hex"
	"io"
	"time"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// Settings are what the use cases of both services share.
type Settings struct {
	Cluster domain.ClusterID
	Prefix  domain.NQNPrefix
	Now     func() time.Time // nil: time.Now
	Random  io.Reader        // nil: crypto/rand.Reader
}

func (s Settings) complete() Settings {
	if s.Now == nil {
		s.Now = time.Now
	}
	if s.Random == nil {
		s.Random = rand.Reader
	}
	return s
}

// epoch draws a name for a new term of holding a volume.
func (s Settings) epoch() (domain.Epoch, error) {
	var random [domain.EpochBytes]byte
	if _, err := io.ReadFull(s.Random, random[:]); err != nil {
		return "", domain.Fail(domain.Other, "draw epoch", "", "no random numbers: %w", err)
	}
	return domain.NewEpoch(random), nil
}

// nonce draws a word that makes one written record different from any other.
func (s Settings) nonce() (string, error) {
	var random [6]byte
	if _, err := io.ReadFull(s.Random, random[:]); err != nil {
		return "", domain.Fail(domain.Other, "draw nonce", "", "no random numbers: %w", err)
	}
	return hex.EncodeToString(random[:]), nil
}
