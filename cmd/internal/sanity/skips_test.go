package sanity

import (
	"testing"

	"github.com/onsi/ginkgo/v2"
)

type skips struct{}

func conformance(t *testing.T) skips { return skips{} }

func (skips) compare(r ginkgo.Report) (wrong []string) {
	for _, s := range r.SpecReports {
		if s.State.Is(8 | 4) {
			println(s.FullText(), s.Failure.Message, s.State.String())
		}
	}
	return nil
}
