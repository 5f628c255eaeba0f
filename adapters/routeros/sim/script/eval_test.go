package script

import (
	"testing"
)

func TestLines(t *testing.T) {
	tests := []struct{ name, line, want string }{
		// Quoting, section 1.8.
		{"escapes", `:put "\"\\\$ \_|\48\49|\?"`, `"\$  |HI|?`},
		{"control escapes", `:put [:len "\n\r\t\a\b\f\v"]`, "7"},
		{"hexadecimal is upper case, so \\ab is two", `:put [:len "\ab"]`, "2"},
		{"a variable in a string", `:local x 5; :put "x is $x."`, "x is 5."},
		{"an unknown variable is silently empty", `:put "a$nope-b"`, "a-b"},
		{"an expression in a string", `:put "$(1 + 2) $[:len abc]"`, "3 3"},
		{"an escaped dollar is a dollar", `:local x 5; :put "\$x"`, "$x"},
		{"a name in quotes", `:local "a-b" 5; :put $"a-b"`, "5"},
		{"bytes beyond ASCII pass", `:put "żółw"`, "żółw"},
		{"an unquoted word is text", `:put raid10/x.img`, "raid10/x.img"},
		// Sequences, scopes and control.
		{"commands in a row", `:put 1; :put 2;; :put 3`, "1\n2\n3"},
		{"a comment ends the line", `:put 1 ; # :put 2`, "1"},
		{"if", `:if (1 < 2) do={ :put yes } else={ :put no }`, "yes"},
		{"else", `:if (1 > 2) do={ :put yes } else={ :put no }`, "no"},
		{"a condition must be logical", `:if ("x") do={ :put 1 }`, "conditional not boolean"},
		{"inner variables end with their block", `:local x 1; { :local x 2; :put $x }; :put $x`, "2\n1"},
		{"set reaches out of a block", `:local x 1; { :set x 2 }; :put $x`, "2"},
		{"foreach", `:foreach i in={1;2;3} do={ :put ($i * 2) }`, "2\n4\n6"},
		{"foreach with names", `:foreach k,v in={b=2;a=1} do={ :put "$k=$v" }`, "a=1\nb=2"},
		{"foreach over nothing", `:foreach i in=[/disk/find where slot="nope"] do={ :put $i }; :put end`, "end"},
		{"for", `:for i from=3 to=1 do={ :put $i }`, "3\n2\n1"},
		{"while", `:local x 0; :while ($x < 3) do={ :set x ($x + 1) }; :put $x`, "3"},
		{"do while", `:local x 5; :do { :set x ($x + 1) } while=($x < 3); :put $x`, "6"},
		{"return ends the line", `:put 1; :return 5; :put 2`, "1"},
		// Errors, section 1.9.
		{"an error stops the line", `:put 1; :error "no more"; :put 2`, "1\nno more"},
		{"onerror", `:onerror e in={ :error "no" ; :put 1 } do={ :put ("RDS-ERR " . $e) }`, "RDS-ERR no"},
		{"onerror without an error", `:onerror e in={ :put 1 } do={ :put $e }`, "1"},
		{"onerror is true when it caught one", `:if ([:onerror e in={ :error x } do={}]) do={ :put caught }`, "caught"},
		{"onerror says where", `:onerror e in={ /disk/set csi-a type=x } do={ :put $e }`,
			"input does not match any value of type (/disk/set (type); line 1)"},
		{"on-error", `:do { :error x; :put 1 } on-error={ :put 2 }`, "2"},
		{"an error in the handler is not caught", `:onerror e in={ :error a } do={ :error b }; :put 1`, "b"},
		// Values.
		{"types", `:put ([:typeof 1] . [:typeof a] . [:typeof true] . [:typeof *1F] . [:typeof 10s] . [:typeof {1}])`,
			"numstrboolidtimearray"},
		{"no type", `:put [:typeof $nope]; :put [:typeof [:nothing]]`, "nothing\nnil"},
		{"tonum", `:put ([:tonum "12"] + 1); :put [:typeof [:tonum "x"]]`, "13\nnil"},
		{"toid", `:put [:typeof [:toid "*1F"]]`, "id"},
		{"time", `:put 90061s; :put 1w2d3h4m5s6ms`, "90061s\n1w2d3h4m5s6ms"},
		{"time in an expression", `:put (90m + 1s); :put (1w2d + 3s)`, "01:30:01\n1w2d00:00:03"},
		{"pick", `:put [:pick "abcdef" 1 3]; :put [:pick "abc" 2]; :put [:pick {5;6;7} 1]`, "bc\nc\n6"},
		{"pick past the end", `:put [:pick "abc" 1 99]; :put [:len [:pick "abc" 7 9]]`, "bc\n0"},
		{"find in a string", `:put [:find "abcabc" "c"]; :put [:typeof [:find abc x]]`, "2\nnil"},
		{"arrays", `:put {1;"two";3}; :put {b=2;a=1}; :put [:len {1;2}]`, "1;two;3\na=1;b=2\n2"},
		{"arrow", `:local a {x=1;y={5;6}}; :put ($a->"x"); :put ($a->"y"->1); :put [:typeof ($a->"z")]`, "1\n6\nnothing"},
		// Operators.
		{"arithmetic", `:put (2 + 3 * 4 - 10 / 5); :put (7 % 4); :put (-3 + 1); :put (5-3)`, "12\n3\n-2\n2"},
		{"bits", `:put (6 & 3); :put (6 | 3); :put (6 ^ 3); :put (1 << 4); :put (16 >> 2)`, "2\n7\n5\n16\n4"},
		{"division by zero", `:put (1 / 0)`, "division by zero"},
		{"comparisons", `:put (1 <= 1); :put (2 != 2); :put ("a" = "a"); :put (3 > 2 and 1 < 2)`, "true\nfalse\ntrue\ntrue"},
		{"values of two types are not equal", `:put ("1" = 1); :put ([:tostr 1] = "1")`, "false\ntrue"},
		{"logic", `:put (true && !false); :put (false || false)`, "true\nfalse"},
		{"logic needs logical values", `:put (1 and true)`, "cannot logically and integer number"},
		{"sums need numbers", `:put ("a" + 1)`, "cannot add string to integer number"},
		{"both sides of and are evaluated", `:put (false and [:error seen])`, "seen"}, // 1.8, TAR
		{"joining", `:put ("a" . 1 . "b"); :local x 5; :put ("RDS " . $x)`, "a1b\nRDS 5"},
		{"listing with a comma", `:put [:len (1,2,{3;4})]`, "4"},
		{"regular expressions", `:put ("csi-abc" ~ "^csi-[a-z]+\$"); :put ("x" ~ "^csi-")`, "true\nfalse"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := newRouter(t, disks()...).run(t, tt.line); got != tt.want {
				t.Errorf("%s\ngot  %q\nwant %q", tt.line, got, tt.want)
			}
		})
	}
}

func TestGlobalsOutliveALine(t *testing.T) {
	r := newRouter(t)
	r.run(t, `:global x 5; :local y 6`)
	for line, want := range map[string]string{
		`:global x; :put "$x,$y"`:                   "5,",
		`:put "$x"`:                                 "", // not declared here
		`{ :global x }; :put "$x"`:                  "",
		`:global x; :local z $x; :set z 1; :put $x`: "5",
	} {
		if got := r.run(t, line); got != want {
			t.Errorf("%s: got %q, want %q", line, got, want)
		}
	}
	r.run(t, `:global x; { :set x 7 }`)
	if got, want := r.run(t, `:global x; :put $x`), "7"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
