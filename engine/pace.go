package main

import (
	"sync/atomic"
	"time"

	"github.com/cometbft/cometbft/config"
)

const (
	idleGossip = 100 * time.Millisecond
	paceTick   = time.Second
)

// pace sets how often the engine looks whether a peer lacks a vote or a part of a block. It does so by sleeping, for each
// peer, and what it does not send it sends after the sleep: short sleeps are what makes blocks fast, and nearly all that an
// idle chain costs. So they are short from a wake on until no block has come for a while.
//
// The engine reads the duration afresh before every sleep; it is one word, so that it may change under it.
type pace struct {
	sleep  *time.Duration
	busy   time.Duration
	height func() int64
	awake  chan struct{}
	stop   chan struct{}
}

func newPace(c *config.ConsensusConfig, height func() int64) *pace {
	p := &pace{sleep: &c.PeerGossipSleepDuration, busy: c.PeerGossipSleepDuration, height: height,
		awake: make(chan struct{}, 1), stop: make(chan struct{})}
	go p.run()
	return p
}

func (p *pace) wake() {
	p.set(p.busy)
	select {
	case p.awake <- struct{}{}:
	default:
	}
}

func (p *pace) set(to time.Duration) { atomic.StoreInt64((*int64)(p.sleep), int64(to)) }

// run starts busy, for the first blocks, and rests when two ticks passed without a block or a wake.
func (p *pace) run() {
	seen, quiet := p.height(), 0
	for {
		select {
		case <-p.stop:
			return
		case <-p.awake:
			quiet = 0
		case <-time.After(paceTick):
			if now := p.height(); now != seen {
				seen, quiet = now, 0
			} else {
				quiet++
			}
		}
		if quiet < 2 {
			continue
		}
		p.set(idleGossip)
		select {
		case <-p.stop:
			return
		case <-p.awake:
			quiet = 0
		}
	}
}
