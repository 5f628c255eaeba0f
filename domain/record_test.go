package domain

import (
	"reflect"
	"testing"
)

// fullRecord returns a record with every key in it.
func fullRecord() Record {
	return Record{
		Owner: cluster.Owner(), Name: "pvc-1 'ä'", Claim: Claim{Namespace: "shop", Name: "data-db-0"},
		Size: 5 * GiB, Access: Block, Pool: "pool1", PoolUUID: "40437dbc-2318",
		Parameters: Parameters{Array: "rds1", Pool: "pool1", Timings: timings("nrIOQueues=8")},
		Modified:   timings("ctrlLossTmo=600", "fastIOFailTmo=30"), Content: Used, State: Ready,
		Epoch: testEpoch, FirstGrant: at(0), Lingering: true,
		Grants: []Grant{
			{Node: nodeID("node-a"), Use: must(NewUse(Block, MultiWriter, false)), Since: at(1), Size: 4 * GiB,
				Format: FormatNever(), Timings: DefaultTimings()},
			{Node: nodeID("node.b"), Use: must(NewUse(Block, MultiWriter, false)), Since: at(2), Size: 5 * GiB,
				Format: FormatBlankUntil(at(3))},
		},
		Origin: Origin{Kind: FromVolume, Name: "csi-x"}, Created: at(-5), Nonce: "4f2a",
	}
}

// The golden records were put together by hand. They are what lies on arrays:
// a driver that reads them otherwise has lost its volumes.
func TestRecordsNeverChange(t *testing.T) {
	for _, test := range []struct {
		name   string
		record Record
		body   string
		sum    string
	}{
		{
			"the least", Record{Owner: "mrjubmgy", Size: 1, Access: XFS, Pool: "p", State: Making, Nonce: "n"},
			"rds-csi/1/owner=mrjubmgy/size=1/access=xfs/pool=p/content=f/state=making/nonce=n/", "uqgucah6",
		},
		{
			"everything", fullRecord(),
			"rds-csi/1/owner=mrjubmgy/name=pvc-1%20%27%C3%A4%27/pvc=shop~data-db-0/size=5368709120/access=block/pool=pool1/" +
				"fsuuid=40437dbc-2318/array=rds1/inpool=pool1/param=n8/timing=c600~f30/content=u/state=ready/epoch=abcdefgh/" +
				"first=1800000000/lingering=yes/" +
				"grant=node-a.uwjnw3jx2jnedj7zp3tntgmxnm~mnmw~rw~1800000001~4294967296~never~c-1~r2~k5~n4/" +
				"grant=node.b.tozzjbz7cbm55lblrrs5qocj4a~mnmw~rw~1800000002~5368709120~blank-until%3A1800000003/" +
				"origin=volume~csi-x/created=1799999995/nonce=4f2a/", "dh2y5opy",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			text, err := test.record.Encode()
			if err != nil || text != test.body+"sum="+test.sum {
				t.Errorf("got %v and\n%s, want\n%ssum=%s", err, text, test.body, test.sum)
			}
			r, got := Decode(test.body+"sum="+test.sum, "mrjubmgy", true)
			if got != Ours || !reflect.DeepEqual(r, test.record) {
				t.Errorf("got standing %d and\n%+v, want\n%+v", got, r, test.record)
			}
		})
	}
}
