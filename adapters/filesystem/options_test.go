package filesystem

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

func TestOptionsThatAreTaken(t *testing.T) {
	for _, c := range []struct {
		name   string
		access domain.Access
		list   string
		want   options
	}{
		{"no options", domain.Ext4, "", options{}},
		{"what every mount has anyway", domain.XFS, "defaults,rw,atime,async", options{}},
		{"flags of the mount", domain.Btrfs, "noatime,nosuid", options{attrs: []attr{noAtime, noSuid}}},
		{"flags of the file system", domain.Ext4, "discard,lazytime", options{params: []param{
			{key: "discard", isFlag: true}, {key: "lazytime", isFlag: true}}}},
		{"values", domain.Ext4, "commit=30,data=ordered", options{params: []param{
			{key: "commit", value: "30"}, {key: "data", value: "ordered"}}}},
		{"amounts", domain.XFS, "allocsize=64k,logbsize=262144", options{params: []param{
			{key: "allocsize", value: "64k"}, {key: "logbsize", value: "262144"}}}},
		{"with a value or without", domain.Btrfs, "compress,compress=zstd:3,discard=async,discard", options{params: []param{
			{key: "compress", isFlag: true}, {key: "compress", value: "zstd:3"},
			{key: "discard", value: "async"}, {key: "discard", isFlag: true}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var list []string
			if c.list != "" {
				list = strings.Split(c.list, ",")
			}
			got, err := parseOptions(c.access, list)
			if err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %+v, %v, want %+v", got, err, c.want)
			}
			bound, err := parseBindOptions(list)
			if err != nil || !slices.Equal(bound.attrs, c.want.attrs) || bound.params != nil {
				t.Errorf("got %+v, %v for a bind, want the flags %v alone", bound, err, c.want.attrs)
			}
		})
	}
}

func TestOptionsThatAreRefused(t *testing.T) {
	for option, everywhere := range map[string]bool{
		"": true, " noatime": true, "noatime,remount": true, "noatime=1": true, "remount": true, "bind": true,
		"ro": true, "norecovery": true, "noload": true, "nobarrier": true, "barrier=0": true, "nouuid": true,
		"subvol=/other": true, "subvolid=5": true, "device=/dev/sda": true, "sb=32768": true, "logdev=/dev/sda": true,
		"rescue=all": true, "degraded": true, "errors=panic": false, "data=writeback": false, "commit=": false, "commit=-1": false,
		"commit=1234567890": false, "discard=yes": false, "context=system_u:object_r:x:s0": true, "X-mount.mkdir": true,
		"compress=zstd:3 ": false, "allocsize=64kk": false, "commit=1\n": false, "source=/dev/sda": true,
	} {
		for _, a := range []domain.Access{domain.Ext4, domain.XFS, domain.Btrfs} {
			_, err := parseOptions(a, []string{"noatime", option})
			if !domain.Is(err, domain.Invalid) || !strings.Contains(err.Error(), option) {
				if !strings.ContainsAny(option, "\n") || !domain.Is(err, domain.Invalid) {
					t.Errorf("got error %v for %q on %s, want Invalid and the option named", err, option, a)
				}
			}
		}
		if _, err := parseBindOptions([]string{option}); everywhere && !domain.Is(err, domain.Invalid) {
			t.Errorf("got error %v for %q on a bind, want Invalid", err, option)
		}
	}
}

func TestOptionsOfOneFileSystemAreRefusedOnAnother(t *testing.T) {
	for _, c := range []struct {
		access domain.Access
		option string
	}{{domain.XFS, "commit=5"}, {domain.Ext4, "compress=zstd"}, {domain.Btrfs, "inode64"}} {
		if _, err := parseOptions(c.access, []string{c.option}); !domain.Is(err, domain.Invalid) {
			t.Errorf("got error %v for %s on %s, want Invalid", err, c.option, c.access)
		}
	}
}

func TestMountOptionsAreListedForPeople(t *testing.T) {
	got := MountOptions(domain.Btrfs)
	for _, want := range []string{"noatime", "compress", "compress=", "space_cache="} {
		if !slices.Contains(got, want) {
			t.Errorf("got %v, want %s among them", got, want)
		}
	}
	if slices.Contains(got, "space_cache") || slices.Contains(got, "inode64") || !slices.IsSorted(got) {
		t.Errorf("got %v, want it sorted, without space_cache alone and without inode64", got)
	}
}
