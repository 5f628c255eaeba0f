package domain_test

import (
	"crypto/sha256"
	"encoding/base32"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

const cluster = domain.ClusterID("demo")

// must returns v of a call that can not fail in a test.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

type failer interface {
	Helper()
	Errorf(format string, args ...any)
}

func wantKind(t failer, err error, want domain.Kind) {
	t.Helper()
	if !domain.Is(err, want) {
		t.Errorf("got %v, want an error of kind %v", err, want)
	}
}

func wantText(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want an error that says %q", err, want)
	}
}

// at is n seconds into the time of these tests.
func at(n int) time.Time { return time.Unix(1_800_000_000+int64(n), 0).UTC() }

// seal appends the checksum to the body of a record, by a way of its own.
func seal(body string) string {
	sum := sha256.Sum256([]byte(body))
	return body + "sum=" + strings.ToLower(base32.StdEncoding.EncodeToString(sum[:]))[:8]
}

// nodeID returns the id of a node of these tests.
func nodeID(name string) domain.NodeID { return must(domain.NewHost(cluster, name, "")).ID() }

// timings reads pairs such as "nrIOQueues=2".
func timings(pairs ...string) (t domain.Timings) {
	for _, p := range pairs {
		key, text, _ := strings.Cut(p, "=")
		t = must(t.With(key, text))
	}
	return t
}

func size() *rapid.Generator[domain.Size] {
	return rapid.Map(rapid.Int64Range(1, 1<<50), func(n int64) domain.Size { return domain.Size(n) })
}

func instant() *rapid.Generator[time.Time] {
	return rapid.Map(rapid.Int64Range(1, 1<<38), func(n int64) time.Time { return time.Unix(n, 0).UTC() })
}

func epoch() *rapid.Generator[domain.Epoch] {
	return rapid.Map(rapid.SliceOfN(rapid.Byte(), domain.EpochBytes, domain.EpochBytes),
		func(b []byte) domain.Epoch { return domain.NewEpoch([domain.EpochBytes]byte(b)) })
}

func slot() *rapid.Generator[domain.Slot] {
	return rapid.OneOf(
		rapid.Map(rapid.String(), cluster.Slot),
		rapid.Map(rapid.StringMatching(`[A-Za-z][A-Za-z0-9._-]{0,63}`), func(s string) domain.Slot { return domain.Slot(s) }),
	)
}

func volumeID() *rapid.Generator[domain.VolumeID] {
	return rapid.Custom(func(t *rapid.T) domain.VolumeID {
		return domain.VolumeID{
			Array: domain.ArrayName(rapid.StringMatching(`[a-z0-9-]{1,32}`).Draw(t, "array")),
			Slot:  slot().Draw(t, "slot"),
		}
	})
}

// nodeName draws names as Kubernetes has them, with dots, and stranger ones.
func nodeName() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.StringMatching(`[a-z0-9]([a-z0-9-]{0,20}\.){0,3}[a-z0-9]{1,20}`),
		rapid.StringOfN(rapid.RuneFrom([]rune("äß漢.%~/= ")), 1, 20, 133),
	)
}

func node() *rapid.Generator[domain.NodeID] {
	return rapid.Custom(func(t *rapid.T) domain.NodeID {
		return must(domain.NewHost(cluster, nodeName().Draw(t, "node"), rapid.String().Draw(t, "machine"))).ID()
	})
}

type timingRange struct {
	key         string
	which       domain.Timing
	least, most int
}

// timingRanges are the values that may be named.
func timingRanges() []timingRange {
	return []timingRange{
		{"ctrlLossTmo", domain.CtrlLossTmo, -1, 86400}, {"reconnectDelay", domain.ReconnectDelay, 1, 600},
		{"keepAliveTmo", domain.KeepAliveTmo, 1, 600}, {"fastIOFailTmo", domain.FastIOFailTmo, 0, 86400},
		{"nrIOQueues", domain.NrIOQueues, 1, 128}, {"queueSize", domain.QueueSize, 16, 1024},
	}
}

func someTimings() *rapid.Generator[domain.Timings] {
	return rapid.Custom(func(t *rapid.T) (some domain.Timings) {
		for _, row := range timingRanges() {
			if rapid.Bool().Draw(t, row.key+" given") {
				some = must(some.With(row.key, strconv.Itoa(rapid.IntRange(row.least, row.most).Draw(t, row.key))))
			}
		}
		return some
	})
}

func allModes() []domain.Mode {
	return []domain.Mode{domain.SingleWriter, domain.SingleSingleWriter, domain.SingleMultiWriter,
		domain.SingleReader, domain.MultiReader, domain.MultiWriter}
}

func allAccesses() []domain.Access {
	return []domain.Access{domain.Block, domain.Ext4, domain.XFS, domain.Btrfs}
}

