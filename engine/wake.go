package main

import (
	"errors"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/cometbft/cometbft/mempool"
)

const wakeRetry = 100 * time.Millisecond

// alarm puts the wake transaction into the engine's pool. One attempt runs at a time and what is asked for meanwhile
// leads to another: an attempt that the application refused because it had nothing then must not swallow a later one.
type alarm struct {
	pool mempool.Mempool
	ring chan struct{} // holds one
	stop chan struct{}
}

func newAlarm(pool mempool.Mempool) *alarm {
	a := &alarm{pool: pool, ring: make(chan struct{}, 1), stop: make(chan struct{})}
	go a.run()
	return a
}

func (a *alarm) wake() {
	select {
	case a.ring <- struct{}{}:
	default:
	}
}

func (a *alarm) run() {
	for {
		select {
		case <-a.stop:
			return
		case <-a.ring:
		}
		for !a.try() {
			select {
			case <-a.stop:
				return
			case <-time.After(wakeRetry):
			}
		}
	}
}

// try is true when the pool holds the transaction, or the application had nothing to order after it was asked.
func (a *alarm) try() bool {
	checked := make(chan struct{})
	err := guard("engine.wake", func() error {
		return a.pool.CheckTx(wakeTransaction, func(*abci.ResponseCheckTx) { close(checked) }, mempool.TxInfo{})
	})
	if err != nil {
		return errors.Is(err, mempool.ErrTxInCache) || err.Error() == "engine.wake: "+mempool.ErrTxInCache.Error()
	}
	select {
	case <-checked:
	case <-a.stop:
	}
	return true
}
