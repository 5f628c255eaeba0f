package script

import (
	"context"
	"testing"
)

func TestWhere(t *testing.T) {
	tests := []struct{ name, where, want string }{
		{"nothing finds all", ``, "*1;*2;*1F"},
		{"equal", `where slot="csi-a"`, "*1"},
		{"the word where may be left out", `slot="csi-a"`, "*1"},
		{"an unquoted safe word", `where slot=csi-a`, "*1"},
		{"not equal", `where slot!="csi-a"`, "*2;*1F"},
		{"an id", `where .id=*1F`, "*1F"},
		{"an id in quotes is none", `where .id="*1F"`, ""},                                   // 1.8
		{"an unquoted slash matches nothing, silently", `where file-path=/raid10/a.img`, ""}, // 1.8, TIK §10.4
		{"an unquoted colon matches nothing, silently", `where comment=a:b`, ""},             // 1.8, TIK §10.4
		{"a slash in quotes is fine", `where file-path="/raid10/a.img"`, "*1"},
		{"a regular expression", `where slot~"^csi-"`, "*1;*2"},
		{"less", `where size<2147483648`, "*1"},
		{"more", `where size>1073741824`, "*2;*1F"},
		{"a size with a suffix", `where file-size=2G`, "*2"},
		{"an absent number is neither less nor more", `where free<1 or free>1`, "*1F"},
		{"a flag", `where mounted`, "*1F"},                          // 6
		{"not a flag", `where !mounted`, "*1;*2"},                   // 6
		{"yes is true", `where mounted=yes`, "*1F"},                 // 1.3
		{"no is false", `where nvme-tcp-export=no`, "*2;*1F"},       // 1.3
		{"a property alone is set", `where comment`, "*1"},          // 1.8, TIK §13.2
		{"equal to nothing is empty", `where comment=""`, "*2;*1F"}, // 1.8, TIK §13.2
		{"not set", `where !comment`, "*2;*1F"},                     // 1.8
		{"and", `where type=file and slot~"b\$"`, "*2"},             // 1.8
		{"conditions in a row are all needed", `where type=file !comment`, "*2"},
		{"or", `where slot=csi-a or slot=raid10`, "*1;*1F"},
		{"and binds tighter than or", `where slot=raid10 or type=file and comment=one`, "*1;*1F"},
		{"parentheses", `where (slot=raid10 or type=file) and !comment`, "*2;*1F"},
		{"not parentheses", `where !(slot=csi-a || slot=csi-b)`, "*1F"},
		{"arithmetic in parentheses", `where size=(1024*1024*1024)`, "*1"},
		{"a value from a command", `where slot=[:pick "xcsi-b" 1 6]`, "*2"},
		{"an enumeration without that value", `where type=floppy`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := newRouter(t, disks()...).run(t, `:put [/disk/find `+tt.where+`]`)
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestVariablesInWhere(t *testing.T) {
	tests := []struct{ name, line, want string }{
		{"a variable is its value", `:local x "csi-b"; :put [/disk/find where slot=$x]`, "*2"},
		{"a property shadows a variable", `:local slot "csi-b"; :put [/disk/find where slot=$slot]`, "*1;*2;*1F"}, // 1.8, TAR
		{"an id in a variable", `:local x [/disk/find slot=csi-a]; :put [/disk/find where .id=($x->0)]`, "*1"},
		{"an unknown variable is empty", `:put [/disk/find where comment=$nope]`, "*2;*1F"},
		{"inside a nested command nothing shadows", `:local slot "csi-b"; :put [/disk/find where slot=[:tostr $slot]]`, "*2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := newRouter(t, disks()...).run(t, tt.line); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// indexed is a shelf that finds slots at once.
type indexed struct {
	*shelf
	asked, scanned int
}

func (m *indexed) Rows(ctx context.Context) ([]Row, error) {
	m.scanned++
	return m.shelf.Rows(ctx)
}

func (m *indexed) Lookup(ctx context.Context, name string, v Value) ([]Row, bool, error) {
	if name != "slot" && name != ".id" {
		return nil, false, nil
	}
	m.asked++
	all, err := m.shelf.Rows(ctx)
	var rows []Row
	for _, row := range all {
		if row.Get(name).Equal(v) {
			rows = append(rows, row)
		}
	}
	return rows, true, err
}

func TestAnIndexSparesTheScan(t *testing.T) {
	tests := []struct {
		line, want     string
		asked, scanned int
	}{
		{`:put [/disk/find where slot="csi-b"]`, "*2", 1, 0},
		{`:put [/disk/find where slot="csi-b" and type=raid]`, "", 1, 0},
		{`:put [/disk/find where type=file slot=csi-a comment=one]`, "*1", 1, 0},
		{`:put [/disk/find where slot="csi-b" or type=raid]`, "*2;*1F", 0, 1},
		{`:put [/disk/find where slot!="csi-b"]`, "*1;*1F", 0, 1},
		{`:put [/disk/find where slot=""]`, "", 0, 1},
		{`:put [/disk/get *1 slot]`, "csi-a", 1, 0},
	}
	for _, tt := range tests {
		t.Run(tt.line, func(t *testing.T) {
			r := newRouter(t, disks()...)
			m := &indexed{shelf: r.disk}
			r.Tree = NewTree(m)
			if got := r.run(t, tt.line); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if m.asked != tt.asked || m.scanned != tt.scanned {
				t.Errorf("got %d look-ups and %d scans, want %d and %d", m.asked, m.scanned, tt.asked, tt.scanned)
			}
		})
	}
}
