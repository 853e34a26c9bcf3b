// Code generated from a contract's interface by `chengxin contract generate go`; DO NOT EDIT.

package main

import "chengxin"

// Interface is what Contract does.
type Interface interface {
	Construct(name string, symbol string, supply chengxin.Uint256)
	Allowance(owner chengxin.Address, spender chengxin.Address) chengxin.Uint256
	// Lets the spender move so many tokens of the caller.
	Approve(spender chengxin.Address, value chengxin.Uint256) bool
	BalanceOf(owner chengxin.Address) chengxin.Uint256
	Decimals() uint8
	Name() string
	Symbol() string
	TotalSupply() chengxin.Uint256
	// Moves tokens of the caller.
	Transfer(to chengxin.Address, value chengxin.Uint256) bool
	// Moves tokens of another who approved it; all ones is an approval without end.
	TransferFrom(from chengxin.Address, to chengxin.Address, value chengxin.Uint256) bool
}

//go:wasmexport chengxin_deploy
func chengxinDeploy() {
	var contract Interface = Contract{}
	d := chengxin.NewDecoder(chengxin.Input(), 96)
	a0 := d.String()
	a1 := d.String()
	a2 := d.Uint256()
	d.End()
	contract.Construct(a0, a1, a2)
}

//go:wasmexport chengxin_call
func chengxinCall() {
	var contract Interface = Contract{}
	input := chengxin.Input()
	if len(input) < 4 {
		chengxin.Revert(nil)
	}
	switch [4]byte(input) {
	case [4]byte{0xdd, 0x62, 0xed, 0x3e}: // allowance(address,address)
		d := chengxin.NewDecoder(input[4:], 64)
		a0 := d.Address()
		a1 := d.Address()
		d.End()
		r0 := contract.Allowance(a0, a1)
		e := chengxin.NewEncoder(32)
		e.Uint256(r0)
		chengxin.Output(e.Finish())
	case [4]byte{0x09, 0x5e, 0xa7, 0xb3}: // approve(address,uint256)
		d := chengxin.NewDecoder(input[4:], 64)
		a0 := d.Address()
		a1 := d.Uint256()
		d.End()
		r0 := contract.Approve(a0, a1)
		e := chengxin.NewEncoder(32)
		e.Bool(r0)
		chengxin.Output(e.Finish())
	case [4]byte{0x70, 0xa0, 0x82, 0x31}: // balanceOf(address)
		d := chengxin.NewDecoder(input[4:], 32)
		a0 := d.Address()
		d.End()
		r0 := contract.BalanceOf(a0)
		e := chengxin.NewEncoder(32)
		e.Uint256(r0)
		chengxin.Output(e.Finish())
	case [4]byte{0x31, 0x3c, 0xe5, 0x67}: // decimals()
		d := chengxin.NewDecoder(input[4:], 0)
		d.End()
		r0 := contract.Decimals()
		e := chengxin.NewEncoder(32)
		e.Uint64(uint64(r0))
		chengxin.Output(e.Finish())
	case [4]byte{0x06, 0xfd, 0xde, 0x03}: // name()
		d := chengxin.NewDecoder(input[4:], 0)
		d.End()
		r0 := contract.Name()
		e := chengxin.NewEncoder(32)
		e.String(r0)
		chengxin.Output(e.Finish())
	case [4]byte{0x95, 0xd8, 0x9b, 0x41}: // symbol()
		d := chengxin.NewDecoder(input[4:], 0)
		d.End()
		r0 := contract.Symbol()
		e := chengxin.NewEncoder(32)
		e.String(r0)
		chengxin.Output(e.Finish())
	case [4]byte{0x18, 0x16, 0x0d, 0xdd}: // totalSupply()
		d := chengxin.NewDecoder(input[4:], 0)
		d.End()
		r0 := contract.TotalSupply()
		e := chengxin.NewEncoder(32)
		e.Uint256(r0)
		chengxin.Output(e.Finish())
	case [4]byte{0xa9, 0x05, 0x9c, 0xbb}: // transfer(address,uint256)
		d := chengxin.NewDecoder(input[4:], 64)
		a0 := d.Address()
		a1 := d.Uint256()
		d.End()
		r0 := contract.Transfer(a0, a1)
		e := chengxin.NewEncoder(32)
		e.Bool(r0)
		chengxin.Output(e.Finish())
	case [4]byte{0x23, 0xb8, 0x72, 0xdd}: // transferFrom(address,address,uint256)
		d := chengxin.NewDecoder(input[4:], 96)
		a0 := d.Address()
		a1 := d.Address()
		a2 := d.Uint256()
		d.End()
		r0 := contract.TransferFrom(a0, a1, a2)
		e := chengxin.NewEncoder(32)
		e.Bool(r0)
		chengxin.Output(e.Finish())
	default:
		chengxin.Revert(nil)
	}
}

func EmitApproval(owner chengxin.Address, spender chengxin.Address, value chengxin.Uint256) {
	e := chengxin.NewEncoder(32)
	e.Uint256(value)
	chengxin.Event([][32]byte{{0x8c, 0x5b, 0xe1, 0xe5, 0xeb, 0xec, 0x7d, 0x5b, 0xd1, 0x4f, 0x71, 0x42, 0x7d, 0x1e, 0x84, 0xf3, 0xdd, 0x03, 0x14, 0xc0, 0xf7, 0xb2, 0x29, 0x1e, 0x5b, 0x20, 0x0a, 0xc8, 0xc7, 0xc3, 0xb9, 0x25}, chengxin.Topic(func(e *chengxin.Encoder) { e.Address(owner) }), chengxin.Topic(func(e *chengxin.Encoder) { e.Address(spender) })}, e.Finish())
}

func EmitTransfer(from chengxin.Address, to chengxin.Address, value chengxin.Uint256) {
	e := chengxin.NewEncoder(32)
	e.Uint256(value)
	chengxin.Event([][32]byte{{0xdd, 0xf2, 0x52, 0xad, 0x1b, 0xe2, 0xc8, 0x9b, 0x69, 0xc2, 0xb0, 0x68, 0xfc, 0x37, 0x8d, 0xaa, 0x95, 0x2b, 0xa7, 0xf1, 0x63, 0xc4, 0xa1, 0x16, 0x28, 0xf5, 0x5a, 0x4d, 0xf5, 0x23, 0xb3, 0xef}, chengxin.Topic(func(e *chengxin.Encoder) { e.Address(from) }), chengxin.Topic(func(e *chengxin.Encoder) { e.Address(to) })}, e.Finish())
}

func RevertInsufficientAllowance(spender chengxin.Address, have chengxin.Uint256, need chengxin.Uint256) {
	e := chengxin.NewEncoder(96)
	e.Address(spender)
	e.Uint256(have)
	e.Uint256(need)
	chengxin.Revert(append([]byte{0x19, 0x2b, 0x9e, 0x4e}, e.Finish()...))
}

func RevertInsufficientBalance(owner chengxin.Address, have chengxin.Uint256, need chengxin.Uint256) {
	e := chengxin.NewEncoder(96)
	e.Address(owner)
	e.Uint256(have)
	e.Uint256(need)
	chengxin.Revert(append([]byte{0xdb, 0x42, 0x14, 0x4d}, e.Finish()...))
}
