package script

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestVerbs(t *testing.T) {
	tests := []struct {
		name, line, out string
		calls           []string
	}{
		{"add prints nothing", `/disk/add type=file slot=x file-size=1G mount-filesystem=no`, "", // 1.8
			[]string{"add *20 type=str:file slot=str:x file-size=num:1073741824 mount-filesystem=bool:false"}},
		{"put add prints the id", `:put [/disk/add type=file slot=x]`, "*20", []string{"add *20 type=str:file slot=str:x"}}, // 1.8
		{"a name of digits stays a name", `/disk/add slot=007`, "", []string{"add *20 slot=str:007"}},
		{"a path needs no quotes", `/disk/add file-path=/raid10/x.img`, "", []string{"add *20 file-path=str:/raid10/x.img"}}, // 1.8
		{"a size of no form", `/disk/add file-size=1X`, "invalid value for argument file-size", nil},
		{"a size that overflows", `/disk/add file-size=9999999999T`, "invalid value for argument file-size", nil},
		{"neither yes nor no", `/disk/add nvme-tcp-export=maybe`, "input does not match any value of nvme-tcp-export", nil}, // 7
		{"a refusal of the menu", `/disk/add slot=taken; :put 1`, "failure: already have device with such slot", nil},
		{"set by find", `/disk set [find slot=csi-a] comment="x"`, "", []string{"set *1 comment=str:x"}}, // 2.1
		{"set by id", `/disk/set *1F comment=x`, "", []string{"set *1F comment=str:x"}},                  // 1.8
		{"set by name", `/disk/set csi-b comment=x`, "", []string{"set *2 comment=str:x"}},               // 1.8
		{"set by row number", `/disk/set 0 comment=x`, "", []string{"set *1 comment=str:x"}},             // 1.8
		{"set by several", `/disk/set *1,csi-b comment=x`, "", []string{"set *1 comment=str:x", "set *2 comment=str:x"}},
		{"set by variable", `:local x [/disk/find type=file]; /disk/set $x swap=yes`, "", []string{"set *1 swap=bool:true", "set *2 swap=bool:true"}},
		{"set on nothing is silent", `/disk/set [find slot=nope] comment=x; :put OK`, "OK", nil}, // 0.7
		{"remove of nothing is silent", `/disk/remove [find slot=nope]; :put OK`, "OK", nil},     // 0.7
		{"a missing id", `/disk/set *FFFF comment=x; :put 1`, "no such item", nil},               // 0.7
		{"an id in lower case is a name", `/disk/set *1f comment=x`, "no such item", nil},        // 1.8
		{"a missing item among several", `/disk/remove *1,*FFFF`, "no such item", nil},
		{"remove", `/disk remove [find type=file]`, "", []string{"remove *1", "remove *2"}},
		{"enable", `/disk/disable csi-a; /disk/enable csi-a`, "", []string{"set *1 disabled=bool:true", "set *1 disabled=bool:false"}},
		{"comment", `/disk/comment *1 comment="y"`, "", []string{"set *1 comment=str:y"}},
		{"unset", `/disk/unset *1 comment`, "", []string{"set *1 comment=nil:"}},
		{"get", `:put [/disk get [find slot="csi-a"] size]`, "1073741824", nil}, // 1.8
		{"get prints nothing alone", `/disk/get csi-a size`, "", nil},           // 0.10
		{"get of an empty find", `:put [/disk/get [find slot=nope] size]`, "no such item", nil},
		{"get of the id", `:put [/disk/get csi-a .id]`, "input does not match any value of value-name", nil}, // 1.8
		{"get of several", `:put [/disk/get [find] size]`, "invalid internal item number", nil},
		{"get of an absent property", `:put [:typeof [/disk/get csi-a free]]`, "nil", nil},
		{"get of one row", `:put ([/disk/get csi-a]->"slot")`, "csi-a", nil},
		{"get of a singleton", `:put [/system/resource get version]`, "7.24.5 (stable)", nil},                                  // 6
		{"as-value alone prints nothing", `/disk/print as-value`, "", nil},                                                     // 0.10
		{"as-value has the columns", `:put [/disk/print as-value where slot=csi-a]`, ".id=*1;size=1073741824;slot=csi-a", nil}, // 1.5
		{"as-value of several", `:put [/disk/print as-value proplist=.id,slot]`,
			".id=*1;slot=csi-a;.id=*2;slot=csi-b;.id=*1F;slot=raid10", nil}, // 1.7
		{"count-only prints", `/disk/print count-only where type=file`, "2", nil},                       // 1.5
		{"count-only in put shows twice", `:put [/disk print count-only where type=file]`, "2\n2", nil}, // 1.5
		{"len of find counts", `:put [:len [/disk find where type=file]]`, "2", nil},                    // 1.5
		{"a command of the menu", `/disk/blink csi-a duration=5s`, "blink done", []string{"blink slot=str:csi-a duration=time:00:00:05"}},
		{"another menu's find", `/disk/set [/disk/btrfs/subvolume/find] comment=x`, "", nil},
		{"what was done before an error stays", `/disk/remove *1; /disk/remove *FFFF; /disk/remove *2`, "no such item", []string{"remove *1"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRouter(t, disks()...)
			if got := r.run(t, tt.line); got != tt.out {
				t.Errorf("%s\ngot  %q\nwant %q", tt.line, got, tt.out)
			}
			if !slices.Equal(r.disk.calls, tt.calls) {
				t.Errorf("%s\ngot  %q\nwant %q", tt.line, r.disk.calls, tt.calls)
			}
		})
	}
}

