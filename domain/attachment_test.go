package domain

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParsePortal(t *testing.T) {
	long := strings.Repeat("a", 253)
	for text, want := range map[string]Portal{
		"10.0.0.1":                        {Host: "10.0.0.1", Port: 4420},
		"10.0.0.1:8009":                   {Host: "10.0.0.1", Port: 8009},
		"rds.example.com":                 {Host: "rds.example.com", Port: 4420},
		"rds.example.com:1":               {Host: "rds.example.com", Port: 1},
		"RDS-1:65535":                     {Host: "RDS-1", Port: 65535},
		"fd00::1":                         {Host: "fd00::1", Port: 4420},
		"::1":                             {Host: "::1", Port: 4420},
		"[fd00::1]":                       {Host: "fd00::1", Port: 4420},
		"[fd00::1]:8009":                  {Host: "fd00::1", Port: 8009},
		"fe80::1%eth0.5":                  {Host: "fe80::1%eth0.5", Port: 4420},
		"[fe80::1%eth0]:1":                {Host: "fe80::1%eth0", Port: 1},
		long:                              {Host: long, Port: 4420},
		"":                                {},
		":":                               {},
		":4420":                           {},
		"rds:":                            {},
		"rds:0":                           {},
		"rds:65536":                       {},
		"rds:-1":                          {},
		"rds:+1":                          {},
		"rds:http":                        {},
		"rds: 1":                          {},
		"rds ":                            {},
		"a,b":                             {},
		"rds,hostnqn=x":                   {},
		"fe80::1%eth0,hostnqn=x":          {},
		"fe80::1%eth 0":                   {},
		"fe80::1%":                        {},
		"a/b":                             {},
		"http://rds":                      {},
		"röds":                            {},
		"rds\n":                           {},
		"rds\x00":                         {},
		"fd00::1:zz":                      {},
		"::1]":                            {},
		"[::1":                            {},
		"[::1]x":                          {},
		"[::1]:":                          {},
		"[::1]:0":                         {},
		"[::1]:1:2":                       {},
		"[[::1]]":                         {},
		"[rds]":                           {},
		"[rds]:4420":                      {},
		"[10.0.0.1]:4420":                 {},
		"10.0.0.1]":                       {},
		"a:b:c":                           {},
		long + "a":                        {},
		"[fd00::1]:4420,[fd00::2]:4420":   {},
		"nqn.2014-08.org.nvmexpress:uuid": {},
	} {
		got, err := ParsePortal(text)
		if got != want || (err == nil) != (want != Portal{}) {
			t.Errorf("%q: got %+v and %v, want %+v", text, got, err, want)
		}
		if (want == Portal{}) {
			wantKind(t, err, Invalid)
			wantText(t, err, "portal")
		} else if again, err := ParsePortal(got.String()); err != nil || again != got {
			t.Errorf("got %+v and %v from %q, want %+v", again, err, got, got)
		}
	}
}

func TestAttach(t *testing.T) {
	v := volume(heldAs(writer(Ext4)))
	portals := []Portal{{Host: "10.0.0.1", Port: 4420}}
	host, _ := ParseNodeID(string(nodeID("a")))
	want := Attachment{
		ID: v.ID,
		Target: Target{
			NQN:     NQN{Prefix: prefix, Slot: v.ID.Slot, Epoch: "neweepoc"},
			Portals: portals, HostNQN: host.NQN(), HostID: host.UUID.String(), Timings: DefaultTimings(),
		},
		Size: GiB, Format: FormatBlankUntil(at(86400)),
	}
	got, ok := v.Attach(nodeID("a"), prefix, portals)
	if !ok || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	portals[0].Host = "changed"
	if got.Target.Portals[0].Host != "10.0.0.1" {
		t.Error("the attachment shares its portals with the configuration")
	}
	for _, n := range []NodeID{nodeID("b"), "", "a"} {
		if got, ok := v.Attach(n, prefix, portals); ok {
			t.Errorf("got %+v for %q, want none", got, n)
		}
	}
	reader := volume(made(Ext4, Foreign), heldAs(must(NewUse(Ext4, SingleWriter, true))),
		func(v *Volume) { v.Record.Origin = Origin{Kind: FromSnapshot, Name: "sn-x"} })
	got, _ = reader.Attach(nodeID("a"), prefix, portals)
	if !got.ReadOnly || !got.Copy || got.Format != FormatNever() {
		t.Errorf("got %+v, want a read-only copy that is never formatted", got)
	}
}

// What the orchestrator sees of an attachment is fixed while the grant lives,
// whatever happens to the volume; only the portals may change.
func TestContextIsFixedWhileTheGrantLives(t *testing.T) {
	v := volume(heldAs(writer(Ext4)))
	before, _ := v.Attach(nodeID("a"), prefix, []Portal{{Host: "x", Port: 1}})
	v = must(v.Modify(timings("nrIOQueues=9"), "m"))
	v = must(v.Resize(SizeRange{Required: 2 * GiB}, "r"))
	v.Row.Size = v.Record.Size
	v = must(v.Revoke("somebody else", "x"))
	v = must(v.Admit(ask("a", writer(Ext4), 10*86400)))
	after, ok := v.Attach(nodeID("a"), prefix, []Portal{{Host: "x", Port: 1}})
	if !ok || !maps.Equal(after.Context(), before.Context()) {
		t.Errorf("got %v, want %v", after.Context(), before.Context())
	}
}

