// Code generated from a contract's interface by `chengxin contract generate go`; DO NOT EDIT.

package main

import "chengxin"

type Proposal struct {
	Subject [32]byte
	Proposer chengxin.Address
	Needed uint32
	Reached bool
	Parties []chengxin.Address
	Approved []chengxin.Address
}

func (s Proposal) put(e *chengxin.Encoder) {
	e.Nested(192, func(e *chengxin.Encoder) {
		e.FixedBytes(s.Subject[:])
		e.Address(s.Proposer)
		e.Uint64(uint64(s.Needed))
		e.Bool(s.Reached)
		chengxin.EncodeSlice(e, 32, s.Parties, func(e *chengxin.Encoder, v chengxin.Address) { e.Address(v) })
		chengxin.EncodeSlice(e, 32, s.Approved, func(e *chengxin.Encoder, v chengxin.Address) { e.Address(v) })
	})
}

func takeProposal(d *chengxin.Decoder) (s Proposal) {
	d.Nested(192, func(d *chengxin.Decoder) {
		s.Subject = [32]byte(d.FixedBytes(32))
		s.Proposer = d.Address()
		s.Needed = uint32(d.Uint64(32))
		s.Reached = d.Bool()
		s.Parties = chengxin.DecodeSlice(d, 32, func(d *chengxin.Decoder) chengxin.Address { return d.Address() })
		s.Approved = chengxin.DecodeSlice(d, 32, func(d *chengxin.Decoder) chengxin.Address { return d.Address() })
	})
	return
}

// Encode is the value's encoding alone, to be kept in the state.
func (s Proposal) Encode() []byte {
	e := chengxin.NewEncoder(32)
	s.put(e)
	return e.Finish()
}

// DecodeProposal reads what Encode wrote.
func DecodeProposal(bytes []byte) Proposal {
	d := chengxin.NewDecoder(bytes, 32)
	s := takeProposal(d)
	d.End()
	return s
}

// Interface is what Contract does.
type Interface interface {
	// Approves as a party; tells whether enough have.
	Approve(id uint64) bool
	Proposal(id uint64) Proposal
	// Asks the parties, of whom so many must approve.
	Propose(subject [32]byte, parties []chengxin.Address, needed uint32) uint64
	// Takes an approval back as long as not enough have approved.
	Withdraw(id uint64)
}

//go:wasmexport chengxin_call
func chengxinCall() {
	var contract Interface = Contract{}
	input := chengxin.Input()
	if len(input) < 4 {
		chengxin.Revert(nil)
	}
	switch [4]byte(input) {
	case [4]byte{0x34, 0x04, 0x13, 0x97}: // approve(uint64)
		d := chengxin.NewDecoder(input[4:], 32)
		a0 := d.Uint64(64)
		d.End()
		r0 := contract.Approve(a0)
		e := chengxin.NewEncoder(32)
		e.Bool(r0)
		chengxin.Output(e.Finish())
	case [4]byte{0x7a, 0xfa, 0x0a, 0xa3}: // proposal(uint64)
		d := chengxin.NewDecoder(input[4:], 32)
		a0 := d.Uint64(64)
		d.End()
		r0 := contract.Proposal(a0)
		e := chengxin.NewEncoder(32)
		r0.put(e)
		chengxin.Output(e.Finish())
	case [4]byte{0xa1, 0xc1, 0xd1, 0x95}: // propose(bytes32,address[],uint32)
		d := chengxin.NewDecoder(input[4:], 96)
		a0 := [32]byte(d.FixedBytes(32))
		a1 := chengxin.DecodeSlice(d, 32, func(d *chengxin.Decoder) chengxin.Address { return d.Address() })
		a2 := uint32(d.Uint64(32))
		d.End()
		r0 := contract.Propose(a0, a1, a2)
		e := chengxin.NewEncoder(32)
		e.Uint64(r0)
		chengxin.Output(e.Finish())
	case [4]byte{0x75, 0x0f, 0x0a, 0xcc}: // withdraw(uint64)
		d := chengxin.NewDecoder(input[4:], 32)
		a0 := d.Uint64(64)
		d.End()
		contract.Withdraw(a0)
	default:
		chengxin.Revert(nil)
	}
}

