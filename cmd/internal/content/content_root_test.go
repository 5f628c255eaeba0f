//go:build root && linux

package content

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const mib = 1 << 20

// onLoop runs a tool on a loop device over the image: for tools that take no
// file.
func (v *volume) onLoop(name string, args ...string) {
	v.rig.Helper()
	out := must(exec.CommandContext(v.rig.Context(), "losetup", "--find", "--show", v.image()).Output())(v.rig)
	device := strings.TrimSpace(string(out))
	defer func() { must(exec.Command("losetup", "--detach", device).Output())(v.rig) }() //nolint:noctx // must run
	if out, err := exec.CommandContext(v.rig.Context(), name, append(args, device)...).CombinedOutput(); err != nil {
		v.rig.Fatalf("%s: %v: %s", name, err, out)
	}
}

// TestRefused puts something on a volume that is ext4, published and blank,
// unless the case says otherwise, and stages it.
func TestRefused(t *testing.T) {
	tests := []struct {
		name string
		put  func(v *volume)
		want string // in the message: the evidence
	}{
		{"ext4 on a volume for xfs", func(v *volume) {
			v.fsType = "xfs" // asked for when it is staged
			v.run("mkfs.ext4", "-q", "-F")
		}, "the device holds ext4"},
		{"xfs", func(v *volume) { v.run("mkfs.xfs", "-q") }, "the device holds xfs"},
		{"btrfs", func(v *volume) { v.run("mkfs.btrfs", "-q") }, "the device holds btrfs"},
		{"LUKS", func(v *volume) {
			v.run("cryptsetup", "luksFormat", "--batch-mode", "--pbkdf=pbkdf2", "--pbkdf-force-iterations=1000")
		}, "the device holds crypto_LUKS"},
		{"LVM", func(v *volume) { v.onLoop("pvcreate", "--quiet", "--config", "global{use_lvmlockd=0}") }, "the device holds LVM2_member"},
		{"GPT partition table", func(v *volume) { v.run("sgdisk", "--new=1:0:0") }, "the device holds gpt"},
		{"DOS partition table", func(v *volume) {
			v.onLoop("sh", "-c", `echo ,, | sfdisk --quiet --no-reread --no-tell-kernel --label dos "$0"`)
		}, "the device holds dos"},
		{"swap", func(v *volume) { v.run("mkswap") }, "the device holds swap"},
		{"ext4 with a damaged superblock", func(v *volume) {
			v.run("mkfs.ext4", "-q", "-F")
			v.erase(0, 4096)
		}, "there is data at byte 4096"},
		{"xfs with a damaged superblock", func(v *volume) {
			v.run("mkfs.xfs", "-q")
			v.erase(0, 4096)
		}, "there is data at byte"},
		{"btrfs with a damaged superblock", func(v *volume) {
			v.run("mkfs.btrfs", "-q")
			v.erase(64<<10, 4096)
		}, "there is data at byte"},
		{"garbage at the start", func(v *volume) { v.write(3*mib+5, []byte{1}) }, "there is data at byte 3145733"},
		{"garbage at the end", func(v *volume) { v.write(volumeSize-1, []byte{1}) }, "there is data at byte 536870911"},
		{"a device smaller than granted", func(v *volume) { must(0, os.Truncate(v.image(), volumeSize-mib))(v.rig) }, "the device has 511 MiB"},
	}
	r := newRig(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := &rig{T: t, controller: r.controller, node: r.node, nodeID: r.nodeID, dir: r.dir}
			v := r.create(test.name, "ext4", nil)
			v.publish()
			test.put(v)
			v.refused(test.want)
		})
	}
}

// refused stages the volume and fails the test unless that is refused and every
// byte of the image stays.
func (v *volume) refused(evidence string) {
	v.rig.Helper()
	before := v.sum()
	err := v.stage()
	if status.Code(err) != codes.FailedPrecondition || !strings.Contains(status.Convert(err).Message(), evidence) {
		v.rig.Errorf("stage: %v, want FailedPrecondition that names %q", err, evidence)
	}
	if v.sum() != before {
		v.rig.Error("the image was changed")
	}
	if mounted(v.rig, v.staging()) {
		v.rig.Error("something is mounted at the staging path")
	}
}

