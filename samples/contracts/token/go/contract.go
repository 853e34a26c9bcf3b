// A token: the part of ERC-20 that everybody uses.
package main

import "chengxin"

// Contract keeps a balance for each owner and an allowance for each owner and spender.
type Contract struct{}

func main() {}

func balanceKey(owner chengxin.Address) []byte { return chengxin.Key("balance", owner[:]) }

func allowanceKey(owner, spender chengxin.Address) []byte {
	return chengxin.Key("allowance", owner[:], spender[:])
}

func get(key []byte) chengxin.Uint256 {
	value, ok := chengxin.Get(key)
	if !ok {
		return chengxin.Uint256{}
	}
	return chengxin.Uint256FromBytes([32]byte(value))
}

func put(key []byte, value chengxin.Uint256) {
	bytes := value.Bytes()
	chengxin.Put(key, bytes[:])
}

func text(key string) string {
	value, _ := chengxin.Get([]byte(key))
	return string(value)
}

func takeAndGive(from, to chengxin.Address, value chengxin.Uint256) {
	have := get(balanceKey(from))
	if have.Less(value) {
		RevertInsufficientBalance(from, have, value)
	}
	put(balanceKey(from), have.Sub(value))
	put(balanceKey(to), get(balanceKey(to)).Add(value))
	EmitTransfer(from, to, value)
}

func (Contract) Construct(name string, symbol string, supply chengxin.Uint256) {
	if _, upgrade := chengxin.Get([]byte("supply")); upgrade {
		return
	}
	to := chengxin.Caller()
	chengxin.Put([]byte("name"), []byte(name))
	chengxin.Put([]byte("symbol"), []byte(symbol))
	put([]byte("supply"), supply)
	put(balanceKey(to), supply)
	EmitTransfer(chengxin.Address{}, to, supply)
}

func (Contract) Name() string { return text("name") }

func (Contract) Symbol() string { return text("symbol") }

func (Contract) Decimals() uint8 { return 18 }

func (Contract) TotalSupply() chengxin.Uint256 { return get([]byte("supply")) }

func (Contract) BalanceOf(owner chengxin.Address) chengxin.Uint256 { return get(balanceKey(owner)) }

func (Contract) Allowance(owner, spender chengxin.Address) chengxin.Uint256 {
	return get(allowanceKey(owner, spender))
}

func (Contract) Transfer(to chengxin.Address, value chengxin.Uint256) bool {
	takeAndGive(chengxin.Caller(), to, value)
	return true
}

func (Contract) Approve(spender chengxin.Address, value chengxin.Uint256) bool {
	owner := chengxin.Caller()
	put(allowanceKey(owner, spender), value)
	EmitApproval(owner, spender, value)
	return true
}

func (Contract) TransferFrom(from, to chengxin.Address, value chengxin.Uint256) bool {
	spender := chengxin.Caller()
	have := get(allowanceKey(from, spender))
	if have.Less(value) {
		RevertInsufficientAllowance(spender, have, value)
	}
	if have != chengxin.MaxUint256 {
		put(allowanceKey(from, spender), have.Sub(value))
	}
	takeAndGive(from, to, value)
	return true
}