func EmitApproved(id uint64, party chengxin.Address) {
	e := chengxin.NewEncoder(0)
	chengxin.Event([][32]byte{{0x8e, 0xca, 0xb2, 0x77, 0x01, 0x5f, 0xb3, 0x27, 0xa7, 0x42, 0x8c, 0xdf, 0x57, 0xaa, 0x86, 0xa8, 0xdf, 0x1c, 0x26, 0x4f, 0x3f, 0xbe, 0xe9, 0xd3, 0xb1, 0x0c, 0x27, 0xda, 0xbb, 0xc3, 0x3a, 0x7b}, chengxin.Topic(func(e *chengxin.Encoder) { e.Uint64(id) }), chengxin.Topic(func(e *chengxin.Encoder) { e.Address(party) })}, e.Finish())
}

func EmitProposed(id uint64, subject [32]byte, proposer chengxin.Address, parties []chengxin.Address, needed uint32) {
	e := chengxin.NewEncoder(96)
	e.Address(proposer)
	chengxin.EncodeSlice(e, 32, parties, func(e *chengxin.Encoder, v chengxin.Address) { e.Address(v) })
	e.Uint64(uint64(needed))
	chengxin.Event([][32]byte{{0xd2, 0x47, 0x3f, 0xd2, 0x30, 0x16, 0x80, 0x73, 0xf5, 0xbe, 0x4b, 0xce, 0xaa, 0x26, 0x19, 0xda, 0x5a, 0xc8, 0xe0, 0x4f, 0x5c, 0x9c, 0x7d, 0x39, 0x07, 0xbf, 0x8d, 0xc3, 0x36, 0xe0, 0x8a, 0xeb}, chengxin.Topic(func(e *chengxin.Encoder) { e.Uint64(id) }), chengxin.Topic(func(e *chengxin.Encoder) { e.FixedBytes(subject[:]) })}, e.Finish())
}

func EmitReached(id uint64, subject [32]byte) {
	e := chengxin.NewEncoder(0)
	chengxin.Event([][32]byte{{0x79, 0xc6, 0xe6, 0xd6, 0xb1, 0x72, 0x53, 0x04, 0x39, 0x7d, 0x1a, 0xfd, 0xcb, 0xc2, 0xd0, 0xc1, 0x7f, 0x23, 0x21, 0x36, 0x6c, 0x0f, 0x53, 0x70, 0x74, 0x7b, 0xfb, 0xb3, 0x0f, 0xce, 0x90, 0xa8}, chengxin.Topic(func(e *chengxin.Encoder) { e.Uint64(id) }), chengxin.Topic(func(e *chengxin.Encoder) { e.FixedBytes(subject[:]) })}, e.Finish())
}

func EmitWithdrawn(id uint64, party chengxin.Address) {
	e := chengxin.NewEncoder(0)
	chengxin.Event([][32]byte{{0xa0, 0xaa, 0xe0, 0x22, 0x70, 0x90, 0xf3, 0xf8, 0x99, 0xa6, 0xc0, 0x9e, 0xc4, 0xe6, 0x4b, 0x1c, 0x9f, 0x33, 0x33, 0x4f, 0xee, 0x35, 0x68, 0x87, 0x3b, 0xb7, 0xc6, 0x79, 0x25, 0xcd, 0x1d, 0x42}, chengxin.Topic(func(e *chengxin.Encoder) { e.Uint64(id) }), chengxin.Topic(func(e *chengxin.Encoder) { e.Address(party) })}, e.Finish())
}

func RevertAlreadyApproved() {
	e := chengxin.NewEncoder(0)
	chengxin.Revert(append([]byte{0x10, 0x1f, 0x81, 0x7a}, e.Finish()...))
}

func RevertAlreadyReached() {
	e := chengxin.NewEncoder(0)
	chengxin.Revert(append([]byte{0xcd, 0x4d, 0x72, 0x00}, e.Finish()...))
}

func RevertBadProposal() {
	e := chengxin.NewEncoder(0)
	chengxin.Revert(append([]byte{0xc3, 0x34, 0xf0, 0x69}, e.Finish()...))
}

func RevertNotAParty(caller chengxin.Address) {
	e := chengxin.NewEncoder(32)
	e.Address(caller)
	chengxin.Revert(append([]byte{0x54, 0x4f, 0xc1, 0x0d}, e.Finish()...))
}

func RevertNotApproved() {
	e := chengxin.NewEncoder(0)
	chengxin.Revert(append([]byte{0xc1, 0x9f, 0x17, 0xa9}, e.Finish()...))
}

func RevertUnknown(id uint64) {
	e := chengxin.NewEncoder(32)
	e.Uint64(id)
	chengxin.Revert(append([]byte{0x93, 0xae, 0x64, 0x49}, e.Finish()...))
}
