package main

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/cometbft/cometbft/types"
)

// wakeAll: what is to be ordered is known everywhere, as over our own links.
func wakeAll(members ...*member) {
	for _, m := range members {
		m.app.give(1)
	}
	for _, m := range members {
		m.process.tell(message{"do": "wake", "chain": m.name})
	}
}

func allOrdered(count uint64, members ...*member) func() bool {
	return func() bool {
		for _, m := range members {
			if m.app.orderedBlocks() != count {
				return false
			}
		}
		return true
	}
}

// fourNodes run one chain, a launcher each.
func fourNodes(t *testing.T) ([]*member, message) {
	t.Helper()
	var nodes []*member
	for _, name := range []string{"a", "b", "c", "d"} {
		nodes = append(nodes, newMember(t, launch(t), name))
	}
	genesis := genesisOf(nodes...)
	for _, m := range nodes {
		m.start(genesis)
	}
	introduce(nodes...)
	return nodes, genesis
}

// Four launchers: blocks only when woken and the one that shows the new hash; a fifth comes and one goes while they run.
func TestFourNodes(t *testing.T) {
	nodes, genesis := fourNodes(t)
	eventually(t, "the first block", func() bool { return nodes[0].height() == 1 && nodes[3].height() == 1 })

	time.Sleep(2 * time.Second)
	if height := nodes[0].height(); height != 1 {
		t.Fatalf("an idle chain went on to height %d", height)
	}
	for count := uint64(1); count <= 5; count++ {
		wakeAll(nodes...)
		eventually(t, "what was given is ordered", allOrdered(count, nodes...))
	}
	eventually(t, "rest", func() bool {
		before := nodes[0].height()
		time.Sleep(time.Second)
		return nodes[0].height() == before
	})
	if height := nodes[0].height(); height > 1+2*5+1 {
		t.Errorf("%d blocks for five orders", height)
	}
	for _, m := range nodes {
		if m.process.event("twin") != nil {
			t.Errorf("%s takes itself for its twin", m.name)
		}
	}
	if !nodes[1].app.extended[2] {
		t.Error("no vote extension of another was seen at height 2")
	}

	observer := newMember(t, launch(t), "e")
	observer.start(genesis)
	introduce(append(nodes, observer)...)
	eventually(t, "the fifth follows", func() bool { return observer.app.orderedBlocks() == 5 })
	if observer.status()["validator"] != false {
		t.Error("the fifth thinks that it votes")
	}
	for _, m := range nodes {
		m.app.refuse(observer.id)
		m.process.must("peers", message{"chain": m.name, "remove": []string{observer.id}})
	}
	wakeAll(nodes...)
	eventually(t, "the chain goes on", allOrdered(6, nodes...))
	for _, m := range nodes {
		if strings.Contains(m.connected(), observer.id) {
			t.Errorf("%s still talks to the one that was removed", m.name)
		}
	}
	if observer.app.orderedBlocks() != 5 {
		t.Error("the one that was removed still learns what is decided")
	}

	_ = nodes[3].process.command.Process.Kill() // as kill -9
	wakeAll(nodes[:3]...)
	eventually(t, "three of four go on", allOrdered(7, nodes[:3]...))
	nodes[3].process = launch(t)
	nodes[3].start(genesis)
	introduce(nodes...)
	eventually(t, "the fourth is back", allOrdered(7, nodes...))
	wakeAll(nodes...)
	eventually(t, "all four go on", allOrdered(8, nodes...))
}

