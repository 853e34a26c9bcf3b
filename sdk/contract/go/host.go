//go:build wasip1

// Package chengxin is what a contract is written with: state, context, events, calls, cryptography
// (docs/formats/contract.md). The interface's own types, events and errors come from
// `chengxin contract generate go`.
//
// Every call starts from the same snapshot of memory, made after init(): variables keep nothing from one call to the
// next.
package chengxin

import (
	"encoding/binary"
	"unsafe"
)

//go:wasmimport chengxin answer
func hostAnswer(to unsafe.Pointer, from, length uint32)

//go:wasmimport chengxin input
func hostInput() int32

//go:wasmimport chengxin output
func hostOutput(at unsafe.Pointer, length uint32)

//go:wasmimport chengxin revert
func hostRevert(at unsafe.Pointer, length uint32)

//go:wasmimport chengxin get
func hostGet(key unsafe.Pointer, length uint32) int32

//go:wasmimport chengxin put
func hostPut(key unsafe.Pointer, length uint32, value unsafe.Pointer, valueLength uint32)

//go:wasmimport chengxin erase
func hostErase(key unsafe.Pointer, length uint32)

//go:wasmimport chengxin range
func hostRange(from unsafe.Pointer, length uint32, to unsafe.Pointer, toLength, limit uint32) int32

//go:wasmimport chengxin event
func hostEvent(topics unsafe.Pointer, count uint32, data unsafe.Pointer, length uint32)

//go:wasmimport chengxin context
func hostContext(field uint32) int32

//go:wasmimport chengxin height
func hostHeight() uint64

//go:wasmimport chengxin time_ms
func hostTimeMs() uint64

//go:wasmimport chengxin attribute
func hostAttribute(address, name unsafe.Pointer, length uint32) int32

//go:wasmimport chengxin credential
func hostCredential(address, kind unsafe.Pointer, length uint32) int32

//go:wasmimport chengxin approval
func hostApproval(subject, kind unsafe.Pointer, length uint32) int32

//go:wasmimport chengxin call
func hostCall(address, data unsafe.Pointer, length uint32, gas uint64, readOnly uint32) int32

//go:wasmimport chengxin sm3
func hostSM3(at unsafe.Pointer, length uint32, to unsafe.Pointer)

//go:wasmimport chengxin keccak256
func hostKeccak256(at unsafe.Pointer, length uint32, to unsafe.Pointer)

//go:wasmimport chengxin sm2_verify
func hostSM2Verify(key, at unsafe.Pointer, length uint32, signature unsafe.Pointer) int32

//go:wasmimport chengxin sm4_cbc
func hostSM4CBC(encrypt uint32, key, iv, at unsafe.Pointer, length uint32) int32

//go:wasmimport chengxin evidence
func hostEvidence(bundle unsafe.Pointer, length uint32, digest unsafe.Pointer) int32

//go:wasmimport chengxin log
func hostLog(at unsafe.Pointer, length uint32)

func pointer(bytes []byte) (unsafe.Pointer, uint32) {
	return unsafe.Pointer(unsafe.SliceData(bytes)), uint32(len(bytes))
}

func textPointer(text string) (unsafe.Pointer, uint32) {
	return unsafe.Pointer(unsafe.StringData(text)), uint32(len(text))
}

func answer(length int32) ([]byte, bool) {
	if length < 0 {
		return nil, false
	}
	bytes := make([]byte, length)
	at, size := pointer(bytes)
	hostAnswer(at, 0, size)
	return bytes, true
}

// Input is the call data.
func Input() []byte {
	bytes, _ := answer(hostInput())
	return bytes
}

// Output sets the return data; what is set last counts.
func Output(data []byte) { hostOutput(pointer(data)) }

// Revert ends the call; state and events are as if it had never been made.
func Revert(data []byte) {
	hostRevert(pointer(data))
	panic("the call goes on after revert") // the host does not come back
}

// Fail reverts with Error(string), as Solidity's require(false, reason).
func Fail(reason string) {
	e := NewEncoder(32)
	e.String(reason)
	Revert(append([]byte{0x08, 0xc3, 0x79, 0xa0}, e.Finish()...))
}

// Require reverts with the reason unless the condition holds.
func Require(condition bool, reason string) {
	if !condition {
		Fail(reason)
	}
}

// Panic reverts with Panic(uint256), as Solidity does on overflow (0x11) and division by zero (0x12).
func Panic(code uint64) {
	e := NewEncoder(32)
	e.Uint64(code)
	Revert(append([]byte{0x4e, 0x48, 0x7b, 0x71}, e.Finish()...))
}

// Event emits an event of up to four topics; generated code calls it.
func Event(topics [][32]byte, data []byte) {
	at, length := pointer(data)
	hostEvent(unsafe.Pointer(unsafe.SliceData(topics)), uint32(len(topics)), at, length)
}

// Log is for people who debug; nothing of it stays.
func Log(text string) { hostLog(textPointer(text)) }

// Get is the value of a key of this contract; false when absent. Keys have up to 256 bytes.
func Get(key []byte) ([]byte, bool) { return answer(hostGet(pointer(key))) }

// Put sets the value of a key.
func Put(key, value []byte) {
	at, length := pointer(key)
	valueAt, valueLength := pointer(value)
	hostPut(at, length, valueAt, valueLength)
}

