// Code generated from a contract's interface by `chengxin contract generate go`; DO NOT EDIT.

package main

import "chengxin"

type Inner struct {
	A uint16
	B [5]byte
}

func (s Inner) put(e *chengxin.Encoder) {
	e.Uint64(uint64(s.A))
	e.FixedBytes(s.B[:])
}

func takeInner(d *chengxin.Decoder) (s Inner) {
	s.A = uint16(d.Uint64(16))
	s.B = [5]byte(d.FixedBytes(5))
	return
}

// Encode is the value's encoding alone, to be kept in the state.
func (s Inner) Encode() []byte {
	e := chengxin.NewEncoder(64)
	s.put(e)
	return e.Finish()
}

// DecodeInner reads what Encode wrote.
func DecodeInner(bytes []byte) Inner {
	d := chengxin.NewDecoder(bytes, 64)
	s := takeInner(d)
	d.End()
	return s
}

type Outer struct {
	Text string
	Inner []Inner
	Pair [2]Inner
}

func (s Outer) put(e *chengxin.Encoder) {
	e.Nested(192, func(e *chengxin.Encoder) {
		e.String(s.Text)
		chengxin.EncodeSlice(e, 64, s.Inner, func(e *chengxin.Encoder, v Inner) { v.put(e) })
		for _, v := range s.Pair { v.put(e) }
	})
}

func takeOuter(d *chengxin.Decoder) (s Outer) {
	d.Nested(192, func(d *chengxin.Decoder) {
		s.Text = d.String()
		s.Inner = chengxin.DecodeSlice(d, 64, func(d *chengxin.Decoder) Inner { return takeInner(d) })
		s.Pair = func() (v [2]Inner) { for i := range v { v[i] = takeInner(d) }; return }()
	})
	return
}

// Encode is the value's encoding alone, to be kept in the state.
func (s Outer) Encode() []byte {
	e := chengxin.NewEncoder(32)
	s.put(e)
	return e.Finish()
}

// DecodeOuter reads what Encode wrote.
func DecodeOuter(bytes []byte) Outer {
	d := chengxin.NewDecoder(bytes, 32)
	s := takeOuter(d)
	d.End()
	return s
}

// Interface is what Contract does.
type Interface interface {
	Account(who chengxin.Address, role string, name string) (bool, []byte)
	Calculate(a chengxin.Uint256, b chengxin.Uint256) (chengxin.Uint256, chengxin.Uint256)
	Digests(message []byte) ([32]byte, [32]byte)
	Divide(a chengxin.Uint256, b chengxin.Uint256) (chengxin.Uint256, chengxin.Uint256)
	Fail(reason string)
	Proven(bundle []byte, digest [32]byte) bool
	Subtract(a chengxin.Uint256, b chengxin.Uint256) chengxin.Uint256
	Tails(a string, b []byte, c_ []uint16, d_ []string, e_ [2]bool, f [2]string, g [][2]uint8, h Outer, i []Outer) (string, []byte, []uint16, []string, [2]bool, [2]string, [][2]uint8, Outer, []Outer)
	Verify(x [32]byte, y [32]byte, message []byte, r [32]byte, s [32]byte) bool
	Who() (chengxin.Address, chengxin.Address, uint64, uint64)
	Words(a uint8, b uint16, c_ uint32, d_ uint64, e_ chengxin.Uint256, f int8, g int16, h int32, i int64, j bool, k chengxin.Address, l [4]byte, m [32]byte) (uint8, uint16, uint32, uint64, chengxin.Uint256, int8, int16, int32, int64, bool, chengxin.Address, [4]byte, [32]byte)
}

