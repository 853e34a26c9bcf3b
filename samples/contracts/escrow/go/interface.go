// Code generated from a contract's interface by `chengxin contract generate go`; DO NOT EDIT.

package main

import "chengxin"

type Deal struct {
	Token chengxin.Address
	Buyer chengxin.Address
	Seller chengxin.Address
	Arbiter chengxin.Address
	Amount chengxin.Uint256
	Deadline uint64
	State uint8
}

func (s Deal) put(e *chengxin.Encoder) {
	e.Address(s.Token)
	e.Address(s.Buyer)
	e.Address(s.Seller)
	e.Address(s.Arbiter)
	e.Uint256(s.Amount)
	e.Uint64(s.Deadline)
	e.Uint64(uint64(s.State))
}

func takeDeal(d *chengxin.Decoder) (s Deal) {
	s.Token = d.Address()
	s.Buyer = d.Address()
	s.Seller = d.Address()
	s.Arbiter = d.Address()
	s.Amount = d.Uint256()
	s.Deadline = d.Uint64(64)
	s.State = uint8(d.Uint64(8))
	return
}

// Encode is the value's encoding alone, to be kept in the state.
func (s Deal) Encode() []byte {
	e := chengxin.NewEncoder(224)
	s.put(e)
	return e.Finish()
}

// DecodeDeal reads what Encode wrote.
func DecodeDeal(bytes []byte) Deal {
	d := chengxin.NewDecoder(bytes, 224)
	s := takeDeal(d)
	d.End()
	return s
}

// Interface is what Contract does.
type Interface interface {
	// State 1: open, 2: released, 3: refunded.
	Deal(id uint64) Deal
	// Deposits tokens that the caller has approved to this contract; the deadline is in seconds since 1970.
	Open(token chengxin.Address, seller chengxin.Address, arbiter chengxin.Address, amount chengxin.Uint256, deadline uint64) uint64
	// Pays the buyer back: for the seller or the arbiter, after the deadline also for the buyer.
	Refund(id uint64)
	// Pays the seller: for the buyer or the arbiter.
	Release(id uint64)
}

//go:wasmexport chengxin_call
func chengxinCall() {
	var contract Interface = Contract{}
	input := chengxin.Input()
	if len(input) < 4 {
		chengxin.Revert(nil)
	}
	switch [4]byte(input) {
	case [4]byte{0x4b, 0xbb, 0x46, 0x46}: // deal(uint64)
		d := chengxin.NewDecoder(input[4:], 32)
		a0 := d.Uint64(64)
		d.End()
		r0 := contract.Deal(a0)
		e := chengxin.NewEncoder(224)
		r0.put(e)
		chengxin.Output(e.Finish())
	case [4]byte{0x50, 0x92, 0x2a, 0xa4}: // open(address,address,address,uint256,uint64)
		d := chengxin.NewDecoder(input[4:], 160)
		a0 := d.Address()
		a1 := d.Address()
		a2 := d.Address()
		a3 := d.Uint256()
		a4 := d.Uint64(64)
		d.End()
		r0 := contract.Open(a0, a1, a2, a3, a4)
		e := chengxin.NewEncoder(32)
		e.Uint64(r0)
		chengxin.Output(e.Finish())
	case [4]byte{0xd7, 0x19, 0x4c, 0xcb}: // refund(uint64)
		d := chengxin.NewDecoder(input[4:], 32)
		a0 := d.Uint64(64)
		d.End()
		contract.Refund(a0)
	case [4]byte{0x41, 0xfb, 0xbc, 0x31}: // release(uint64)
		d := chengxin.NewDecoder(input[4:], 32)
		a0 := d.Uint64(64)
		d.End()
		contract.Release(a0)
	default:
		chengxin.Revert(nil)
	}
}

func EmitOpened(id uint64, buyer chengxin.Address, seller chengxin.Address, token chengxin.Address, amount chengxin.Uint256) {
	e := chengxin.NewEncoder(64)
	e.Address(token)
	e.Uint256(amount)
	chengxin.Event([][32]byte{{0x70, 0x40, 0x47, 0x62, 0x84, 0x63, 0x9e, 0x73, 0xe4, 0x10, 0x20, 0x04, 0xc7, 0x99, 0x08, 0xc8, 0x1c, 0xd8, 0x14, 0x08, 0x99, 0x62, 0xcf, 0x4e, 0xc1, 0x19, 0x75, 0x18, 0xf1, 0xb4, 0x7e, 0x38}, chengxin.Topic(func(e *chengxin.Encoder) { e.Uint64(id) }), chengxin.Topic(func(e *chengxin.Encoder) { e.Address(buyer) }), chengxin.Topic(func(e *chengxin.Encoder) { e.Address(seller) })}, e.Finish())
}

func EmitRefunded(id uint64, by chengxin.Address) {
	e := chengxin.NewEncoder(32)
	e.Address(by)
	chengxin.Event([][32]byte{{0xf7, 0x65, 0x4e, 0x78, 0x36, 0xd3, 0x30, 0x7d, 0x4d, 0xa6, 0x89, 0xcb, 0x93, 0x5d, 0x63, 0x38, 0x61, 0x21, 0x7e, 0x5f, 0xbc, 0x42, 0xee, 0x57, 0x78, 0x43, 0xb5, 0x50, 0xa6, 0x33, 0x40, 0x2e}, chengxin.Topic(func(e *chengxin.Encoder) { e.Uint64(id) })}, e.Finish())
}

func EmitReleased(id uint64, by chengxin.Address) {
	e := chengxin.NewEncoder(32)
	e.Address(by)
	chengxin.Event([][32]byte{{0x56, 0xf9, 0x1c, 0xda, 0x68, 0x3f, 0x8d, 0xeb, 0xf9, 0xf0, 0x7f, 0x3b, 0x66, 0x25, 0x64, 0x11, 0x87, 0x4f, 0x38, 0x6e, 0x26, 0x27, 0xa9, 0x1a, 0x2b, 0xf2, 0x5d, 0xbc, 0x84, 0x37, 0xdc, 0x89}, chengxin.Topic(func(e *chengxin.Encoder) { e.Uint64(id) })}, e.Finish())
}

func RevertNotAllowed(caller chengxin.Address) {
	e := chengxin.NewEncoder(32)
	e.Address(caller)
	chengxin.Revert(append([]byte{0xfa, 0x5c, 0xd0, 0x0f}, e.Finish()...))
}

func RevertNotOpen(id uint64) {
	e := chengxin.NewEncoder(32)
	e.Uint64(id)
	chengxin.Revert(append([]byte{0x92, 0x08, 0x23, 0xa6}, e.Finish()...))
}

func RevertNothingDeposited() {
	e := chengxin.NewEncoder(0)
	chengxin.Revert(append([]byte{0x69, 0xb9, 0x5d, 0xc9}, e.Finish()...))
}

func RevertUnknown(id uint64) {
	e := chengxin.NewEncoder(32)
	e.Uint64(id)
	chengxin.Revert(append([]byte{0x93, 0xae, 0x64, 0x49}, e.Finish()...))
}
