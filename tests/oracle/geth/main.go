// The peer of our block pipeline: go-ethereum's machine and StateDB apply ERC-20 transfers, and every block's state
// is committed to Pebble and synced before the next block begins.
//
//	go run . [flags] ARTIFACTS
//
// ARTIFACTS is what sandbox/tests/solidity/compile.mjs writes. Printed is one line of JSON. Message i of the stream
// is the same in sandbox/examples/transfers.rs: sender and receiver are two numbers of SplitMix64 with seed 6.
package main

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"math"
	"math/big"
	"os"
	"runtime"
	"syscall"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core"
	"github.com/ethereum/go-ethereum/core/rawdb"
	"github.com/ethereum/go-ethereum/core/state"
	"github.com/ethereum/go-ethereum/core/tracing"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/core/vm"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethdb"
	"github.com/ethereum/go-ethereum/ethdb/pebble"
	"github.com/ethereum/go-ethereum/params"
	"github.com/ethereum/go-ethereum/triedb"
	"github.com/ethereum/go-ethereum/triedb/hashdb"
	"github.com/ethereum/go-ethereum/triedb/pathdb"
	"github.com/holiman/uint256"
)

const cacheBytes = 256 << 20

var (
	blocks    = flag.Int("blocks", 50, "blocks that are measured")
	transfers = flag.Int("transfers", 2000, "transfers in a block")
	accounts  = flag.Int("accounts", 10000, "accounts that hold tokens")
	scheme    = flag.String("scheme", "path", "how go-ethereum keeps its tries: path or hash")
	owner     = common.HexToAddress("0xeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee")
)

// SplitMix64.
type random uint64

func (r *random) next() uint64 {
	*r += 0x9e3779b97f4a7c15
	z := uint64(*r)
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb
	return z ^ (z >> 31)
}

func account(i uint64) (address common.Address) {
	address[0] = 0xac
	binary.BigEndian.PutUint64(address[12:], i)
	return
}

func transferData(to common.Address, amount uint64) []byte {
	data := append(crypto.Keccak256([]byte("transfer(address,uint256)"))[:4], make([]byte, 64)...)
	copy(data[16:], to[:])
	binary.BigEndian.PutUint64(data[60:], amount)
	return data
}

// Node is the state of a chain: the tries' database, and Pebble beneath.
type node struct {
	disk   ethdb.Database
	tries  *triedb.Database
	db     state.Database
	root   common.Hash
	height uint64
	rules  params.Rules
	state  *state.StateDB
	evm    *vm.EVM
}

func open(folder string) *node {
	store, err := pebble.New(folder, 256, 1024, "", false)
	check(err)
	disk := rawdb.NewDatabase(store)
	config := &triedb.Config{HashDB: &hashdb.Config{CleanCacheSize: cacheBytes}}
	if *scheme == "path" {
		paths := *pathdb.Defaults
		paths.TrieCleanSize, paths.StateCleanSize, paths.NoAsyncFlush = cacheBytes, cacheBytes, true
		config = &triedb.Config{PathDB: &paths}
	}
	tries := triedb.NewDatabase(disk, config)
	db := state.NewDatabase(tries, state.NewCodeDB(disk))
	return &node{disk: disk, tries: tries, db: db, root: types.EmptyRootHash}
}

func (n *node) begin() {
	var err error
	n.height++
	n.state, err = state.New(n.root, n.db)
	check(err)
	block := vm.BlockContext{
		CanTransfer: core.CanTransfer, Transfer: core.Transfer,
		GetHash:     func(uint64) common.Hash { return common.Hash{} },
		BlockNumber: new(big.Int).SetUint64(n.height), Time: n.height,
		GasLimit: math.MaxUint64, Difficulty: new(big.Int), BaseFee: new(big.Int), BlobBaseFee: new(big.Int),
		Random: new(common.Hash),
	}
	n.evm = vm.NewEVM(block, n.state, params.MergedTestChainConfig, vm.Config{})
	n.rules = params.MergedTestChainConfig.Rules(block.BlockNumber, true, block.Time)
}

// Message applies one transaction's call and gives the gas of its execution.
func (n *node) message(from common.Address, to common.Address, data []byte) uint64 {
	n.evm.SetTxContext(vm.TxContext{Origin: from, GasPrice: new(uint256.Int)})
	n.state.Prepare(n.rules, from, common.Address{}, &to, vm.ActivePrecompiles(n.rules), nil)
	n.state.SetNonce(from, n.state.GetNonce(from)+1, tracing.NonceChangeEoACall)
	gas := vm.NewGasBudget(1_000_000, 0)
	_, left, err := n.evm.Call(from, to, data, gas, new(uint256.Int))
	check(err)
	n.state.Finalise(n.rules)
	return left.Used(gas)
}

// End makes the block's state durable.
func (n *node) end() {
	root, err := n.state.Commit(n.rules, n.height)
	check(err)
	check(n.tries.Commit(root, false))
	check(n.disk.SyncKeyValue())
	n.root = root
}

// Deploy creates the token and gives every account its share.
func (n *node) deploy(creation []byte) common.Address {
	n.begin()
	_, token, _, err := n.evm.Create(owner, creation, vm.NewGasBudget(10_000_000, 0), new(uint256.Int))
	check(err)
	n.state.Finalise(n.rules)
	for i := range *accounts {
		n.message(owner, token, transferData(account(uint64(i)), 1_000_000))
	}
	n.end()
	return token
}

func main() {
	flag.Parse()
	var artifacts map[string]struct{ Creation string }
	text, err := os.ReadFile(flag.Arg(0))
	check(err)
	check(json.Unmarshal(text, &artifacts))
	creation, err := hex.DecodeString(artifacts["Token"].Creation)
	check(err)

	folder, err := os.MkdirTemp(".", "pebble-")
	check(err)
	defer os.RemoveAll(folder)
	n := open(folder)
	token := n.deploy(creation)

	stream := random(6)
	var gas uint64
	var applying time.Duration
	started, processorBefore := time.Now(), processorTime()
	for range *blocks {
		blockStarted := time.Now()
		n.begin()
		for range *transfers {
			from := account(stream.next() % uint64(*accounts))
			to := account(stream.next() % uint64(*accounts))
			gas += n.message(from, token, transferData(to, 1))
		}
		applying += time.Since(blockStarted)
		n.end()
	}
	seconds, processor := time.Since(started).Seconds(), processorTime()-processorBefore
	count := float64(*blocks * *transfers)
	fmt.Printf(`{"peer":"go-ethereum","scheme":%q,"cores":%d,"accounts":%d,"transfers":%.0f,"blocks":%d,`+
		`"transfers_per_second":%.0f,"transfers_per_processor_second":%.0f,"without_commit_per_second":%.0f,"gas":%d}`+"\n",
		*scheme, runtime.GOMAXPROCS(0), *accounts, count, *blocks, count/seconds, count/processor, count/applying.Seconds(), gas)
	check(n.tries.Close())
	check(n.disk.Close())
}

// ProcessorTime is that of all threads, in seconds.
func processorTime() float64 {
	var used syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	return float64(used.Utime.Nano()+used.Stime.Nano()) / 1e9
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
