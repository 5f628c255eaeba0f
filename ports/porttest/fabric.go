package porttest

import (
	"context"
	"slices"
	"strings"
	"testing"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
	"git.srvlab.io/whiskey/rds-csi-driver/ports"
)

// volumeSize is the size of a volume that carries no file system.
const volumeSize = 16 * domain.MiB

// strangerNQN is a host that is not the one under test.
const strangerNQN = "nqn.2014-08.org.nvmexpress:uuid:5d2ec9a8-0000-5000-8000-00000000beef"

// Fabric runs the contract of ports.Fabric. It needs Fabric, Devices, Target,
// Prefix, HostNQN, HostID, Hold, Foreign, and Occupy and ShowNode or
// Filesystems and Mounts.
func Fabric(t *testing.T, open func(*testing.T) Host) {
	runHost(t, open, connectCases(), admitCases(), disconnectCases(), listCases(), rescanCases())
}

// controllers returns the controllers of one subsystem.
func (h Host) controllers(t *testing.T, nqn domain.NQN) []domain.Controller {
	t.Helper()
	all, err := h.Fabric.List(within(t))
	must(t, err)
	return slices.DeleteFunc(all, func(c domain.Controller) bool { return c.NQN != nqn })
}

// wantConnected checks that there is one live controller of the subsystem.
func (h Host) wantConnected(t *testing.T, nqn domain.NQN) domain.Controller {
	t.Helper()
	got := h.controllers(t, nqn)
	if len(got) != 1 || got[0].State != domain.Live || got[0].HostNQN != h.HostNQN || got[0].Name == "" {
		t.Fatalf("got controllers %+v, want one that is live, has a name and host NQN %s", got, h.HostNQN)
	}
	return got[0]
}

// wantNone checks that nothing of ours is connected.
func (h Host) wantNone(t *testing.T) {
	t.Helper()
	got, err := h.Fabric.List(within(t))
	must(t, err)
	if len(got) != 0 {
		t.Errorf("got controllers %+v, want none", got)
	}
}

func connectCases() []hostCase {
	return []hostCase{
		{"a connect makes one live controller", func(t *testing.T, h Host) {
			d := h.export(t, 1)
			h.connect(t, d)
			h.wantConnected(t, d.nqn)
		}},
		{"a host connects to what every host may have", func(t *testing.T, h Host) {
			d := h.export(t, 1)
			must(t, h.Target.Export(d.nqn, d.image, ""))
			h.connect(t, d)
			h.wantConnected(t, d.nqn)
		}},
		{"a second connect changes nothing", func(t *testing.T, h Host) {
			d := h.connected(t, 1, volumeSize)
			want := h.wantConnected(t, d.nqn)
			must(t, h.Fabric.Connect(within(t), h.to(d.nqn)))
			if got := h.wantConnected(t, d.nqn); got != want {
				t.Errorf("got controller %+v, want %+v as before", got, want)
			}
		}},
		{"connects at once make one controller", connectAtOnce},
		{"an unknown NQN is Unreachable", func(t *testing.T, h Host) {
			refused(t, h.Fabric.Connect(within(t), h.to(h.newNQN(1))), domain.Unreachable)
			h.wantNone(t)
		}},
		{"an export that was withdrawn is Unreachable", func(t *testing.T, h Host) {
			d := h.export(t, 1)
			must(t, h.Target.Withdraw(d.nqn))
			refused(t, h.Fabric.Connect(within(t), h.to(d.nqn)), domain.Unreachable)
			h.wantNone(t)
		}},
		{"a host that is not admitted is Unreachable", func(t *testing.T, h Host) {
			d := h.export(t, 1)
			must(t, h.Target.Export(d.nqn, d.image, strangerNQN))
			refused(t, h.Fabric.Connect(within(t), h.to(d.nqn)), domain.Unreachable)
			h.wantNone(t)
		}},
		{"a silent target is Unreachable", func(t *testing.T, h Host) {
			d := h.export(t, 1)
			must(t, h.Target.Silence(true))
			refused(t, h.Fabric.Connect(within(t), h.to(d.nqn)), domain.Unreachable)
			must(t, h.Target.Silence(false))
			h.wantNone(t)
		}},
		{"a connect that was refused succeeds once it may", func(t *testing.T, h Host) {
			d := disk{nqn: h.newNQN(1), image: newImage(t, volumeSize)}
			refused(t, h.Fabric.Connect(within(t), h.to(d.nqn)), domain.Unreachable)
			must(t, h.Target.Export(d.nqn, d.image, h.HostNQN))
			h.connect(t, d)
			h.wantConnected(t, d.nqn)
		}},
		{"a connect whose context has ended connects nothing", func(t *testing.T, h Host) {
			d := h.export(t, 1)
			ended(t, func(ctx context.Context) error { return h.Fabric.Connect(ctx, h.to(d.nqn)) })
			h.wantNone(t)
		}},
		{"an NQN under another prefix is not connected", func(t *testing.T, h Host) {
			d := disk{nqn: h.newNQN(1), image: newImage(t, volumeSize)}
			d.nqn.Prefix = "nqn.2001-01.example.other"
			must(t, h.Target.Export(d.nqn, d.image, h.HostNQN))
			if err := h.Fabric.Connect(within(t), h.to(d.nqn)); err == nil {
				t.Errorf("got no error for %s, want a refusal: its prefix is not %s", d.nqn, h.Prefix)
			}
			h.wantNone(t)
		}},
	}
}

