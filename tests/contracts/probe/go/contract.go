package main

import "chengxin"

type Contract struct{}

func main() {}

func (Contract) Words(a uint8, b uint16, c uint32, d uint64, e chengxin.Uint256, f int8, g int16, h int32, i int64, j bool,
	k chengxin.Address, l [4]byte, m [32]byte) (uint8, uint16, uint32, uint64, chengxin.Uint256, int8, int16, int32, int64,
	bool, chengxin.Address, [4]byte, [32]byte) {
	return a, b, c, d, e, f, g, h, i, j, k, l, m
}

func (Contract) Tails(a string, b []byte, c []uint16, d []string, e [2]bool, f [2]string, g [][2]uint8, h Outer,
	i []Outer) (string, []byte, []uint16, []string, [2]bool, [2]string, [][2]uint8, Outer, []Outer) {
	return a, b, c, d, e, f, g, h, i
}

func (Contract) Calculate(a, b chengxin.Uint256) (sum, product chengxin.Uint256) { return a.Add(b), a.Mul(b) }

func (Contract) Subtract(a, b chengxin.Uint256) chengxin.Uint256 { return a.Sub(b) }

func (Contract) Divide(a, b chengxin.Uint256) (quotient, rest chengxin.Uint256) { return a.DivRem(b) }

func (Contract) Who() (caller, own chengxin.Address, height, time uint64) {
	return chengxin.Caller(), chengxin.Own(), chengxin.Height(), chengxin.TimeMs() / 1000
}

func (Contract) Digests(message []byte) (sm3, keccak [32]byte) {
	return chengxin.SM3(message), chengxin.Keccak256(message)
}

func (Contract) Verify(x, y [32]byte, message []byte, r, s [32]byte) bool {
	key := [65]byte(append(append([]byte{4}, x[:]...), y[:]...))
	return chengxin.SM2Verify(key, message, [64]byte(append(r[:], s[:]...)))
}

func (Contract) Account(who chengxin.Address, role, name string) (has bool, value []byte) {
	value, _ = chengxin.Attribute(who, name)
	return chengxin.HasRole(who, role), value
}

func (Contract) Proven(bundle []byte, digest [32]byte) bool { return chengxin.Evidence(bundle, digest) }

func (Contract) Fail(reason string) { chengxin.Fail(reason) }