// A chain alone in its process or not: what is refused, and that a chain that fails takes no other with it.
func TestRefusalsAndFailure(t *testing.T) {
	p := launch(t)
	one, two := newMember(t, p, "one"), newMember(t, p, "two")
	first, second := genesisOf(one), genesisOf(two)
	one.start(first)
	two.start(second)

	refused := func(reason string, m *member, change message) {
		t.Helper()
		options := m.options(first)
		for name, value := range change {
			options[name] = value
		}
		if _, got := p.ask("start", options); got != reason {
			t.Errorf("refused for %q, not for %s", got, reason)
		}
	}
	three := newMember(t, p, "three")
	refused("engine.already_running", one, nil)
	refused("engine.in_use", one, message{"chain": "again", "listen": "127.0.0.1:0"})
	refused("engine.in_use", three, message{"keys": one.options(first)["keys"]})
	refused("engine.port_taken", three, message{"listen": one.listen})
	refused("engine.bad_request", three, message{"listen": "0.0.0.0:0"})
	refused("engine.bad_request", three, message{"misspelt": 1})
	refused("engine.genesis", three, message{"genesis": message{"chain_id": "x", "time_ms": 1}})
	late := genesisOf(one)
	late["time_ms"] = time.Now().Add(time.Hour).UnixMilli()
	refused("engine.genesis_in_future", three, message{"genesis": late})
	if _, reason := p.ask("status", message{"chain": "none"}); reason != "engine.not_running" {
		t.Errorf("status of no chain: %q", reason)
	}

	p.must("stop", message{"chain": "one"})
	refused("engine.home_of_other_chain", one, message{"genesis": genesisOf(one, three)})
	mark := filepath.Join(one.folder, "home", "engine.json")
	text, _ := os.ReadFile(mark)
	_ = os.WriteFile(mark, []byte(strings.Replace(string(text), engineVersion(), "v0.39.4", 1)), 0o600)
	if !strings.Contains(string(text), `"v0.40.`) {
		t.Fatalf("the home is not marked with the engine's version: %s", text)
	}
	_ = os.WriteFile(mark, []byte(strings.Replace(string(text), `"v0.40.`, `"v0.39.`, 1)), 0o600)
	refused("engine.home_of_other_version", one, nil)
	_ = os.WriteFile(mark, text, 0o600)
	one.start(first)

	wakeAll(two)
	eventually(t, "two orders", allOrdered(1, two))
	one.app.hangUp()
	eventually(t, "the failure is told", func() bool { return p.event("failed") != nil })
	if failed := p.event("failed"); failed["chain"] != "one" || failed["reason"] != "engine.app_lost" {
		t.Errorf("told as %v", failed)
	}
	wakeAll(two)
	eventually(t, "two goes on", allOrdered(2, two))
	one.app.serve(t)
	one.start(first)
	wakeAll(one)
	eventually(t, "one is back", allOrdered(1, one))

	one.app.mu.Lock()
	one.app.broken = true
	one.app.mu.Unlock()
	wakeAll(one)
	eventually(t, "the failure is told", func() bool { return p.event("failed")["reason"] == "engine.consensus_failure" })
	wakeAll(two)
	eventually(t, "two goes on", allOrdered(3, two))
}

// A key without the state of what it signed keeps silent, or is refused.
func TestSignState(t *testing.T) {
	p := launch(t)
	m := newMember(t, p, "m")
	genesis := genesisOf(m)
	m.start(genesis)
	state := filepath.Join(m.folder, "keys", signStateFile)
	old, err := os.ReadFile(state)
	if err != nil {
		t.Fatal(err)
	}
	wakeAll(m)
	eventually(t, "ordered", allOrdered(1, m))
	p.must("stop", message{"chain": "m"})

	now, _ := os.ReadFile(state)
	_ = os.WriteFile(state, old, 0o600)
	if _, reason := p.ask("start", m.options(genesis)); reason != "engine.sign_state_stale" {
		t.Errorf("an old copy: %q", reason)
	}
	_ = os.Remove(state)
	if _, reason := p.ask("start", m.options(genesis)); reason != "engine.sign_state_lost" {
		t.Errorf("no sign state: %q", reason)
	}
	if _, reason := p.ask("keys", message{"folder": filepath.Dir(state), "make": true}); reason != "" || exists(state) {
		t.Errorf("a lost state was made anew (%s)", reason)
	}
	options := m.options(genesis)
	options["sign_state"] = "wait"
	p.must("start", options)
	wakeAll(m)
	time.Sleep(2 * time.Second)
	if m.app.orderedBlocks() != 1 {
		t.Error("signed although its state is lost") // alone, it waits for ever
	}
	p.must("stop", message{"chain": "m"})
	_ = os.WriteFile(state, now, 0o600)
	m.start(genesis)
	eventually(t, "its state restored, it goes on", allOrdered(2, m))
}

