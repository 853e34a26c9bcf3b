package main

import (
	"sync"
	"time"

	"github.com/cometbft/cometbft/privval"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
)

// silentHeights: a key whose sign state was lost may have voted at the height that was in progress when it was, and a block's
// time is that of the votes for the one before. So the first block with a time after the start is of that height or a later
// one; another covers clocks that differ by less than a block.
const silentHeights = 2

// waitingSigner, where it waits, signs nothing until the others have decided so many heights since it began. Heights that it
// is asked about while it catches up count for nothing: they are decided already.
type waitingSigner struct {
	*privval.FilePV
	mark   string // file that stands while the wait may not be forgotten
	began  time.Time
	timeOf func(height int64) (time.Time, bool) // of a decided block; set before anything is signed
	mu     sync.Mutex
	waits  bool
}

func (w *waitingSigner) permits(height int64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.waits {
		return nil
	}
	for before := height - silentHeights; before < height; before++ {
		if at, known := w.timeOf(before); !known || !at.After(w.began) {
			return fail("engine.waiting_to_sign", "silent at height %d: block %d is not from after the start", height, before)
		}
	}
	w.waits = false
	return removed(w.mark)
}

func (w *waitingSigner) silent() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.waits
}

func (w *waitingSigner) SignVote(chainID string, vote *cmtproto.Vote) error {
	if err := w.permits(vote.Height); err != nil {
		return err
	}
	return w.FilePV.SignVote(chainID, vote)
}

func (w *waitingSigner) SignProposal(chainID string, proposal *cmtproto.Proposal) error {
	if err := w.permits(proposal.Height); err != nil {
		return err
	}
	return w.FilePV.SignProposal(chainID, proposal)
}