func mounted(r *rig, path string) bool {
	r.Helper()
	return bytes.Contains(must(os.ReadFile("/proc/self/mountinfo"))(r), []byte(" "+path+" "))
}

func TestForeignContentIsRefused(t *testing.T) {
	r := newRig(t)
	source := r.create("source", "ext4", nil)
	source.publish() // from now on somebody may have written, though nobody did
	source.unpublish()
	snapshot := must(r.controller.CreateSnapshot(t.Context(), &csi.CreateSnapshotRequest{
		Name: "snapshot", SourceVolumeId: source.id,
	}))(r).GetSnapshot()
	restored := r.create("restored", "ext4", &csi.VolumeContentSource{Type: &csi.VolumeContentSource_Snapshot{
		Snapshot: &csi.VolumeContentSource_SnapshotSource{SnapshotId: snapshot.GetSnapshotId()},
	}})
	restored.publish()
	restored.refused("format is never")
	must(r.controller.DeleteSnapshot(t.Context(), &csi.DeleteSnapshotRequest{SnapshotId: snapshot.GetSnapshotId()}))(r)
}

func TestWrongIdentityIsRefused(t *testing.T) {
	r := newRig(t)
	v, other := r.create("volume", "ext4", nil), r.create("other", "ext4", nil)
	v.publish()
	other.publish()
	v.connect()
	before, image := other.sum(), v.image()
	// The array now shows another image under the name that is connected.
	must(0, os.Remove(v.link()))(r)
	must(0, os.Symlink(other.image(), v.link()))(r)
	v.refused("not proved")
	must(0, os.Remove(v.link()))(r)
	must(0, os.Symlink(image, v.link()))(r)
	if other.sum() != before {
		t.Error("the other image was changed")
	}
}

func TestReadErrorIsRefused(t *testing.T) {
	r := newRig(t)
	v := r.create("volume", "ext4", nil)
	v.publish()
	v.connect()
	// The device keeps its size: reads behind the end of its file give EIO.
	must(0, os.Truncate(v.image(), volumeSize/2))(r)
	v.refused("can not be read")
	must(0, os.Truncate(v.image(), volumeSize))(r)
}

// fileSystems are those that a node makes.
var fileSystems = []string{"ext4", "xfs", "btrfs"}

func TestBlankIsFormatted(t *testing.T) {
	r := newRig(t)
	for _, fsType := range fileSystems {
		v := r.create("blank "+fsType, fsType, nil)
		v.publish()
		v.staged()
	}
}

// staged stages the volume and fails the test unless it is then mounted.
func (v *volume) staged() {
	v.rig.Helper()
	if err := v.stage(); err != nil || !mounted(v.rig, v.staging()) {
		v.rig.Errorf("%s: stage: %v, mounted %t", v.fsType, err, mounted(v.rig, v.staging()))
	}
}

func TestUsedButEmptyIsFormatted(t *testing.T) {
	r := newRig(t)
	for _, fsType := range fileSystems {
		v := r.create("used "+fsType, fsType, nil)
		v.publish()
		v.unpublish()
		v.publish()
		if v.context["format"] != "if-empty" {
			t.Errorf("format %q, want if-empty", v.context["format"])
		}
		v.staged()
	}
}

// TestUsedWithOnlyABackupSuperblock erases what is looked at first: the start,
// where the main superblock is, and the end.
func TestUsedWithOnlyABackupSuperblock(t *testing.T) {
	r := newRig(t)
	for _, fsType := range fileSystems {
		t.Run(fsType, func(t *testing.T) {
			r := &rig{T: t, controller: r.controller, node: r.node, nodeID: r.nodeID, dir: r.dir}
			v := r.create("backup "+fsType, fsType, nil)
			v.publish()
			v.staged()
			if err := v.unstage(t.Context()); err != nil {
				t.Fatal(err)
			}
			v.unpublish()
			v.publish()
			v.erase(0, 4*mib)
			v.erase(volumeSize-mib, mib)
			v.refused("there is data at byte")
		})
	}
}
