package porttest

import (
	"context"
	"testing"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
	"git.srvlab.io/whiskey/rds-csi-driver/ports"
)

// Devices runs the contract of ports.Devices and ports.Device. It needs what
// Fabric needs, and WriteDevice.
func Devices(t *testing.T, open func(*testing.T) Host) {
	runHost(t, open, proveCases(), dataCases(), deviceCases())
}

func proveCases() []hostCase {
	return []hostCase{
		{"a connected subsystem has a proved device", func(t *testing.T, h Host) {
			d := h.export(t, 1)
			h.connect(t, d)
			got := h.prove(t, d.nqn).Identity()
			if got.NQN != d.nqn || got.Path == "" || got.Number() == "0:0" {
				t.Errorf("got device %+v, want one of %s with a path and a number", got, d.nqn)
			}
		}},
		{"a device proved twice is the same", func(t *testing.T, h Host) {
			d := h.connected(t, 1, volumeSize)
			first, second := h.prove(t, d.nqn), h.prove(t, d.nqn)
			if got, want := second.Identity(), first.Identity(); got != want {
				t.Errorf("got device %+v, want %+v", got, want)
			}
		}},
		{"each subsystem has its own bytes", func(t *testing.T, h Host) {
			a, b := h.connected(t, 1, volumeSize), h.connected(t, 2, volumeSize)
			putBytes(t, a.image, 4096, []byte{1})
			putBytes(t, b.image, 8192, []byte{1})
			h.wantData(t, h.prove(t, a.nqn), 4096, domain.Extent{Length: volumeSize})
			h.wantData(t, h.prove(t, b.nqn), 8192, domain.Extent{Length: volumeSize})
		}},
		{"a subsystem that is not connected is NotFound", func(t *testing.T, h Host) {
			d := h.export(t, 1)
			_, err := h.Devices.Prove(within(t), d.nqn)
			refused(t, err, domain.NotFound)
		}},
		{"another epoch of a connected slot is NotFound", func(t *testing.T, h Host) {
			d := h.connected(t, 1, volumeSize)
			d.nqn.Epoch = domain.NewEpoch([domain.EpochBytes]byte{9})
			_, err := h.Devices.Prove(within(t), d.nqn)
			refused(t, err, domain.NotFound)
		}},
		{"a subsystem that was disconnected is NotFound", func(t *testing.T, h Host) {
			d := h.connected(t, 1, volumeSize)
			must(t, h.Fabric.Disconnect(within(t), d.nqn, h.HostNQN))
			_, err := h.Devices.Prove(within(t), d.nqn)
			refused(t, err, domain.NotFound)
		}},
		{"another disk behind the device is DataAtRisk", func(t *testing.T, h Host) {
			d := h.connected(t, 1, volumeSize)
			if h.Replace != nil {
				h.Replace(t, d.nqn)
			} else {
				must(t, h.Target.Export(d.nqn, newImage(t, volumeSize), h.HostNQN))
			}
			_, err := h.Devices.Prove(within(t), d.nqn)
			refused(t, err, domain.DataAtRisk)
		}},
		{"the number of an open device goes to no other", numberIsKept},
		{"a proof with an ended context says so", func(t *testing.T, h Host) {
			d := h.connected(t, 1, volumeSize)
			ended(t, func(ctx context.Context) error { _, err := h.Devices.Prove(ctx, d.nqn); return err })
		}},
	}
}

// numberIsKept disconnects a subsystem under an open device and sees that the
// next one does not get its number. A fabric may refuse the disconnect.
func numberIsKept(t *testing.T, h Host) {
	d := h.connected(t, 1, volumeSize)
	was := h.prove(t, d.nqn).Identity()
	if err := h.Fabric.Disconnect(within(t), d.nqn, h.HostNQN); err != nil {
		refused(t, err, domain.InUse)
		return
	}
	next := h.export(t, 2)
	h.connect(t, next)
	got := h.prove(t, next.nqn).Identity()
	if got.Number() == was.Number() || got.Path == was.Path {
		t.Errorf("got device %+v, want another path and number than the open %+v", got, was)
	}
}

// wantData checks where FirstData finds something.
func (h Host) wantData(t *testing.T, dev ports.Device, want domain.Size, extents ...domain.Extent) {
	t.Helper()
	got, found, err := dev.FirstData(within(t), extents)
	must(t, err)
	if !found || got != want {
		t.Errorf("got first data at %d (found %t), want it at %d", got, found, want)
	}
}

// wantZeros checks that FirstData finds nothing.
func (h Host) wantZeros(t *testing.T, dev ports.Device, extents ...domain.Extent) {
	t.Helper()
	got, found, err := dev.FirstData(within(t), extents)
	must(t, err)
	if found {
		t.Errorf("got data at %d, want zeros", got)
	}
}

