package domain

import (
	"crypto/sha256"
	"encoding/base32"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"
)

const cluster = ClusterID("demo")

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

func wantKind(t failer, err error, want Kind) {
	t.Helper()
	if !Is(err, want) {
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
func nodeID(name string) NodeID { return must(NewHost(cluster, name, "")).ID() }

// timings reads pairs such as "nrIOQueues=2".
func timings(pairs ...string) (t Timings) {
	for _, p := range pairs {
		key, text, _ := strings.Cut(p, "=")
		t = must(t.With(key, text))
	}
	return t
}

func size() *rapid.Generator[Size] {
	return rapid.Map(rapid.Int64Range(1, 1<<50), func(n int64) Size { return Size(n) })
}

func instant() *rapid.Generator[time.Time] {
	return rapid.Map(rapid.Int64Range(1, 1<<38), func(n int64) time.Time { return time.Unix(n, 0).UTC() })
}

func epoch() *rapid.Generator[Epoch] {
	return rapid.Map(rapid.SliceOfN(rapid.Byte(), EpochBytes, EpochBytes),
		func(b []byte) Epoch { return NewEpoch([EpochBytes]byte(b)) })
}

func slot() *rapid.Generator[Slot] {
	return rapid.OneOf(
		rapid.Map(rapid.String(), cluster.Slot),
		rapid.Map(rapid.StringMatching(`[A-Za-z][A-Za-z0-9._-]{0,63}`), func(s string) Slot { return Slot(s) }),
	)
}

func volumeID() *rapid.Generator[VolumeID] {
	return rapid.Custom(func(t *rapid.T) VolumeID {
		return VolumeID{
			Array: ArrayName(rapid.StringMatching(`[a-z0-9-]{1,32}`).Draw(t, "array")),
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

func node() *rapid.Generator[NodeID] {
	return rapid.Custom(func(t *rapid.T) NodeID {
		return must(NewHost(cluster, nodeName().Draw(t, "node"), rapid.String().Draw(t, "machine"))).ID()
	})
}

type timingRange struct {
	key         string
	which       Timing
	least, most int
}

// timingRanges are the values that may be named.
func timingRanges() []timingRange {
	return []timingRange{
		{"ctrlLossTmo", CtrlLossTmo, -1, 86400}, {"reconnectDelay", ReconnectDelay, 1, 600},
		{"keepAliveTmo", KeepAliveTmo, 1, 600}, {"fastIOFailTmo", FastIOFailTmo, 0, 86400},
		{"nrIOQueues", NrIOQueues, 1, 128}, {"queueSize", QueueSize, 16, 1024},
	}
}

func someTimings() *rapid.Generator[Timings] {
	return rapid.Custom(func(t *rapid.T) (some Timings) {
		for _, row := range timingRanges() {
			if rapid.Bool().Draw(t, row.key+" given") {
				some = must(some.With(row.key, strconv.Itoa(rapid.IntRange(row.least, row.most).Draw(t, row.key))))
			}
		}
		return some
	})
}

func allModes() []Mode {
	return []Mode{SingleWriter, SingleSingleWriter, SingleMultiWriter,
		SingleReader, MultiReader, MultiWriter}
}

func allAccesses() []Access {
	return []Access{Block, Ext4, XFS, Btrfs}
}

// use draws a use that can be served.
func use(a Access) *rapid.Generator[Use] {
	return rapid.Custom(func(t *rapid.T) Use {
		served := func(m Mode) bool { return a == Block || m != MultiWriter }
		m := rapid.SampledFrom(allModes()).Filter(served).Draw(t, "mode")
		return must(NewUse(a, m, rapid.Bool().Draw(t, "read-only")))
	})
}

func format() *rapid.Generator[Format] {
	return rapid.OneOf(rapid.SampledFrom([]Format{FormatNever(), FormatIfEmpty()}), rapid.Map(instant(), FormatBlankUntil))
}

func grant(a Access) *rapid.Generator[Grant] {
	return rapid.Custom(func(t *rapid.T) Grant {
		return Grant{
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
func record() *rapid.Generator[Record] {
	return rapid.Custom(func(t *rapid.T) Record {
		r := Record{
			Owner: cluster.Owner(), Name: text(128).Draw(t, "name"),
			Claim: Claim{Namespace: text(20).Draw(t, "namespace"), Name: text(40).Draw(t, "claim")},
			Size:  size().Draw(t, "size"), Access: rapid.SampledFrom(allAccesses()).Draw(t, "access"),
			Pool: rapid.StringMatching(`[A-Za-z0-9][A-Za-z0-9._-]{0,20}`).Draw(t, "pool"), PoolUUID: text(36).Draw(t, "uuid"),
			Parameters: Parameters{
				Array:   ArrayName(rapid.StringMatching(`[a-z0-9-]{0,32}`).Draw(t, "array")),
				Pool:    rapid.StringMatching(`([A-Za-z0-9][A-Za-z0-9._-]{0,20})?`).Draw(t, "parameter pool"),
				Timings: someTimings().Draw(t, "parameters"),
			},
			Modified: someTimings().Draw(t, "modified"),
			Content:  rapid.SampledFrom([]Content{Foreign, Blank, Used}).Draw(t, "content"),
			State:    rapid.SampledFrom([]State{Making, Ready, Deleting}).Draw(t, "state"),
			Created:  instant().Draw(t, "created"), Lingering: rapid.Bool().Draw(t, "lingering"),
			Nonce: text(12).Filter(func(s string) bool { return s != "" }).Draw(t, "nonce"),
		}
		kinds := rapid.SampledFrom([]OriginKind{FromNothing, FromSnapshot, FromVolume, Adopted})
		if kind := kinds.Draw(t, "origin"); kind != FromNothing {
			r.Origin = Origin{Kind: kind, Name: text(64).Draw(t, "source")}
		}
		if rapid.Bool().Draw(t, "granted before") {
			r.Epoch, r.FirstGrant = epoch().Draw(t, "epoch"), instant().Draw(t, "first")
			if r.State == Ready && rapid.Bool().Draw(t, "granted") {
				r.Grants = rapid.SliceOfN(grant(r.Access), 1, 3).Draw(t, "grants")
			}
		}
		return r
	})
}

// volume returns a blank volume of ours of 1 GiB, changed by the edits.
func volume(edits ...func(*Volume)) Volume {
	v := Volume{
		ID: VolumeID{Array: "rds1", Slot: cluster.Slot("pvc-1")}, Standing: Ours,
		Record: Record{
			Owner: cluster.Owner(), Name: "pvc-1", Size: GiB, Access: Ext4, Pool: "pool1", PoolUUID: "uuid-1",
			Content: Blank, State: Ready, Created: at(-100), Nonce: "made",
		},
		Row: Row{Size: GiB, Path: "/pool1/csi/x/volume.img"},
	}
	for _, edit := range edits {
		edit(&v)
	}
	return v
}
