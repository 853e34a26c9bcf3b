package main

import (
	"encoding/json"
	"io"
	"sync/atomic"
)

// output writes JSON lines. Answers and events wait for the reader; logs never do, or a reader that is slow would hold up
// consensus: what finds no room is counted and told later.
type output struct {
	lines   chan []byte
	level   level
	dropped atomic.Int64
	done    chan struct{}
}

func newOutput(to io.WriteCloser, lowest level) *output {
	o := &output{lines: make(chan []byte, 1024), level: lowest, done: make(chan struct{})}
	go func() {
		defer close(o.done)
		broken := false
		for {
			line := <-o.lines
			if line == nil {
				break
			}
			if !broken {
				_, err := to.Write(line)
				broken = err != nil
			}
		}
		to.Close()
	}()
	return o
}

func encodeLine(message map[string]any) []byte {
	line, err := json.Marshal(message)
	if err != nil {
		line, _ = json.Marshal(map[string]any{"event": "log", "level": "error", "message": "not encodable: " + err.Error()})
	}
	return append(line, '\n')
}

func (o *output) send(message map[string]any) { o.lines <- encodeLine(message) }

func (o *output) log(message map[string]any) {
	if dropped := o.dropped.Swap(0); dropped > 0 {
		message["dropped"] = dropped
	}
	select {
	case o.lines <- encodeLine(message):
	default:
		o.dropped.Add(1)
	}
}

// close writes what was sent before it. What the engine's goroutines still say then is lost, with the process.
func (o *output) close() {
	o.lines <- nil
	<-o.done
}
