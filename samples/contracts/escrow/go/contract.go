// An escrow: tokens that a buyer deposits go to the seller, or back, as buyer, seller or arbiter decide.
package main

import (
	"chengxin"
	"encoding/binary"
)

// Contract keeps a Deal under each id.
type Contract struct{}

func main() {}

const (
	stateOpen     = 1
	stateReleased = 2
	stateRefunded = 3
)

func number(id uint64) []byte { return binary.BigEndian.AppendUint64(nil, id) }

func dealKey(id uint64) []byte { return chengxin.Key("deal", number(id)) }

func count() uint64 {
	if count, ok := chengxin.Get([]byte("count")); ok {
		return binary.BigEndian.Uint64(count)
	}
	return 0
}

// Ends a deal that is open. The state is set before the token is called, so that a token that calls back finds it closed.
func closeDeal(id uint64, state uint8, allowed func(deal Deal, caller chengxin.Address) bool) Deal {
	deal, caller := Contract{}.Deal(id), chengxin.Caller()
	if deal.State != stateOpen {
		RevertNotOpen(id)
	}
	if !allowed(deal, caller) {
		RevertNotAllowed(caller)
	}
	deal.State = state
	chengxin.Put(dealKey(id), deal.Encode())
	return deal
}

func (Contract) Open(token, seller, arbiter chengxin.Address, amount chengxin.Uint256, deadline uint64) uint64 {
	if amount.IsZero() {
		RevertNothingDeposited()
	}
	id := count() + 1
	chengxin.Put([]byte("count"), number(id))
	buyer := chengxin.Caller()
	deal := Deal{Token: token, Buyer: buyer, Seller: seller, Arbiter: arbiter, Amount: amount, Deadline: deadline, State: stateOpen}
	chengxin.Put(dealKey(id), deal.Encode())
	chengxin.Require(Token{token}.TransferFrom(buyer, chengxin.Own(), amount), "the token refused")
	EmitOpened(id, buyer, seller, token, amount)
	return id
}

func (Contract) Release(id uint64) {
	deal := closeDeal(id, stateReleased, func(deal Deal, caller chengxin.Address) bool {
		return caller == deal.Buyer || caller == deal.Arbiter
	})
	chengxin.Require(Token{deal.Token}.Transfer(deal.Seller, deal.Amount), "the token refused")
	EmitReleased(id, chengxin.Caller())
}

func (Contract) Refund(id uint64) {
	deal := closeDeal(id, stateRefunded, func(deal Deal, caller chengxin.Address) bool {
		late := chengxin.TimeMs()/1000 > deal.Deadline
		return caller == deal.Seller || caller == deal.Arbiter || (caller == deal.Buyer && late)
	})
	chengxin.Require(Token{deal.Token}.Transfer(deal.Buyer, deal.Amount), "the token refused")
	EmitRefunded(id, chengxin.Caller())
}

func (Contract) Deal(id uint64) Deal {
	found, ok := chengxin.Get(dealKey(id))
	if !ok {
		RevertUnknown(id)
	}
	return DecodeDeal(found)
}
