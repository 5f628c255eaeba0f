package porttest

import (
	"bytes"
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// A rack holds one array for one test.
type rack struct {
	*testing.T
	Array
	facts Facts
	now   time.Time // the same in every plan, so that one made again is equal
	drawn atomic.Int64
	cutAt int // the step after which cut cuts
}

func newRack(t *testing.T, open func(*testing.T) Array) *rack {
	t.Helper()
	a := open(t)
	return &rack{T: t, Array: a, facts: a.Facts(), now: time.Now()}
}

// A rackTest is one promise; its name is a sentence.
type rackTest struct {
	name string
	do   func(*rack)
}

func runRack(t *testing.T, open func(*testing.T) Array, tests []rackTest) {
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.do(newRack(t, open))
		})
	}
}

// mostSteps is more than any call takes: a test that counts further does so for
// ever.
const mostSteps = 200

// bounded ends a test that does not come to its end.
func (r *rack) bounded(step int) {
	r.Helper()
	if step > mostSteps {
		r.Fatalf("got no end after %d rounds, want one", step)
	}
}

// must ends the test if a step that is not under test went wrong.
func (r *rack) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatalf("got %v (%v), want no error", err, domain.KindOf(err))
	}
}

// kind checks an error's kind.
func (r *rack) kind(err error, want domain.Kind) {
	r.Helper()
	if !domain.Is(err, want) {
		r.Fatalf("got %v (%v), want %v", err, kindName(err), want)
	}
}

func kindName(err error) string {
	if err == nil {
		return "no error"
	}
	return domain.KindOf(err).String()
}

func same[T any](r *rack, what string, got, want T) {
	r.Helper()
	if !reflect.DeepEqual(got, want) {
		r.Errorf("%s: got %+v, want %+v", what, got, want)
	}
}

// recorded checks that v has the record, and that it is what the disk says.
func (r *rack) recorded(v domain.Volume, want domain.Record) {
	r.Helper()
	text, err := want.Encode()
	r.must(err)
	same(r, "standing", v.Standing, domain.Ours)
	same(r, "comment", v.Row.Comment, text)
	again, err := v.Record.Encode()
	r.must(err)
	same(r, "record", again, text)
}

// nonce draws a word that was not drawn before.
func (r *rack) nonce() string { return fmt.Sprintf("nonce%d", r.drawn.Add(1)) }

// epoch draws an epoch that was not drawn before.
func (r *rack) epoch() domain.Epoch {
	n := r.drawn.Add(1)
	return domain.NewEpoch([domain.EpochBytes]byte{byte(n >> 8), byte(n), 1, 2, 3})
}

// A world is all that can be seen of an array past its ports.
type world struct {
	Disks   []Disk
	Paths   []string
	Exports map[string]Shown
}

func (r *rack) world() world {
	r.Helper()
	var w world
	var errs [3]error
	w.Disks, errs[0] = r.Disks()
	w.Paths, errs[1] = r.Paths()
	w.Exports, errs[2] = r.Exports()
	for _, err := range errs {
		r.must(err)
	}
	return w
}

// unchanged checks that do leaves the array as it is.
func (r *rack) unchanged(do func()) {
	r.Helper()
	before := r.world()
	do()
	same(r, "the array", r.world(), before)
}

// pool returns what the array says of a pool.
func (r *rack) pool(name string) domain.Pool {
	r.Helper()
	list, err := r.Pools().List(r.Context())
	r.must(err)
	i := slices.IndexFunc(list, func(p domain.Pool) bool { return p.Name == name })
	if i < 0 {
		r.Fatalf("pool %s is not listed", name)
	}
	return list[i]
}

// room lets a pool be filled to the last byte.
func room() domain.Room { return domain.Room{Overcommit: 1} }

