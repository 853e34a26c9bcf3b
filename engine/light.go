package main

import (
	"context"
	"sync"
	"time"

	"github.com/cometbft/cometbft/types"
)

// wants are the questions for light blocks that the other side has not answered yet.
type wants struct {
	mu      sync.Mutex
	next    uint64
	waiting map[uint64]chan lightOptions
}

type heightOptions struct {
	request
	Height int64 `json:"height"`
}

type lightOptions struct {
	request
	Want       uint64 `json:"want"`
	LightBlock string `json:"light_block"`
	Missing    bool   `json:"missing"`
}

func (c *chain) askLightBlock(ctx context.Context, height int64, attempt int) (*lightBlock, error) {
	answered := make(chan lightOptions, 1)
	c.wants.mu.Lock()
	c.wants.next++
	want := c.wants.next
	c.wants.waiting[want] = answered
	c.wants.mu.Unlock()
	defer func() {
		c.wants.mu.Lock()
		delete(c.wants.waiting, want)
		c.wants.mu.Unlock()
	}()
	c.output.send(map[string]any{
		"event": "want_light_block", "chain": c.options.Chain, "want": want, "height": height, "attempt": attempt,
	})
	select {
	case answer := <-answered:
		if answer.Missing {
			return nil, fail("engine.state_sync", "nobody has a light block of height %d", height)
		}
		return decodeLightBlock(answer.LightBlock)
	case <-time.After(askWait):
		return nil, fail("engine.state_sync", "no light block of height %d came", height)
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-c.context.Done():
		return nil, c.context.Err()
	}
}

func (c *chain) takeLightBlock(o lightOptions) {
	c.wants.mu.Lock()
	defer c.wants.mu.Unlock()
	if waiting := c.wants.waiting[o.Want]; waiting != nil {
		delete(c.wants.waiting, o.Want)
		waiting <- o
	}
}

// giveLightBlock reads one from the stores, for a peer of ours.
func (c *chain) giveLightBlock(height int64) (map[string]any, error) {
	if !c.running.Load() {
		return nil, fail("engine.not_running", "chain %q is starting or stopping", c.options.Chain)
	}
	blocks := c.node.BlockStore()
	if height < blocks.Base() || height > blocks.Height() || height < 1 {
		return nil, fail("engine.no_light_block", "height %d is not kept here", height)
	}
	environment, err := c.node.ConfigureRPC()
	if err != nil {
		return nil, err
	}
	meta := blocks.LoadBlockMeta(height)
	commit := blocks.LoadBlockCommit(height)
	if commit == nil {
		commit = blocks.LoadSeenCommit(height) // the newest: no block carries its commit yet
	}
	validators, err := environment.StateStore.LoadValidators(height)
	if err != nil || meta == nil || commit == nil {
		return nil, fail("engine.no_light_block", "height %d is not kept here", height)
	}
	params, err := environment.StateStore.LoadConsensusParams(height)
	if err != nil {
		return nil, fail("engine.no_light_block", "%v", err)
	}
	signed := &types.SignedHeader{Header: &meta.Header, Commit: commit}
	text, err := (&lightBlock{&types.LightBlock{SignedHeader: signed, ValidatorSet: validators}, params}).encode()
	if err != nil {
		return nil, err
	}
	return map[string]any{"light_block": text}, nil
}