// use draws a use that can be served.
func use(a domain.Access) *rapid.Generator[domain.Use] {
	return rapid.Custom(func(t *rapid.T) domain.Use {
		m := rapid.SampledFrom(allModes()).Filter(func(m domain.Mode) bool { return a == domain.Block || m != domain.MultiWriter }).Draw(t, "mode")
		return must(domain.NewUse(a, m, rapid.Bool().Draw(t, "read-only")))
	})
}

func format() *rapid.Generator[domain.Format] {
	return rapid.OneOf(rapid.Just(domain.FormatNever()), rapid.Just(domain.FormatIfEmpty()), rapid.Map(instant(), domain.FormatBlankUntil))
}

func grant(a domain.Access) *rapid.Generator[domain.Grant] {
	return rapid.Custom(func(t *rapid.T) domain.Grant {
		return domain.Grant{
			Node: node().Draw(t, "node"), Use: use(a).Draw(t, "use"), Since: instant().Draw(t, "since"),
			Size: size().Draw(t, "size"), Format: format().Draw(t, "format"), Timings: someTimings().Draw(t, "timings"),
		}
	})
}

// text draws what CSI may name things: UTF-8 of at most n bytes, with every
// character that means something in a record.
func text(n int) *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.StringOfN(rapid.RuneFrom([]rune("ab-._~%/=;\"'$\\\n\x00ä漢😀")), 0, -1, n),
		rapid.StringN(0, -1, n),
		rapid.StringMatching(`pvc-[0-9a-f]{8}-[0-9a-f]{4}`),
	).Filter(utf8.ValidString)
}

// record draws any record that may be written. It can be too long.
func record() *rapid.Generator[domain.Record] {
	return rapid.Custom(func(t *rapid.T) domain.Record {
		r := domain.Record{
			Owner: cluster.Owner(), Name: text(128).Draw(t, "name"),
			Claim: domain.Claim{Namespace: text(20).Draw(t, "namespace"), Name: text(40).Draw(t, "claim")},
			Size:  size().Draw(t, "size"), Access: rapid.SampledFrom(allAccesses()).Draw(t, "access"),
			Pool: rapid.StringMatching(`[A-Za-z0-9][A-Za-z0-9._-]{0,20}`).Draw(t, "pool"), PoolUUID: text(36).Draw(t, "uuid"),
			Parameters: domain.Parameters{
				Array:   domain.ArrayName(rapid.StringMatching(`[a-z0-9-]{0,32}`).Draw(t, "array")),
				Pool:    rapid.StringMatching(`([A-Za-z0-9][A-Za-z0-9._-]{0,20})?`).Draw(t, "parameter pool"),
				Timings: someTimings().Draw(t, "parameters"),
			},
			Modified: someTimings().Draw(t, "modified"),
			Content:  rapid.SampledFrom([]domain.Content{domain.Foreign, domain.Blank, domain.Used}).Draw(t, "content"),
			State:    rapid.SampledFrom([]domain.State{domain.Making, domain.Ready, domain.Deleting}).Draw(t, "state"),
			Created:  instant().Draw(t, "created"), Lingering: rapid.Bool().Draw(t, "lingering"),
			Nonce: text(12).Filter(func(s string) bool { return s != "" }).Draw(t, "nonce"),
		}
		if kind := rapid.SampledFrom([]domain.OriginKind{"", domain.FromSnapshot, domain.FromVolume, domain.Adopted}).Draw(t, "origin"); kind != "" {
			r.Origin = domain.Origin{Kind: kind, Name: text(64).Draw(t, "source")}
		}
		if rapid.Bool().Draw(t, "granted before") {
			r.Epoch, r.FirstGrant = epoch().Draw(t, "epoch"), instant().Draw(t, "first")
			if r.State == domain.Ready && rapid.Bool().Draw(t, "granted") {
				r.Grants = rapid.SliceOfN(grant(r.Access), 1, 3).Draw(t, "grants")
			}
		}
		return r
	})
}

// volume returns a blank volume of ours of 1 GiB, changed by the edits.
func volume(edits ...func(*domain.Volume)) domain.Volume {
	v := domain.Volume{
		ID: domain.VolumeID{Array: "rds1", Slot: cluster.Slot("pvc-1")}, Standing: domain.Ours,
		Record: domain.Record{
			Owner: cluster.Owner(), Name: "pvc-1", Size: domain.GiB, Access: domain.Ext4, Pool: "pool1", PoolUUID: "uuid-1",
			Content: domain.Blank, State: domain.Ready, Created: at(-100), Nonce: "made",
		},
		Row: domain.Row{Size: domain.GiB, Path: "/pool1/csi/x/volume.img"},
	}
	for _, edit := range edits {
		edit(&v)
	}
	return v
}
