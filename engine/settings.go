package main

import (
	"path/filepath"
	"time"

	"github.com/cometbft/cometbft/config"
)

// wakeTransaction is the only thing that is ever in the engine's pool of transactions: it stands for "there is something
// to order". It never enters a block, and applications accept no other in CheckTx.
var wakeTransaction = []byte("chengxin/wake")

// settings: what a chain of ours needs of the engine, and nothing else of it. Peers come from the commands only; there is
// no RPC, no metrics port, no index.
func settings(o *startOptions) *config.Config {
	c := config.DefaultConfig()
	c.SetRoot(o.Home)
	c.Moniker = "chengxin"
	c.ProxyApp = "unix://" + o.App
	c.FilterPeers = true // the application is asked who may connect: /p2p/filter/id/<id>
	c.DBBackend = "goleveldb"

	c.RPC.ListenAddress = ""
	c.Instrumentation.Prometheus = false
	c.TxIndex.Indexer = "null"
	c.Storage.DiscardABCIResponses = true

	c.P2P.ListenAddress = "tcp://" + o.Listen
	c.P2P.PexReactor = false
	c.P2P.AddrBookStrict = false
	c.P2P.AllowDuplicateIP = true // all tunnels end on this machine
	c.P2P.MaxNumInboundPeers = 200
	c.P2P.SendRate = 256 << 20
	c.P2P.RecvRate = 256 << 20
	c.P2P.MaxPacketMsgPayloadSize = 16 << 10 // every node's must be the same
	c.P2P.FlushThrottleTimeout = 5 * time.Millisecond

	c.Mempool.Type = config.MempoolTypeFlood
	c.Mempool.Broadcast = false
	c.Mempool.Recheck = true
	c.Mempool.KeepInvalidTxsInCache = false
	c.Mempool.Size = 1
	c.Mempool.CacheSize = 4
	c.Mempool.MaxTxBytes = len(wakeTransaction)
	c.Mempool.MaxTxsBytes = int64(len(wakeTransaction))

	c.BlockSync.AdaptiveSync = false
	c.StateSync.Enable = o.StateSync != nil
	c.StateSync.DiscoveryTime = 5 * time.Second // the least that it takes
	c.StateSync.TempDir = filepath.Join(o.Home, "data")

	ms := func(value, otherwise int) time.Duration {
		return time.Duration(orDefault(value, otherwise)) * time.Millisecond
	}
	c.Consensus.TimeoutPropose = ms(o.Timeouts.Propose, 1000)
	c.Consensus.TimeoutProposeDelta = ms(o.Timeouts.ProposeDelta, 500)
	c.Consensus.TimeoutPrevote = ms(o.Timeouts.Vote, 500)
	c.Consensus.TimeoutPrevoteDelta = ms(o.Timeouts.VoteDelta, 250)
	c.Consensus.TimeoutPrecommit = ms(o.Timeouts.Vote, 500)
	c.Consensus.TimeoutPrecommitDelta = ms(o.Timeouts.VoteDelta, 250)
	c.Consensus.TimeoutCommit = ms(o.Timeouts.Commit, 50)
	c.Consensus.SkipTimeoutCommit = true
	c.Consensus.PeerGossipSleepDuration = ms(o.Timeouts.Gossip, 20) // while there is work: pace.go

	c.Consensus.CreateEmptyBlocks = false
	c.Consensus.CreateEmptyBlocksInterval = ms(o.Heartbeat, 600_000)
	// Restarting validators would all be refused by it; what it guards against is guarded by the sign state (keys.go).
	c.Consensus.DoubleSignCheckHeight = 0
	return c
}
