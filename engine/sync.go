package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"sync"
	"time"

	cmtmath "github.com/cometbft/cometbft/libs/math"
	cmtstate "github.com/cometbft/cometbft/proto/tendermint/state"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	"github.com/cometbft/cometbft/state"
	"github.com/cometbft/cometbft/types"
	"github.com/cometbft/cometbft/version"
)

const (
	askTimes = 4
	askWait  = 10 * time.Second
)

// lightBlocks is what a node that begins from a snapshot believes of the engine's past. Light blocks come from peers,
// through the process that started us; one is believed when more than two thirds of its own set signed it, and either
// more than two thirds of the set that we were told to trust did too, or the believed block before it names its set.
type lightBlocks struct {
	genesis *types.GenesisDoc
	trusted *types.ValidatorSet
	ask     func(ctx context.Context, height int64, attempt int) (*lightBlock, error)

	mu       sync.Mutex
	believed map[int64]*lightBlock
}

// lightBlock with the consensus parameters of its height, of which the header hashes only some.
type lightBlock struct {
	*types.LightBlock
	params types.ConsensusParams
}

func newLightBlocks(genesis *types.GenesisDoc, trusted []*types.Validator,
	ask func(context.Context, int64, int) (*lightBlock, error)) *lightBlocks {
	return &lightBlocks{genesis: genesis, trusted: types.NewValidatorSet(trusted), ask: ask, believed: map[int64]*lightBlock{}}
}

// AppHash of a height stands in the header after it. State needs the one after that too: without it there is nothing to
// begin from, and the snapshot is not taken.
func (l *lightBlocks) AppHash(ctx context.Context, height uint64) ([]byte, error) {
	if _, err := l.at(ctx, int64(height)); err != nil {
		return nil, err
	}
	next, err := l.at(ctx, int64(height)+1)
	if err != nil {
		return nil, err
	}
	if _, err := l.at(ctx, int64(height)+2); err != nil {
		return nil, err
	}
	return next.AppHash, nil
}

func (l *lightBlocks) Commit(ctx context.Context, height uint64) (*types.Commit, error) {
	block, err := l.at(ctx, int64(height))
	if err != nil {
		return nil, err
	}
	return block.Commit, nil
}

// State after a height: its set signed the height, the set of the one after votes next, and what the height changed
// takes effect at the second after it.
func (l *lightBlocks) State(ctx context.Context, height uint64) (state.State, error) {
	var blocks [3]*lightBlock
	for i := range blocks {
		block, err := l.at(ctx, int64(height)+int64(i))
		if err != nil {
			return state.State{}, err
		}
		blocks[i] = block
	}
	last, current, next := blocks[0], blocks[1], blocks[2]
	params, err := l.params(current)
	if err != nil {
		return state.State{}, err
	}
	return state.State{
		ChainID: l.genesis.ChainID, InitialHeight: l.genesis.InitialHeight,
		Version:         cmtstate.Version{Consensus: current.Version, Software: version.TMCoreSemVer},
		LastBlockHeight: last.Height, LastBlockTime: last.Time, LastBlockID: last.Commit.BlockID,
		AppHash: current.AppHash, LastResultsHash: current.LastResultsHash,
		LastValidators: last.ValidatorSet, Validators: current.ValidatorSet, NextValidators: next.ValidatorSet,
		LastHeightValidatorsChanged: next.Height,
		ConsensusParams:             params, LastHeightConsensusParamsChanged: current.Height,
	}, nil
}

// params: those of the genesis, with what the header vouches for.
func (l *lightBlocks) params(block *lightBlock) (types.ConsensusParams, error) {
	params := *l.genesis.ConsensusParams
	params.Version.App = block.Version.App
	if !bytes.Equal(params.Hash(), block.ConsensusHash) {
		params.Block = block.params.Block
	}
	if !bytes.Equal(params.Hash(), block.ConsensusHash) {
		return params, fail("engine.state_sync", "the parameters of height %d are not those of its header", block.Height)
	}
	return params, nil
}

// at asks until a block can be believed; whom to ask next is for the other side to choose.
func (l *lightBlocks) at(ctx context.Context, height int64) (*lightBlock, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if block := l.believed[height]; block != nil {
		return block, nil
	}
	var why error
	for attempt := range askTimes {
		block, err := l.ask(ctx, height, attempt)
		if err == nil {
			err = l.verify(block, height)
		}
		if err == nil {
			l.believed[height] = block
			return block, nil
		}
		why = err
		if ctx.Err() != nil {
			break
		}
	}
	return nil, why
}

func (l *lightBlocks) verify(block *lightBlock, height int64) error {
	if err := block.ValidateBasic(l.genesis.ChainID); err != nil {
		return err
	}
	if block.Height != height {
		return fail("engine.state_sync", "asked for height %d, was given %d", height, block.Height)
	}
	if err := block.ValidatorSet.VerifyCommitLight(l.genesis.ChainID, block.Commit.BlockID, height, block.Commit); err != nil {
		return err
	}
	if before := l.believed[height-1]; before == nil || !bytes.Equal(before.NextValidatorsHash, block.ValidatorsHash) {
		twoThirds := cmtmath.Fraction{Numerator: 2, Denominator: 3}
		if err := l.trusted.VerifyCommitLightTrusting(l.genesis.ChainID, block.Commit, twoThirds); err != nil {
			return err
		}
	}
	return checkTurns(block)
}

// checkTurns: no hash covers the order in which validators propose. It must at least give this block its proposer, or the
// node would wait for the wrong one at every height.
func checkTurns(block *lightBlock) error {
	turns := block.ValidatorSet.Copy()
	for range block.Commit.Round + 1 {
		if bytes.Equal(turns.GetProposer().Address, block.ProposerAddress) {
			return nil
		}
		turns.IncrementProposerPriority(1)
	}
	return fail("engine.state_sync", "the validators of height %d come in a wrong order", block.Height)
}

// encode: u32 length of the light block, it, the parameters.
func (b *lightBlock) encode() (string, error) {
	light, err := b.ToProto()
	if err != nil {
		return "", err
	}
	first, err := light.Marshal()
	if err != nil {
		return "", err
	}
	params := b.params.ToProto()
	second, err := params.Marshal()
	if err != nil {
		return "", err
	}
	out := binary.BigEndian.AppendUint32(nil, uint32(len(first)))
	return base64.StdEncoding.EncodeToString(append(append(out, first...), second...)), nil
}

func decodeLightBlock(text string) (*lightBlock, error) {
	bytes, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(bytes) < 4 || uint64(binary.BigEndian.Uint32(bytes)) > uint64(len(bytes)-4) {
		return nil, fail("engine.state_sync", "no light block")
	}
	end := 4 + binary.BigEndian.Uint32(bytes)
	var light cmtproto.LightBlock
	var params cmtproto.ConsensusParams
	if err := light.Unmarshal(bytes[4:end]); err != nil {
		return nil, err
	}
	if err := params.Unmarshal(bytes[end:]); err != nil {
		return nil, err
	}
	if params.Block == nil || params.Evidence == nil || params.Validator == nil || params.Version == nil {
		return nil, fail("engine.state_sync", "a light block without parameters")
	}
	block, err := types.LightBlockFromProto(&light)
	if err != nil {
		return nil, err
	}
	return &lightBlock{block, types.ConsensusParamsFromProto(params)}, nil
}
