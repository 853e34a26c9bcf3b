// A notary: who recorded a digest first, and when.
package main

import (
	"chengxin"
	"encoding/binary"
)

// Contract keeps a Record under each digest.
type Contract struct{}

func main() {}

func recordKey(digest [32]byte) []byte { return chengxin.Key("record", digest[:]) }

func (Contract) Record(digest [32]byte, note string) {
	if found, ok := chengxin.Get(recordKey(digest)); ok {
		RevertAlreadyRecorded(digest, DecodeRecord(found).Owner)
	}
	owner := chengxin.Caller()
	record := Record{Owner: owner, Height: chengxin.Height(), Time: chengxin.TimeMs() / 1000, Note: note}
	chengxin.Put(recordKey(digest), record.Encode())
	chengxin.Put([]byte("count"), binary.BigEndian.AppendUint64(nil, Contract{}.Count()+1))
	EmitRecorded(digest, owner, note)
}

func (Contract) Find(digest [32]byte) Record {
	found, ok := chengxin.Get(recordKey(digest))
	if !ok {
		RevertNotRecorded(digest)
	}
	return DecodeRecord(found)
}

func (Contract) Count() uint64 {
	if count, ok := chengxin.Get([]byte("count")); ok {
		return binary.BigEndian.Uint64(count)
	}
	return 0
}
