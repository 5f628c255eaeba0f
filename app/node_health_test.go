package app_test

import (
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"git.srvlab.io/whiskey/rds-csi-driver/app"
	"git.srvlab.io/whiskey/rds-csi-driver/domain"
	"git.srvlab.io/whiskey/rds-csi-driver/ports"
)

func TestStatsOfAFileSystem(t *testing.T) {
	r := newRig(t)
	v := r.staged(r.volume("a"))
	pod := v.target("pod")
	must(t, r.publish(v, pod))
	for _, path := range []string{v.staging.Path, pod, pod + "/"} {
		got, err := r.node.Stats(t.Context(), v.slot(), path)
		must(t, err)
		if got.Block || got.Usage.Total <= 0 || got.Usage.Total > rigSize || got.Usage.Inodes <= 0 {
			t.Errorf("got %+v, want how full the file system is", got)
		}
	}
}

func TestStatsOfRawBlock(t *testing.T) {
	r := newRig(t)
	v := r.staged(block(r.volume("a")))
	pod := v.target("pod")
	must(t, r.publish(v, pod))
	got, err := r.node.Stats(t.Context(), v.slot(), pod)
	must(t, err)
	if want := (app.NodeStats{Block: true, Usage: domain.Usage{Total: rigSize}}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestStatsOfWhatIsNotThereIsNotFound(t *testing.T) {
	r := newRig(t)
	v, other := r.staged(r.volume("a")), r.staged(r.volume("other"))
	for name, path := range map[string]string{"no mount": v.target("nowhere"), "another volume's": other.staging.Path} {
		if _, err := r.node.Stats(t.Context(), v.slot(), path); !domain.Is(err, domain.NotFound) {
			t.Errorf("%s: got %v, want NotFound", name, err)
		}
	}
}

func TestStatsNeverHang(t *testing.T) {
	for _, call := range []string{"statfs", "prove"} {
		t.Run(call, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				v := r.staged(r.volume("a"))
				release := r.hang(call)
				for range 100 {
					began := time.Now()
					_, err := r.node.Stats(t.Context(), v.slot(), v.staging.Path)
					wantKind(t, err, domain.Unreachable)
					if took := time.Since(began); took > 6*time.Second {
						t.Errorf("got an answer after %s, want one in a few seconds", took)
					}
				}
				if got := r.stuck(); got[call] != 1 || len(got) != 1 {
					t.Errorf("got stuck calls %v, want one %s", got, call)
				}
				release()
				_, err := r.node.Stats(t.Context(), v.slot(), v.staging.Path)
				must(t, err)
			})
		})
	}
}

func TestStatsOfADeadMountIsUnreachable(t *testing.T) {
	r := newRig(t, removesControllers)
	v := r.staged(r.volume("a"))
	r.withdraw(v)
	_, err := r.node.Stats(t.Context(), v.slot(), v.staging.Path)
	wantKind(t, err, domain.Unreachable)
}

func TestStuckCallsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.restart(func(s *app.NodeSettings) { s.MaxStuck = 2 })
		volumes := []vol{r.staged(r.volume("a")), r.staged(r.volume("b")), r.staged(r.volume("c"))}
		release := r.hang("statfs")
		for _, v := range volumes {
			_, err := r.node.Stats(t.Context(), v.slot(), v.staging.Path)
			wantKind(t, err, domain.Unreachable)
		}
		if got := r.stuck()["statfs"]; got != 2 {
			t.Errorf("got %d stuck, want 2 at most", got)
		}
		// What has to hang no more can still be taken off: nothing is asked of it.
		r.withdraw(volumes[0])
		r.until(volumes[0])
		release()
	})
}

// reasons returns the reasons of conditions with their status.
func reasons(conditions []domain.Condition) []string {
	var list []string
	for _, c := range conditions {
		list = append(list, map[domain.HealthStatus]string{
			domain.Degraded: "degraded ", domain.Inaccessible: "inaccessible ", domain.DataLoss: "data loss ",
		}[c.Status]+c.Reason)
	}
	return list
}

