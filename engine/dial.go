package main

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/cometbft/cometbft/p2p"
)

const (
	dialTick     = 500 * time.Millisecond
	dialPause    = time.Second
	dialPauseMax = 10 * time.Second
	dialYield    = 2 * time.Second
)

// dialler keeps connections to the peers that it was told of. The engine's own list of persistent peers cannot change
// while it runs, and gives up on a peer after a day.
type dialler struct {
	sw    p2p.Switcher
	self  p2p.ID
	mu    sync.Mutex
	peers map[p2p.ID]*dialled
	stop  chan struct{}
}

type dialled struct {
	address *p2p.NetAddress
	pause   time.Duration
	next    time.Time
	busy    bool
}

func newDialler(sw p2p.Switcher, self p2p.ID) *dialler {
	d := &dialler{sw: sw, self: self, peers: map[p2p.ID]*dialled{}, stop: make(chan struct{})}
	go d.run()
	return d
}

func parsePeer(o peerOptions) (*p2p.NetAddress, error) {
	address, err := p2p.NewNetAddressString(o.ID + "@" + o.Address)
	if err != nil || !address.IP.IsLoopback() {
		return nil, fail("engine.bad_request", "a peer is an id and an address on loopback, not %q and %q", o.ID, o.Address)
	}
	return address, nil
}

// add: of two nodes that learn of each other at once, the one with the higher id waits a little, or both connections
// would be dropped as duplicates.
func (d *dialler) add(address *p2p.NetAddress) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if address.ID == d.self {
		return
	}
	first := time.Now()
	if d.self > address.ID {
		first = first.Add(dialYield)
	}
	d.peers[address.ID] = &dialled{address: address, pause: dialPause, next: first}
}

func (d *dialler) remove(id p2p.ID) {
	d.mu.Lock()
	delete(d.peers, id)
	d.mu.Unlock()
	if peer := d.sw.Peers().Get(id); peer != nil {
		d.sw.StopPeerGracefully(peer)
	}
}

func (d *dialler) run() {
	ticker := time.NewTicker(dialTick)
	defer ticker.Stop()
	for {
		select {
		case <-d.stop:
			return
		case <-ticker.C:
		}
		now := time.Now()
		d.mu.Lock()
		for id, peer := range d.peers {
			if !peer.busy && now.After(peer.next) && !d.sw.Peers().Has(id) {
				peer.busy = true
				go d.dial(peer)
			}
		}
		d.mu.Unlock()
	}
}

func (d *dialler) dial(peer *dialled) {
	err := d.sw.DialPeerWithAddress(peer.address)
	d.mu.Lock()
	defer d.mu.Unlock()
	peer.busy = false
	if err == nil {
		peer.pause = dialPause
	} else {
		peer.pause = min(2*peer.pause, dialPauseMax)
	}
	peer.next = time.Now().Add(peer.pause/2 + rand.N(peer.pause))
	if d.peers[peer.address.ID] == nil { // removed while it was dialled
		if connected := d.sw.Peers().Get(peer.address.ID); connected != nil {
			go d.sw.StopPeerGracefully(connected)
		}
	}
}
