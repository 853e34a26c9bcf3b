package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"path/filepath"
	"time"

	"github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/cometbft/cometbft/types"
)

// startOptions is the command "start". Everything that belongs to the chain stands in Genesis and is the same on every
// node; the rest is this node's.
type startOptions struct {
	request
	Home      string         `json:"home"` // of this chain on this node: engine's stores
	Keys      string         `json:"keys"` // folder made by "keys", of this chain on this node
	Genesis   genesisOptions `json:"genesis"`
	App       string         `json:"app"`    // path of the application's unix socket
	Listen    string         `json:"listen"` // 127.0.0.1:port, port 0: choose one
	Peers     []peerOptions  `json:"peers"`
	Timeouts  timeoutOptions `json:"timeouts"`
	Heartbeat int            `json:"heartbeat_ms"` // an empty block after so long without any; 0: 10 minutes
	SignState string         `json:"sign_state"`   // "expect" (default) or "wait"
	StateSync *syncOptions   `json:"state_sync"`   // nil: blocks from the beginning
}

type genesisOptions struct {
	ChainID              string             `json:"chain_id"` // at most 50 characters
	TimeMs               int64              `json:"time_ms"`
	InitialHeight        int64              `json:"initial_height"` // 0: 1
	Validators           []validatorOptions `json:"validators"`
	BlockMaxBytes        int64              `json:"block_max_bytes"`         // 0: 4 MiB
	EvidenceMaxAgeBlocks int64              `json:"evidence_max_age_blocks"` // 0: 100,000
	EvidenceMaxAgeMs     int64              `json:"evidence_max_age_ms"`     // 0: 48 hours
	ExtensionsFrom       *int64             `json:"extensions_from"`         // nil: 1; 0: never
}

type validatorOptions struct {
	Key   string `json:"key"` // Ed25519, hexadecimal
	Power int64  `json:"power"`
	Name  string `json:"name"`
}

type peerOptions struct {
	ID      string `json:"id"`
	Address string `json:"address"` // 127.0.0.1:port
}

type peersOptions struct {
	request
	Add    []peerOptions `json:"add"`
	Remove []string      `json:"remove"` // ids
}

// timeoutOptions in milliseconds; 0: the default. The deltas are added with every further round of a height.
type timeoutOptions struct {
	Propose      int `json:"propose_ms"`       // 1000
	ProposeDelta int `json:"propose_delta_ms"` // 500
	Vote         int `json:"vote_ms"`          // 500, prevote and precommit
	VoteDelta    int `json:"vote_delta_ms"`    // 250
	Commit       int `json:"commit_ms"`        // 50: how long to wait for the last precommits
	Gossip       int `json:"gossip_ms"`        // 20: how often to look what a peer lacks, while there is work
}

type syncOptions struct {
	Validators []validatorOptions `json:"validators"` // who is trusted to have signed what is begun from
}

func (o *startOptions) validate() error {
	for name, path := range map[string]string{"home": o.Home, "keys": o.Keys, "app": o.App} {
		if !filepath.IsAbs(path) {
			return fail("engine.bad_request", "%s is no absolute path: %q", name, path)
		}
	}
	if o.Chain == "" {
		return fail("engine.bad_request", "the chain has no name")
	}
	if len(o.App) > 107 {
		return fail("engine.bad_request", "the path of a unix socket has at most 107 bytes: %q", o.App)
	}
	host, _, err := net.SplitHostPort(o.Listen)
	if err != nil || !net.ParseIP(host).IsLoopback() {
		return fail("engine.bad_request", "the engine listens on loopback only, not on %q", o.Listen)
	}
	if o.SignState != "" && o.SignState != "expect" && o.SignState != "wait" {
		return fail("engine.bad_request", "sign_state is expect or wait, not %q", o.SignState)
	}
	return nil
}

// document is the engine's genesis; the same bytes on every node.
func (g *genesisOptions) document() (*types.GenesisDoc, error) {
	params := types.DefaultConsensusParams()
	params.Block.MaxBytes = orDefault(g.BlockMaxBytes, 4<<20)
	params.Evidence.MaxAgeNumBlocks = orDefault(g.EvidenceMaxAgeBlocks, 100_000)
	params.Evidence.MaxAgeDuration = time.Duration(orDefault(g.EvidenceMaxAgeMs, 48*3600*1000)) * time.Millisecond
	params.Evidence.MaxBytes = params.Block.MaxBytes / 16
	params.ABCI.VoteExtensionsEnableHeight = 1
	if g.ExtensionsFrom != nil {
		params.ABCI.VoteExtensionsEnableHeight = *g.ExtensionsFrom
	}
	validators, err := validatorList(g.Validators)
	if err != nil {
		return nil, err
	}
	doc := &types.GenesisDoc{
		ChainID: g.ChainID, GenesisTime: time.UnixMilli(g.TimeMs).UTC(), InitialHeight: g.InitialHeight, ConsensusParams: params,
	}
	for i, v := range validators {
		doc.Validators = append(doc.Validators,
			types.GenesisValidator{Address: v.Address, PubKey: v.PubKey, Power: v.VotingPower, Name: g.Validators[i].Name})
	}
	if g.TimeMs <= 0 || len(validators) == 0 {
		return nil, fail("engine.genesis", "a genesis needs a time and validators")
	}
	if err := doc.ValidateAndComplete(); err != nil {
		return nil, fail("engine.genesis", "%v", err)
	}
	if ahead := time.Until(doc.GenesisTime); ahead > time.Minute {
		return nil, fail("engine.genesis_in_future",
			"the chain begins in %s: this machine's clock, or that of who made the chain, is wrong", ahead.Round(time.Second))
	}
	return doc, nil
}

func validatorList(options []validatorOptions) ([]*types.Validator, error) {
	list := make([]*types.Validator, 0, len(options))
	seen := map[string]bool{}
	for _, v := range options {
		key, err := hex.DecodeString(v.Key)
		if err != nil || len(key) != ed25519.PubKeySize || v.Power <= 0 || seen[v.Key] {
			return nil, fail("engine.genesis", "validator %q: needs a key of 32 bytes in hexadecimal, its own, and a power above 0", v.Name)
		}
		seen[v.Key] = true
		list = append(list, types.NewValidator(ed25519.PubKey(key), v.Power))
	}
	return list, nil
}

// digest names the chain in the home's mark.
func (g *genesisOptions) digest() string {
	document, _ := json.Marshal(g)
	return fmt.Sprintf("%x", sha256.Sum256(document))
}

func orDefault[T int | int64](value, otherwise T) T {
	if value == 0 {
		return otherwise
	}
	return value
}
