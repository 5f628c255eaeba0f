package script

import (
	"strings"
	"testing"
)

func TestALineWithAMistakeHasNoEffect(t *testing.T) {
	// The section of the facts a text comes from stands behind each row; "strict"
	// marks where they are silent and this console refuses.
	tests := []struct{ name, line, want string }{
		{"unknown command", `/disk/frob`, "bad command name frob (line 1 column 7)"},                                            // 7
		{"unknown menu", `/nope/print`, "bad command name nope (line 1 column 2)"},                                              // 7
		{"unknown global command", `:frob 1`, "bad command name frob (line 1 column 1)"},                                        // 7
		{"unknown property", `/disk/add type=file flavor=red`, "expected end of command (line 1 column 21)"},                    // 9.3
		{"read-only property", `/disk/set *1 size=5`, "expected end of command (line 1 column 14)"},                             // 9.3
		{"property of a later version", `/disk/add nvme-tcp-nqn=x`, "expected end of command (line 1 column 11)"},               // 9.8
		{"empty value", `/disk/set *1 comment= slot=x`, "syntax error (line 1 column 22)"},                                      // 1.8
		{"unknown escape", `:put "a\qb"`, "syntax error (line 1 column 8)"},                                                     // 1.8
		{"half an escape", `:put "a\4"`, "syntax error (line 1 column 8)"},                                                      // 1.8
		{"lower-case hexadecimal", `:put "\4a"`, "syntax error (line 1 column 7)"},                                              // 1.8
		{"open string", `:put "a`, "syntax error (line 1 column 8)"},                                                            // 1.8
		{"newline", "/disk/print\n/disk/print", "syntax error (line 1 column 12)"},                                              // 4.4
		{"carriage return", "/disk/print\r", "syntax error (line 1 column 12)"},                                                 // 4.4
		{"a mistake inside onerror", `:onerror e in={ /disk/frob } do={ :put $e }`, "bad command name frob (line 1 column 23)"}, // 1.9
		{"a mistake inside do", `:do { :frob } on-error={ :put 1 }`, "bad command name frob (line 1 column 7)"},                 // 1.9
		{"a mistake at the very end", `/disk/add type=file slot=x; :put [`, "syntax error (line 1 column 35)"},                  // 9.1
		{"two words for one", `:put a b`, "expected end of command (line 1 column 8)"},                                          // 7
		{"open bracket", `:put [/disk/find`, "syntax error (line 1 column 17)"},                                                 // strict
		{"bracket too many", `:put 1]`, "syntax error (line 1 column 7)"},                                                       // strict
		{"open parenthesis", `:put (1+2`, "syntax error (line 1 column 10)"},                                                    // strict
		{"operator without operand", `:put (1+)`, "syntax error (line 1 column 9)"},                                             // strict
		{"variable never declared", `:set x 1`, "syntax error (line 1 column 6)"},                                               // DOC-scripting
		{"variable of another block", `{ :local x 1 }; :set x 2`, "syntax error (line 1 column 22)"},                            // DOC-scripting
		{"dollar without a name", `:put "5$"`, "syntax error (line 1 column 8)"},                                                // strict
		{"unknown property in where", `/disk/print where flavor=red`, "expected end of command (line 1 column 19)"},             // strict
		{"where without a condition", `/disk/print where`, "syntax error (line 1 column 13)"},                                   // strict
		{"parameter given twice", `/disk/add slot=a slot=b`, "expected end of command (line 1 column 18)"},                      // strict
		{"value without a blank behind", `/disk/add slot="a"type=file`, "expected end of command (line 1 column 19)"},           // strict
		{"if without do", `:if (true)`, "missing value(s) of argument(s) do (line 1 column 11)"},                                // strict
		{"verb the menu lacks", `/system/resource/set version=1`, "bad command name set (line 1 column 18)"},                    // 7
		{"abbreviated command", `/disk/pr`, "bad command name pr (line 1 column 7)"},                                            // strict
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRouter(t, disks()...)
			line := tt.line
			if !strings.HasPrefix(line, ":set") && !strings.ContainsAny(line, "\n\r") {
				// An effect in front of the mistake must not come to be either.
				effect := "/disk/remove *1; "
				if got := r.run(t, effect+line); strings.Contains(got, "removed") || len(r.disk.calls) != 0 {
					t.Errorf("a line with a mistake did %q", r.disk.calls)
				}
			}
			if got := r.run(t, line); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if len(r.disk.calls) != 0 {
				t.Errorf("a line with a mistake did %q", r.disk.calls)
			}
		})
	}
}

func TestNestingIsBounded(t *testing.T) {
	r := newRouter(t)
	for _, open := range []string{"(", "[:put ", "{", "!"} {
		line := ":put (" + strings.Repeat(open, 100_000)
		if _, err := Parse(r.Tree, line); err == nil {
			t.Errorf("%q a hundred thousand times: got a line, want a refusal", open)
		}
	}
}

func TestPathsComeInEveryForm(t *testing.T) {
	r := newRouter(t, disks()...)
	const want = "*1F"
	for _, line := range []string{
		`:put [/disk/find where slot="raid10"]`,
		`:put [/disk find where slot="raid10"]`,
		`/disk; :put [find where slot="raid10"]`,
		`/disk/; :put [find where slot="raid10"]`,
		`/disk btrfs; .. ; :put [find where slot="raid10"]`,
		`/disk btrfs subvolume; .. ..; :put [find slot="raid10"]`,
		`put [/disk find slot=raid10]`,
		`/disk { :put [find slot=raid10] }`,
	} {
		got := r.run(t, line)
		if strings.HasPrefix(line, "/disk {") {
			if got == want {
				t.Errorf("%s: a block behind a path is no command", line)
			}
			continue
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", line, got, want)
		}
	}
}
