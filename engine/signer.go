package main

import (
	"sync"

	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	"github.com/cometbft/cometbft/types"
)

// silentHeights: a key whose sign state was lost may have voted at the height in progress, which is the first that a node
// is asked about after it caught up; one more covers peers that were themselves a block behind.
const silentHeights = 2

// waitingSigner signs nothing at the first heights that it is asked about. A key is then of use again once the others
// have decided those without it.
type waitingSigner struct {
	types.PrivValidator
	mu    sync.Mutex
	first int64 // height, 0: not asked yet
}

func (w *waitingSigner) permits(height int64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.first == 0 {
		w.first = height
	}
	if height < w.first+silentHeights {
		return fail("engine.waiting_to_sign", "silent until height %d", w.first+silentHeights)
	}
	return nil
}

func (w *waitingSigner) SignVote(chainID string, vote *cmtproto.Vote) error {
	if err := w.permits(vote.Height); err != nil {
		return err
	}
	return w.PrivValidator.SignVote(chainID, vote)
}

func (w *waitingSigner) SignProposal(chainID string, proposal *cmtproto.Proposal) error {
	if err := w.permits(proposal.Height); err != nil {
		return err
	}
	return w.PrivValidator.SignProposal(chainID, proposal)
}