// plan plans a volume on a pool; source is zero for a blank one.
func (r *rack) plan(pool, name string, size domain.Size, source domain.Source) domain.Plan {
	r.Helper()
	request := domain.VolumeRequest{
		Name: name, Access: domain.Block, Range: domain.SizeRange{Required: size, Limit: size}, Origin: source.Origin,
		Claim: domain.Claim{Namespace: "space", Name: "claim of " + name},
	}
	p, err := domain.NewPlan(r.facts.Cluster, r.facts.Name, r.pool(pool), room(), request, source, r.now, r.nonce())
	r.must(err)
	return p
}

// blank plans a blank volume.
func (r *rack) blank(pool, name string, size domain.Size) domain.Plan {
	r.Helper()
	return r.plan(pool, name, size, domain.Source{})
}

// made makes a blank volume.
func (r *rack) made(pool, name string, size domain.Size) domain.Volume {
	r.Helper()
	v, err := r.Volumes().Create(r.Context(), r.blank(pool, name, size))
	r.must(err)
	return v
}

// clone plans a copy of v, as v is.
func (r *rack) clone(v domain.Volume, name string, size domain.Size) domain.Plan {
	r.Helper()
	source, err := v.Copied(domain.Block)
	r.must(err)
	return r.plan(v.Record.Pool, name, size, source)
}

// found returns the volume as the array has it.
func (r *rack) found(id domain.VolumeID) domain.Volume {
	r.Helper()
	v, err := r.Volumes().Find(r.Context(), id)
	r.must(err)
	return v
}

func (r *rack) updated(old, next domain.Volume) domain.Volume {
	r.Helper()
	v, err := r.Volumes().Update(r.Context(), old, next)
	r.must(err)
	return v
}

// node returns the id of a node.
func (r *rack) node(name string) domain.NodeID {
	r.Helper()
	h, err := domain.NewHost(r.facts.Cluster, name, "")
	r.must(err)
	return h.ID()
}

// granted returns v with a grant for the node, as it would be written.
func (r *rack) granted(v domain.Volume, node string, mode domain.Mode) domain.Volume {
	r.Helper()
	use, err := domain.NewUse(domain.Block, mode, false)
	r.must(err)
	next, err := v.Admit(domain.Ask{Node: r.node(node), Use: use, Now: r.now, Epoch: r.epoch(), Nonce: r.nonce()})
	r.must(err)
	return next
}

// held gives v to the node.
func (r *rack) held(v domain.Volume, node string) domain.Volume {
	r.Helper()
	return r.updated(v, r.granted(v, node, domain.SingleWriter))
}

func (r *rack) revoked(v domain.Volume, node string) domain.Volume {
	r.Helper()
	next, err := v.Revoke(node, r.nonce())
	r.must(err)
	return next
}

// touched returns v with nothing but a new nonce.
func (r *rack) touched(v domain.Volume) domain.Volume {
	v.Record.Nonce = r.nonce()
	return v
}

// condemned marks v as being deleted.
func (r *rack) condemned(v domain.Volume) domain.Volume {
	r.Helper()
	next, err := v.Condemn(r.nonce())
	r.must(err)
	return r.updated(v, next)
}

func (r *rack) grown(v domain.Volume, size domain.Size) domain.Volume {
	v = r.touched(v)
	v.Record.Size = size
	return v
}

func (r *rack) write(path string, offset domain.Size, text string) {
	r.Helper()
	r.must(r.WriteImage(path, offset, []byte(text)))
}

// reads checks the bytes at an offset of an image.
func (r *rack) reads(path string, offset domain.Size, want string) {
	r.Helper()
	got := make([]byte, len(want))
	r.must(r.ReadImage(path, offset, got))
	same(r, fmt.Sprintf("%s at %d", path, int64(offset)), string(got), want)
}

// zero checks that an image of that size reads as zeros.
func (r *rack) zero(path string, from, to domain.Size) {
	r.Helper()
	block := make([]byte, domain.MiB)
	for at := from; at < to; at += domain.Size(len(block)) {
		block = block[:min(domain.Size(len(block)), to-at)]
		r.must(r.ReadImage(path, at, block))
		if i := bytes.IndexFunc(block, func(b rune) bool { return b != 0 }); i >= 0 {
			r.Fatalf("%s: got a byte that is not zero at %d, want zeros", path, int64(at)+int64(i))
		}
	}
}

