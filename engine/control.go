package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"runtime/debug"
	"sync"
	"time"
)

const maxLineBytes = 64 << 20

// request is what every command has.
type request struct {
	ID    uint64 `json:"id"` // 0: no answer is wanted
	Do    string `json:"do"`
	Chain string `json:"chain"`
}

type launcher struct {
	output *output
	mu     sync.Mutex
	chains map[string]*chain // running, starting or stopping
	busy   sync.WaitGroup
}

func newLauncher(o *output) *launcher { return &launcher{output: o, chains: map[string]*chain{}} }

// serve does what the lines say until they end, or until "quit".
func (l *launcher) serve(input io.Reader) {
	lines := bufio.NewScanner(input)
	lines.Buffer(make([]byte, 64<<10), maxLineBytes)
	for lines.Scan() {
		line := bytes.Clone(lines.Bytes())
		var r request
		if err := json.Unmarshal(line, &r); err != nil {
			l.answer(request{}, nil, fail("engine.bad_request", "%v", err))
			continue
		}
		if r.Do == "quit" {
			l.answer(r, nil, nil)
			return
		}
		l.do(r, line)
	}
}

// do: what may take long runs beside the others; commands of one chain that could cross each other are kept apart by it.
func (l *launcher) do(r request, line []byte) {
	switch r.Do {
	case "wake":
		if c := l.find(r.Chain); c != nil {
			c.wake()
		}
	case "keys", "start", "stop", "status", "peers", "light_block", "give_light_block":
		l.busy.Add(1)
		go func() {
			defer l.busy.Done()
			var result map[string]any
			err := guard("engine.command", func() (err error) {
				result, err = l.run(r, line)
				return err
			})
			l.answer(r, result, err)
		}()
	default:
		l.answer(r, nil, fail("engine.bad_request", "no command %q", r.Do))
	}
}

func (l *launcher) run(r request, line []byte) (map[string]any, error) {
	if r.Do == "keys" {
		var o keysOptions
		if err := decode(line, &o); err != nil {
			return nil, err
		}
		return keys(o)
	}
	if r.Do == "start" {
		var o startOptions
		if err := decode(line, &o); err != nil {
			return nil, err
		}
		return l.start(o)
	}
	c := l.find(r.Chain)
	if c == nil {
		return nil, fail("engine.not_running", "chain %q is not running here", r.Chain)
	}
	switch r.Do {
	case "stop":
		return nil, l.stop(c)
	case "status":
		return c.status()
	case "light_block":
		var o lightOptions
		if err := decode(line, &o); err != nil {
			return nil, err
		}
		c.takeLightBlock(o)
		return nil, nil
	case "give_light_block":
		var o heightOptions
		if err := decode(line, &o); err != nil {
			return nil, err
		}
		return c.giveLightBlock(o.Height)
	default:
		var o peersOptions
		if err := decode(line, &o); err != nil {
			return nil, err
		}
		return nil, c.setPeers(o)
	}
}

func (l *launcher) find(name string) *chain {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.chains[name]
}

func (l *launcher) start(o startOptions) (map[string]any, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	c := newChain(o, l.output, l.remove)
	l.mu.Lock()
	_, taken := l.chains[o.Chain]
	if !taken {
		l.chains[o.Chain] = c
	}
	l.mu.Unlock()
	if taken {
		return nil, fail("engine.already_running", "chain %q is already running here", o.Chain)
	}
	result, err := c.start()
	if err != nil {
		l.remove(c)
	}
	return result, err
}

func (l *launcher) stop(c *chain) error {
	if err := c.stop(); err != nil {
		return err // it still holds its home: only the end of the process gives it back
	}
	l.remove(c)
	return nil
}

func (l *launcher) remove(c *chain) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.chains[c.options.Chain] == c {
		delete(l.chains, c.options.Chain)
	}
}

func (l *launcher) stopAll() {
	l.mu.Lock()
	var all []*chain
	for _, c := range l.chains {
		all = append(all, c)
	}
	l.mu.Unlock()
	var stopping sync.WaitGroup
	for _, c := range all {
		stopping.Add(1)
		go func() {
			defer stopping.Done()
			_ = l.stop(c)
		}()
	}
	stopping.Wait()
	l.busy.Wait()
}

// trim gives memory back that a burst of work needed, when nothing has happened since.
func (l *launcher) trim(every time.Duration) {
	var heights int64
	var trimmed bool
	for range time.Tick(every) {
		var now int64
		l.mu.Lock()
		for _, c := range l.chains {
			now += c.height()
		}
		l.mu.Unlock()
		if now == heights && !trimmed {
			debug.FreeOSMemory()
		}
		trimmed = now == heights
		heights = now
	}
}

func (l *launcher) answer(r request, result map[string]any, err error) {
	if r.ID == 0 && err == nil {
		return
	}
	message := map[string]any{"answer": r.ID}
	if err != nil {
		f := asFailure(err, "engine.command")
		message["error"] = map[string]string{"reason": f.reason, "detail": f.detail}
	} else {
		for name, value := range result {
			message[name] = value
		}
	}
	l.output.send(message)
}

// decode refuses what it does not know: a misspelt option is not silently without effect.
func decode(line []byte, to any) error {
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(to); err != nil {
		return fail("engine.bad_request", "%v", err)
	}
	return nil
}
