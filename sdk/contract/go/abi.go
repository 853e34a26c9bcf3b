package chengxin

import (
	"encoding/binary"
	"unicode/utf8"
)

// Address is of an account or a contract.
type Address [20]byte

// Bytes32 is bytes32.
type Bytes32 = [32]byte

// The ABI encoding of Solidity 0.8, strict: each value has one encoding, and any other ends the call as reverted with
// no data. An Encoder or Decoder stands in one sequence of values: heads in order, then tails in order. Generated code
// uses them; contracts may, to keep values in the state.

// Encoder writes one sequence.
type Encoder struct {
	heads, tails []byte
	size         int
}

// NewEncoder begins a sequence whose heads take so many bytes.
func NewEncoder(heads int) *Encoder { return &Encoder{heads: make([]byte, 0, heads), size: heads} }

// Finish is the encoding.
func (e *Encoder) Finish() []byte { return append(e.heads, e.tails...) }

func number(value int) (word [32]byte) {
	binary.BigEndian.PutUint64(word[24:], uint64(value))
	return
}

func (e *Encoder) word(word [32]byte) { e.heads = append(e.heads, word[:]...) }

// The offset of a tail that comes next.
func (e *Encoder) offset() { e.word(number(e.size + len(e.tails))) }

// Uint64 writes an unsigned integer of any size up to 64 bits.
func (e *Encoder) Uint64(value uint64) { e.word(U256(value).Bytes()) }

// Int64 writes a signed integer of any size up to 64 bits.
func (e *Encoder) Int64(value int64) {
	sign := uint64(value >> 63)
	e.word(Uint256{[4]uint64{uint64(value), sign, sign, sign}}.Bytes())
}

// Uint256 writes a uint256.
func (e *Encoder) Uint256(value Uint256) { e.word(value.Bytes()) }

// Bool writes a bool.
func (e *Encoder) Bool(value bool) {
	if value {
		e.Uint64(1)
	} else {
		e.Uint64(0)
	}
}

// Address writes an address.
func (e *Encoder) Address(value Address) {
	var word [32]byte
	copy(word[12:], value[:])
	e.word(word)
}

// FixedBytes writes a bytesN.
func (e *Encoder) FixedBytes(value []byte) {
	var word [32]byte
	copy(word[:], value)
	e.word(word)
}

// Bytes writes bytes.
func (e *Encoder) Bytes(value []byte) {
	e.offset()
	length := number(len(value))
	e.tails = append(append(e.tails, length[:]...), value...)
	e.tails = append(e.tails, make([]byte, padding(len(value)))...)
}

// String writes a string.
func (e *Encoder) String(value string) { e.Bytes([]byte(value)) }

// Nested writes a dynamic sequence within; a static one stands inline.
func (e *Encoder) Nested(heads int, fill func(*Encoder)) {
	e.offset()
	inner := NewEncoder(heads)
	fill(inner)
	e.tails = append(e.tails, inner.Finish()...)
}

// EncodeSlice writes an array of any length whose elements have heads of so many bytes.
func EncodeSlice[T any](e *Encoder, head int, values []T, put func(*Encoder, T)) {
	e.offset()
	length := number(len(values))
	inner := NewEncoder(len(values) * head)
	for _, value := range values {
		put(inner, value)
	}
	e.tails = append(append(e.tails, length[:]...), inner.Finish()...)
}

// Decoder reads one sequence.
type Decoder struct {
	bytes            []byte
	base, head, tail int
}

// NewDecoder begins the sequence that is all of the bytes; End must follow.
func NewDecoder(bytes []byte, heads int) *Decoder { return &Decoder{bytes: bytes, tail: heads} }

// End says that all was read.
func (d *Decoder) End() {
	if d.tail != len(d.bytes) {
		malformed()
	}
}

func malformed() { Revert(nil) }

func padding(length int) int { return (32 - length%32) % 32 }

func (d *Decoder) slice(at, length int) []byte {
	if at+length > len(d.bytes) {
		malformed()
	}
	return d.bytes[at : at+length]
}

func (d *Decoder) word() [32]byte {
	word := [32]byte(d.slice(d.head, 32))
	d.head += 32
	return word
}

// Checks the offset in the head: the tail comes right behind the one before.
func (d *Decoder) follow() {
	if d.word() != number(d.tail-d.base) {
		malformed()
	}
}

// A length, which never exceeds the bytes there are.
func (d *Decoder) length() int {
	length, small := Uint256FromBytes([32]byte(d.slice(d.tail, 32))).Uint64()
	if !small || length > uint64(len(d.bytes)) {
		malformed()
	}
	d.tail += 32
	return int(length)
}

// Uint64 reads an unsigned integer of so many bits, up to 64.
func (d *Decoder) Uint64(bits int) uint64 {
	value, small := Uint256FromBytes(d.word()).Uint64()
	if !small || value>>(bits-1)>>1 != 0 {
		malformed()
	}
	return value
}

// Int64 reads a signed integer of so many bits, up to 64.
func (d *Decoder) Int64(bits int) int64 {
	limbs := Uint256FromBytes(d.word()).limbs
	value := int64(limbs[0])
	sign := uint64(value >> 63)
	if limbs[1] != sign || limbs[2] != sign || limbs[3] != sign || value>>(bits-1) != value>>63 {
		malformed()
	}
	return value
}

// Uint256 reads a uint256.
func (d *Decoder) Uint256() Uint256 { return Uint256FromBytes(d.word()) }

// Bool reads a bool.
func (d *Decoder) Bool() bool { return d.Uint64(1) == 1 }

// Address reads an address.
func (d *Decoder) Address() Address {
	word := d.word()
	if [12]byte(word[:12]) != [12]byte{} {
		malformed()
	}
	return Address(word[12:])
}

// FixedBytes reads a bytesN.
func (d *Decoder) FixedBytes(length int) []byte {
	word := d.word()
	for _, padded := range word[length:] {
		if padded != 0 {
			malformed()
		}
	}
	return word[:length]
}

// Bytes reads bytes.
func (d *Decoder) Bytes() []byte {
	d.follow()
	length := d.length()
	content := d.slice(d.tail, length)
	d.tail += length
	for _, padded := range d.slice(d.tail, padding(length)) {
		if padded != 0 {
			malformed()
		}
	}
	d.tail += padding(length)
	return content
}

// String reads a string.
func (d *Decoder) String() string {
	content := d.Bytes()
	if !utf8.Valid(content) {
		malformed()
	}
	return string(content)
}

func (d *Decoder) inner(heads int) *Decoder {
	d.slice(d.tail, heads)
	return &Decoder{bytes: d.bytes, base: d.tail, head: d.tail, tail: d.tail + heads}
}

// Nested reads a dynamic sequence within; a static one stands inline.
func (d *Decoder) Nested(heads int, read func(*Decoder)) {
	d.follow()
	inner := d.inner(heads)
	read(inner)
	d.tail = inner.tail
}

// DecodeSlice reads an array of any length whose elements have heads of so many bytes.
func DecodeSlice[T any](d *Decoder, head int, take func(*Decoder) T) []T {
	d.follow()
	count := d.length()
	inner := d.inner(count * head)
	values := make([]T, count)
	for i := range values {
		values[i] = take(inner)
	}
	d.tail = inner.tail
	return values
}

// Topic is a value of one word as the topic of an event.
func Topic(put func(*Encoder)) [32]byte {
	e := NewEncoder(32)
	put(e)
	return [32]byte(e.Finish())
}