// gone checks that nothing of the slot is left but its snapshots.
func (r *rack) gone(id domain.VolumeID) {
	r.Helper()
	w := r.world()
	for _, d := range w.Disks {
		if d.Slot == string(id.Slot) {
			r.Errorf("disk of %s: got %+v, want none", id, d)
		}
	}
	for _, path := range w.Paths {
		if strings.Contains(path, string(id.Slot)) && !strings.Contains(path, "/snapshots/") {
			r.Errorf("path of %s: got %s, want none", id, path)
		}
	}
	_, err := r.Volumes().Find(r.Context(), id)
	r.kind(err, domain.NotFound)
}

func (r *rack) disk(slot domain.Slot) Disk {
	r.Helper()
	list, err := r.Disks()
	r.must(err)
	i := slices.IndexFunc(list, func(d Disk) bool { return d.Slot == string(slot) })
	if i < 0 {
		r.Fatalf("disk %s is not there", slot)
	}
	return list[i]
}

// A stranger is a disk that no verb but Adopt may change.
type stranger struct {
	name     string
	standing domain.Standing
	disk     Disk
}

const anotherClusters = "another cluster's volume"

// strangers returns one of each kind, with what their disks are to be.
func (r *rack) strangers() []stranger {
	r.Helper()
	theirs := domain.Record{
		Owner: domain.ClusterID("another-cluster").Owner(), Name: "theirs", Size: 4 * domain.MiB, Access: domain.Block,
		Pool: r.facts.Plain, State: domain.Ready, Nonce: "theirs",
	}
	other, err := theirs.Encode()
	r.must(err)
	theirs.Owner = r.facts.Cluster.Owner()
	ours, err := theirs.Encode()
	r.must(err)
	slot := func(name string) string { return string(r.facts.Cluster.Slot(name)) }
	list := []stranger{
		{"a disk without a comment", domain.NotOurs, Disk{Slot: "plain-disk"}},
		{"a disk with somebody's comment", domain.NotOurs,
			Disk{Slot: "Scratch.1", Comment: `the "boss"'s disk; do not touch $x`}},
		{"an exported disk", domain.NotOurs,
			Disk{Slot: "vm-1", Export: true, NQN: "nqn.2026-09.com.mikrotik:rds.vm-1", Host: "nqn.host"}},
		{anotherClusters, domain.NotOurs, Disk{Slot: slot("theirs"), Comment: other}},
		{"a slot of ours without a record", domain.Damaged, Disk{Slot: slot("lost")}},
		{"a slot of ours with a record that was edited", domain.Damaged,
			Disk{Slot: slot("edited"), Comment: strings.Replace(ours, "content=f", "content=b", 1)}},
		{"a record whose end is missing", domain.Damaged, Disk{Slot: slot("cut"), Comment: ours[:len(ours)-4]}},
		{"a record of a newer driver", domain.Newer,
			Disk{Slot: slot("newer"), Comment: strings.Replace(ours, "rds-csi/1/", "rds-csi/2/", 1)}},
	}
	for i := range list {
		list[i].disk.Size = 4 * domain.MiB
	}
	slices.SortFunc(list, func(a, b stranger) int { return cmp.Compare(a.disk.Slot, b.disk.Slot) })
	return list
}

// addStrangers adds one of each kind.
func (r *rack) addStrangers() []stranger {
	r.Helper()
	list := r.strangers()
	for _, s := range list {
		r.must(r.AddDisk(s.disk))
	}
	return list
}

func (r *rack) id(slot string) domain.VolumeID {
	return domain.VolumeID{Array: r.facts.Name, Slot: domain.Slot(slot)}
}
