package main

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cometbft/cometbft/node"
	"github.com/cometbft/cometbft/p2p"
	"github.com/cometbft/cometbft/privval"
	"github.com/cometbft/cometbft/types"
)

const (
	stopWait = 10 * time.Second
)

// chain is one engine. It is started once and stopped once.
type chain struct {
	options startOptions
	output  *output
	cancel  context.CancelFunc
	context context.Context

	ended func() // called when a chain that failed is closed

	starting, running atomic.Bool

	mu       sync.Mutex // start and stop take turns
	home     *home
	keys     func() // unlocks
	app      *app
	node     *node.Node
	signer   *waitingSigner
	alarm    *alarm
	pace     *pace
	dialler  *dialler
	wants    wants
	failed   sync.Once
	twinTold sync.Once
	stuck    error
}

func newChain(o startOptions, out *output, ended func(*chain)) *chain {
	c := &chain{options: o, output: out}
	c.ended = func() { ended(c) }
	c.wants.waiting = map[uint64]chan lightOptions{}
	c.starting.Store(true)
	c.context, c.cancel = context.WithCancel(context.Background())
	c.app = &app{socket: o.App, lost: func(err error) { c.fail(fail("engine.app_lost", "%v", err)) }}
	return c
}

// fail ends what is left of the chain, and tells when that is done: it may be started again then, unless it is stuck.
// Nothing happens to other chains.
func (c *chain) fail(why error) {
	if c.context.Err() != nil {
		return // being stopped
	}
	c.failed.Do(func() {
		go func() {
			f := asFailure(why, "engine.failed")
			stuck := c.stop()
			if stuck == nil {
				c.ended()
			}
			c.output.send(map[string]any{
				"event": "failed", "chain": c.options.Chain, "reason": f.reason, "detail": f.detail, "stuck": stuck != nil,
			})
		}()
	})
}

// notice reads what the engine tells in its log only.
func (c *chain) notice(message string, fields []any) {
	switch {
	case strings.HasPrefix(message, "CONSENSUS FAILURE"):
		c.fail(consensusFailure(field(fields, "err")))
	case strings.HasPrefix(message, "found conflicting vote from ourselves"):
		c.twin()
	case message == "State sync failed", message == "Failed to bootstrap node with new state",
		message == "Failed to store last seen commit", message == "Failed to switch to block sync":
		c.fail(fail("engine.state_sync", "%s: %s", message, field(fields, "err")))
	}
}

// consensusFailure: a clock that is behind makes the engine halt on a block that is good, and is put right some time.
func consensusFailure(why string) error {
	if strings.Contains(why, "too far in the future") {
		return fail("engine.clock_behind", "%s", why)
	}
	return fail("engine.consensus_failure", "%s", why)
}

// twin: another node has this node's key. Told once; both go on until somebody decides which is to stay.
func (c *chain) twin() {
	c.twinTold.Do(func() { c.output.send(map[string]any{"event": "twin", "chain": c.options.Chain}) })
}

func (c *chain) start() (map[string]any, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	err := storesApart(guard("engine.start", c.open))
	c.starting.Store(false)
	if err != nil {
		c.cancel()
		c.release()
		return nil, err
	}
	c.running.Store(true)
	return map[string]any{
		"listen": c.options.Listen, "connection": string(c.node.NodeInfo().ID()), "height": c.node.BlockStore().Height(),
	}, nil
}

