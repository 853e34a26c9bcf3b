// Code generated from a contract's interface by `chengxin contract generate go`; DO NOT EDIT.

package main

import "chengxin"

// Interface is what Contract does.
type Interface interface {
	Caller() (chengxin.Address, string, chengxin.Address)
	Encrypt(forward bool, key [16]byte, iv [16]byte, data []byte) (bool, []byte)
	Entries(from []byte, to []byte, limit uint32) ([][]byte, [][]byte)
	Erase(key []byte)
	// Emits so many events of so many bytes.
	Flood(count uint32, size uint32)
	Get(key []byte) (bool, []byte)
	Put(key []byte, value []byte)
	// Calls another contract, and tells how that ended.
	Relay(to chengxin.Address, data []byte, readOnly bool) (bool, []byte)
}

//go:wasmexport chengxin_call
func chengxinCall() {
	var contract Interface = Contract{}
	input := chengxin.Input()
	if len(input) < 4 {
		chengxin.Revert(nil)
	}
	switch [4]byte(input) {
	case [4]byte{0xfc, 0x9c, 0x8d, 0x39}: // caller()
		d := chengxin.NewDecoder(input[4:], 0)
		d.End()
		r0, r1, r2 := contract.Caller()
		e := chengxin.NewEncoder(96)
		e.Address(r0)
		e.String(r1)
		e.Address(r2)
		chengxin.Output(e.Finish())
	case [4]byte{0xa7, 0x4d, 0x93, 0x6a}: // encrypt(bool,bytes16,bytes16,bytes)
		d := chengxin.NewDecoder(input[4:], 128)
		a0 := d.Bool()
		a1 := [16]byte(d.FixedBytes(16))
		a2 := [16]byte(d.FixedBytes(16))
		a3 := d.Bytes()
		d.End()
		r0, r1 := contract.Encrypt(a0, a1, a2, a3)
		e := chengxin.NewEncoder(64)
		e.Bool(r0)
		e.Bytes(r1)
		chengxin.Output(e.Finish())
	case [4]byte{0x7e, 0x34, 0xd6, 0xc2}: // entries(bytes,bytes,uint32)
		d := chengxin.NewDecoder(input[4:], 96)
		a0 := d.Bytes()
		a1 := d.Bytes()
		a2 := uint32(d.Uint64(32))
		d.End()
		r0, r1 := contract.Entries(a0, a1, a2)
		e := chengxin.NewEncoder(64)
		chengxin.EncodeSlice(e, 32, r0, func(e *chengxin.Encoder, v []byte) { e.Bytes(v) })
		chengxin.EncodeSlice(e, 32, r1, func(e *chengxin.Encoder, v []byte) { e.Bytes(v) })
		chengxin.Output(e.Finish())
	case [4]byte{0xd2, 0x91, 0xfa, 0x35}: // erase(bytes)
		d := chengxin.NewDecoder(input[4:], 32)
		a0 := d.Bytes()
		d.End()
		contract.Erase(a0)
	case [4]byte{0x72, 0x04, 0xa6, 0x87}: // flood(uint32,uint32)
		d := chengxin.NewDecoder(input[4:], 64)
		a0 := uint32(d.Uint64(32))
		a1 := uint32(d.Uint64(32))
		d.End()
		contract.Flood(a0, a1)
	case [4]byte{0xd6, 0xd7, 0xd5, 0x25}: // get(bytes)
		d := chengxin.NewDecoder(input[4:], 32)
		a0 := d.Bytes()
		d.End()
		r0, r1 := contract.Get(a0)
		e := chengxin.NewEncoder(64)
		e.Bool(r0)
		e.Bytes(r1)
		chengxin.Output(e.Finish())
	case [4]byte{0x38, 0x63, 0x6e, 0x9a}: // put(bytes,bytes)
		d := chengxin.NewDecoder(input[4:], 64)
		a0 := d.Bytes()
		a1 := d.Bytes()
		d.End()
		contract.Put(a0, a1)
	case [4]byte{0x9c, 0xbc, 0xdf, 0x28}: // relay(address,bytes,bool)
		d := chengxin.NewDecoder(input[4:], 96)
		a0 := d.Address()
		a1 := d.Bytes()
		a2 := d.Bool()
		d.End()
		r0, r1 := contract.Relay(a0, a1, a2)
		e := chengxin.NewEncoder(64)
		e.Bool(r0)
		e.Bytes(r1)
		chengxin.Output(e.Finish())
	default:
		chengxin.Revert(nil)
	}
}
