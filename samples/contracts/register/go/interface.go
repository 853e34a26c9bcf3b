// Code generated from a contract's interface by `chengxin contract generate go`; DO NOT EDIT.

package main

import "chengxin"

type Version struct {
	Number uint32
	Author chengxin.Address
	Time uint64
	Digest [32]byte
	Location string
}

func (s Version) put(e *chengxin.Encoder) {
	e.Nested(160, func(e *chengxin.Encoder) {
		e.Uint64(uint64(s.Number))
		e.Address(s.Author)
		e.Uint64(s.Time)
		e.FixedBytes(s.Digest[:])
		e.String(s.Location)
	})
}

func takeVersion(d *chengxin.Decoder) (s Version) {
	d.Nested(160, func(d *chengxin.Decoder) {
		s.Number = uint32(d.Uint64(32))
		s.Author = d.Address()
		s.Time = d.Uint64(64)
		s.Digest = [32]byte(d.FixedBytes(32))
		s.Location = d.String()
	})
	return
}

// Encode is the value's encoding alone, to be kept in the state.
func (s Version) Encode() []byte {
	e := chengxin.NewEncoder(32)
	s.put(e)
	return e.Finish()
}

// DecodeVersion reads what Encode wrote.
func DecodeVersion(bytes []byte) Version {
	d := chengxin.NewDecoder(bytes, 32)
	s := takeVersion(d)
	d.End()
	return s
}

// Interface is what Contract does.
type Interface interface {
	// Up to so many versions from that number on.
	History(key string, from uint32, limit uint32) []Version
	Latest(key string) Version
	Owner(key string) chengxin.Address
	// Publishes the next version; the first makes the caller the owner.
	Publish(key string, digest [32]byte, location string) uint32
	TransferOwnership(key string, to chengxin.Address)
	Version(key string, number uint32) Version
	Versions(key string) uint32
}

//go:wasmexport chengxin_call
func chengxinCall() {
	var contract Interface = Contract{}
	input := chengxin.Input()
	if len(input) < 4 {
		chengxin.Revert(nil)
	}
	switch [4]byte(input) {
	case [4]byte{0x5c, 0x8d, 0xaa, 0x60}: // history(string,uint32,uint32)
		d := chengxin.NewDecoder(input[4:], 96)
		a0 := d.String()
		a1 := uint32(d.Uint64(32))
		a2 := uint32(d.Uint64(32))
		d.End()
		r0 := contract.History(a0, a1, a2)
		e := chengxin.NewEncoder(32)
		chengxin.EncodeSlice(e, 32, r0, func(e *chengxin.Encoder, v Version) { v.put(e) })
		chengxin.Output(e.Finish())
	case [4]byte{0x95, 0x30, 0x56, 0x80}: // latest(string)
		d := chengxin.NewDecoder(input[4:], 32)
		a0 := d.String()
		d.End()
		r0 := contract.Latest(a0)
		e := chengxin.NewEncoder(32)
		r0.put(e)
		chengxin.Output(e.Finish())
	case [4]byte{0xdf, 0x55, 0xb4, 0x1a}: // owner(string)
		d := chengxin.NewDecoder(input[4:], 32)
		a0 := d.String()
		d.End()
		r0 := contract.Owner(a0)
		e := chengxin.NewEncoder(32)
		e.Address(r0)
		chengxin.Output(e.Finish())
	case [4]byte{0x08, 0x65, 0xd9, 0xa2}: // publish(string,bytes32,string)
		d := chengxin.NewDecoder(input[4:], 96)
		a0 := d.String()
		a1 := [32]byte(d.FixedBytes(32))
		a2 := d.String()
		d.End()
		r0 := contract.Publish(a0, a1, a2)
		e := chengxin.NewEncoder(32)
		e.Uint64(uint64(r0))
		chengxin.Output(e.Finish())
	case [4]byte{0xc0, 0xe7, 0x93, 0xc2}: // transferOwnership(string,address)
		d := chengxin.NewDecoder(input[4:], 64)
		a0 := d.String()
		a1 := d.Address()
		d.End()
		contract.TransferOwnership(a0, a1)
	case [4]byte{0xab, 0xb5, 0x0c, 0x75}: // version(string,uint32)
		d := chengxin.NewDecoder(input[4:], 64)
		a0 := d.String()
		a1 := uint32(d.Uint64(32))
		d.End()
		r0 := contract.Version(a0, a1)
		e := chengxin.NewEncoder(32)
		r0.put(e)
		chengxin.Output(e.Finish())
	case [4]byte{0x51, 0x07, 0xf3, 0x48}: // versions(string)
		d := chengxin.NewDecoder(input[4:], 32)
		a0 := d.String()
		d.End()
		r0 := contract.Versions(a0)
		e := chengxin.NewEncoder(32)
		e.Uint64(uint64(r0))
		chengxin.Output(e.Finish())
	default:
		chengxin.Revert(nil)
	}
}

func EmitOwnershipTransferred(key string, from chengxin.Address, to chengxin.Address) {
	e := chengxin.NewEncoder(64)
	e.Address(from)
	e.Address(to)
	chengxin.Event([][32]byte{{0x68, 0x40, 0x90, 0x4f, 0x5b, 0x31, 0x82, 0x7f, 0x74, 0xe1, 0x49, 0x73, 0x60, 0xda, 0x24, 0x5f, 0x56, 0xe5, 0x30, 0xc8, 0xc3, 0xde, 0x31, 0x63, 0xa2, 0xd3, 0x1f, 0x11, 0x49, 0x32, 0x73, 0xc6}, chengxin.Keccak256([]byte(key))}, e.Finish())
}

func EmitPublished(key string, number uint32, author chengxin.Address, digest [32]byte, location string) {
	e := chengxin.NewEncoder(64)
	e.FixedBytes(digest[:])
	e.String(location)
	chengxin.Event([][32]byte{{0x47, 0x2b, 0x59, 0x3e, 0x91, 0x16, 0xd3, 0xcf, 0x3a, 0x30, 0x32, 0x9b, 0x5a, 0xac, 0xdf, 0xcd, 0xd0, 0x40, 0xcf, 0x1b, 0x6e, 0x49, 0x4d, 0x01, 0x14, 0x56, 0x68, 0xe1, 0xff, 0xeb, 0xe7, 0xcd}, chengxin.Keccak256([]byte(key)), chengxin.Topic(func(e *chengxin.Encoder) { e.Uint64(uint64(number)) }), chengxin.Topic(func(e *chengxin.Encoder) { e.Address(author) })}, e.Finish())
}

func RevertNotOwner(owner chengxin.Address) {
	e := chengxin.NewEncoder(32)
	e.Address(owner)
	chengxin.Revert(append([]byte{0x24, 0x5a, 0xec, 0xd3}, e.Finish()...))
}

func RevertUnknown(key string, number uint32) {
	e := chengxin.NewEncoder(64)
	e.String(key)
	e.Uint64(uint64(number))
	chengxin.Revert(append([]byte{0x4c, 0x1c, 0xf4, 0x19}, e.Finish()...))
}
