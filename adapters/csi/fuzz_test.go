package csi_test

import (
	"context"
	"slices"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// FuzzRequests sends any message to any RPC: the answer is one of the parser's
// codes, never a panic and never a bug.
func FuzzRequests(f *testing.F) {
	for i, req := range good() {
		text, err := proto.Marshal(req)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(i, text)
	}
	allowed := []codes.Code{
		codes.OK, codes.InvalidArgument, codes.NotFound, codes.OutOfRange, codes.FailedPrecondition, codes.Aborted,
	}
	f.Fuzz(func(t *testing.T, which int, text []byte) {
		requests := good()
		req := requests[uint(which)%uint(len(requests))]
		proto.Reset(req)
		if proto.Unmarshal(text, req) != nil {
			return
		}
		conn := connect(t, settings(), newFakeController(), newFakeNode())
		_, err := call(context.Background(), conn, req)
		if got := status.Code(err); !slices.Contains(allowed, got) {
			t.Errorf("%s %v: got %v, want one of %v", rpc(req), req, err, allowed)
		}
	})
}