func connectAtOnce(t *testing.T, h Host) {
	const callers = 8
	disks := []disk{h.export(t, 1), h.export(t, 2)}
	errs := make(chan error)
	ctx := within(t)
	for i := range callers {
		go func() { errs <- h.Fabric.Connect(ctx, h.to(disks[i%2].nqn)) }()
	}
	for range callers {
		if err := <-errs; err != nil {
			t.Errorf("got error %v, want none", err)
		}
	}
	for _, d := range disks {
		h.connect(t, d) // for its clean-up
		h.wantConnected(t, d.nqn)
	}
	a, b := h.prove(t, disks[0].nqn).Identity(), h.prove(t, disks[1].nqn).Identity()
	if a.Number() == b.Number() || a.Path == b.Path {
		t.Errorf("got devices %+v and %+v, want one each", a, b)
	}
}

func admitCases() []hostCase {
	admits := func(want bool, prepare func(*testing.T, Host, disk)) func(*testing.T, Host) {
		return func(t *testing.T, h Host) {
			d := h.export(t, 1)
			prepare(t, h, d)
			got, err := h.Fabric.Admits(within(t), h.to(d.nqn))
			must(t, err)
			if got != want {
				t.Errorf("got admits %t, want %t", got, want)
			}
		}
	}
	return []hostCase{
		{"this host is admitted to its export", admits(true, func(*testing.T, Host, disk) {})},
		{"this host is admitted to an export for all", admits(true, func(t *testing.T, h Host, d disk) {
			must(t, h.Target.Export(d.nqn, d.image, ""))
		})},
		{"this host is not admitted to another's export", admits(false, func(t *testing.T, h Host, d disk) {
			must(t, h.Target.Export(d.nqn, d.image, strangerNQN))
		})},
		{"nobody is admitted to what is not exported", admits(false, func(t *testing.T, h Host, d disk) {
			must(t, h.Target.Withdraw(d.nqn))
		})},
		{"a connected host is still admitted", admits(true, func(t *testing.T, h Host, d disk) { h.connect(t, d) })},
		{"a connected host is not admitted to an export that ended", admits(false, func(t *testing.T, h Host, d disk) {
			h.connect(t, d)
			must(t, h.Target.Withdraw(d.nqn))
		})},
		{"a silent target says neither yes nor no", func(t *testing.T, h Host) {
			d := h.export(t, 1)
			must(t, h.Target.Silence(true))
			_, err := h.Fabric.Admits(within(t), h.to(d.nqn))
			refused(t, err, domain.Unreachable)
		}},
		{"asking leaves no connection behind", func(t *testing.T, h Host) {
			d := h.export(t, 1)
			_, err := h.Fabric.Admits(within(t), h.to(d.nqn))
			must(t, err)
			h.wantNone(t)
		}},
		{"asking leaves the connection there is alone", func(t *testing.T, h Host) {
			d := h.connected(t, 1, volumeSize)
			want := h.wantConnected(t, d.nqn)
			_, err := h.Fabric.Admits(within(t), h.to(d.nqn))
			must(t, err)
			if got := h.wantConnected(t, d.nqn); got != want {
				t.Errorf("got controller %+v, want %+v as before", got, want)
			}
		}},
		{"asking with an ended context says so", func(t *testing.T, h Host) {
			d := h.export(t, 1)
			ended(t, func(ctx context.Context) error {
				_, err := h.Fabric.Admits(ctx, h.to(d.nqn))
				return err
			})
		}},
	}
}

