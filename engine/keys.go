package main

import (
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/cometbft/cometbft/crypto/ed25519"
	cmtjson "github.com/cometbft/cometbft/libs/json"
	"github.com/cometbft/cometbft/libs/tempfile"
	"github.com/cometbft/cometbft/p2p"
	"github.com/cometbft/cometbft/privval"
)

// A keys folder belongs to one chain on one node: the key that votes, the last thing it signed, and the key of the
// connections. The last signature stands beside the key, and not with the engine's stores, so that whoever moves the key
// moves it too; without it the key could sign twice at one height.
const (
	validatorFile  = "validator.json"
	signStateFile  = "sign-state.json"
	connectionFile = "connection.json"
	waitFile       = "wait-to-sign" // while the key keeps silent because the home was lost: also after a restart
	signFile       = "sign-at-once" // made by an operator: this folder is the one that the key signed last with
)

type keysOptions struct {
	request
	Folder string `json:"folder"`
	Make   bool   `json:"make"` // makes what is missing; else a missing key is an error
}

func keys(o keysOptions) (map[string]any, error) {
	if !filepath.IsAbs(o.Folder) {
		return nil, fail("engine.bad_request", "folder is no absolute path: %q", o.Folder)
	}
	if o.Make {
		if err := makeKeys(o.Folder); err != nil {
			return nil, err
		}
	}
	validator, err := readValidator(o.Folder)
	if err != nil {
		return nil, err
	}
	connection, err := readConnection(o.Folder)
	if err != nil {
		return nil, err
	}
	return map[string]any{
		"validator":  hex.EncodeToString(validator.Key.PubKey.Bytes()),
		"address":    hex.EncodeToString(validator.Key.Address),
		"connection": string(connection.ID()),
	}, nil
}

// makeKeys: the sign state comes before the key, so that a key without one means that it was lost.
func makeKeys(folder string) error {
	return guard("engine.keys", func() error {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return err
		}
		unlock, err := lock(folder)
		if err != nil {
			return err
		}
		defer unlock()
		if !exists(filepath.Join(folder, validatorFile)) {
			fresh := privval.NewFilePV(ed25519.GenPrivKey(), filepath.Join(folder, validatorFile), filepath.Join(folder, signStateFile))
			fresh.LastSignState.Save()
			fresh.Key.Save()
		}
		_, err = p2p.LoadOrGenNodeKey(filepath.Join(folder, connectionFile))
		return err
	})
}

// readValidator reads the key alone. The engine's own reader ends the process when a file is bad.
func readValidator(folder string) (*privval.FilePV, error) {
	path := filepath.Join(folder, validatorFile)
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fail("engine.keys", "%v", err)
	}
	var key privval.FilePVKey
	if err := cmtjson.Unmarshal(text, &key); err != nil || key.PrivKey == nil {
		return nil, fail("engine.keys", "%s holds no key: %v", path, err)
	}
	return privval.NewFilePV(key.PrivKey, path, filepath.Join(folder, signStateFile)), nil
}

func readConnection(folder string) (*p2p.NodeKey, error) {
	key, err := p2p.LoadNodeKey(filepath.Join(folder, connectionFile))
	if err != nil {
		return nil, fail("engine.keys", "%v", err)
	}
	return key, nil
}

// readSigner reads the key with what it signed last. Lost state is an error unless `wait`.
func readSigner(folder string, wait bool) (*waitingSigner, error) {
	validator, err := readValidator(folder)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(folder, signStateFile))
	if err == nil {
		err = cmtjson.Unmarshal(text, &validator.LastSignState)
	}
	signer := &waitingSigner{FilePV: validator, mark: filepath.Join(folder, waitFile), began: time.Now()}
	if err != nil && !wait {
		return nil, fail("engine.sign_state_lost",
			"%v: without it this key could sign twice at one height. Start with sign_state wait: it then keeps silent until the others decided what it may have voted on", err)
	}
	signer.waits = wait || exists(signer.mark)
	return signer, nil
}

// expectHome: a key that has signed, beside a home that has no stores yet, is likely to have been restored from a copy, and
// then so was its sign state. It keeps silent as if that were lost, until an operator says otherwise.
func (w *waitingSigner) expectHome(fresh bool) error {
	now := filepath.Join(filepath.Dir(w.mark), signFile)
	if exists(now) {
		w.waits = false
		return errors.Join(removed(w.mark), removed(now))
	}
	if !fresh || w.FilePV.LastSignState.Height == 0 || w.waits {
		return nil
	}
	w.waits = true
	return tempfile.WriteFileAtomic(w.mark, nil, 0o600)
}

func removed(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
