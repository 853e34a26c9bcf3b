// The launcher of consensus engines: holds CometBFT nodes, one for each chain, and does what the process that started it
// says. docs/formats/engine-control.md describes the conversation.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"
)

func main() {
	parent := os.Getppid()
	level := flag.String("log", "info", "lowest level of log events: debug, info, warn")
	flag.Parse()
	out, err := takeStdout()
	if err != nil {
		fmt.Fprintln(os.Stderr, "chengxin-engine:", err)
		os.Exit(1)
	}
	// The engine sends itself SIGTERM when an application goes away; that is one chain's affair (app.go). Who started us
	// ends us by closing our input.
	ignored := make(chan os.Signal, 1)
	signal.Notify(ignored, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)

	debug.SetGCPercent(50)
	output := newOutput(out, parseLevel(*level))
	output.send(map[string]any{"event": "ready", "engine": engineVersion(), "pid": os.Getpid()})
	launcher := newLauncher(output)
	go launcher.trim(time.Minute)
	launcher.serve(os.Stdin)
	if os.Getppid() != parent {
		return // it was killed, and what is started in its place wants the homes and ports now; a crash is no harm to an engine
	}
	launcher.stopAll()
	output.close()
}

// takeStdout keeps the standard output for the conversation: what a library prints goes to the standard error.
func takeStdout() (*os.File, error) {
	fd, err := syscall.Dup(1)
	if err != nil {
		return nil, err
	}
	syscall.CloseOnExec(fd)
	if err := syscall.Dup3(2, 1, 0); err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "conversation"), nil
}

// engineVersion is the module's, which its own constant does not follow.
func engineVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, module := range info.Deps {
			if module.Path == "github.com/cometbft/cometbft" {
				return module.Version
			}
		}
	}
	return "unknown"
}