// open does the work of start; what it opened before an error is given back by release.
func (c *chain) open() (err error) {
	o := &c.options
	genesis, err := o.Genesis.document()
	if err != nil {
		return err
	}
	fresh := !exists(filepath.Join(o.Home, "data", "blockstore.db"))
	if c.home, err = openHome(o.Home, &o.Genesis); err != nil {
		return err
	}
	if c.keys, err = lock(o.Keys); err != nil {
		return err
	}
	connection, err := readConnection(o.Keys)
	if err != nil {
		return err
	}
	signer, err := readSigner(o.Keys, o.SignState == "wait")
	if err != nil {
		return err
	}
	if err := signer.expectHome(fresh); err != nil {
		return fail("engine.keys", "%v", err)
	}
	if o.Listen, err = freePort(o.Listen); err != nil {
		return err
	}
	peers := make([]*p2p.NetAddress, len(o.Peers))
	for i, peer := range o.Peers {
		if peers[i], err = parsePeer(peer); err != nil {
			return err
		}
	}
	var extras []node.Option
	if o.StateSync != nil {
		trusted, err := validatorList(o.StateSync.Validators)
		if err != nil {
			return err
		}
		extras = append(extras, node.StateProvider(newLightBlocks(genesis, trusted, c.askLightBlock)))
	}
	recording := &recordingSigner{PrivValidator: signer}
	logs := &logger{output: c.output, chain: o.Chain, rate: &rate{}, notice: c.notice}
	settings := settings(o)
	c.node, err = node.NewNodeWithContext(c.context, settings, recording, connection, c.app,
		func() (*types.GenesisDoc, error) { return genesis, nil }, c.home.open,
		node.DefaultMetricsProvider(settings.Instrumentation), logs, extras...)
	if err != nil {
		return err
	}
	signer.timeOf = func(height int64) (time.Time, bool) {
		meta := c.node.BlockStore().LoadBlockMeta(height)
		if meta == nil {
			return time.Time{}, false
		}
		return meta.Header.Time, true
	}
	if !signer.silent() {
		if err := checkStale(c.node, signer.FilePV); err != nil {
			return err
		}
	}
	c.signer = signer
	if err := watchVotes(c.context, c.node.EventBus(), recording, max(c.node.BlockStore().Height(), signer.LastSignState.Height), signer.silent, c.twin); err != nil {
		return err
	}
	if err := c.node.Start(); err != nil {
		if errors.Is(err, syscall.EADDRINUSE) {
			return fail("engine.port_taken", "%v", err)
		}
		return err
	}
	c.alarm = newAlarm(c.node.Mempool())
	c.pace = newPace(settings.Consensus, c.node.BlockStore().Height)
	c.dialler = newDialler(c.node.Switch(), connection.ID())
	for _, peer := range peers {
		c.dialler.add(peer)
	}
	c.alarm.wake() // whether something waits since before
	return nil
}

// storesApart: the engine compares its stores with the application when it starts, and tells the outcome in words only.
func storesApart(err error) error {
	if err == nil {
		return nil
	}
	for _, words := range []string{"is higher than core", "is too far below block store base", "> StoreBlockHeight", "> StateBlockHeight"} {
		if strings.Contains(err.Error(), words) {
			return fail("engine.stores_apart", "%v", err)
		}
	}
	return err
}

// checkStale: a sign state that is behind what this key is known to have signed comes from an old copy.
func checkStale(n *node.Node, validator *privval.FilePV) error {
	height := n.BlockStore().Height()
	commit := n.BlockStore().LoadSeenCommit(height)
	if height == 0 || commit == nil || validator.LastSignState.Height >= height {
		return nil
	}
	for _, signature := range commit.Signatures {
		if signature.BlockIDFlag == types.BlockIDFlagCommit && signature.ValidatorAddress.String() == validator.Key.Address.String() {
			return fail("engine.sign_state_stale", "the key signed at height %d, its sign state ends at %d: it is an old copy. Start with sign_state wait",
				height, validator.LastSignState.Height)
		}
	}
	return nil
}

// freePort: the engine cannot say which port it was given, so one is found beforehand.
func freePort(listen string) (string, error) {
	probe, err := net.Listen("tcp", listen)
	if err != nil {
		return "", fail("engine.port_taken", "%v", err)
	}
	defer probe.Close()
	return probe.Addr().String(), nil
}

// stop is done when everything is closed; an error means that the engine hangs.
func (c *chain) stop() error {
	c.cancel()
	if c.starting.Load() {
		c.app.close() // it may wait for the application
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.running.Swap(false) {
		return c.stuck
	}
	close(c.alarm.stop)
	close(c.pace.stop)
	close(c.dialler.stop)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = guard("engine.stop", c.node.Stop)
	}()
	if !within(ended, stopWait) {
		c.app.close() // it waits for an application that does not answer
		if !within(ended, stopWait) {
			c.stuck = fail("engine.stuck", "the engine does not end; it keeps its home until this process ends")
			return c.stuck
		}
	}
	c.release()
	return nil
}

func within(ended <-chan struct{}, wait time.Duration) bool {
	select {
	case <-ended:
		return true
	case <-time.After(wait):
		return false
	}
}

func (c *chain) release() {
	c.app.close()
	if c.home != nil {
		c.home.close()
	}
	if c.keys != nil {
		c.keys()
	}
}
