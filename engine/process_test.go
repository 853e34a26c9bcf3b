package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var builtBinary = os.Getenv("CHENGXIN_ENGINE") // the launcher; built for the tests where none is named

func TestMain(m *testing.M) {
	if builtBinary != "" {
		os.Exit(m.Run())
	}
	folder, err := os.MkdirTemp("", "engine")
	if err != nil {
		panic(err)
	}
	builtBinary = filepath.Join(folder, "chengxin-engine")
	build := exec.Command("go", "build", "-trimpath", "-o", builtBinary, ".")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(folder)
	os.Exit(code)
}

type message = map[string]any

// process is a launcher that runs.
type process struct {
	t       *testing.T
	command *exec.Cmd
	input   io.WriteCloser
	mu      sync.Mutex
	next    uint64
	waiting map[uint64]chan message
	events  []message
	onEvent func(message) // may be set before anything is asked
	ended   chan struct{}
}

func launch(t *testing.T) *process {
	t.Helper()
	p := &process{t: t, command: exec.Command(builtBinary, "--log", "info"), waiting: map[uint64]chan message{}, ended: make(chan struct{})}
	p.command.Stderr = os.Stderr
	p.input, _ = p.command.StdinPipe()
	output, _ := p.command.StdoutPipe()
	if err := p.command.Start(); err != nil {
		t.Fatal(err)
	}
	go p.read(output)
	t.Cleanup(func() {
		p.input.Close()
		select {
		case <-p.ended:
		case <-time.After(30 * time.Second):
			_ = p.command.Process.Kill()
			t.Error("the launcher outlived its input")
		}
		_ = p.command.Wait()
	})
	return p
}

func (p *process) read(output io.Reader) {
	defer close(p.ended)
	lines := bufio.NewScanner(output)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var m message
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			p.t.Errorf("not JSON: %s", lines.Text())
			continue
		}
		p.mu.Lock()
		if id, ok := m["answer"].(float64); ok && p.waiting[uint64(id)] != nil {
			p.waiting[uint64(id)] <- m
		} else {
			p.events = append(p.events, m)
			if p.onEvent != nil {
				go p.onEvent(m)
			}
		}
		p.mu.Unlock()
	}
}

func (p *process) tell(m message) {
	line, _ := json.Marshal(m)
	_, _ = p.input.Write(append(line, '\n'))
}

// ask gives the answer, or the reason of its error.
func (p *process) ask(do string, m message) (message, string) {
	p.t.Helper()
	answered := make(chan message, 1)
	p.mu.Lock()
	p.next++
	id := p.next
	p.waiting[id] = answered
	p.mu.Unlock()
	sent := message{"id": id, "do": do}
	for name, value := range m {
		sent[name] = value
	}
	p.tell(sent)
	select {
	case answer := <-answered:
		if failed, ok := answer["error"].(map[string]any); ok {
			return nil, fmt.Sprint(failed["reason"])
		}
		return answer, ""
	case <-p.ended:
		p.t.Fatalf("the launcher ended during %s", do)
	case <-time.After(60 * time.Second):
		p.t.Fatalf("no answer to %s", do)
	}
	return nil, ""
}

func (p *process) must(do string, m message) message {
	p.t.Helper()
	answer, reason := p.ask(do, m)
	if reason != "" {
		p.t.Fatalf("%s: %s", do, reason)
	}
	return answer
}

// event is the last one of that name.
func (p *process) event(name string) message {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range slices.Backward(p.events) {
		if m["event"] == name {
			return m
		}
	}
	return nil
}

// member is a node of the chain under test.
type member struct {
	process *process
	app     *testApp
	name    string
	folder  string
	key, id string
	listen  string
}

func newMember(t *testing.T, p *process, name string) *member {
	t.Helper()
	folder := t.TempDir()
	m := &member{process: p, name: name, folder: folder, listen: "127.0.0.1:0"}
	m.app = newTestApp(t, filepath.Join(folder, "app"))
	made := p.must("keys", message{"folder": filepath.Join(folder, "keys"), "make": true})
	m.key, m.id = made["validator"].(string), made["connection"].(string)
	return m
}

func (m *member) options(genesis message) message {
	return message{
		"chain": m.name, "home": filepath.Join(m.folder, "home"), "keys": filepath.Join(m.folder, "keys"), "app": m.app.socket,
		"listen": m.listen, "genesis": genesis, "heartbeat_ms": 600_000,
	}
}

func (m *member) start(genesis message) {
	m.process.t.Helper()
	m.listen = m.process.must("start", m.options(genesis))["listen"].(string)
}

func (m *member) peer() message { return message{"id": m.id, "address": m.listen} }

func (m *member) status() message { return m.process.must("status", message{"chain": m.name}) }

func (m *member) height() int { return int(m.status()["height"].(float64)) }

func (m *member) connected() string {
	var ids []string
	for _, peer := range m.status()["peers"].([]any) {
		ids = append(ids, peer.(message)["id"].(string))
	}
	return strings.Join(ids, " ")
}

func genesisOf(members ...*member) message {
	validators := []message{}
	for i, m := range members {
		validators = append(validators, message{"key": m.key, "power": 1, "name": fmt.Sprint("n", i)})
	}
	return message{"chain_id": "test-chain", "time_ms": time.Now().Add(-time.Minute).UnixMilli(), "validators": validators}
}

func introduce(members ...*member) {
	for _, m := range members {
		add := []message{}
		for _, other := range members {
			if other != m {
				add = append(add, other.peer())
			}
		}
		m.process.must("peers", message{"chain": m.name, "add": add})
	}
}

func eventually(t *testing.T, what string, held func() bool) {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if held() {
			return
		}
	}
	t.Fatalf("never: %s", what)
}
