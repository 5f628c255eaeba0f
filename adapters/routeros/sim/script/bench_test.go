package script

import (
	"fmt"
	"io"
	"testing"
)

// BenchmarkRows is what a large array costs: every row as JSON, and one row
// found among them without an index.
func BenchmarkRows(b *testing.B) {
	const count = 10_000
	rows := make([]Row, 0, count)
	for i := range count {
		slot := fmt.Sprintf("csi-%05d", i)
		row := volumeRow(i, slot, "/raid10/"+slot+".img", "nqn.2000-02.com.mikrotik:"+slot, 1<<30)
		row.ID = fmt.Sprintf("*%X", i)
		rows = append(rows, row)
	}
	for name, line := range map[string]string{
		"list": `:put [:serialize to=json value=[/disk/print detail as-value] options=json.no-string-conversion]`,
		"find": `:put [/disk/find where slot="csi-07777"]`,
	} {
		b.Run(name, func(b *testing.B) {
			r := newRouter(b, rows...)
			r.Out = io.Discard
			for b.Loop() {
				if err := r.Exec(b.Context(), line); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