func listCases() []hostCase {
	return []hostCase{
		{"the list of a new host is empty", func(t *testing.T, h Host) { h.wantNone(t) }},
		{"the list has the connections of every host NQN", func(t *testing.T, h Host) {
			d := h.connectedTwice(t)
			got := h.controllers(t, d.nqn)
			if len(got) != 2 || got[0].HostNQN == got[1].HostNQN || got[0].Name == got[1].Name {
				t.Errorf("got controllers %+v, want one of %s and one of %s", got, h.HostNQN, strangerNQN)
			}
		}},
		{"the list knows what is connected while the target is silent", func(t *testing.T, h Host) {
			d := h.connected(t, 1, volumeSize)
			must(t, h.Target.Silence(true))
			got := h.controllers(t, d.nqn)
			must(t, h.Target.Silence(false))
			if len(got) != 1 || got[0].State == domain.Gone {
				t.Errorf("got controllers %+v, want one, live or connecting", got)
			}
		}},
		{"what others connected is neither listed nor touched", func(t *testing.T, h Host) {
			intact := h.Foreign(t)
			h.wantNone(t)
			d := h.connected(t, 1, volumeSize)
			must(t, h.Fabric.Disconnect(within(t), d.nqn, h.HostNQN))
			must(t, h.Fabric.Abandon(within(t), d.nqn, h.HostNQN))
			h.wantNone(t)
			must(t, intact())
		}},
		{"a list with an ended context says so", func(t *testing.T, h Host) {
			ended(t, func(ctx context.Context) error { _, err := h.Fabric.List(ctx); return err })
		}},
	}
}

// connectedTwice returns a disk that is connected under two host NQNs.
func (h Host) connectedTwice(t *testing.T) disk {
	t.Helper()
	d := h.export(t, 1)
	must(t, h.Target.Export(d.nqn, d.image, ""))
	h.connect(t, d)
	other := h
	other.HostNQN, other.HostID = strangerNQN, strings.TrimPrefix(strangerNQN, "nqn.2014-08.org.nvmexpress:uuid:")
	other.connect(t, d)
	return d
}

func rescanCases() []hostCase {
	return []hostCase{
		{"a rescan shows the device's new size", func(t *testing.T, h Host) {
			d := h.connected(t, 1, volumeSize)
			dev := h.prove(t, d.nqn)
			h.grow(t, d, 2*volumeSize)
			h.wantSize(t, dev, 2*volumeSize)
		}},
		{"a rescan where nothing grew changes nothing", func(t *testing.T, h Host) {
			d := h.connected(t, 1, volumeSize)
			must(t, h.Fabric.Rescan(within(t), d.nqn))
			must(t, h.Fabric.Rescan(within(t), d.nqn))
			h.wantSize(t, h.prove(t, d.nqn), volumeSize)
			h.wantConnected(t, d.nqn)
		}},
		{"a rescan of what is not connected is NotFound", func(t *testing.T, h Host) {
			refused(t, h.Fabric.Rescan(within(t), h.newNQN(1)), domain.NotFound)
		}},
		{"a rescan with an ended context says so", func(t *testing.T, h Host) {
			d := h.connected(t, 1, volumeSize)
			ended(t, func(ctx context.Context) error { return h.Fabric.Rescan(ctx, d.nqn) })
		}},
	}
}

// wantSize waits until the host sees that size: a rescan may take effect a
// little later.
func (h Host) wantSize(t *testing.T, dev ports.Device, want domain.Size) {
	t.Helper()
	var got domain.Size
	ok := eventually(t, func() bool {
		var err error
		got, err = dev.Size(within(t))
		must(t, err)
		return got == want
	})
	if !ok {
		t.Errorf("got size %d, want %d", got, want)
	}
}
