package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	dbm "github.com/cometbft/cometbft-db"
	"github.com/cometbft/cometbft/config"
	"github.com/cometbft/cometbft/libs/tempfile"
	"github.com/syndtr/goleveldb/leveldb/opt"
)

// home is the folder of a chain's engine, ours alone while it is open.
type home struct {
	folder string
	unlock func()
	mu     sync.Mutex
	stores []dbm.DB
}

// mark says whose a home is. It is written once, before anything else.
type mark struct {
	Engine  string `json:"engine"`
	ChainID string `json:"chain_id"`
	Genesis string `json:"genesis"` // digest
}

func openHome(folder string, genesis *genesisOptions) (*home, error) {
	for _, part := range []string{folder, filepath.Join(folder, "data"), filepath.Join(folder, "config")} {
		if err := os.MkdirAll(part, 0o700); err != nil {
			return nil, fail("engine.home", "%v", err)
		}
	}
	unlock, err := lock(folder)
	if err != nil {
		return nil, err
	}
	if err := checkMark(folder, mark{engineVersion(), genesis.ChainID, genesis.digest()}); err != nil {
		unlock()
		return nil, err
	}
	return &home{folder: folder, unlock: unlock}, nil
}

func checkMark(folder string, ours mark) error {
	path := filepath.Join(folder, "engine.json")
	text, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		text, _ = json.Marshal(ours)
		if err := tempfile.WriteFileAtomic(path, append(text, '\n'), 0o600); err != nil {
			return fail("engine.home", "%v", err)
		}
		return nil
	}
	var found mark
	if err == nil {
		err = json.Unmarshal(text, &found)
	}
	switch {
	case err != nil:
		return fail("engine.home", "%s: %v", path, err)
	case found.ChainID != ours.ChainID || found.Genesis != ours.Genesis:
		return fail("engine.home_of_other_chain", "%s is of chain %s with genesis %.16s, not of %s with %.16s",
			folder, found.ChainID, found.Genesis, ours.ChainID, ours.Genesis)
	case series(found.Engine) != series(ours.Engine):
		return fail("engine.home_of_other_version", "%s was made by engine %s, this is %s: the stores of a series are read by that series",
			folder, found.Engine, ours.Engine)
	}
	return nil
}

// series: v0.40.2 and v0.40.0 read each other's stores.
func series(version string) string {
	parts := strings.SplitN(version, ".", 3)
	return strings.Join(parts[:min(2, len(parts))], ".")
}

// lock takes a folder for this process, or says who has it.
func lock(folder string) (func(), error) {
	file, err := os.OpenFile(filepath.Join(folder, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fail("engine.home", "%v", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		holder, _ := os.ReadFile(file.Name())
		file.Close()
		return nil, fail("engine.in_use", "%s is in use by process %s", folder, strings.TrimSpace(string(holder)))
	}
	_ = file.Truncate(0)
	_, _ = file.WriteAt([]byte(fmt.Sprintln(os.Getpid())), 0)
	return func() { file.Close() }, nil
}

// open is the engine's way to its stores. Their buffers are small: what the engine keeps is small, and idle chains are
// many.
func (h *home) open(context *config.DBContext) (dbm.DB, error) {
	store, err := dbm.NewGoLevelDBWithOpts(context.ID, filepath.Join(h.folder, "data"), &opt.Options{
		WriteBuffer: 1 << 20, BlockCacheCapacity: 1 << 20, OpenFilesCacheCapacity: 32,
	})
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stores = append(h.stores, store)
	return store, nil
}

// close gives everything back; the engine closes its stores only after a whole start.
func (h *home) close() {
	for _, store := range h.stores {
		_ = store.Close()
	}
	h.unlock()
}
