package porttest

import (
	"context"
	"strings"
	"testing"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

func disconnectCases() []hostCase {
	return append(heldCases(), []hostCase{
		{"a disconnect removes the controller", func(t *testing.T, h Host) {
			d := h.connected(t, 1, volumeSize)
			must(t, h.Fabric.Disconnect(within(t), d.nqn, h.HostNQN))
			h.wantNone(t)
		}},
		{"a second disconnect is fine, and so is one of nothing", func(t *testing.T, h Host) {
			d := h.connected(t, 1, volumeSize)
			must(t, h.Fabric.Disconnect(within(t), d.nqn, h.HostNQN))
			must(t, h.Fabric.Disconnect(within(t), d.nqn, h.HostNQN))
			must(t, h.Fabric.Disconnect(within(t), h.newNQN(2), h.HostNQN))
			must(t, h.Fabric.Abandon(within(t), h.newNQN(2), h.HostNQN))
		}},
		{"a disconnect takes exactly that subsystem", func(t *testing.T, h Host) {
			d := h.connected(t, 1, volumeSize)
			next := disk{nqn: d.nqn, image: newImage(t, volumeSize)}
			next.nqn.Epoch = domain.NewEpoch([domain.EpochBytes]byte{1})
			must(t, h.Target.Export(next.nqn, next.image, h.HostNQN))
			h.connect(t, next)
			must(t, h.Fabric.Disconnect(within(t), d.nqn, h.HostNQN))
			h.wantConnected(t, next.nqn)
			if got := h.controllers(t, d.nqn); len(got) != 0 {
				t.Errorf("got controllers %+v, want none", got)
			}
		}},
		{"a disconnect takes exactly that host NQN", func(t *testing.T, h Host) {
			d := h.connectedTwice(t)
			must(t, h.Fabric.Disconnect(within(t), d.nqn, strangerNQN))
			h.wantConnected(t, d.nqn)
		}},
		{"a disconnect needs no answer from the target", func(t *testing.T, h Host) {
			d := h.connected(t, 1, volumeSize)
			must(t, h.Target.Silence(true))
			must(t, h.Fabric.Disconnect(within(t), d.nqn, h.HostNQN))
			h.wantNone(t)
			must(t, h.Target.Silence(false))
			h.wantNone(t)
		}},
		{"a disconnect follows a withdrawn export", func(t *testing.T, h Host) {
			d := h.connected(t, 1, volumeSize)
			must(t, h.Target.Withdraw(d.nqn))
			must(t, h.Fabric.Disconnect(within(t), d.nqn, h.HostNQN))
			h.wantNone(t)
		}},
		{"what was written is there at the next connect", func(t *testing.T, h Host) {
			d := h.connected(t, 1, volumeSize)
			must(t, h.WriteDevice(d.device.Path, []byte("written"), 4096))
			must(t, h.Fabric.Disconnect(within(t), d.nqn, h.HostNQN))
			h.connect(t, d)
			got, err := h.ReadDevice(h.prove(t, d.nqn).Identity().Path, 7, 4096)
			must(t, err)
			if string(got) != "written" {
				t.Errorf("got %q, want %q", got, "written")
			}
		}},
		{"an NQN under another prefix is not disconnected", func(t *testing.T, h Host) {
			intact := h.Foreign(t)
			foreign := h.newNQN(1)
			foreign.Prefix = "nqn.2001-01.example.other"
			_ = h.Fabric.Disconnect(within(t), foreign, h.HostNQN)
			_ = h.Fabric.Abandon(within(t), foreign, h.HostNQN)
			must(t, intact())
		}},
		{"a disconnect with an ended context disconnects nothing", func(t *testing.T, h Host) {
			d := h.connected(t, 1, volumeSize)
			ended(t, func(ctx context.Context) error { return h.Fabric.Disconnect(ctx, d.nqn, h.HostNQN) })
			ended(t, func(ctx context.Context) error { return h.Fabric.Abandon(ctx, d.nqn, h.HostNQN) })
			h.wantConnected(t, d.nqn)
		}},
	}...)
}

// heldCases hold a device in every way and see that it stays.
func heldCases() []hostCase {
	return append([]hostCase{
		{"a disconnect names who holds the device exclusively", func(t *testing.T, h Host) {
			d := h.connected(t, 1, volumeSize)
			h.staysWhileHeld(t, d, "exclusive open", h.Hold(t, d.device))
		}},
		{"a disconnect names where the device node is shown", func(t *testing.T, h Host) {
			d := h.connected(t, 1, volumeSize)
			target, leave := h.showNode(t, d)
			h.staysWhileHeld(t, d, target, leave)
		}},
		{"an abandoned subsystem is gone, or held and named", func(t *testing.T, h Host) {
			d := h.connected(t, 1, sizeFor(domain.Ext4))
			target, leave := h.occupy(t, d, domain.Ext4)
			if err := h.Fabric.Abandon(within(t), d.nqn, h.HostNQN); err != nil {
				refused(t, err, domain.InUse, target)
				h.wantConnected(t, d.nqn)
				leave()
				return
			}
			h.wantNone(t)
			leave()
		}},
		{"an abandoned subsystem that nobody holds is gone", func(t *testing.T, h Host) {
			d := h.connected(t, 1, volumeSize)
			must(t, h.Fabric.Abandon(within(t), d.nqn, h.HostNQN))
			must(t, h.Fabric.Abandon(within(t), d.nqn, h.HostNQN))
			h.wantNone(t)
		}},
	}, eachFileSystem("mounted: a disconnect names the mount point", func(t *testing.T, h Host, a domain.Access) {
		d := h.connected(t, 1, sizeFor(a))
		target, leave := h.occupy(t, d, a)
		h.staysWhileHeld(t, d, target, leave)
	})...)
}

// staysWhileHeld checks that a held disk is not disconnected until it is let
// go, and that Holders knows who holds it.
func (h Host) staysWhileHeld(t *testing.T, d disk, holder string, leave func()) {
	t.Helper()
	dev := h.prove(t, d.nqn)
	got, err := dev.Holders(within(t))
	must(t, err)
	if !strings.Contains(strings.Join(got, "\n"), holder) {
		t.Errorf("got holders %q, want %q among them", got, holder)
	}
	must(t, dev.Close())
	refused(t, h.Fabric.Disconnect(within(t), d.nqn, h.HostNQN), domain.InUse, holder)
	h.wantConnected(t, d.nqn)
	leave()
	dev = h.prove(t, d.nqn)
	got, err = dev.Holders(within(t))
	must(t, err)
	if len(got) != 0 {
		t.Errorf("got holders %q, want none", got)
	}
	must(t, dev.Close())
	must(t, h.Fabric.Disconnect(within(t), d.nqn, h.HostNQN))
	h.wantNone(t)
}