// Stores that were put back to what they once were are told apart from what else may be wrong.
func TestStoresFromACopy(t *testing.T) {
	p := launch(t)
	m := newMember(t, p, "m")
	genesis := genesisOf(m)
	home, older, newer := filepath.Join(m.folder, "home"), filepath.Join(m.folder, "older"), filepath.Join(m.folder, "newer")
	for i, copied := range []string{older, newer} {
		m.start(genesis)
		wakeAll(m)
		eventually(t, "ordered", allOrdered(uint64(i)+1, m))
		p.must("stop", message{"chain": "m"})
		if err := os.CopyFS(copied, os.DirFS(home)); err != nil {
			t.Fatal(err)
		}
	}
	put := func(from string) {
		if err := errors.Join(os.RemoveAll(home), os.Rename(from, home)); err != nil {
			t.Fatal(err)
		}
	}
	put(older)
	if _, reason := p.ask("start", m.options(genesis)); reason != "engine.stores_apart" {
		t.Errorf("older stores: %q", reason)
	}
	put(newer)
	m.start(genesis)
	wakeAll(m)
	eventually(t, "its stores restored, it goes on", allOrdered(3, m))
}

// A node without blocks begins from a peer's snapshot, and believes only light blocks that those it trusts have signed.
func TestStateSync(t *testing.T) {
	nodes, genesis := fourNodes(t)
	eventually(t, "the first block", func() bool { return nodes[0].height() >= 1 })
	for count := uint64(1); count <= 3; count++ {
		wakeAll(nodes...)
		eventually(t, "ordered", allOrdered(count, nodes...))
	}

	// The one that comes asks through us; the first answer is another height's, and not believed.
	served := func(p *process, trusted any) *member {
		m := newMember(t, p, "late")
		p.onEvent = func(event message) {
			if event["event"] != "want_light_block" {
				return
			}
			height := int(event["height"].(float64))
			if event["attempt"] == 0.0 {
				height--
			}
			answer := message{"do": "light_block", "chain": "late", "want": event["want"]}
			if given, reason := nodes[1].process.ask("give_light_block", message{"chain": "b", "height": height}); reason == "" {
				answer["light_block"] = given["light_block"]
			} else {
				answer["missing"] = true
			}
			p.tell(answer)
		}
		options := m.options(genesis)
		options["state_sync"] = message{"validators": trusted}
		m.listen = p.must("start", options)["listen"].(string)
		introduce(append(nodes, m)...)
		return m
	}
	stranger := newMember(t, launch(t), "stranger")
	fooled := served(launch(t), []message{{"key": stranger.key, "power": 1}, {"key": nodes[0].key, "power": 1}})
	late := served(launch(t), genesis["validators"])
	eventually(t, "it is where the others are", func() bool { return late.app.orderedBlocks() == 3 && late.status()["catching_up"] == false })
	if late.app.restored == 0 || late.status()["base"].(float64) < 2 {
		t.Errorf("it began at %v from a snapshot of height %d", late.status()["base"], late.app.restored)
	}
	wakeAll(append(nodes, late)...)
	eventually(t, "it follows", allOrdered(4, append(nodes, late)...))
	if fooled.app.restored != 0 {
		t.Error("light blocks that those who are trusted did not sign were believed")
	}
	if _, reason := nodes[1].process.ask("give_light_block", message{"chain": "b", "height": 1000}); reason != "engine.no_light_block" {
		t.Errorf("a light block that is not there: %q", reason)
	}
}