func TestHealthOfAVolume(t *testing.T) {
	nothing := func(*rig, vol) {}
	tests := []struct {
		name   string
		change func(vol) vol
		spoil  func(r *rig, v vol)
		want   []string
	}{
		{"staged", nil, nothing, nil},
		{"raw block", block, nothing, nil},
		{"not staged", nil, func(r *rig, v vol) { must(r.T, r.unstage(v)) }, []string{"inaccessible NotStaged"}},
		{"target lost", nil, func(r *rig, v vol) { r.kernel.Lose(v.nqn()) }, []string{"inaccessible ControllerNotLive"}},
		{"another disk behind the name", nil, replaced, []string{"inaccessible DeviceReplaced"}},
		{"another device at the staging path", nil, func(r *rig, v vol) {
			must(r.T, r.kernel.Mounts().Unmount(r.Context(), v.staging.Path))
			other := r.volume("other")
			other.staging.Path = v.staging.Path
			r.staged(other)
		}, []string{"inaccessible DeviceReplaced"}},
		{"device smaller than its file system", nil, func(r *rig, v vol) {
			must(r.T, os.Truncate(v.image, int64(rigSize/2)))
			must(r.T, r.kernel.Fabric().Rescan(r.Context(), v.nqn()))
		}, []string{"data loss SizeShrunk"}},
		{"read-only though staged for writing", nil, func(r *rig, v vol) {
			hint := ports.Hint{Attachment: v.staging.Attachment, Use: v.staging.Use, Staging: v.staging.Path}
			must(r.T, r.unstage(v))
			must(r.T, r.stage(never(reader(v))))
			must(r.T, r.kernel.Hints().Save(r.Context(), hint))
		}, []string{"degraded ReadOnlyAfterError"}},
		{"read-only as staged", func(v vol) vol { return v }, func(r *rig, v vol) {
			must(r.T, r.unstage(v))
			must(r.T, r.stage(never(reader(v))))
		}, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t)
			v := r.volume("a")
			if test.change != nil {
				v = test.change(v)
			}
			r.staged(v)
			test.spoil(r, v)
			for _, paths := range [][2]string{{v.staging.Path, ""}, {v.staging.Path, v.target("pod")}} {
				got, err := r.node.Health(t.Context(), v.slot(), paths[0], paths[1])
				must(t, err)
				if !slices.Equal(reasons(got), test.want) {
					t.Errorf("got %+v, want %v", got, test.want)
				}
			}
		})
	}
}

func TestHealthOfADeadMount(t *testing.T) {
	r := newRig(t, removesControllers)
	v := r.staged(r.volume("a"))
	r.withdraw(v)
	got, err := r.node.Health(t.Context(), v.slot(), v.staging.Path, "")
	must(t, err)
	if want := []string{"inaccessible ControllerNotLive"}; !slices.Equal(reasons(got), want) {
		t.Errorf("got %+v, want %v", got, want)
	}
}

func TestHealthOfAVolumeThatLostOnePath(t *testing.T) {
	r := newRig(t)
	v := r.staged(r.volume("a"))
	r.tap.seen = func(list []domain.Controller) []domain.Controller {
		second := list[0]
		second.Name, second.State = "second", domain.Connecting
		return append(list, second)
	}
	got, err := r.node.Health(t.Context(), v.slot(), v.staging.Path, "")
	must(t, err)
	if want := []string{"degraded PathLost"}; !slices.Equal(reasons(got), want) {
		t.Errorf("got %+v, want %v", got, want)
	}
	must(t, r.publish(v, v.target("pod"))) // one path is enough
}

func TestHealthWithoutPathsFindsTheMount(t *testing.T) {
	r := newRig(t)
	v := r.staged(r.volume("a"))
	must(t, os.Truncate(v.image, int64(rigSize/2)))
	must(t, r.kernel.Fabric().Rescan(t.Context(), v.nqn()))
	got, err := r.node.Health(t.Context(), v.slot(), "", "")
	must(t, err)
	if want := []string{"data loss SizeShrunk"}; !slices.Equal(reasons(got), want) {
		t.Errorf("got %+v, want %v", got, want)
	}
}

func TestHealthNeverHangs(t *testing.T) {
	for call, want := range map[string]string{
		"statfs": "inaccessible FileSystemNotAnswering", "prove": "inaccessible VolumeNotAnswering", "size": "inaccessible VolumeNotAnswering",
	} {
		t.Run(call, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				v := r.staged(r.volume("a"))
				defer r.hang(call)()
				for range 3 {
					began := time.Now()
					got, err := r.node.Health(t.Context(), v.slot(), v.staging.Path, "")
					must(t, err)
					if took := time.Since(began); took > 6*time.Second || !slices.Equal(reasons(got), []string{want}) {
						t.Errorf("got %+v after %s, want %s in a few seconds", got, took, want)
					}
					if len(got[0].Message) > 128 {
						t.Errorf("got a message of %d bytes, want 128 at most", len(got[0].Message))
					}
				}
				storage, err := r.node.StorageHealth(t.Context())
				must(t, err)
				if want := []string{"degraded CallsStuck"}; !slices.Equal(reasons(storage), want) {
					t.Errorf("got %+v, want %v", storage, want)
				}
			})
		})
	}
}

func TestStorageHealth(t *testing.T) {
	r := newRig(t)
	check := func(want ...string) {
		t.Helper()
		got, err := r.node.StorageHealth(t.Context())
		must(t, err)
		if !slices.Equal(reasons(got), want) {
			t.Errorf("got %+v, want %v", got, want)
		}
	}
	check()
	a, b := r.staged(r.volume("a")), r.staged(r.volume("b"))
	check()
	r.kernel.Lose(a.nqn())
	check("degraded ControllersNotLive")
	r.kernel.Lose(b.nqn())
	check("inaccessible ControllersNotLive")
	r.kernel.Regain(a.nqn())
	r.kernel.Regain(b.nqn())
	check()
}
