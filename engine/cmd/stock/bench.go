package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	rpc "github.com/cometbft/cometbft/rpc/client/http"
)

type bench struct {
	dir                              string
	bytes, seconds, clients, senders int
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

func (b *bench) run() error {
	if b.dir == "" || b.bytes < 24 || b.seconds < 1 || b.clients < 1 || b.senders < 1 {
		return fmt.Errorf("stock bench: --dir is needed, --bytes is at least 24, the others at least 1")
	}
	ports := make([][2]int, validators)
	for i := range ports {
		for k := range ports[i] {
			port, err := freePort()
			if err != nil {
				return err
			}
			ports[i][k] = port
		}
	}
	network, err := makeNetwork(b.dir, ports)
	if err != nil {
		return err
	}
	nodes := make([]*exec.Cmd, 0, validators)
	defer func() {
		for _, n := range nodes {
			_ = n.Process.Signal(syscall.SIGTERM)
		}
		for _, n := range nodes {
			_ = n.Wait()
		}
	}()
	for _, options := range network {
		n := exec.Command(os.Args[0], append([]string{"node"}, options.arguments()...)...)

		n.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
		if err := n.Start(); err != nil {
			return err
		}
		nodes = append(nodes, n)
	}
	client, err := rpc.New(fmt.Sprintf("http://127.0.0.1:%d", ports[0][1]), "/websocket")
	if err != nil {
		return err
	}
	if err := waitForBlocks(client); err != nil {
		return err
	}
	result, err := b.load(client, ports)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(result)
}

func waitForBlocks(client *rpc.HTTP) error {
	for range 600 {
		if s, err := client.Status(context.Background()); err == nil && s.SyncInfo.LatestBlockHeight >= 2 {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return fmt.Errorf("the nodes made no block within a minute")
}

// load sends for a while, and counts what the blocks made in the measured part of it hold.
func (b *bench) load(client *rpc.HTTP, ports [][2]int) (map[string]any, error) {
	ctx, stop := context.WithCancel(context.Background())
	var senders sync.WaitGroup
	var refused atomic.Uint64
	for i := range b.clients {
		for range b.senders {
			senders.Add(1)
			go func() {
				defer senders.Done()
				b.send(ctx, ports[i%validators][1], &refused)
			}()
		}
	}
	time.Sleep(time.Duration(min(b.seconds, 5)) * time.Second)
	from, begun := committed(client)
	used := cpuSeconds()
	time.Sleep(time.Duration(b.seconds) * time.Second)
	to, ended := committed(client)
	used = cpuSeconds() - used
	stop()
	senders.Wait()
	transactions, blocks := 0, 0
	for h := from + 1; h <= to; h++ {
		height := h
		block, err := client.Block(context.Background(), &height)
		if err != nil {
			return nil, err
		}
		transactions += len(block.Block.Txs)
		blocks++
	}
	seconds := ended.Sub(begun).Seconds()
	return map[string]any{
		"engine": "cometbft 0.40.0 kvstore", "validators": validators, "bytes": b.bytes, "clients": b.clients,
		"seconds": seconds, "transactions": transactions, "blocks": blocks, "refused": refused.Load(),
		"per_second": float64(transactions) / seconds, "generator_cpu_seconds": used,
	}, nil
}

// Each sends one transaction after the other; a full mempool makes it wait.
func (b *bench) send(ctx context.Context, port int, refused *atomic.Uint64) {
	client, err := rpc.New(fmt.Sprintf("http://127.0.0.1:%d", port), "/websocket")
	if err != nil {
		fail(err)
	}
	seed := make([]byte, 8)
	_, _ = rand.Read(seed)
	for n := uint64(0); ctx.Err() == nil; n++ {
		tx := make([]byte, 0, b.bytes)
		tx = fmt.Appendf(tx, "%x%x=", seed, binary.BigEndian.AppendUint64(nil, n)[4:])
		tx = append(tx, strings.Repeat("v", b.bytes-len(tx))...)
		answer, err := client.BroadcastTxSync(ctx, tx)
		if ctx.Err() == nil && (err != nil || answer.Code != 0) {
			refused.Add(1)
			time.Sleep(20 * time.Millisecond)
		}
	}
}

// The height now, and when its block's successor would begin: blocks are counted between two such moments.
func committed(client *rpc.HTTP) (int64, time.Time) {
	status, err := client.Status(context.Background())
	for tries := 0; err != nil && tries < 20; tries++ { // a connection may end just when it is used again
		time.Sleep(50 * time.Millisecond)
		status, err = client.Status(context.Background())
	}
	if err != nil {
		fail(err)
	}
	return status.SyncInfo.LatestBlockHeight, status.SyncInfo.LatestBlockTime
}

func cpuSeconds() float64 {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()).Seconds()
}
