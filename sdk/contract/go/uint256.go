package chengxin

import (
	"encoding/binary"
	"math/bits"
)

// Uint256 is uint256. Arithmetic is checked: what does not fit ends the call with Panic(0x11), a division by zero with
// Panic(0x12), as in Solidity. Values compare with ==.
type Uint256 struct{ limbs [4]uint64 } // least significant first

const (
	overflow = 0x11
	byZero   = 0x12
)

// MaxUint256 is 2²⁵⁶ - 1.
var MaxUint256 = Uint256{[4]uint64{1<<64 - 1, 1<<64 - 1, 1<<64 - 1, 1<<64 - 1}}

// U256 makes one of a small number.
func U256(value uint64) Uint256 { return Uint256{[4]uint64{value}} }

// Uint256FromBytes reads 32 big-endian bytes.
func Uint256FromBytes(bytes [32]byte) (out Uint256) {
	for i := range out.limbs {
		out.limbs[i] = binary.BigEndian.Uint64(bytes[24-8*i:])
	}
	return
}

// Bytes is the number as 32 big-endian bytes.
func (a Uint256) Bytes() (out [32]byte) {
	for i, limb := range a.limbs {
		binary.BigEndian.PutUint64(out[24-8*i:], limb)
	}
	return
}

// IsZero tells whether it is 0.
func (a Uint256) IsZero() bool { return a == Uint256{} }

// Uint64 is the number; false when it is larger.
func (a Uint256) Uint64() (uint64, bool) { return a.limbs[0], a.limbs[1]|a.limbs[2]|a.limbs[3] == 0 }

// Less tells whether a < b.
func (a Uint256) Less(b Uint256) bool {
	_, borrow := a.sub(b)
	return borrow != 0
}

func (a Uint256) sub(b Uint256) (out Uint256, borrow uint64) {
	for i := range out.limbs {
		out.limbs[i], borrow = bits.Sub64(a.limbs[i], b.limbs[i], borrow)
	}
	return
}

// Add is a + b.
func (a Uint256) Add(b Uint256) (out Uint256) {
	var carry uint64
	for i := range out.limbs {
		out.limbs[i], carry = bits.Add64(a.limbs[i], b.limbs[i], carry)
	}
	if carry != 0 {
		Panic(overflow)
	}
	return
}

// Sub is a - b.
func (a Uint256) Sub(b Uint256) Uint256 {
	out, borrow := a.sub(b)
	if borrow != 0 {
		Panic(overflow)
	}
	return out
}

// Mul is a · b.
func (a Uint256) Mul(b Uint256) Uint256 {
	var out [8]uint64
	for i := range a.limbs {
		var carry uint64
		for j := range b.limbs {
			high, low := bits.Mul64(a.limbs[i], b.limbs[j])
			var c uint64
			low, c = bits.Add64(low, carry, 0)
			high += c
			out[i+j], c = bits.Add64(out[i+j], low, 0)
			carry = high + c
		}
		out[i+4] = carry
	}
	if out[4]|out[5]|out[6]|out[7] != 0 {
		Panic(overflow)
	}
	return Uint256{[4]uint64(out[:4])}
}

// DivRem is the quotient and the remainder.
func (a Uint256) DivRem(by Uint256) (quotient, rest Uint256) {
	if by.IsZero() {
		Panic(byZero)
	}
	for bit := 255; bit >= 0; bit-- {
		overflows := rest.limbs[3]>>63 == 1
		for i := 3; i > 0; i-- {
			rest.limbs[i] = rest.limbs[i]<<1 | rest.limbs[i-1]>>63
		}
		rest.limbs[0] = rest.limbs[0]<<1 | a.limbs[bit/64]>>(bit%64)&1
		if overflows || !rest.Less(by) {
			rest, _ = rest.sub(by)
			quotient.limbs[bit/64] |= 1 << (bit % 64)
		}
	}
	return
}
