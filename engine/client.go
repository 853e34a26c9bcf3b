package main

import (
	"context"

	abcicli "github.com/cometbft/cometbft/abci/client"
	abci "github.com/cometbft/cometbft/abci/types"
)

// client is a connection to the application whose callers are let go when it ends. The engine's own forgets a request that comes
// while it ends or after: who made it waits for ever, and so does whoever stops the engine.
type client struct{ abcicli.Client }

func ask[Q, A any](ctx context.Context, c client, question Q, put func(context.Context, Q) (A, error)) (A, error) {
	type told struct {
		answer A
		err    error
	}
	var none A
	select {
	case <-c.Quit():
		return none, c.gone()
	default:
	}
	answers := make(chan told, 1)
	go func() {
		answer, err := put(ctx, question)
		answers <- told{answer, err}
	}()
	select {
	case all := <-answers:
		return all.answer, all.err
	case <-c.Quit():
		return none, c.gone()
	}
}

func (c client) gone() error {
	if err := c.Error(); err != nil {
		return err
	}
	return fail("engine.app_lost", "the connection to the application is closed")
}

func (c client) Flush(ctx context.Context) error {
	_, err := ask(ctx, c, struct{}{}, func(ctx context.Context, none struct{}) (struct{}, error) { return none, c.Client.Flush(ctx) })
	return err
}

func (c client) Echo(ctx context.Context, text string) (*abci.ResponseEcho, error) {
	return ask(ctx, c, text, c.Client.Echo)
}

func (c client) Info(ctx context.Context, q *abci.RequestInfo) (*abci.ResponseInfo, error) {
	return ask(ctx, c, q, c.Client.Info)
}

func (c client) Query(ctx context.Context, q *abci.RequestQuery) (*abci.ResponseQuery, error) {
	return ask(ctx, c, q, c.Client.Query)
}

func (c client) CheckTx(ctx context.Context, q *abci.RequestCheckTx) (*abci.ResponseCheckTx, error) {
	return ask(ctx, c, q, c.Client.CheckTx)
}

func (c client) InsertTx(ctx context.Context, q *abci.RequestInsertTx) (*abci.ResponseInsertTx, error) {
	return ask(ctx, c, q, c.Client.InsertTx)
}

func (c client) ReapTxs(ctx context.Context, q *abci.RequestReapTxs) (*abci.ResponseReapTxs, error) {
	return ask(ctx, c, q, c.Client.ReapTxs)
}

func (c client) InitChain(ctx context.Context, q *abci.RequestInitChain) (*abci.ResponseInitChain, error) {
	return ask(ctx, c, q, c.Client.InitChain)
}

func (c client) PrepareProposal(ctx context.Context, q *abci.RequestPrepareProposal) (*abci.ResponsePrepareProposal, error) {
	return ask(ctx, c, q, c.Client.PrepareProposal)
}

func (c client) ProcessProposal(ctx context.Context, q *abci.RequestProcessProposal) (*abci.ResponseProcessProposal, error) {
	return ask(ctx, c, q, c.Client.ProcessProposal)
}

func (c client) FinalizeBlock(ctx context.Context, q *abci.RequestFinalizeBlock) (*abci.ResponseFinalizeBlock, error) {
	return ask(ctx, c, q, c.Client.FinalizeBlock)
}

func (c client) ExtendVote(ctx context.Context, q *abci.RequestExtendVote) (*abci.ResponseExtendVote, error) {
	return ask(ctx, c, q, c.Client.ExtendVote)
}

func (c client) VerifyVoteExtension(ctx context.Context, q *abci.RequestVerifyVoteExtension) (*abci.ResponseVerifyVoteExtension, error) {
	return ask(ctx, c, q, c.Client.VerifyVoteExtension)
}

func (c client) Commit(ctx context.Context, q *abci.RequestCommit) (*abci.ResponseCommit, error) {
	return ask(ctx, c, q, c.Client.Commit)
}

func (c client) ListSnapshots(ctx context.Context, q *abci.RequestListSnapshots) (*abci.ResponseListSnapshots, error) {
	return ask(ctx, c, q, c.Client.ListSnapshots)
}

func (c client) OfferSnapshot(ctx context.Context, q *abci.RequestOfferSnapshot) (*abci.ResponseOfferSnapshot, error) {
	return ask(ctx, c, q, c.Client.OfferSnapshot)
}

func (c client) LoadSnapshotChunk(ctx context.Context, q *abci.RequestLoadSnapshotChunk) (*abci.ResponseLoadSnapshotChunk, error) {
	return ask(ctx, c, q, c.Client.LoadSnapshotChunk)
}

func (c client) ApplySnapshotChunk(ctx context.Context, q *abci.RequestApplySnapshotChunk) (*abci.ResponseApplySnapshotChunk, error) {
	return ask(ctx, c, q, c.Client.ApplySnapshotChunk)
}
