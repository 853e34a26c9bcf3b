package main

import "chengxin"

type Contract struct{}

func main() {}

func (Contract) Get(key []byte) (found bool, value []byte) {
	value, found = chengxin.Get(key)
	return
}

func (Contract) Put(key, value []byte) { chengxin.Put(key, value) }

func (Contract) Erase(key []byte) { chengxin.Erase(key) }

func (Contract) Entries(from, to []byte, limit uint32) (keys, values [][]byte) {
	for _, entry := range chengxin.Range(from, to, int(limit)) {
		keys, values = append(keys, entry.Key), append(values, entry.Value)
	}
	return
}

func (Contract) Encrypt(forward bool, key, iv [16]byte, data []byte) (done bool, result []byte) {
	result, done = chengxin.SM4CBC(forward, key, iv, data)
	return
}

func (Contract) Relay(to chengxin.Address, data []byte, readOnly bool) (returned bool, result []byte) {
	result, returned = chengxin.Call(to, data, 0, readOnly)
	return
}

func (Contract) Caller() (caller chengxin.Address, name string, origin chengxin.Address) {
	return chengxin.Caller(), chengxin.CallerName(), chengxin.Origin()
}

func (Contract) Flood(count, size uint32) {
	data := make([]byte, size)
	for range count {
		chengxin.Event(nil, data)
	}
}