// Erase removes a key; it may be absent.
func Erase(key []byte) { hostErase(pointer(key)) }

// Entry is a key of the state and its value.
type Entry struct{ Key, Value []byte }

// Range is the entries with from ≤ key < to, at most limit (1,000); an empty to is the end. Only when nothing comes
// is there no more: go on from the last key with a zero byte behind it.
func Range(from, to []byte, limit int) []Entry {
	at, length := pointer(from)
	toAt, toLength := pointer(to)
	rest, _ := answer(hostRange(at, length, toAt, toLength, uint32(limit)))
	sized := func() []byte {
		length := binary.BigEndian.Uint32(rest)
		taken := rest[4 : 4+length]
		rest = rest[4+length:]
		return taken
	}
	entries := make([]Entry, binary.BigEndian.Uint32(rest))
	rest = rest[4:]
	for i := range entries {
		entries[i] = Entry{Key: sized(), Value: sized()}
	}
	return entries
}

// Key joins a name and parts, each behind its length, to a key of the state, so that no two lists give the same.
func Key(name string, parts ...[]byte) []byte {
	key := append([]byte(name), 0)
	for _, part := range parts {
		key = append(append(key, byte(len(part)>>8), byte(len(part))), part...)
	}
	return key
}

func contextField(field uint32, into []byte) {
	bytes, _ := answer(hostContext(field))
	copy(into, bytes)
}

// Caller is who called: an account or a contract.
func Caller() (address Address) { contextField(0, address[:]); return }

// Origin is the account that signed the transaction.
func Origin() (address Address) { contextField(1, address[:]); return }

// Own is this contract's own address.
func Own() (address Address) { contextField(2, address[:]); return }

// Chain is the chain's id.
func Chain() (id [32]byte) { contextField(3, id[:]); return }

// Transaction is the transaction's hash.
func Transaction() (hash [32]byte) { contextField(4, hash[:]); return }

// CallerName is the name of the contract that called; empty when an account did.
func CallerName() string {
	bytes, _ := answer(hostContext(5))
	return string(bytes)
}

// Height is the block's.
func Height() uint64 { return hostHeight() }

// TimeMs is the block's.
func TimeMs() uint64 { return hostTimeMs() }

// Attribute of an account; false when it has none.
func Attribute(of Address, name string) ([]byte, bool) {
	at, length := textPointer(name)
	return answer(hostAttribute(unsafe.Pointer(&of), at, length))
}

// HasRole tells whether the account has the role.
func HasRole(of Address, role string) bool {
	_, found := Attribute(of, "role:"+role)
	return found
}

// Credential of an account; false when it has none.
func Credential(of Address, kind string) ([]byte, bool) {
	at, length := textPointer(kind)
	return answer(hostCredential(unsafe.Pointer(&of), at, length))
}

// Approval of a subject; false when there is none.
func Approval(subject [32]byte, kind string) ([]byte, bool) {
	at, length := textPointer(kind)
	return answer(hostApproval(unsafe.Pointer(&subject), at, length))
}

// Call calls another contract with at most so much gas (0: 63/64 of what is left). True: it returned this data; false:
// it did not, and the data is what it reverted with, empty when it ended otherwise.
func Call(to Address, data []byte, gas uint64, readOnly bool) ([]byte, bool) {
	var flag uint32
	if readOnly {
		flag = 1
	}
	at, length := pointer(data)
	result := hostCall(unsafe.Pointer(&to), at, length, gas, flag)
	if result >= 0 {
		bytes, _ := answer(result)
		return bytes, true
	}
	bytes, _ := answer(-1 - result)
	return bytes, false
}

// CallOrRevert calls a function of another contract; what that reverts with, this call reverts with. Generated code
// calls it.
func CallOrRevert(to Address, selector [4]byte, arguments *Encoder, readOnly bool) []byte {
	data, ok := Call(to, append(selector[:], arguments.Finish()...), 0, readOnly)
	if !ok {
		Revert(data)
	}
	return data
}

// SM3 is the digest of the message (GB/T 32905).
func SM3(message []byte) (digest [32]byte) {
	at, length := pointer(message)
	hostSM3(at, length, unsafe.Pointer(&digest))
	return
}

// Keccak256 is the digest of the message as Ethereum uses it.
func Keccak256(message []byte) (digest [32]byte) {
	at, length := pointer(message)
	hostKeccak256(at, length, unsafe.Pointer(&digest))
	return
}

// SM2Verify checks a signature r || s with the key 4 || x || y.
func SM2Verify(key [65]byte, message []byte, signature [64]byte) bool {
	at, length := pointer(message)
	return hostSM2Verify(unsafe.Pointer(&key), at, length, unsafe.Pointer(&signature)) == 1
}

// SM4CBC encrypts or decrypts whole blocks; false when the length is no multiple of 16.
func SM4CBC(encrypt bool, key, iv [16]byte, data []byte) ([]byte, bool) {
	var flag uint32
	if encrypt {
		flag = 1
	}
	at, length := pointer(data)
	return answer(hostSM4CBC(flag, unsafe.Pointer(&key), unsafe.Pointer(&iv), at, length))
}

// Evidence tells whether a .cxproof bundle proves the digest on this chain.
func Evidence(bundle []byte, digest [32]byte) bool {
	at, length := pointer(bundle)
	return hostEvidence(at, length, unsafe.Pointer(&digest)) == 1
}
