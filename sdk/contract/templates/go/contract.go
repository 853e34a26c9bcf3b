// 计数器：只有所有者可以增加。 A counter that its owner counts up.
package main

import (
	"chengxin"
	"encoding/binary"
)

// Contract keeps its owner and the value.
type Contract struct{}

func main() {}

// Construct 在部署和每次升级时都会运行。 Runs at deployment and at each upgrade.
func (Contract) Construct(start uint64) {
	if _, upgrade := chengxin.Get([]byte("owner")); upgrade {
		return
	}
	owner := chengxin.Caller()
	chengxin.Put([]byte("owner"), owner[:])
	put(start)
}

func put(value uint64) {
	chengxin.Put([]byte("value"), binary.BigEndian.AppendUint64(nil, value))
}

func (Contract) Value() uint64 {
	value, _ := chengxin.Get([]byte("value"))
	return binary.BigEndian.Uint64(value)
}

func (Contract) Owner() chengxin.Address {
	owner, _ := chengxin.Get([]byte("owner"))
	return chengxin.Address(owner)
}

func (c Contract) Add(amount uint64) uint64 {
	owner, by := c.Owner(), chengxin.Caller()
	if by != owner {
		RevertNotOwner(owner)
	}
	chengxin.Require(amount > 0, "nothing to add")
	value := c.Value() + amount
	put(value)
	EmitAdded(by, amount, value)
	return value
}
