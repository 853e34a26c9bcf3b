package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"strings"
	"sync"
	"testing"

	"github.com/cometbft/cometbft/abci/server"
	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/cometbft/cometbft/libs/service"
)

// testApp orders what is pending and nothing else: one transaction a block. Its hash counts the blocks that held one.
type testApp struct {
	abci.BaseApplication
	socket string
	server service.Service

	mu       sync.Mutex
	height   int64
	ordered  uint64
	pending  int
	broken   bool             // gives the engine what cannot be
	refused  map[string]bool  // ids that may not connect
	extended map[int64]bool   // heights at which an extension of another was seen
	counts   map[int64]uint64 // ordered at each height: what snapshots hold
	restored int64            // height of the snapshot that this one began from
}

func newTestApp(t *testing.T, socket string) *testApp {
	t.Helper()
	a := &testApp{socket: socket, refused: map[string]bool{}, extended: map[int64]bool{}, counts: map[int64]uint64{}}
	a.serve(t)
	t.Cleanup(a.hangUp)
	return a
}

func (a *testApp) serve(t *testing.T) {
	t.Helper()
	a.server = server.NewSocketServer("unix://"+a.socket, a)
	if err := a.server.Start(); err != nil {
		t.Fatal(err)
	}
}

func (a *testApp) hangUp() {
	if a.server.IsRunning() {
		_ = a.server.Stop()
	}
}

func (a *testApp) give(count int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.pending += count
}

func (a *testApp) orderedBlocks() uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.ordered
}

// forget: as if its folder had been lost.
func (a *testApp) forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.height, a.ordered, a.pending, a.counts = 0, 0, 0, map[int64]uint64{}
}

func (a *testApp) hash() []byte {
	digest := sha256.Sum256(binary.BigEndian.AppendUint64(nil, a.ordered))
	return digest[:]
}

func (a *testApp) Info(context.Context, *abci.RequestInfo) (*abci.ResponseInfo, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return &abci.ResponseInfo{LastBlockHeight: a.height, LastBlockAppHash: a.hash()}, nil
}

func (a *testApp) InitChain(context.Context, *abci.RequestInitChain) (*abci.ResponseInitChain, error) {
	return &abci.ResponseInitChain{AppHash: a.hash()}, nil
}

func (a *testApp) CheckTx(_ context.Context, r *abci.RequestCheckTx) (*abci.ResponseCheckTx, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.pending > 0 && bytes.Equal(r.Tx, wakeTransaction) {
		return &abci.ResponseCheckTx{}, nil
	}
	return &abci.ResponseCheckTx{Code: 1}, nil
}

func (a *testApp) PrepareProposal(context.Context, *abci.RequestPrepareProposal) (*abci.ResponsePrepareProposal, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.pending == 0 {
		return &abci.ResponsePrepareProposal{}, nil
	}
	return &abci.ResponsePrepareProposal{Txs: [][]byte{[]byte("one")}}, nil
}

func (a *testApp) ProcessProposal(_ context.Context, r *abci.RequestProcessProposal) (*abci.ResponseProcessProposal, error) {
	status := abci.ResponseProcessProposal_ACCEPT
	for _, tx := range r.Txs {
		if string(tx) != "one" {
			status = abci.ResponseProcessProposal_REJECT
		}
	}
	return &abci.ResponseProcessProposal{Status: status}, nil
}

func (a *testApp) ExtendVote(_ context.Context, r *abci.RequestExtendVote) (*abci.ResponseExtendVote, error) {
	return &abci.ResponseExtendVote{VoteExtension: binary.BigEndian.AppendUint64(nil, uint64(r.Height))}, nil
}

func (a *testApp) VerifyVoteExtension(_ context.Context, r *abci.RequestVerifyVoteExtension) (*abci.ResponseVerifyVoteExtension, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(r.VoteExtension) != 8 || binary.BigEndian.Uint64(r.VoteExtension) != uint64(r.Height) {
		return &abci.ResponseVerifyVoteExtension{Status: abci.ResponseVerifyVoteExtension_REJECT}, nil
	}
	a.extended[r.Height] = true
	return &abci.ResponseVerifyVoteExtension{Status: abci.ResponseVerifyVoteExtension_ACCEPT}, nil
}

func (a *testApp) FinalizeBlock(_ context.Context, r *abci.RequestFinalizeBlock) (*abci.ResponseFinalizeBlock, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.height = r.Height
	results := []*abci.ExecTxResult{}
	for range r.Txs {
		a.ordered++
		a.pending = max(0, a.pending-1)
		results = append(results, &abci.ExecTxResult{})
	}
	a.counts[a.height] = a.ordered
	if a.broken {
		results = nil
	}
	return &abci.ResponseFinalizeBlock{TxResults: results, AppHash: a.hash()}, nil
}

func (a *testApp) Query(_ context.Context, r *abci.RequestQuery) (*abci.ResponseQuery, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if id, ok := strings.CutPrefix(r.Path, "/p2p/filter/id/"); ok && a.refused[id] {
		return &abci.ResponseQuery{Code: 1, Log: "no member"}, nil
	}
	return &abci.ResponseQuery{}, nil
}

func (a *testApp) refuse(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.refused[id] = true
}

func (a *testApp) ListSnapshots(context.Context, *abci.RequestListSnapshots) (*abci.ResponseListSnapshots, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var list []*abci.Snapshot
	if height := a.height - 2; height > 0 && a.counts[height] > 0 {
		list = append(list, &abci.Snapshot{Height: uint64(height), Format: 1, Chunks: 1, Hash: []byte("any")})
	}
	return &abci.ResponseListSnapshots{Snapshots: list}, nil
}

func (a *testApp) LoadSnapshotChunk(_ context.Context, r *abci.RequestLoadSnapshotChunk) (*abci.ResponseLoadSnapshotChunk, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	chunk := binary.BigEndian.AppendUint64(nil, r.Height)
	return &abci.ResponseLoadSnapshotChunk{Chunk: binary.BigEndian.AppendUint64(chunk, a.counts[int64(r.Height)])}, nil
}

func (a *testApp) OfferSnapshot(context.Context, *abci.RequestOfferSnapshot) (*abci.ResponseOfferSnapshot, error) {
	return &abci.ResponseOfferSnapshot{Result: abci.ResponseOfferSnapshot_ACCEPT}, nil
}

func (a *testApp) ApplySnapshotChunk(_ context.Context, r *abci.RequestApplySnapshotChunk) (*abci.ResponseApplySnapshotChunk, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.height = int64(binary.BigEndian.Uint64(r.Chunk))
	a.ordered = binary.BigEndian.Uint64(r.Chunk[8:])
	a.restored = a.height
	return &abci.ResponseApplySnapshotChunk{Result: abci.ResponseApplySnapshotChunk_ACCEPT}, nil
}
