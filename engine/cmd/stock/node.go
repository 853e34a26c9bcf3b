package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	cfg "github.com/cometbft/cometbft/config"
	"github.com/cometbft/cometbft/libs/log"
	"github.com/cometbft/cometbft/node"
	"github.com/cometbft/cometbft/p2p"
	"github.com/cometbft/cometbft/privval"
	"github.com/cometbft/cometbft/types"
)

const validators = 4

// nodeOptions say where a node is and whom it dials.
type nodeOptions struct {
	home, peers string
	ports       [2]int // of its links, and of its interface
}

func (o *nodeOptions) flags(f *flag.FlagSet) {
	f.StringVar(&o.home, "home", "", "folder of the node")
	f.StringVar(&o.peers, "peers", "", "id@host:port, separated by commas")
	f.IntVar(&o.ports[0], "p2p", 0, "port of its links")
	f.IntVar(&o.ports[1], "rpc", 0, "port of its interface")
}

func (o *nodeOptions) arguments() []string {
	return []string{"--home", o.home, "--peers", o.peers, "--p2p", strconv.Itoa(o.ports[0]), "--rpc", strconv.Itoa(o.ports[1])}
}

// config is the default configuration but for what four nodes on one machine need, and room for the load.
func (o *nodeOptions) config() *cfg.Config {
	c := cfg.DefaultConfig()
	c.SetRoot(o.home)
	c.P2P.PersistentPeers = o.peers
	c.ProxyApp = "kvstore"
	c.P2P.ListenAddress = fmt.Sprintf("tcp://127.0.0.1:%d", o.ports[0])
	c.RPC.ListenAddress = fmt.Sprintf("tcp://127.0.0.1:%d", o.ports[1])
	c.RPC.MaxBodyBytes = 8 << 20
	c.P2P.AddrBookStrict = false
	c.P2P.AllowDuplicateIP = true
	c.P2P.PexReactor = false
	c.Mempool.Size = 50_000
	c.Mempool.CacheSize = 100_000
	c.Mempool.MaxTxsBytes = 256 << 20
	c.TxIndex.Indexer = "null"
	return c
}

// makeNetwork writes the folders of the validators.
func makeNetwork(dir string, ports [][2]int) ([]nodeOptions, error) {
	doc := types.GenesisDoc{ChainID: "stock", GenesisTime: time.Now(), ConsensusParams: types.DefaultConsensusParams()}
	doc.ConsensusParams.Block.MaxBytes = 21 << 20
	nodes := make([]nodeOptions, validators)
	peers := make([]string, validators)
	for i := range nodes {
		nodes[i] = nodeOptions{home: filepath.Join(dir, fmt.Sprintf("node%d", i)), ports: ports[i]}
		c := nodes[i].config()
		for _, sub := range []string{"config", "data"} {
			if err := os.MkdirAll(filepath.Join(nodes[i].home, sub), 0o700); err != nil {
				return nil, err
			}
		}
		key := privval.GenFilePV(c.PrivValidatorKeyFile(), c.PrivValidatorStateFile())
		key.Save()
		id, err := p2p.LoadOrGenNodeKey(c.NodeKeyFile())
		if err != nil {
			return nil, err
		}
		doc.Validators = append(doc.Validators, types.GenesisValidator{PubKey: key.Key.PubKey, Power: 1})
		peers[i] = fmt.Sprintf("%s@127.0.0.1:%d", id.ID(), ports[i][0])
	}
	for i := range nodes {
		nodes[i].peers = strings.Join(peers, ",")
		if err := doc.SaveAs(nodes[i].config().GenesisFile()); err != nil {
			return nil, err
		}
	}
	return nodes, nil
}

func (o *nodeOptions) run() error {
	n, err := node.DefaultNewNode(o.config(), log.NewFilter(log.NewTMLogger(os.Stderr), log.AllowError()))
	if err != nil {
		return err
	}
	if err := n.Start(); err != nil {
		return err
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	<-stop
	return n.Stop()
}
