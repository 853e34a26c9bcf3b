// A register: entries that their owners publish in versions, none of which goes away.
package main

import (
	"chengxin"
	"encoding/binary"
)

// Contract keeps an owner and a count for each key, and a Version for each number.
type Contract struct{}

func main() {}

func ownerKey(key string) []byte { return chengxin.Key("owner", []byte(key)) }
func countKey(key string) []byte { return chengxin.Key("count", []byte(key)) }

func versionKey(key string, number uint32) []byte {
	return chengxin.Key("version", []byte(key), binary.BigEndian.AppendUint32(nil, number))
}

func requireOwner(key string) {
	if owner := (Contract{}).Owner(key); owner != chengxin.Caller() {
		RevertNotOwner(owner)
	}
}

func (c Contract) Publish(key string, digest [32]byte, location string) uint32 {
	author := chengxin.Caller()
	number := c.Versions(key) + 1
	if number == 1 {
		chengxin.Put(ownerKey(key), author[:])
	}
	requireOwner(key)
	chengxin.Put(countKey(key), binary.BigEndian.AppendUint32(nil, number))
	version := Version{Number: number, Author: author, Time: chengxin.TimeMs() / 1000, Digest: digest, Location: location}
	chengxin.Put(versionKey(key, number), version.Encode())
	EmitPublished(key, number, author, digest, location)
	return number
}

func (Contract) TransferOwnership(key string, to chengxin.Address) {
	requireOwner(key)
	chengxin.Put(ownerKey(key), to[:])
	EmitOwnershipTransferred(key, chengxin.Caller(), to)
}

func (Contract) Owner(key string) (owner chengxin.Address) {
	found, _ := chengxin.Get(ownerKey(key))
	copy(owner[:], found)
	return
}

func (Contract) Versions(key string) uint32 {
	if count, ok := chengxin.Get(countKey(key)); ok {
		return binary.BigEndian.Uint32(count)
	}
	return 0
}

func (c Contract) Latest(key string) Version { return c.Version(key, c.Versions(key)) }

func (Contract) Version(key string, number uint32) Version {
	found, ok := chengxin.Get(versionKey(key, number))
	if !ok {
		RevertUnknown(key, number)
	}
	return DecodeVersion(found)
}

func (c Contract) History(key string, from uint32, limit uint32) (out []Version) {
	first := max(uint64(from), 1)
	end := min(uint64(c.Versions(key)), first-1+uint64(limit))
	for number := first; number <= end; number++ {
		out = append(out, c.Version(key, uint32(number)))
	}
	return
}
