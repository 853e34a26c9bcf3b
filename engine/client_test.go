package main

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"
)

// Whoever asks an application that is gone, or that goes without an answer, is told so.
func TestAskersAreLetGo(t *testing.T) {
	served := newTestApp(t, filepath.Join(t.TempDir(), "app.sock"))
	connections := &app{socket: served.socket, lost: func(error) {}}
	c, err := connections.NewABCIClient()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Info(context.Background(), &abci.RequestInfo{}); err != nil {
		t.Fatalf("served: %v", err)
	}

	served.mu.Lock() // it does not answer
	let := make(chan error, 2)
	go func() {
		_, err := c.FinalizeBlock(context.Background(), &abci.RequestFinalizeBlock{})
		let <- err
	}()
	time.Sleep(100 * time.Millisecond)
	if len(let) != 0 {
		t.Error("answered")
	}
	connections.close()
	go func() {
		_, err := c.FinalizeBlock(context.Background(), &abci.RequestFinalizeBlock{})
		let <- err
	}()
	for range 2 {
		select {
		case err := <-let:
			if err == nil {
				t.Error("an answer of nobody")
			}
		case <-time.After(10 * time.Second):
			t.Error("still waiting")
		}
	}
	served.mu.Unlock()
}
