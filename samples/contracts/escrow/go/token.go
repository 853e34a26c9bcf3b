// Code generated from a contract's interface by `chengxin contract generate go-caller`; DO NOT EDIT.

package main

import "chengxin"

// Token is the contract at an address, for another to call. What it reverts with, the caller reverts with.
type Token struct{ Address chengxin.Address }

func (c Token) Allowance(owner chengxin.Address, spender chengxin.Address) chengxin.Uint256 {
	e := chengxin.NewEncoder(64)
	e.Address(owner)
	e.Address(spender)
	d := chengxin.NewDecoder(chengxin.CallOrRevert(c.Address, [4]byte{0xdd, 0x62, 0xed, 0x3e}, e, true), 32)
	r0 := d.Uint256()
	d.End()
	return r0
}

// Lets the spender move so many tokens of the caller.
func (c Token) Approve(spender chengxin.Address, value chengxin.Uint256) bool {
	e := chengxin.NewEncoder(64)
	e.Address(spender)
	e.Uint256(value)
	d := chengxin.NewDecoder(chengxin.CallOrRevert(c.Address, [4]byte{0x09, 0x5e, 0xa7, 0xb3}, e, false), 32)
	r0 := d.Bool()
	d.End()
	return r0
}

func (c Token) BalanceOf(owner chengxin.Address) chengxin.Uint256 {
	e := chengxin.NewEncoder(32)
	e.Address(owner)
	d := chengxin.NewDecoder(chengxin.CallOrRevert(c.Address, [4]byte{0x70, 0xa0, 0x82, 0x31}, e, true), 32)
	r0 := d.Uint256()
	d.End()
	return r0
}

func (c Token) Decimals() uint8 {
	e := chengxin.NewEncoder(0)
	d := chengxin.NewDecoder(chengxin.CallOrRevert(c.Address, [4]byte{0x31, 0x3c, 0xe5, 0x67}, e, true), 32)
	r0 := uint8(d.Uint64(8))
	d.End()
	return r0
}

func (c Token) Name() string {
	e := chengxin.NewEncoder(0)
	d := chengxin.NewDecoder(chengxin.CallOrRevert(c.Address, [4]byte{0x06, 0xfd, 0xde, 0x03}, e, true), 32)
	r0 := d.String()
	d.End()
	return r0
}

func (c Token) Symbol() string {
	e := chengxin.NewEncoder(0)
	d := chengxin.NewDecoder(chengxin.CallOrRevert(c.Address, [4]byte{0x95, 0xd8, 0x9b, 0x41}, e, true), 32)
	r0 := d.String()
	d.End()
	return r0
}

func (c Token) TotalSupply() chengxin.Uint256 {
	e := chengxin.NewEncoder(0)
	d := chengxin.NewDecoder(chengxin.CallOrRevert(c.Address, [4]byte{0x18, 0x16, 0x0d, 0xdd}, e, true), 32)
	r0 := d.Uint256()
	d.End()
	return r0
}

// Moves tokens of the caller.
func (c Token) Transfer(to chengxin.Address, value chengxin.Uint256) bool {
	e := chengxin.NewEncoder(64)
	e.Address(to)
	e.Uint256(value)
	d := chengxin.NewDecoder(chengxin.CallOrRevert(c.Address, [4]byte{0xa9, 0x05, 0x9c, 0xbb}, e, false), 32)
	r0 := d.Bool()
	d.End()
	return r0
}

// Moves tokens of another who approved it; all ones is an approval without end.
func (c Token) TransferFrom(from chengxin.Address, to chengxin.Address, value chengxin.Uint256) bool {
	e := chengxin.NewEncoder(96)
	e.Address(from)
	e.Address(to)
	e.Uint256(value)
	d := chengxin.NewDecoder(chengxin.CallOrRevert(c.Address, [4]byte{0x23, 0xb8, 0x72, 0xdd}, e, false), 32)
	r0 := d.Bool()
	d.End()
	return r0
}
