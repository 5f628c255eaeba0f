package script

import (
	"encoding/json"
	"testing"
)

func TestSerialize(t *testing.T) {
	tests := []struct{ name, value, with, without string }{ // section 1.7, TAR
		{"a row has sorted keys", `{slot="x";.id=*1F;size=5;mounted=true;parent=[:nothing]}`,
			`{".id":"*1F","mounted":true,"parent":null,"size":5,"slot":"x"}`,
			`{".id":"*1F","mounted":true,"parent":null,"size":5,"slot":"x"}`},
		{"a string of digits", `"123"`, `"123"`, `123.000000`},
		{"a string with a point", `"-1.5"`, `"-1.5"`, `-1.500000`},
		{"an NQN is no number", `"nqn.2000-02"`, `"nqn.2000-02"`, `"nqn.2000-02"`},
		{"nothing found", `[/disk/print as-value where slot=nope]`, `[]`, `[]`},
		{"a list", `{1;"a";{2;3}}`, `[1,"a",[2,3]]`, `[1,"a",[2,3]]`},
		{"a time", `(5430s)`, `"01:30:30"`, `"01:30:30"`},
		{"characters JSON must escape", `"a\"\\\n\r\t\07ż"`, `"a\"\\\n\r\t\u0007ż"`, `"a\"\\\n\r\t\u0007ż"`},
		{"names and none", `{5;a=1}`, `{"0":5,"a":1}`, `{"0":5,"a":1}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRouter(t, disks()...)
			with := r.run(t, `:put [:serialize to=json value=`+tt.value+` options=json.no-string-conversion]`)
			if with != tt.with || !json.Valid([]byte(with)) {
				t.Errorf("with the option\ngot  %s\nwant %s", with, tt.with)
			}
			if got := r.run(t, `:put [:serialize value=`+tt.value+` to=json]`); got != tt.without {
				t.Errorf("without the option\ngot  %s\nwant %s", got, tt.without)
			}
		})
	}
}

func TestSerializeRows(t *testing.T) {
	r := newRouter(t, volumeRow(0, "vm-storage-001", "/raid10/vm-storage-001.img",
		"nqn.2026-09.com.mikrotik:rds2216.vm-storage-001", 1<<40))
	got := r.run(t, `:put [:serialize to=json value=[/disk print detail as-value where slot="vm-storage-001"] `+
		`options=json.no-string-conversion]`) + "\n"
	if want := golden(t, "7.24/disk-serialize.txt"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestSerializeRefuses(t *testing.T) {
	for line, want := range map[string]string{
		`:put [:serialize to=yaml value=1]`:                "input does not match any value of to",
		`:put [:serialize to=json value=1 options=pretty]`: "input does not match any value of options",
		`:put [:serialize value=1]`:                        "missing value(s) of argument(s) to (line 1 column 25)",
	} {
		if got := newRouter(t).run(t, line); got != want {
			t.Errorf("%s: got %q, want %q", line, got, want)
		}
	}
}