// A key whose home was lost keeps silent until the others have decided what it may have voted on, also when it is started
// again meanwhile; and signs at once when an operator says that its folder is no copy.
func TestLostHome(t *testing.T) {
	nodes, genesis := fourNodes(t)
	for count := uint64(1); count <= 3; count++ {
		wakeAll(nodes...)
		eventually(t, "ordered", allOrdered(count, nodes...))
	}
	lost := nodes[3]
	rest := func() {
		eventually(t, "rest", func() bool {
			before := nodes[0].height()
			time.Sleep(time.Second)
			return nodes[0].height() == before && lost.height() == before
		})
	}
	rest()
	keys := filepath.Join(lost.folder, "keys")
	key, _ := hex.DecodeString(lost.key)
	address := ed25519.PubKey(key).Address()
	signed := func(height int64) bool {
		given := nodes[0].process.must("give_light_block", message{"chain": "a", "height": height})
		block, err := decodeLightBlock(given["light_block"].(string))
		if err != nil {
			t.Fatal(err)
		}
		for _, each := range block.Commit.Signatures {
			if bytes.Equal(each.ValidatorAddress, address) && each.BlockIDFlag == types.BlockIDFlagCommit {
				return true
			}
		}
		return false
	}
	again := func() {
		lost.process.must("stop", message{"chain": lost.name})
		_ = os.RemoveAll(filepath.Join(lost.folder, "home"))
		lost.app.forget()
		lost.start(genesis)
		introduce(nodes...)
	}
	again()
	if lost.status()["silent"] != true || !exists(filepath.Join(keys, waitFile)) {
		t.Error("it does not wait")
	}
	eventually(t, "it caught up", func() bool { return lost.status()["catching_up"] == false && lost.app.orderedBlocks() == 3 })
	rest()
	before := int64(nodes[0].height())
	lost.process.must("stop", message{"chain": lost.name}) // before anything more is decided
	lost.start(genesis)
	introduce(nodes...)
	if lost.status()["silent"] != true {
		t.Error("a restart ends the wait")
	}
	for count := uint64(4); lost.status()["silent"] == true && count < 12; count++ {
		wakeAll(nodes...)
		eventually(t, "ordered", allOrdered(count, nodes...))
	}
	for height := before + 1; height <= before+silentHeights; height++ {
		if signed(height) {
			t.Errorf("it signed height %d", height)
		}
	}
	eventually(t, "it votes again", func() bool {
		wakeAll(nodes...)
		time.Sleep(500 * time.Millisecond)
		return signed(int64(nodes[0].height()) - 1)
	})
	if exists(filepath.Join(keys, waitFile)) {
		t.Error("the mark stands still")
	}
	if lost.process.event("twin") != nil {
		t.Error("it takes its votes of before for another's")
	}
	_ = os.WriteFile(filepath.Join(keys, signFile), nil, 0o600)
	again()
	if lost.status()["silent"] == true || exists(filepath.Join(keys, signFile)) {
		t.Error("it waits although it was told not to")
	}
}

// Two nodes with one key are told so, before they contradict each other.
func TestTwins(t *testing.T) {
	p := launch(t)
	one, other := newMember(t, p, "one"), newMember(t, p, "other")
	genesis := genesisOf(one, other)
	twinProcess := launch(t)
	twin := newMember(t, twinProcess, "twin")
	for _, file := range []string{validatorFile, signStateFile} {
		copied, err := os.ReadFile(filepath.Join(one.folder, "keys", file))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(twin.folder, "keys", file), copied, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	members := []*member{one, other, twin}
	for _, m := range members {
		m.start(genesis)
	}
	introduce(members...)
	ordered := uint64(0)
	eventually(t, "one of them hears of the other", func() bool {
		if one.app.orderedBlocks() >= ordered && other.app.orderedBlocks() >= ordered && ordered < 40 {
			ordered++
			wakeAll(members...)
		}
		return p.event("twin") != nil || twinProcess.event("twin") != nil
	})
}
