package main

import (
	"net"
	"sync"
	"time"

	abcicli "github.com/cometbft/cometbft/abci/client"
)

const appWait = 10 * time.Second

// app is the application's side of a chain: the engine's four connections to it.
type app struct {
	socket  string
	lost    func(error)
	mu      sync.Mutex
	clients []abcicli.Client
	closed  bool
}

// NewABCIClient is called by the engine for each of its connections. The socket may still be in the making.
func (a *app) NewABCIClient() (abcicli.Client, error) {
	for deadline := time.Now().Add(appWait); ; time.Sleep(50 * time.Millisecond) {
		probe, err := net.Dial("unix", a.socket)
		if err == nil {
			probe.Close()
			break
		}
		if time.Now().After(deadline) || a.isClosed() {
			return nil, fail("engine.no_app", "%v", err)
		}
	}
	client := client{abcicli.NewSocketClient("unix://"+a.socket, true)}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return nil, fail("engine.no_app", "stopped")
	}
	a.clients = append(a.clients, client)
	go func() {
		<-client.Quit()
		if err := client.Error(); err != nil {
			a.lost(err)
		}
	}()
	return client, nil
}

func (a *app) isClosed() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.closed
}

// close lets go of everybody who waits for an answer.
func (a *app) close() {
	a.mu.Lock()
	a.closed = true
	clients := a.clients
	a.mu.Unlock()
	for _, client := range clients {
		if client.IsRunning() {
			_ = client.Stop()
		}
	}
}
