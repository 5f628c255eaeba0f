package script

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// shelf is a menu in memory.
type shelf struct {
	schema *Schema
	rows   []Row
	next   int
	calls  []string // what was done to it
	during func()   // runs in Remove
}

func (m *shelf) Schema() *Schema { return m.schema }

func (m *shelf) Rows(context.Context) ([]Row, error) {
	rows := slices.Clone(m.rows)
	for i := range rows {
		rows[i].Number = i
	}
	return rows, nil
}

func (m *shelf) Add(_ context.Context, fields Fields) (string, error) {
	if slot := fields.Get("slot").Text(); slot == "taken" {
		return "", Fail("failure: already have device with such slot")
	}
	m.next++
	id := fmt.Sprintf("*%X", m.next)
	m.calls = append(m.calls, "add "+id+m.words(fields))
	m.rows = append(m.rows, Row{ID: id, Fields: slices.Clone(fields)})
	return id, nil
}

func (m *shelf) words(fields Fields) string {
	var b strings.Builder
	for _, f := range fields {
		fmt.Fprintf(&b, " %s=%s:%s", f.Name, f.Value.Kind(), f.Value.Text())
	}
	return b.String()
}

func (m *shelf) Set(_ context.Context, id string, fields Fields) error {
	m.calls = append(m.calls, "set "+id+m.words(fields))
	i := slices.IndexFunc(m.rows, func(r Row) bool { return r.ID == id })
	for _, f := range fields {
		row := slices.DeleteFunc(slices.Clone(m.rows[i].Fields), func(g Field) bool { return g.Name == f.Name })
		m.rows[i].Fields = append(row, f)
	}
	return nil
}

func (m *shelf) Remove(_ context.Context, id string) error {
	m.calls = append(m.calls, "remove "+id)
	if m.during != nil {
		m.during()
	}
	m.rows = slices.DeleteFunc(m.rows, func(r Row) bool { return r.ID == id })
	return nil
}

func (m *shelf) Run(_ context.Context, command string, args Fields, out Printer) (Value, error) {
	m.calls = append(m.calls, command+m.words(args))
	return Nil(), out.Line(command + " done")
}

// verbs are those of a menu with items.
func verbs() []string {
	return []string{"print", "find", "get", "add", "set", "remove", "enable", "disable", "comment", "unset"}
}

// diskSchema has the properties of section 1.6's samples, in their order.
func diskSchema() *Schema {
	ro := func(name string, f Form) Property { return Property{Name: name, Form: f, ReadOnly: true} }
	column := func(p Property) Property { p.Column = true; return p }
	return &Schema{Path: "/disk", Key: "slot", Verbs: verbs(),
		Properties: []Property{
			{Name: "type", Form: Word, Values: []string{"raid", "file", "partition", "hardware"}},
			column(Property{Name: "slot"}), ro("slot-default", Text), {Name: "parent"}, ro("fs-label", Text), ro("fs-uuid", Text),
			ro("fs", Word), column(ro("model", Text)), column(ro("size", Bytes)), ro("free", Bytes), ro("total-inodes", Count),
			ro("free-inodes", Count), ro("use", Percent), ro("mount-point", Text),
			{Name: "mount-filesystem", Form: Switch}, {Name: "mount-read-only", Form: Switch}, {Name: "compress", Form: Switch},
			ro("sector-size", Integer), {Name: "raid-type", Form: Word}, {Name: "raid-device-count", Form: Integer},
			{Name: "raid-max-component-size", Form: Word}, {Name: "raid-chunk-size", Form: Word}, {Name: "raid-master", Form: Word},
			ro("state", Text), ro("raid-uuid", Text), {Name: "nvme-tcp-export", Form: Switch},
			{Name: "nvme-tcp-server-port", Form: Integer}, {Name: "nvme-tcp-server-nqn"},
			{Name: "nvme-tcp-server-allow-host-name"}, {Name: "iscsi-export", Form: Switch}, {Name: "nfs-sharing", Form: Switch},
			{Name: "smb-sharing", Form: Switch}, {Name: "media-sharing", Form: Switch}, {Name: "media-interface", Form: Word},
			{Name: "swap", Form: Switch}, {Name: "file-path", Form: Word},
			{Name: "file-size", Form: Rounded, Values: []string{"auto"}}, {Name: "file-offset", Form: Integer},
			{Name: "comment"}, {Name: "disabled", Form: Switch, Hidden: true},
		},
		Flags: []Flag{{'X', "disabled", 0}, {'B', "block-device", 0}, {'M', "mounted", 1}, {'r', "raid-member", 2},
			{'t', "nvme-tcp-export", 2}},
		Commands: []Command{{Name: "blink", Params: []Property{{Name: "slot"}, {Name: "duration", Form: Span}},
			Positional: []string{"slot"}}},
	}
}

// router is a session on a small machine.
type router struct {
	*Session
	disk *shelf
	out  *strings.Builder
}

func newRouter(_ testing.TB, rows ...Row) router {
	disk := &shelf{schema: diskSchema(), rows: rows, next: 0x1F}
	subvolume := &shelf{schema: &Schema{Path: "/disk/btrfs/subvolume", Verbs: verbs(),
		Properties: []Property{{Name: "name"}, {Name: "fs"}, {Name: "parent"}, {Name: "read-only", Form: Switch}}}}
	resource := &shelf{schema: &Schema{Path: "/system/resource", Singleton: true, Verbs: []string{"print", "get"},
		Properties: []Property{{Name: "uptime", Form: Span, ReadOnly: true}, {Name: "version", ReadOnly: true},
			{Name: "free-memory", Form: Rounded, ReadOnly: true}}},
		rows: []Row{{Fields: []Field{{"uptime", literal("1d2h")}, {"version", String("7.24.5 (stable)")},
			{"free-memory", Number(98775859)}}}}}
	var out strings.Builder
	return router{disk: disk, out: &out,
		Session: &Session{Tree: NewTree(disk, subvolume, resource), Out: &out}}
}

// run runs a line and returns what a person at the console sees.
func (r router) run(t testing.TB, line string) string {
	t.Helper()
	r.out.Reset()
	if err := r.Exec(t.Context(), line); err != nil {
		_ = r.Line(err.Error())
	}
	return strings.ReplaceAll(strings.TrimSuffix(r.out.String(), "\r\n"), "\r\n", "\n")
}

// disks are three rows: an exported volume, an idle one and a pool.
func disks() []Row {
	return []Row{
		{ID: "*1", Fields: []Field{{"type", String("file")}, {"slot", String("csi-a")}, {"size", Number(1 << 30)},
			{"file-path", String("/raid10/a.img")}, {"file-size", Number(1 << 30)}, {"nvme-tcp-export", Bool(true)},
			{"comment", String("one")}, {"mounted", Bool(false)}, {"block-device", Bool(true)}}},
		{ID: "*2", Fields: []Field{{"type", String("file")}, {"slot", String("csi-b")}, {"size", Number(2 << 30)},
			{"file-path", String("/raid10/b.img")}, {"file-size", Number(2 << 30)}, {"nvme-tcp-export", Bool(false)},
			{"comment", String("")}, {"mounted", Bool(false)}, {"block-device", Bool(true)}}},
		{ID: "*1F", Fields: []Field{{"type", String("raid")}, {"slot", String("raid10")}, {"size", Number(1 << 44)},
			{"free", Number(1 << 43)}, {"mount-point", String("raid10")}, {"mounted", Bool(true)},
			{"block-device", Bool(true)}, {"nvme-tcp-export", Bool(false)}}},
	}
}
