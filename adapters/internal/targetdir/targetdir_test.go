package targetdir

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestWhoIsAdmitted(t *testing.T) {
	const nqn, host, image = "nqn.2000-02.com.mikrotik:csi-a.abcdefgh", "nqn.host:a", "/images/a.img"
	export := func(allowed string) func(Dir) error {
		return func(d Dir) error { return d.Export(nqn, image, allowed) }
	}
	then := func(steps ...func(Dir) error) func(Dir) error {
		return func(d Dir) error {
			for _, step := range steps {
				if err := step(d); err != nil {
					return err
				}
			}
			return nil
		}
	}
	withdraw := func(d Dir) error { return d.Withdraw(nqn) }
	remove := func(name string) func(Dir) error {
		return func(d Dir) error { return os.Remove(filepath.Join(string(d), name)) }
	}
	for _, test := range []struct {
		name string
		do   func(Dir) error
		want error
	}{
		{"the host that is named", export(host), nil},
		{"any host if none is named", export(""), nil},
		{"not another host", export("nqn.host:b"), ErrNotAdmitted},
		{"nobody to what was never shown", then(), ErrUnknown},
		{"nobody after it was withdrawn", then(export(""), withdraw), ErrUnknown},
		{"nobody while the host file is missing", then(export(""), remove(nqn+".host")), ErrNotAdmitted},
		{"the host that was named last", then(export("nqn.host:b"), export(host)), nil},
		{"not the host that was named before", then(export(host), export("nqn.host:b")), ErrNotAdmitted},
		{"nobody while nothing answers", func(d Dir) error { return os.Remove(string(d)) }, ErrSilent},
		{"nobody, and no harm, if it is withdrawn twice", then(export(host), withdraw, withdraw), ErrUnknown},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := Dir(t.TempDir())
			if err := test.do(d); err != nil {
				t.Fatal(err)
			}
			got, err := d.Lookup(nqn, host)
			if !errors.Is(err, test.want) || err == nil && got != image {
				t.Errorf("got %q and %v, want %v", got, err, test.want)
			}
		})
	}
}