func TestQuirks(t *testing.T) {
	r := newRouter(t)
	r.Quirks = Quirks{EmptyFindFails: true, NumberedErrors: true}
	if got, want := r.run(t, `/disk/set [find slot=x] comment=y`), "expected item id (line 1 column 11)"; got != want {
		t.Errorf("empty find (TIK §10.9): got %q, want %q", got, want)
	}
	if got, want := r.run(t, `/disk/remove *5`), "no such item (4)"; got != want {
		t.Errorf("missing id (section 7): got %q, want %q", got, want)
	}
}

func TestHookStandsBetweenCommands(t *testing.T) {
	r := newRouter(t, disks()...)
	var seen []string
	r.Hook = func(_ context.Context, s Step) error {
		side := map[Phase]string{Before: "<", After: ">"}[s.Phase]
		seen = append(seen, side+s.Path+s.Verb)
		return nil
	}
	r.run(t, `:if ([:len [/disk/find]] = 3) do={ /disk/remove *1 }; :put 1`)
	want := "<:if <:len </diskfind >/diskfind >:len </diskremove >/diskremove >:if <:put >:put"
	if got := strings.Join(seen, " "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestAnotherSessionRunsBetweenTwoCommands(t *testing.T) {
	r := newRouter(t, disks()...)
	other := newRouter(t)
	other.Tree = r.Tree
	r.Hook = func(ctx context.Context, s Step) error {
		if s.Phase == Before && s.Verb == "set" {
			return other.Exec(ctx, `/disk/remove [find slot=csi-a]`)
		}
		return nil
	}
	if got, want := r.run(t, `:if ([:len [/disk/find slot=csi-a]] = 1) do={ /disk/set csi-a comment=x; :put OK }`),
		"no such item"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestACutIsCaughtByNothing(t *testing.T) {
	cut := errors.New("connection cut")
	for phase, want := range map[Phase][]string{Before: nil, After: {"remove *1"}} {
		r := newRouter(t, disks()...)
		r.Hook = func(_ context.Context, s Step) error {
			if s.Phase == phase && s.Verb == "remove" {
				return cut
			}
			return nil
		}
		err := r.Exec(t.Context(), `:onerror e in={ /disk/remove *1 } do={ /disk/remove *2 }; /disk/remove *1F`)
		if !errors.Is(err, cut) || !slices.Equal(r.disk.calls, want) {
			t.Errorf("phase %d: got %v after %q, want the cut after %q", phase, err, r.disk.calls, want)
		}
	}
}

func TestARefusalOfTheHookIsARuntimeError(t *testing.T) {
	r := newRouter(t, disks()...)
	r.Hook = func(_ context.Context, s Step) error {
		if s.Phase == Before && s.Verb == "remove" {
			return Fail("not enough permissions (9)")
		}
		return nil
	}
	if got, want := r.run(t, `:onerror e in={ /disk/remove *1 } do={ :put $e }`),
		"not enough permissions (9) (/disk/remove; line 1)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestACutInsideACommandLeavesTheRest(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r := newRouter(t, disks()...)
	r.disk.during = cancel
	err := r.Exec(ctx, `/disk/remove [find]`)
	if want := []string{"remove *1"}; !errors.Is(err, context.Canceled) || !slices.Equal(r.disk.calls, want) {
		t.Errorf("got %v after %q, want %v after %q", err, r.disk.calls, context.Canceled, want)
	}
}

func TestLoopsEndWithTheirContext(t *testing.T) {
	for _, line := range []string{`:while (true) do={}`, `:do {} while=(true)`, `:for i from=1 to=9999999999999 do={}`, `:delay 1w`} {
		ctx, cancel := context.WithCancel(t.Context())
		r := newRouter(t)
		l, err := Parse(r.Tree, line)
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error)
		go func() { done <- r.Run(ctx, l) }()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v, want %v", line, err, context.Canceled)
		}
	}
}

// TestALineThatConverges is the kind of line a driver writes: check, change,
// show the row, then the token (section 1.9).
func TestALineThatConverges(t *testing.T) {
	const line = `:onerror e in={ :local n [:len [/disk/find where slot="csi-n"]]; ` +
		`:if ($n = 0) do={ /disk/add type=file slot="csi-n" file-path="/raid10/n.img" file-size=1073741824 comment="a\$b" }; ` +
		`:if ([/disk/get [find slot="csi-n"] file-size] >= 1073741824 and [/disk/get csi-n comment] = "a\$b") do={ ` +
		`:put [:serialize to=json value=[/disk/print as-value proplist=.id,file-size,slot where slot="csi-n"] ` +
		`options=json.no-string-conversion]; :put "token" } } do={ :put "ERR $e" }`
	r := newRouter(t, disks()...)
	want := `[{".id":"*20","file-size":1073741824,"slot":"csi-n"}]` + "\ntoken"
	for range 2 {
		if got := r.run(t, line); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	if len(r.disk.calls) != 1 {
		t.Errorf("got %q, want one add", r.disk.calls)
	}
}
