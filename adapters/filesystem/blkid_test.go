package filesystem

import (
	"testing"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

// What util-linux 2.38 says.
func TestBlkidOutput(t *testing.T) {
	for _, c := range []struct {
		name, out string
		want      signature
		ok        bool
	}{
		{"a file system",
			"DEVNAME=/dev/loop0\nLABEL=data\nUUID=55b3c38c-b667-4cf3-9980-e64353f3cbca\nVERSION=1.0\nBLOCK_SIZE=1024\nTYPE=ext4\nUSAGE=filesystem\n",
			signature{Signature: domain.Signature{Type: "ext4", Label: "data", UUID: "55b3c38c-b667-4cf3-9980-e64353f3cbca"}}, true},
		{"a label of odd characters", "LABEL=a\\ b\\\\\\$\\\"x\nTYPE=ext4\n",
			signature{Signature: domain.Signature{Type: "ext4", Label: `a b\$"x`}}, true},
		{"a label with an equals sign", "LABEL=TYPE=xfs\nTYPE=ext4\n",
			signature{Signature: domain.Signature{Type: "ext4", Label: "TYPE=xfs"}}, true},
		{"a partition table", "DEVNAME=/dev/loop0\nPTUUID=ab12\nPTTYPE=gpt\n",
			signature{Signature: domain.Signature{UUID: "ab12"}, table: "gpt"}, true},
		{"both", "UUID=1\nTYPE=ext4\nPTTYPE=dos\nPTUUID=2\n",
			signature{Signature: domain.Signature{Type: "ext4", UUID: "1"}, table: "dos"}, true},
		{"nothing", "", signature{}, false},
		{"a name and nothing else", "DEVNAME=/dev/loop0\n", signature{}, false},
		{"an empty type", "TYPE=\n", signature{}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, ok := parseBlkid(c.out); ok != c.ok || got != c.want {
				t.Errorf("got %+v, %t, want %+v, %t", got, ok, c.want, c.ok)
			}
		})
	}
}

func TestOnlyUtilLinuxIsBelieved(t *testing.T) {
	for version, want := range map[string]bool{
		"blkid from util-linux 2.38.1  (libblkid 2.38.1, 04-Aug-2022)\n":                                 true,
		"blkid from util-linux 2.41\t(libblkid 2.41, 18-Mar-2025)\n":                                     true,
		"blkid: unrecognized option: V\nBusyBox v1.36.1 (2024-06-10) multi-call binary.\n\nUsage: blkid": false,
		"blkid 1.0.0 (12-Feb-2003)\n":                                                                    false,
		"":                                                                                               false,
	} {
		if got := isUtilLinux(version); got != want {
			t.Errorf("got %t for %q, want %t", got, version, want)
		}
	}
}

func FuzzBlkidOutput(f *testing.F) {
	f.Add("LABEL=a\\ b\nTYPE=ext4\n")
	f.Add("PTTYPE=dos\\")
	f.Fuzz(func(t *testing.T, out string) {
		if s, ok := parseBlkid(out); ok != (s.Type != "" || s.table != "") {
			t.Errorf("got %+v, %t, want ok only with a type", s, ok)
		}
	})
}
