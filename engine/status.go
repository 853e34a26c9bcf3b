package main

import (
	"encoding/json"
	"strings"

	"github.com/cometbft/cometbft/p2p"
)

func (c *chain) wake() {
	if c.running.Load() {
		c.pace.wake()
		c.alarm.wake()
	}
}

func (c *chain) height() int64 {
	if !c.running.Load() {
		return 0
	}
	return c.node.BlockStore().Height()
}

func (c *chain) status() (map[string]any, error) {
	if !c.running.Load() {
		return nil, fail("engine.not_running", "chain %q is starting or stopping", c.options.Chain)
	}
	environment, err := c.node.ConfigureRPC()
	if err != nil {
		return nil, err
	}
	text, err := environment.ConsensusState.GetRoundStateSimpleJSON()
	if err != nil {
		return nil, err
	}
	var round struct {
		At string `json:"height/round/step"`
	}
	if err := json.Unmarshal(text, &round); err != nil {
		return nil, err
	}
	at := append(strings.Split(round.At, "/"), "", "", "")
	state := environment.ConsensusState.GetState()
	validator, err := c.node.PrivValidator().GetPubKey()
	if err != nil {
		return nil, err
	}
	peers := []map[string]any{}
	c.node.Switch().Peers().ForEach(func(peer p2p.Peer) {
		peers = append(peers, map[string]any{"id": string(peer.ID()), "address": peer.SocketAddr().DialString(), "dialled": peer.IsOutbound()})
	})
	return map[string]any{
		"height": c.node.BlockStore().Height(), "base": c.node.BlockStore().Base(),
		"voting":      map[string]json.Number{"height": json.Number(at[0]), "round": json.Number(at[1]), "step": json.Number(at[2])},
		"catching_up": c.node.ConsensusReactor().WaitSync(), "peers": peers,
		"validators": state.Validators.Size(), "validator": state.Validators.HasAddress(validator.Address()),
		"silent": c.signer.silent(), "listen": c.options.Listen,
	}, nil
}

func (c *chain) setPeers(o peersOptions) error {
	if !c.running.Load() {
		return fail("engine.not_running", "chain %q is starting or stopping", c.options.Chain)
	}
	added := make([]*p2p.NetAddress, len(o.Add))
	for i, peer := range o.Add {
		address, err := parsePeer(peer)
		if err != nil {
			return err
		}
		added[i] = address
	}
	for _, id := range o.Remove {
		c.dialler.remove(p2p.ID(id))
	}
	for _, address := range added {
		c.dialler.add(address)
	}
	return nil
}
