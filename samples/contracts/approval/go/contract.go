// A multi-party approval: a subject stands as approved once enough of the named parties said so.
package main

import (
	"chengxin"
	"encoding/binary"
	"slices"
)

// Contract keeps a Proposal under each id.
type Contract struct{}

func main() {}

func number(id uint64) []byte { return binary.BigEndian.AppendUint64(nil, id) }

func proposalKey(id uint64) []byte { return chengxin.Key("proposal", number(id)) }

func count() uint64 {
	if count, ok := chengxin.Get([]byte("count")); ok {
		return binary.BigEndian.Uint64(count)
	}
	return 0
}

// The proposal, open and with the caller as a party.
func open(id uint64) (Proposal, chengxin.Address) {
	proposal, party := Contract{}.Proposal(id), chengxin.Caller()
	if !slices.Contains(proposal.Parties, party) {
		RevertNotAParty(party)
	}
	if proposal.Reached {
		RevertAlreadyReached()
	}
	return proposal, party
}

func (Contract) Propose(subject [32]byte, parties []chengxin.Address, needed uint32) uint64 {
	twice := false
	for i, party := range parties {
		twice = twice || slices.Contains(parties[:i], party)
	}
	if needed == 0 || int(needed) > len(parties) || len(parties) > 100 || twice {
		RevertBadProposal()
	}
	id := count() + 1
	chengxin.Put([]byte("count"), number(id))
	proposal := Proposal{Subject: subject, Proposer: chengxin.Caller(), Needed: needed, Parties: parties}
	chengxin.Put(proposalKey(id), proposal.Encode())
	EmitProposed(id, subject, proposal.Proposer, parties, needed)
	return id
}

func (Contract) Approve(id uint64) bool {
	proposal, party := open(id)
	if slices.Contains(proposal.Approved, party) {
		RevertAlreadyApproved()
	}
	proposal.Approved = append(proposal.Approved, party)
	proposal.Reached = len(proposal.Approved) == int(proposal.Needed)
	chengxin.Put(proposalKey(id), proposal.Encode())
	EmitApproved(id, party)
	if proposal.Reached {
		EmitReached(id, proposal.Subject)
	}
	return proposal.Reached
}

func (Contract) Withdraw(id uint64) {
	proposal, party := open(id)
	at := slices.Index(proposal.Approved, party)
	if at < 0 {
		RevertNotApproved()
	}
	last := len(proposal.Approved) - 1
	proposal.Approved[at] = proposal.Approved[last]
	proposal.Approved = proposal.Approved[:last]
	chengxin.Put(proposalKey(id), proposal.Encode())
	EmitWithdrawn(id, party)
}

func (Contract) Proposal(id uint64) Proposal {
	found, ok := chengxin.Get(proposalKey(id))
	if !ok {
		RevertUnknown(id)
	}
	return DecodeProposal(found)
}
