// Stock measures CometBFT as it comes, with its own key-value application: the peer that `chengxin bench cluster` compares itself with.
//
//	stock node  --home DIR                      one node, for bench
//	stock bench --dir DIR [--bytes 256] [--seconds 20] [--clients 4] [--senders 32]
//
// bench makes four validators on loopback, a process each, in their default configuration (mempool and blocks made roomy), sends
// them unsigned transactions as fast as they take them, and prints one line of JSON with what was committed.
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	if len(os.Args) < 2 {
		fail(fmt.Errorf("usage: stock node|bench …"))
	}
	flags := flag.NewFlagSet(os.Args[1], flag.ExitOnError)
	switch os.Args[1] {
	case "node":
		var o nodeOptions
		o.flags(flags)
		_ = flags.Parse(os.Args[2:])
		fail(o.run())
	case "bench":
		var b bench
		flags.StringVar(&b.dir, "dir", "", "folder for the nodes; made, and left")
		flags.IntVar(&b.bytes, "bytes", 256, "of a transaction")
		flags.IntVar(&b.seconds, "seconds", 20, "measured, after as many for warming up, at most 5")
		flags.IntVar(&b.clients, "clients", 4, "each sends to one node")
		flags.IntVar(&b.senders, "senders", 32, "calls in flight of each client")
		_ = flags.Parse(os.Args[2:])
		fail(b.run())
	default:
		fail(fmt.Errorf("no command %q", os.Args[1]))
	}
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
