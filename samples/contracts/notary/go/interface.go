// Code generated from a contract's interface by `chengxin contract generate go`; DO NOT EDIT.

package main

import "chengxin"

type Record struct {
	Owner chengxin.Address
	Height uint64
	Time uint64
	Note string
}

func (s Record) put(e *chengxin.Encoder) {
	e.Nested(128, func(e *chengxin.Encoder) {
		e.Address(s.Owner)
		e.Uint64(s.Height)
		e.Uint64(s.Time)
		e.String(s.Note)
	})
}

func takeRecord(d *chengxin.Decoder) (s Record) {
	d.Nested(128, func(d *chengxin.Decoder) {
		s.Owner = d.Address()
		s.Height = d.Uint64(64)
		s.Time = d.Uint64(64)
		s.Note = d.String()
	})
	return
}

// Encode is the value's encoding alone, to be kept in the state.
func (s Record) Encode() []byte {
	e := chengxin.NewEncoder(32)
	s.put(e)
	return e.Finish()
}

// DecodeRecord reads what Encode wrote.
func DecodeRecord(bytes []byte) Record {
	d := chengxin.NewDecoder(bytes, 32)
	s := takeRecord(d)
	d.End()
	return s
}

// Interface is what Contract does.
type Interface interface {
	Count() uint64
	// What was recorded; reverts with NotRecorded.
	Find(digest [32]byte) Record
	// Records a digest that nobody recorded before.
	Record(digest [32]byte, note string)
}

//go:wasmexport chengxin_call
func chengxinCall() {
	var contract Interface = Contract{}
	input := chengxin.Input()
	if len(input) < 4 {
		chengxin.Revert(nil)
	}
	switch [4]byte(input) {
	case [4]byte{0x06, 0x66, 0x1a, 0xbd}: // count()
		d := chengxin.NewDecoder(input[4:], 0)
		d.End()
		r0 := contract.Count()
		e := chengxin.NewEncoder(32)
		e.Uint64(r0)
		chengxin.Output(e.Finish())
	case [4]byte{0xd4, 0x34, 0xef, 0x1e}: // find(bytes32)
		d := chengxin.NewDecoder(input[4:], 32)
		a0 := [32]byte(d.FixedBytes(32))
		d.End()
		r0 := contract.Find(a0)
		e := chengxin.NewEncoder(32)
		r0.put(e)
		chengxin.Output(e.Finish())
	case [4]byte{0xb0, 0xd0, 0xf4, 0xb8}: // record(bytes32,string)
		d := chengxin.NewDecoder(input[4:], 64)
		a0 := [32]byte(d.FixedBytes(32))
		a1 := d.String()
		d.End()
		contract.Record(a0, a1)
	default:
		chengxin.Revert(nil)
	}
}

func EmitRecorded(digest [32]byte, owner chengxin.Address, note string) {
	e := chengxin.NewEncoder(32)
	e.String(note)
	chengxin.Event([][32]byte{{0x89, 0x79, 0x53, 0x3a, 0x3b, 0xd0, 0xfc, 0xf7, 0xd0, 0x89, 0x1f, 0x96, 0xd0, 0xed, 0xe7, 0xde, 0x77, 0x5d, 0x3b, 0x79, 0x73, 0xaf, 0x79, 0x46, 0xbc, 0xb5, 0x2e, 0x2b, 0x68, 0x5a, 0x18, 0x39}, chengxin.Topic(func(e *chengxin.Encoder) { e.FixedBytes(digest[:]) }), chengxin.Topic(func(e *chengxin.Encoder) { e.Address(owner) })}, e.Finish())
}

func RevertAlreadyRecorded(digest [32]byte, owner chengxin.Address) {
	e := chengxin.NewEncoder(64)
	e.FixedBytes(digest[:])
	e.Address(owner)
	chengxin.Revert(append([]byte{0x17, 0xc1, 0x35, 0x86}, e.Finish()...))
}

func RevertNotRecorded(digest [32]byte) {
	e := chengxin.NewEncoder(32)
	e.FixedBytes(digest[:])
	chengxin.Revert(append([]byte{0x5b, 0x44, 0x1e, 0x34}, e.Finish()...))
}