func dataCases() []hostCase {
	const last = volumeSize - 1
	whole := domain.Extent{Length: volumeSize}
	cases := []hostCase{
		{"an empty device has no data", func(t *testing.T, h Host) {
			d := h.connected(t, 1, volumeSize)
			h.wantZeros(t, h.prove(t, d.nqn), whole)
			h.wantZeros(t, h.prove(t, d.nqn), domain.MustBeZero(volumeSize, domain.ProofWhole)...)
			h.wantZeros(t, h.prove(t, d.nqn))
		}},
		{"the first of several bytes is found", func(t *testing.T, h Host) {
			d := h.connected(t, 1, volumeSize)
			putBytes(t, d.image, 9_000_000, []byte{1})
			putBytes(t, d.image, 9_100_000, []byte{1})
			h.wantData(t, h.prove(t, d.nqn), 9_000_000, whole)
		}},
		{"data outside the extents is not looked at", func(t *testing.T, h Host) {
			d := h.connected(t, 1, volumeSize)
			putBytes(t, d.image, 4095, []byte{1})
			putBytes(t, d.image, 8192+512, []byte{1})
			h.wantZeros(t, h.prove(t, d.nqn), domain.Extent{Offset: 4096, Length: 4096 + 512},
				domain.Extent{Offset: 8192 + 513, Length: 7})
		}},
		{"extents of any length are looked at to their ends", func(t *testing.T, h Host) {
			d := h.connected(t, 1, volumeSize)
			putBytes(t, d.image, 5000, []byte{1})
			h.wantData(t, h.prove(t, d.nqn), 5000, domain.Extent{Offset: 3, Length: 10}, domain.Extent{Offset: 4999, Length: 2})
		}},
		{"the device and not a cache is read", func(t *testing.T, h Host) {
			d := h.connected(t, 1, volumeSize)
			h.wantZeros(t, h.prove(t, d.nqn), whole)
			putBytes(t, d.image, 4096, []byte{1})
			h.wantData(t, h.prove(t, d.nqn), 4096, whole)
		}},
		{"a read error is DataAtRisk", func(t *testing.T, h Host) {
			d := h.connected(t, 1, volumeSize)
			dev := h.prove(t, d.nqn)
			h.failReads(t, d)
			_, _, err := dev.FirstData(within(t), []domain.Extent{{Offset: domain.MiB, Length: domain.MiB}})
			refused(t, err, domain.DataAtRisk)
		}},
		{"an extent past the end is DataAtRisk", func(t *testing.T, h Host) {
			dev := h.prove(t, h.connected(t, 1, volumeSize).nqn)
			_, _, err := dev.FirstData(within(t), []domain.Extent{{Offset: volumeSize - 4096, Length: 8192}})
			refused(t, err, domain.DataAtRisk)
		}},
		{"reading with an ended context says so", func(t *testing.T, h Host) {
			dev := h.prove(t, h.connected(t, 1, volumeSize).nqn)
			ended(t, func(ctx context.Context) error {
				_, _, err := dev.FirstData(ctx, []domain.Extent{whole})
				return err
			})
		}},
	}
	for name, offset := range map[string]domain.Size{"the first byte": 0, "a byte in the middle": 5_000_000, "the last byte": last} {
		cases = append(cases, hostCase{name + " is found", func(t *testing.T, h Host) {
			d := h.connected(t, 1, volumeSize)
			putBytes(t, d.image, offset, []byte{0x80})
			h.wantData(t, h.prove(t, d.nqn), offset, whole)
		}})
	}
	return cases
}

func deviceCases() []hostCase {
	return []hostCase{
		{"the size is the image's", func(t *testing.T, h Host) {
			d := h.connected(t, 1, volumeSize+domain.MiB)
			h.wantSize(t, h.prove(t, d.nqn), volumeSize+domain.MiB)
		}},
		{"a device that nobody uses has no holders", func(t *testing.T, h Host) {
			dev := h.prove(t, h.connected(t, 1, volumeSize).nqn)
			got, err := dev.Holders(within(t))
			must(t, err)
			if len(got) != 0 {
				t.Errorf("got holders %q, want none", got)
			}
		}},
		{"a read-only device takes no write until it is told to", readOnlyDevice},
		{"size, holders and read-only with an ended context say so", func(t *testing.T, h Host) {
			dev := h.prove(t, h.connected(t, 1, volumeSize).nqn)
			ended(t, func(ctx context.Context) error { _, err := dev.Size(ctx); return err })
			ended(t, func(ctx context.Context) error { _, err := dev.Holders(ctx); return err })
			ended(t, func(ctx context.Context) error { return dev.SetReadOnly(ctx, true) })
		}},
	}
}

func readOnlyDevice(t *testing.T, h Host) {
	d := h.connected(t, 1, volumeSize)
	dev := h.prove(t, d.nqn)
	for range 2 {
		must(t, dev.SetReadOnly(within(t), true))
	}
	if err := h.WriteDevice(d.device.Path, []byte("refused"), 4096); err == nil {
		t.Error("got no error, want the write to a read-only device refused")
	}
	if got := getBytes(t, d.image, 4096, 7); string(got) != string(make([]byte, 7)) {
		t.Errorf("got %q in the image, want zeros", got)
	}
	for range 2 {
		must(t, dev.SetReadOnly(within(t), false))
	}
	must(t, h.WriteDevice(d.device.Path, []byte("written"), 4096))
	if got := getBytes(t, d.image, 4096, 7); string(got) != "written" {
		t.Errorf("got %q in the image, want %q", got, "written")
	}
}
