package app_test

import (
	"context"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"git.srvlab.io/whiskey/rds-csi-driver/domain"
)

func (r *rig) expand(v vol, path string, required, limit domain.Size) (size domain.Size, err error) {
	ctx, cancel := r.within()
	defer cancel()
	err = r.call(ctx, v.slot(), func(ctx context.Context) (err error) {
		size, err = r.node.Expand(ctx, v.slot(), path, domain.SizeRange{Required: required, Limit: limit})
		return err
	})
	return size, err
}

func TestExpandGrowsTheMountedFileSystem(t *testing.T) {
	for _, at := range []string{"staging", "target", "read-only target"} {
		t.Run(at, func(t *testing.T) {
			r := newRig(t)
			v := r.staged(r.volume("a").as(domain.Ext4, domain.SingleMultiWriter, false))
			path := v.staging.Path
			if at != "staging" {
				path = v.target("pod")
				must(t, r.publish(v.as(domain.Ext4, domain.SingleMultiWriter, at == "read-only target"), path))
			}
			must(t, os.Truncate(v.image, int64(2*rigSize)))
			for range 2 {
				size, err := r.expand(v, path, 2*rigSize, 0)
				must(t, err)
				if total := r.total(v); size != 2*rigSize || total <= rigSize {
					t.Errorf("got a device of %s and a file system of %s, want %s", size, total, 2*rigSize)
				}
			}
		})
	}
}

func TestExpandOfRawBlockAndOfAReaderGrowsNoFileSystem(t *testing.T) {
	for name, change := range map[string]func(vol) vol{"raw block": block, "reader": reader} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			v := r.staged(r.volume("a"))
			must(t, r.unstage(v))
			v = r.staged(never(change(v)))
			pod := v.target("pod")
			must(t, r.publish(v, pod))
			must(t, os.Truncate(v.image, int64(2*rigSize)))
			r.tap = &tap{}
			r.restart()
			for _, path := range []string{pod, v.staging.Path} {
				size, err := r.expand(v, path, 2*rigSize, 0)
				must(t, err)
				if size != 2*rigSize {
					t.Errorf("got %s, want %s", size, 2*rigSize)
				}
			}
			for _, call := range r.tap.made() {
				if call == "grow" {
					t.Errorf("got calls %v, want no file system grown", r.tap.made())
				}
			}
		})
	}
}

func TestExpandWaitsForTheSize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		v := r.staged(r.volume("a"))
		go func() {
			<-time.After(20 * time.Second)
			must(t, os.Truncate(v.image, int64(2*rigSize)))
		}()
		began := time.Now()
		size, err := r.expand(v, v.staging.Path, 2*rigSize, 0)
		must(t, err)
		if took := time.Since(began); size != 2*rigSize || took < 20*time.Second || took > 22*time.Second {
			t.Errorf("got %s after %s, want %s soon after it is there", size, took, 2*rigSize)
		}
	})
}

func TestExpandGivesUpAtTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		v := r.staged(r.volume("a"))
		began := time.Now()
		_, err := r.expand(v, v.staging.Path, 2*rigSize, 0)
		wantKind(t, err, domain.Unreachable)
		if took := time.Since(began); took > patience+time.Second {
			t.Errorf("got an answer after %s, want one at the deadline", took)
		}
	})
}

func TestNodeExpandRefuses(t *testing.T) {
	tests := []struct {
		name string
		do   func(r *rig, v vol) (domain.Size, error)
		want domain.Kind
	}{
		{"a path where nothing is", func(r *rig, v vol) (domain.Size, error) {
			return r.expand(v, v.target("nowhere"), 1, 0)
		}, domain.NotFound},
		{"another volume's path", func(r *rig, v vol) (domain.Size, error) {
			return r.expand(v, r.staged(r.volume("other")).staging.Path, 1, 0)
		}, domain.NotFound},
		{"a volume that is not connected", func(r *rig, v vol) (domain.Size, error) {
			return r.expand(r.volume("other"), v.target("nowhere"), 1, 0)
		}, domain.NotFound},
		{"a device above the limit", func(r *rig, v vol) (domain.Size, error) {
			return r.expand(v, v.staging.Path, 1, rigSize-1)
		}, domain.OutOfRange},
		{"a controller that is not live", func(r *rig, v vol) (domain.Size, error) {
			r.kernel.Lose(v.nqn())
			return r.expand(v, v.staging.Path, 1, 0)
		}, domain.Unreachable},
		{"raw block whose controller is not live", func(r *rig, _ vol) (domain.Size, error) {
			v := r.staged(block(r.volume("other")))
			r.kernel.Lose(v.nqn())
			return r.expand(v, v.staging.Path, 1, 0)
		}, domain.Unreachable},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t)
			_, err := test.do(r, r.staged(r.volume("a")))
			wantKind(t, err, test.want)
		})
	}
}
