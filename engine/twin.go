package main

import (
	"bytes"
	"context"
	"sync"

	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	"github.com/cometbft/cometbft/types"
)

const rememberedVotes = 256

// recordingSigner remembers what it signed lately, so that a vote of the same key from elsewhere is seen for what it is:
// the engine itself tells only of votes that contradict each other, and then both are guilty already.
type recordingSigner struct {
	types.PrivValidator
	mu     sync.Mutex
	signed [rememberedVotes][]byte
	next   int
}

func (r *recordingSigner) SignVote(chainID string, vote *cmtproto.Vote) error {
	err := r.PrivValidator.SignVote(chainID, vote)
	if err == nil {
		r.mu.Lock()
		r.signed[r.next%rememberedVotes] = vote.Signature
		r.next++
		r.mu.Unlock()
	}
	return err
}

func (r *recordingSigner) knows(signature []byte) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, signed := range r.signed {
		if bytes.Equal(signed, signature) {
			return true
		}
	}
	return false
}

// watchVotes calls `found` for a vote of the own key that this process did not cast. Votes up to the height that it began
// with may be its own of before, and so may all that come while the key waits to sign.
func watchVotes(ctx context.Context, bus *types.EventBus, signer *recordingSigner, began int64, silent func() bool, found func()) error {
	key, err := signer.GetPubKey()
	if err != nil {
		return err
	}
	votes, err := bus.Subscribe(ctx, "twin", types.EventQueryVote, 1000)
	if err != nil {
		return err
	}
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-votes.Canceled():
				return
			case message := <-votes.Out():
				vote := message.Data().(types.EventDataVote).Vote
				if silent() {
					began = max(began, vote.Height)
				}
				if vote.Height > began+1 && bytes.Equal(vote.ValidatorAddress, key.Address()) && !signer.knows(vote.Signature) {
					found()
				}
			}
		}
	}()
	return nil
}
