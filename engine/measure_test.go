package main

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestMeasureIdle prints what idle chains cost; run by hand:
//
//	ENGINE_MEASURE=chains,peers,together,settle,seconds go test -run MeasureIdle -v .
//
// chains with that many peers each; together 1: all in one process, 0: one process each. The peers live in other
// processes, which are not counted.
func TestMeasureIdle(t *testing.T) {
	var chains, peers, together, settle, seconds int
	if _, err := fmt.Sscanf(os.Getenv("ENGINE_MEASURE"), "%d,%d,%d,%d,%d", &chains, &peers, &together, &settle, &seconds); err != nil {
		t.Skip("ENGINE_MEASURE is not set")
	}
	shared := launch(t)
	var others []*process
	for range peers {
		others = append(others, launch(t))
	}
	measured := map[*process]bool{}
	began := time.Now()
	var starting time.Duration
	for i := range chains {
		p := shared
		if together == 0 && i > 0 {
			p = launch(t)
		}
		measured[p] = true
		members := []*member{newMember(t, p, fmt.Sprint("chain", i))}
		for _, other := range others {
			members = append(members, newMember(t, other, fmt.Sprint("chain", i)))
		}
		genesis := genesisOf(members...)
		for j, m := range members {
			before := time.Now()
			m.start(genesis)
			if j == 0 {
				starting += time.Since(before)
			}
		}
		introduce(members...)
		eventually(t, "the first block", func() bool { return members[0].height() >= 1 })
		for range 10 { // a chain that has lived
			before := members[0].app.orderedBlocks()
			wakeAll(members...)
			eventually(t, "ordered", allOrdered(before+1, members...))
		}
	}
	t.Logf("%d chains with %d peers: all up after %.1f s, %.0f ms to start one", chains, peers, time.Since(began).Seconds(),
		float64(starting.Milliseconds())/float64(chains))
	time.Sleep(time.Duration(settle) * time.Second) // what the work needed is given back
	cpu := map[*process]float64{}
	for p := range measured {
		cpu[p] = cpuSeconds(p)
	}
	time.Sleep(time.Duration(seconds) * time.Second)
	var used float64
	memory := map[string]int{}
	for p := range measured {
		used += cpuSeconds(p) - cpu[p]
		for name, kib := range smaps(p) {
			memory[name] += kib
		}
	}
	per := func(name string) float64 { return float64(memory[name]) / 1024 / float64(chains) }
	t.Logf("a chain: %.3f %% of a core, MiB: RSS %.1f, PSS %.1f, private dirty %.1f, anonymous %.1f; %d processes, threads %d",
		100*used/float64(seconds)/float64(chains), per("Rss"), per("Pss"), per("Private_Dirty"), per("Anonymous"), len(measured), threads(shared))
}

// TestMeasureLatency prints how long one order takes on an idle chain of four, and how many blocks a second are made when
// there is always one more; by hand: ENGINE_LATENCY=orders go test -run MeasureLatency -v .
func TestMeasureLatency(t *testing.T) {
	orders, err := strconv.Atoi(os.Getenv("ENGINE_LATENCY"))
	if err != nil {
		t.Skip("ENGINE_LATENCY is not set")
	}
	nodes, _ := fourNodes(t)
	eventually(t, "the first block", func() bool { return nodes[0].height() >= 1 })
	waitFor := func(count uint64) {
		for !allOrdered(count, nodes...)() {
			time.Sleep(time.Millisecond)
		}
	}
	var took []float64
	for count := range orders {
		began := time.Now()
		wakeAll(nodes...)
		waitFor(uint64(count + 1))
		took = append(took, float64(time.Since(began).Microseconds())/1000)
		time.Sleep(3500 * time.Millisecond) // it rests
	}
	slices.Sort(took)
	for _, m := range nodes {
		m.app.give(orders)
	}
	before, cpu := time.Now(), cpuSeconds(nodes[0].process)
	for _, m := range nodes {
		m.process.tell(message{"do": "wake", "chain": m.name})
	}
	waitFor(uint64(2 * orders))
	seconds := time.Since(before).Seconds()
	t.Logf("one order: p50 %.0f ms, p90 %.0f ms, max %.0f ms; in a row: %.1f blocks/s, %.0f %% of a core for each node", took[orders/2], took[orders*9/10], took[orders-1],
		float64(orders)/seconds, 100*(cpuSeconds(nodes[0].process)-cpu)/seconds)
}

func proc(p *process, file string) string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/%s", p.command.Process.Pid, file))
	return string(text)
}

func cpuSeconds(p *process) float64 {
	fields := strings.Fields(proc(p, "stat"))
	user, _ := strconv.ParseFloat(fields[13], 64)
	system, _ := strconv.ParseFloat(fields[14], 64)
	return (user + system) / 100
}

func threads(p *process) int {
	entries, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", p.command.Process.Pid))
	return len(entries)
}

func smaps(p *process) map[string]int {
	values := map[string]int{}
	for line := range strings.Lines(proc(p, "smaps_rollup")) {
		if fields := strings.Fields(line); len(fields) == 3 {
			values[strings.TrimSuffix(fields[0], ":")], _ = strconv.Atoi(fields[1])
		}
	}
	return values
}