func attachment() *rapid.Generator[Attachment] {
	return rapid.Custom(func(t *rapid.T) Attachment {
		id := volumeID().Draw(t, "id")
		host, _ := ParseNodeID(string(node().Draw(t, "node")))
		hosts := rapid.SampledFrom([]string{"10.0.0.1", "fd00::1", "fe80::1%eth0", "rds.example.com"})
		portals := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Portal {
			return Portal{Host: hosts.Draw(t, "host"), Port: rapid.Uint16Min(1).Draw(t, "port")}
		}), 1, 4).Draw(t, "portals")
		return Attachment{
			ID: id,
			Target: Target{
				NQN:     NQN{Prefix: prefix, Slot: id.Slot, Epoch: epoch().Draw(t, "epoch")},
				Portals: portals, HostNQN: host.NQN(), HostID: host.UUID.String(), Timings: someTimings().Draw(t, "timings"),
			},
			Size: size().Draw(t, "size"), Format: format().Draw(t, "format"),
			Copy: rapid.Bool().Draw(t, "copy"), ReadOnly: rapid.Bool().Draw(t, "read-only"),
		}
	})
}

func TestContextRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := attachment().Draw(t, "attachment")
		c := want.Context()
		c["storage.kubernetes.io/csiProvisionerIdentity"] = "unknown keys are ignored"
		got, err := ParseAttachment(prefix, c)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("got %+v and %v, want %+v", got, err, want)
		}
		for key, value := range c {
			if len(key) > 128 || strings.ContainsAny(value, "\n\x00") {
				t.Fatalf("got %q=%q", key, value)
			}
		}
	})
}

func goodContext() map[string]string {
	a, _ := volume(heldAs(writer(Ext4))).Attach(nodeID("a"), prefix, []Portal{{Host: "10.0.0.1", Port: 4420}})
	return a.Context()
}

func TestContextKeys(t *testing.T) {
	want := map[string]string{
		"array": "rds1", "slot": "csi-qhpjoa4hu6674kowqup7clp6ma",
		"nqn":     "nqn.2000-02.com.mikrotik:csi-qhpjoa4hu6674kowqup7clp6ma.neweepoc",
		"portals": "10.0.0.1:4420",
		"hostNQN": "nqn.2014-08.org.nvmexpress:uuid:8b6397c8-0328-5bf8-838d-ebdca407cd3f",
		"hostID":  "8b6397c8-0328-5bf8-838d-ebdca407cd3f",
		"size":    "1073741824", "format": "blank-until:1800086400", "copy": "false", "readOnly": "false",
		"ctrlLossTmo": "-1", "reconnectDelay": "2", "keepAliveTmo": "5", "nrIOQueues": "4",
	}
	if got := goodContext(); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestParseAttachmentNamesTheKey(t *testing.T) {
	required := []string{"array", "slot", "nqn", "portals", "hostNQN", "hostID", "size", "format", "copy", "readOnly"}
	if _, err := ParseAttachment(prefix, goodContext()); err != nil {
		t.Fatal(err)
	}
	for _, key := range required {
		for name, spoil := range map[string]func(map[string]string){
			"missing": func(c map[string]string) { delete(c, key) },
			"empty":   func(c map[string]string) { c[key] = "" },
		} {
			c := goodContext()
			spoil(c)
			_, err := ParseAttachment(prefix, c)
			wantKind(t, err, Invalid)
			if want := "publish_context." + key + " is missing"; err == nil || err.Error() != want {
				t.Errorf("%s: got %v, want %s", name, err, want)
			}
		}
	}
	id := goodContext()["hostID"]
	const otherUUID = "53fba971-4ca0-5210-905f-a286573bd5aa"
	for key, values := range map[string][]string{
		"array": {"RDS", "a:b"}, "slot": {"1x", "../x", "csi-other"},
		"portals": {",", "x,", "10.0.0.1:0", "a b", "x,,y"},
		"nqn": {
			"nqn.2000-02.com.mikrotik:csi-other.neweepoc", "nqn.2014-08.org.nvmexpress.discovery",
			"nqn.2000-02.com.mikrotik:csi-qhpjoa4hu6674kowqup7clp6ma",
			"nqn.2000-02.com.mikrotik:csi-qhpjoa4hu6674kowqup7clp6ma.NEWEEPOC",
		},
		"hostNQN": {"x", "nqn.2014-08.org.nvmexpress:uuid:" + otherUUID, nodeID("a").HostNQN() + ",traddr=10.0.0.9"},
		"hostID":  {"x", otherUUID, strings.ToUpper(id), strings.ReplaceAll(id, "-", ""), id + "-"},
		"size":    {"0", "-1", "1GiB", "9223372036854775808", "1.5"}, "format": {"always", "blank", "blank-until:x"},
		"copy": {"yes", "1", "True"}, "readOnly": {"no", "0"},
		"ctrlLossTmo": {"", "-2", "x"}, "queueSize": {"1"}, "nrIOQueues": {"0"}, "keepAliveTmo": {"5s"},
	} {
		for _, value := range values {
			c := goodContext()
			c[key] = value
			got, err := ParseAttachment(prefix, c)
			wantKind(t, err, Invalid)
			named := []string{"publish_context." + key}
			if key == "slot" || key == "hostID" { // the pair does not match; either may be named
				named = append(named, "publish_context.nqn", "publish_context.hostNQN")
			}
			if err == nil || !slices.ContainsFunc(named, func(s string) bool { return strings.HasPrefix(err.Error(), s) }) {
				t.Errorf("%s=%q: got %v, want the key named", key, value, err)
			}
			if !reflect.DeepEqual(got, Attachment{}) {
				t.Errorf("%s=%q: got %+v, want nothing", key, value, got)
			}
		}
	}
	if _, err := ParseAttachment("nqn.2026-10.eu.example", goodContext()); !Is(err, Invalid) {
		t.Errorf("got %v, want another driver's target refused", err)
	}
	if _, err := ParseAttachment(prefix, nil); !Is(err, Invalid) {
		t.Errorf("got %v of no context", err)
	}
}