//go:wasmexport chengxin_call
func chengxinCall() {
	var contract Interface = Contract{}
	input := chengxin.Input()
	if len(input) < 4 {
		chengxin.Revert(nil)
	}
	switch [4]byte(input) {
	case [4]byte{0x81, 0x61, 0xed, 0x31}: // account(address,string,string)
		d := chengxin.NewDecoder(input[4:], 96)
		a0 := d.Address()
		a1 := d.String()
		a2 := d.String()
		d.End()
		r0, r1 := contract.Account(a0, a1, a2)
		e := chengxin.NewEncoder(64)
		e.Bool(r0)
		e.Bytes(r1)
		chengxin.Output(e.Finish())
	case [4]byte{0x8d, 0xfa, 0x43, 0x63}: // calculate(uint256,uint256)
		d := chengxin.NewDecoder(input[4:], 64)
		a0 := d.Uint256()
		a1 := d.Uint256()
		d.End()
		r0, r1 := contract.Calculate(a0, a1)
		e := chengxin.NewEncoder(64)
		e.Uint256(r0)
		e.Uint256(r1)
		chengxin.Output(e.Finish())
	case [4]byte{0xd0, 0x34, 0x2b, 0xc2}: // digests(bytes)
		d := chengxin.NewDecoder(input[4:], 32)
		a0 := d.Bytes()
		d.End()
		r0, r1 := contract.Digests(a0)
		e := chengxin.NewEncoder(64)
		e.FixedBytes(r0[:])
		e.FixedBytes(r1[:])
		chengxin.Output(e.Finish())
	case [4]byte{0xf8, 0x8e, 0x9f, 0xbf}: // divide(uint256,uint256)
		d := chengxin.NewDecoder(input[4:], 64)
		a0 := d.Uint256()
		a1 := d.Uint256()
		d.End()
		r0, r1 := contract.Divide(a0, a1)
		e := chengxin.NewEncoder(64)
		e.Uint256(r0)
		e.Uint256(r1)
		chengxin.Output(e.Finish())
	case [4]byte{0x78, 0x12, 0x2f, 0x3a}: // fail(string)
		d := chengxin.NewDecoder(input[4:], 32)
		a0 := d.String()
		d.End()
		contract.Fail(a0)
	case [4]byte{0x2c, 0x92, 0xce, 0xc8}: // proven(bytes,bytes32)
		d := chengxin.NewDecoder(input[4:], 64)
		a0 := d.Bytes()
		a1 := [32]byte(d.FixedBytes(32))
		d.End()
		r0 := contract.Proven(a0, a1)
		e := chengxin.NewEncoder(32)
		e.Bool(r0)
		chengxin.Output(e.Finish())
	case [4]byte{0x3e, 0xf5, 0xe4, 0x45}: // subtract(uint256,uint256)
		d := chengxin.NewDecoder(input[4:], 64)
		a0 := d.Uint256()
		a1 := d.Uint256()
		d.End()
		r0 := contract.Subtract(a0, a1)
		e := chengxin.NewEncoder(32)
		e.Uint256(r0)
		chengxin.Output(e.Finish())
	case [4]byte{0xb0, 0x6d, 0xfd, 0x39}: // tails(string,bytes,uint16[],string[],bool[2],string[2],uint8[2][],(string,(uint16,bytes5)[],(uint16,bytes5)[2]),(string,(uint16,bytes5)[],(uint16,bytes5)[2])[])
		d := chengxin.NewDecoder(input[4:], 320)
		a0 := d.String()
		a1 := d.Bytes()
		a2 := chengxin.DecodeSlice(d, 32, func(d *chengxin.Decoder) uint16 { return uint16(d.Uint64(16)) })
		a3 := chengxin.DecodeSlice(d, 32, func(d *chengxin.Decoder) string { return d.String() })
		a4 := func() (v [2]bool) { for i := range v { v[i] = d.Bool() }; return }()
		a5 := func() (v [2]string) { d.Nested(64, func(d *chengxin.Decoder) { for i := range v { v[i] = d.String() } }); return }()
		a6 := chengxin.DecodeSlice(d, 64, func(d *chengxin.Decoder) [2]uint8 { return func() (v [2]uint8) { for i := range v { v[i] = uint8(d.Uint64(8)) }; return }() })
		a7 := takeOuter(d)
		a8 := chengxin.DecodeSlice(d, 32, func(d *chengxin.Decoder) Outer { return takeOuter(d) })
		d.End()
		r0, r1, r2, r3, r4, r5, r6, r7, r8 := contract.Tails(a0, a1, a2, a3, a4, a5, a6, a7, a8)
		e := chengxin.NewEncoder(320)
		e.String(r0)
		e.Bytes(r1)
		chengxin.EncodeSlice(e, 32, r2, func(e *chengxin.Encoder, v uint16) { e.Uint64(uint64(v)) })
		chengxin.EncodeSlice(e, 32, r3, func(e *chengxin.Encoder, v string) { e.String(v) })
		for _, v := range r4 { e.Bool(v) }
		e.Nested(64, func(e *chengxin.Encoder) { for _, v := range r5 { e.String(v) } })
		chengxin.EncodeSlice(e, 64, r6, func(e *chengxin.Encoder, v [2]uint8) { for _, v := range v { e.Uint64(uint64(v)) } })
		r7.put(e)
		chengxin.EncodeSlice(e, 32, r8, func(e *chengxin.Encoder, v Outer) { v.put(e) })
		chengxin.Output(e.Finish())
	case [4]byte{0x77, 0xb4, 0xf6, 0x3d}: // verify(bytes32,bytes32,bytes,bytes32,bytes32)
		d := chengxin.NewDecoder(input[4:], 160)
		a0 := [32]byte(d.FixedBytes(32))
		a1 := [32]byte(d.FixedBytes(32))
		a2 := d.Bytes()
		a3 := [32]byte(d.FixedBytes(32))
		a4 := [32]byte(d.FixedBytes(32))
		d.End()
		r0 := contract.Verify(a0, a1, a2, a3, a4)
		e := chengxin.NewEncoder(32)
		e.Bool(r0)
		chengxin.Output(e.Finish())
	case [4]byte{0xd6, 0xd2, 0x1d, 0xfd}: // who()
		d := chengxin.NewDecoder(input[4:], 0)
		d.End()
		r0, r1, r2, r3 := contract.Who()
		e := chengxin.NewEncoder(128)
		e.Address(r0)
		e.Address(r1)
		e.Uint64(r2)
		e.Uint64(r3)
		chengxin.Output(e.Finish())
	case [4]byte{0x49, 0x97, 0x35, 0x8c}: // words(uint8,uint16,uint32,uint64,uint256,int8,int16,int32,int64,bool,address,bytes4,bytes32)
		d := chengxin.NewDecoder(input[4:], 416)
		a0 := uint8(d.Uint64(8))
		a1 := uint16(d.Uint64(16))
		a2 := uint32(d.Uint64(32))
		a3 := d.Uint64(64)
		a4 := d.Uint256()
		a5 := int8(d.Int64(8))
		a6 := int16(d.Int64(16))
		a7 := int32(d.Int64(32))
		a8 := d.Int64(64)
		a9 := d.Bool()
		a10 := d.Address()
		a11 := [4]byte(d.FixedBytes(4))
		a12 := [32]byte(d.FixedBytes(32))
		d.End()
		r0, r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, r12 := contract.Words(a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12)
		e := chengxin.NewEncoder(416)
		e.Uint64(uint64(r0))
		e.Uint64(uint64(r1))
		e.Uint64(uint64(r2))
		e.Uint64(r3)
		e.Uint256(r4)
		e.Int64(int64(r5))
		e.Int64(int64(r6))
		e.Int64(int64(r7))
		e.Int64(r8)
		e.Bool(r9)
		e.Address(r10)
		e.FixedBytes(r11[:])
		e.FixedBytes(r12[:])
		chengxin.Output(e.Finish())
	default:
		chengxin.Revert(nil)
	}
}
